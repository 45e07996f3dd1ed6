//! Chance from a seed.

use gpuio_core::random::Random;

/// SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number Generators*, 2014).
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A whole number below `end`, which is not 0. (The bias is below `end / 2^64`.)
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A whole number from `first` to `last`.
    pub fn within(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// `true` with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.next_unit() < probability
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// A wait until the next of independent events, of this mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.next_unit()).ln()
    }

    /// Normally distributed, mean 0, deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.next_unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next_unit()).cos()
    }

    /// Log-normally distributed with this mean and coefficient of variation.
    pub fn log_normal(&mut self, mean: f64, variation: f64) -> f64 {
        let variance = (1.0 + variation * variation).ln();
        (mean.ln() - variance / 2.0 + variance.sqrt() * self.normal()).exp()
    }

    /// Gamma distributed with this mean and coefficient of variation (Marsaglia and Tsang, 2000).
    pub fn gamma(&mut self, mean: f64, variation: f64) -> f64 {
        let shape = 1.0 / (variation * variation);
        let boost = if shape < 1.0 {
            (1.0 - self.next_unit()).powf(1.0 / shape)
        } else {
            1.0
        };
        let d = if shape < 1.0 { shape + 1.0 } else { shape } - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && (1.0 - self.next_unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return boost * d * v * mean / shape;
            }
        }
    }
}

impl Random for Seeded {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_have_their_mean_and_variation() {
        let mut random = Seeded::new(1);
        type Draw = fn(&mut Seeded) -> f64;
        let draws: [(Draw, f64, f64); 4] = [
            (|it| it.exponential(5.0), 5.0, 1.0),
            (|it| it.log_normal(5.0, 1.5), 5.0, 1.5),
            (|it| it.gamma(5.0, 2.0), 5.0, 2.0),
            (|it| it.gamma(5.0, 0.5), 5.0, 0.5),
        ];
        for (draw, mean, variation) in draws {
            let values: Vec<f64> = (0..200_000).map(|_| draw(&mut random)).collect();
            let count = values.len() as f64;
            let found = values.iter().sum::<f64>() / count;
            let squares = values.iter().map(|it| (it - found).powi(2)).sum::<f64>();
            let deviation = (squares / count).sqrt();
            assert!((found / mean - 1.0).abs() < 0.03, "{found} for {mean}");
            let relative = deviation / found / variation;
            assert!((relative - 1.0).abs() < 0.1, "{deviation} for {variation}");
        }
    }
}
