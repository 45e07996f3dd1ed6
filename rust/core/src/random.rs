//! Where chance comes from: the caller. Core has no generator of its own.

/// A source of uniformly distributed bits. Tests and simulations give a seeded one, so that the
/// same seed gives the same run.
pub trait Random {
    /// The next 64 bits.
    fn next_u64(&mut self) -> u64;

    /// A number from 0 (included) to 1 (excluded), in steps of 2^-53.
    fn next_unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

impl<F: FnMut() -> u64> Random for F {
    fn next_u64(&mut self) -> u64 {
        self()
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_unit_is_at_least_0_and_below_1() {
        assert_eq!((|| 0u64).next_unit(), 0.0);
        let most = (|| u64::MAX).next_unit();
        assert!(most < 1.0 && most > 0.999_999);
    }
}
