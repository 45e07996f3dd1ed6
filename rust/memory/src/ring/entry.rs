//! The words of a ring entry.

/// The bit of each word that tells its lap.
pub(super) const PARITY: u64 = 1 << 63;

/// The parity of a lap: 1 on the first, so that a zeroed ring is empty.
pub(super) const fn parity_of(lap: u64) -> u64 {
    (lap & 1 ^ 1) << 63
}

/// A request of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is asked: a [`crate::layout::FaultOperation`] by number; another number is a defect of
    /// the producer, which the service answers with an error.
    pub operation: u32,
    /// The array's id.
    pub array: u32,
    /// The page.
    pub page: u64,
    /// Where the answer is awaited.
    pub slot: u32,
    /// Which use of the slot this is.
    pub generation: u32,
    /// The frame that is to be filled, or read.
    pub frame: u32,
}

impl Fault {
    pub(super) const fn unpack(first: u64, second: u64) -> Self {
        Self {
            operation: (first >> 60) as u32 & 7,
            array: (first >> 48) as u32 & 0xfff,
            page: first & ((1 << 48) - 1),
            slot: (second >> 48) as u32 & 0x7fff,
            generation: (second >> 32) as u32 & 0xffff,
            frame: second as u32,
        }
    }

    pub(super) const fn pack(self, parity: u64) -> [u64; 2] {
        [
            parity | (self.operation as u64) << 60 | (self.array as u64) << 48 | self.page,
            parity | (self.slot as u64) << 48 | (self.generation as u64) << 32 | self.frame as u64,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_the_packing() {
        let fault = Fault {
            operation: 3,
            array: 0xabc,
            page: 0x1234_5678_9abc,
            slot: 0x7ffe,
            generation: 0xffff,
            frame: 0x03ff_ffff,
        };
        for parity in [0, PARITY] {
            let [first, second] = fault.pack(parity);
            assert_eq!(Fault::unpack(first, second), fault);
            assert_eq!((first & PARITY, second & PARITY), (parity, parity));
        }
    }
}
