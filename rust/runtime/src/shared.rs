//! The memory that kernels and the service talk through: ring, completions, control block.

use gpuio_core::Result;
use gpuio_memory::device::{Device, SharedMemory};
use gpuio_memory::layout::{Completion, Outcome, SharedControl};
use gpuio_memory::ring::{Consumer, Fault};
use std::sync::atomic::{fence, AtomicU64, Ordering};

/// See the module's comment. The service thread owns it.
pub struct SharedBlocks {
    ring: Box<dyn SharedMemory>,
    completions: Box<dyn SharedMemory>,
    control: Box<dyn SharedMemory>,
    consumer: Consumer,
    slot_count: u32,
}

/// The words of the control block, by name.
#[derive(Clone, Copy)]
enum ControlWord {
    Sleeping = 0,
    Alive = 1,
    Doorbell = 2,
}

impl SharedBlocks {
    /// Blocks for `slot_count` faults in flight, whose doorbell is this descriptor.
    pub fn new(device: &dyn Device, slot_count: u32, doorbell_fd: i32) -> Result<Self> {
        let slots = slot_count as usize;
        let blocks = Self {
            ring: device.allocate_shared(slots * 16)?,
            completions: device.allocate_shared(slots * size_of::<Completion>())?,
            control: device.allocate_shared(size_of::<SharedControl>())?,
            consumer: Consumer::new(slots),
            slot_count,
        };
        blocks
            .control_word(ControlWord::Doorbell)
            .store(doorbell_fd as u64, Ordering::Relaxed);
        blocks.set_alive(true);
        Ok(blocks)
    }

    /// Device addresses of ring, completions and control block.
    pub fn device_addresses(&self) -> [u64; 3] {
        [&self.ring, &self.completions, &self.control].map(|block| block.device_address())
    }

    /// Takes the next fault, if there is one.
    pub fn take(&mut self) -> Option<Fault> {
        let words = self.ring_words();
        self.consumer.take(words)
    }

    /// Whether a fault waits to be taken.
    pub fn has_next(&self) -> bool {
        self.consumer.has_next(self.ring_words())
    }

    fn ring_words<'a>(&self) -> &'a [[AtomicU64; 2]] {
        // SAFETY: the block holds slot_count entries of two words, aligned to 4096, zeroed at
        // birth; everyone accesses them atomically; it lives as long as self, and the slice is
        // dropped before the callers above return.
        unsafe {
            std::slice::from_raw_parts(
                self.ring.host_address() as *const [AtomicU64; 2],
                self.slot_count as usize,
            )
        }
    }

    /// Answers a fault. `source` as `Completion` documents it. Faults that name no slot of ours
    /// cannot be answered, and are not.
    pub fn answer(&self, fault: &Fault, outcome: Outcome, source: u64) {
        let Some(words) = self.completion_words(fault.slot) else {
            return;
        };
        words[1].store(source, Ordering::Relaxed);
        words[0].store(status_of(fault, outcome), Ordering::Release);
    }

    /// Takes an offer back. Its source stays where it was: a kernel may have seen the offer and not
    /// yet its source, and reads what lies there before it looks again. The fence keeps what is
    /// stored there from now on behind the withdrawal; `loom_directory` shows that a store alone,
    /// whatever its order, does not.
    pub fn withdraw(&self, fault: &Fault) {
        if let Some(words) = self.completion_words(fault.slot) {
            words[0].store(status_of(fault, Outcome::Withdrawn), Ordering::Release);
            fence(Ordering::Release);
        }
    }

    /// Whether the device has stopped reading the source of this fault's answer. The slot may have
    /// been used again since, and that use be over as well: the acknowledgement is then a later
    /// one.
    pub fn is_acknowledged(&self, fault: &Fault) -> bool {
        self.completion_words(fault.slot)
            .is_none_or(|words| has_reached(words[2].load(Ordering::Acquire), fault.generation))
    }

    /// Acknowledges an answer that no kernel will come for. No kernel runs.
    pub fn acknowledge(&self, slot: u32, generation: u32) {
        if let Some(words) = self.completion_words(slot) {
            words[2].store(u64::from(generation), Ordering::Release);
        }
    }

    fn completion_words(&self, slot: u32) -> Option<&[AtomicU64; 4]> {
        if slot >= self.slot_count {
            return None;
        }
        let address = self.completions.host_address() + slot as usize * size_of::<Completion>();
        // SAFETY: within the block, aligned to 32, only accessed atomically, lives as long as self.
        Some(unsafe { &*(address as *const [AtomicU64; 4]) })
    }

    fn control_word(&self, word: ControlWord) -> &AtomicU64 {
        let address = self.control.host_address() + word as usize * 8;
        // SAFETY: within the block, aligned to 8, only accessed atomically, lives as long as self.
        unsafe { &*(address as *const AtomicU64) }
    }

    /// Announces that the service is going to sleep. After this, either `has_next` shows a fault
    /// that was pushed before, or its producer rings the doorbell.
    pub fn announce_sleep(&self) {
        self.control_word(ControlWord::Sleeping)
            .store(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Announces that the service is awake.
    pub fn announce_awake(&self) {
        self.control_word(ControlWord::Sleeping)
            .store(0, Ordering::Relaxed);
    }

    /// Tells kernels whether the service runs. If not, their waits end at once.
    pub fn set_alive(&self, alive: bool) {
        self.control_word(ControlWord::Alive)
            .store(u64::from(alive), Ordering::Release);
    }
}

fn status_of(fault: &Fault, outcome: Outcome) -> u64 {
    u64::from(fault.generation) << 16 | outcome as u64
}

/// Whether an acknowledged generation is `generation` or one after it. Generations count from 1 to
/// 65,535 and around; a slot is far fewer than half of that ahead of the service.
fn has_reached(acknowledged: u64, generation: u32) -> bool {
    const COUNT: u64 = 0xffff;
    acknowledged != 0 && (acknowledged + COUNT - u64::from(generation)) % COUNT < COUNT / 2
}

#[cfg(test)]
mod tests {
    use super::has_reached;

    #[test]
    fn later_acknowledgements_count_too() {
        for (acknowledged, generation) in [(1, 1), (2, 1), (900, 1), (65_535, 65_535), (1, 65_535)]
        {
            assert!(
                has_reached(acknowledged, generation),
                "{acknowledged} {generation}"
            );
        }
        for (acknowledged, generation) in
            [(0, 1), (1, 2), (65_534, 65_535), (65_535, 1), (0, 65_535)]
        {
            assert!(
                !has_reached(acknowledged, generation),
                "{acknowledged} {generation}"
            );
        }
    }
}
