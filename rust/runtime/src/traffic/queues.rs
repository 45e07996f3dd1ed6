//! Device queues: which requests compete with which.

use gpuio_core::scheduling::{DeviceId, DeviceLimits, EngineKind};
use gpuio_engines::engine::{ResourceId, ResourceInfo};

/// Memory: memio, copies within the host and to and from the device.
pub const MEMORY: DeviceId = DeviceId(0);
/// Parts of arrays, which are carried out page by page and compete where their pages are read.
pub const ARRAYS: DeviceId = DeviceId(1);
/// Copies by way of a buffer, which compete where they read and write.
pub const COPIES: DeviceId = DeviceId(2);
/// The first that stands for a block device.
const FIRST_STORAGE: u32 = 3;
/// Block devices with a queue of their own; all further ones share the last.
const STORAGE_MAX: usize = 30;

/// Which queue a resource belongs to, and what each is given at a time.
#[derive(Clone, Debug)]
pub struct Queues {
    memory: DeviceLimits,
    /// Of what is carried out by errands of its own.
    composite: DeviceLimits,
    storage: DeviceLimits,
    /// The block devices that have a queue, by their system numbers.
    devices: Vec<u64>,
    /// By resource.
    resources: Vec<(EngineKind, DeviceId)>,
}

impl Queues {
    /// Queues with these limits, each block device with `storage`.
    pub fn new(memory: DeviceLimits, composite: DeviceLimits, storage: DeviceLimits) -> Self {
        Self {
            memory,
            composite,
            storage,
            devices: Vec::new(),
            resources: Vec::new(),
        }
    }

    pub(super) fn limits(&self) -> Vec<DeviceLimits> {
        let mut limits = vec![self.memory, self.composite, self.composite];
        limits.resize(FIRST_STORAGE as usize + STORAGE_MAX, self.storage);
        limits
    }

    /// Takes note of an opened resource.
    pub(super) fn place(&mut self, resource: ResourceId, info: &ResourceInfo) {
        let queue = match info.storage {
            None => (EngineKind::Memio, MEMORY),
            Some(device) => (EngineKind::Localio, self.of_storage(device)),
        };
        let place = resource.0 as usize;
        if place >= self.resources.len() {
            self.resources
                .resize(place + 1, (EngineKind::Memio, MEMORY));
        }
        self.resources[place] = queue;
    }

    fn of_storage(&mut self, device: u64) -> DeviceId {
        let known = self.devices.iter().position(|it| *it == device);
        let place = known.unwrap_or_else(|| {
            if self.devices.len() < STORAGE_MAX {
                self.devices.push(device);
            }
            self.devices.len() - 1
        });
        DeviceId(FIRST_STORAGE + place as u32)
    }

    /// The engine and device queue of an open resource.
    pub fn of(&self, resource: ResourceId) -> (EngineKind, DeviceId) {
        let place = self.resources.get(resource.0 as usize);
        place.copied().unwrap_or((EngineKind::Memio, MEMORY))
    }

    /// The queues that have been of use so far, with names for people.
    pub fn named(&self) -> impl Iterator<Item = (DeviceId, String)> + '_ {
        let storage = self.devices.iter().enumerate().map(|(place, number)| {
            let name = format!("storage {}:{}", number >> 8 & 0xfff, number & 0xff);
            (DeviceId(FIRST_STORAGE + place as u32), name)
        });
        let always = [(MEMORY, "memory"), (ARRAYS, "arrays"), (COPIES, "copies")];
        let always = always.map(|(device, name)| (device, name.to_owned()));
        always.into_iter().chain(storage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(storage: Option<u64>) -> ResourceInfo {
        ResourceInfo {
            length_bytes: 0,
            path: String::new(),
            alignment_bytes: 1,
            mapped: None,
            storage,
        }
    }

    #[test]
    fn files_of_a_drive_share_a_queue_and_drives_do_not() {
        let limits = DeviceLimits::default();
        let mut queues = Queues::new(limits, limits, limits);
        for (resource, storage) in [(0, Some(7)), (1, None), (2, Some(7)), (3, Some(9))] {
            queues.place(ResourceId(resource), &info(storage));
        }
        let device = |resource| queues.of(ResourceId(resource)).1;
        assert_eq!(device(0), device(2));
        assert_ne!(device(0), device(3));
        assert_eq!(device(1), MEMORY);
        assert_eq!(queues.named().count(), 5);
    }

    #[test]
    fn too_many_drives_share_the_last_queue() {
        let limits = DeviceLimits::default();
        let mut queues = Queues::new(limits, limits, limits);
        for drive in 0..100 {
            queues.place(ResourceId(drive), &info(Some(u64::from(drive))));
        }
        let count = queues.limits().len() as u32;
        assert!((0..100).all(|drive| queues.of(ResourceId(drive)).1 .0 < count));
        assert_eq!(queues.of(ResourceId(98)), queues.of(ResourceId(99)));
    }
}
