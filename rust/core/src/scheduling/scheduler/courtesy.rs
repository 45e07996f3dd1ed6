//! Bulk makes room where urgent requests come.
//!
//! A drive has one queue, and what it was given it does: an urgent request that finds thirty slices
//! of a megabyte there waits for all of them, whatever the scheduler thinks. So while urgent
//! requests come to a device, bulk gets few and short slices there: enough to keep a drive busy,
//! and to be waited behind for about as long as an urgent request takes by itself. It is for
//! devices whose limits suit bulk; where the limits suit both, it is not needed.
//!
//! What was bulk and is promoted does not count as urgent here: it is part of a stream whose
//! throughput matters.

use super::{Device, Scheduler};
use crate::scheduling::{DeviceId, PriorityLevel, Request, SchedulerPolicy};

/// How bulk is held back. Only by policies that know levels: PRIORITY and ADAPTIVE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Courtesy {
    /// For how long after an urgent request was submitted.
    pub lasts_ns: u64,
    /// Bulk slices in flight meanwhile, at most; at least 1.
    pub bulk_depth: u32,
    /// Their length, at most.
    pub slice_bytes: u64,
}

impl Default for Courtesy {
    /// What was found good on a virtual solid-state drive; see `docs/performance.md`.
    fn default() -> Self {
        Self {
            lasts_ns: 20_000_000,
            bulk_depth: 2,
            slice_bytes: 128 << 10,
        }
    }
}

impl Device {
    fn courtesy(&self, now_ns: u64) -> Option<Courtesy> {
        self.courtesy.filter(|_| now_ns < self.courtesy_until_ns)
    }

    /// Bulk slices that may be in flight now.
    pub(super) fn bulk_depth(&self, now_ns: u64) -> u32 {
        let most = self.courtesy(now_ns).map_or(u32::MAX, |it| it.bulk_depth);
        self.limits.bulk_depth.min(most.max(1))
    }

    /// Longest slice that goes out now.
    pub(super) fn slice_bytes(&self, is_bulk: bool, now_ns: u64) -> u64 {
        let courtesy = self.courtesy(now_ns).filter(|_| is_bulk);
        let most = courtesy.map_or(u64::MAX, |it| it.slice_bytes);
        self.limits.slice_bytes.min(most.max(1))
    }
}

impl Scheduler {
    /// Bulk slices that may be in flight on a device at this time.
    ///
    /// # Panics
    /// If there is no such device.
    pub fn bulk_depth(&self, device: DeviceId, now_ns: u64) -> u32 {
        self.devices[device.0 as usize].bulk_depth(now_ns)
    }

    /// A request was accepted: if it is urgent, bulk is held back for a while.
    pub(super) fn be_courteous(&mut self, request: &Request, now_ns: u64) {
        let has_levels = matches!(
            self.options.policy,
            SchedulerPolicy::Priority | SchedulerPolicy::Adaptive
        );
        let device = &mut self.devices[request.device.0 as usize];
        let lasts_ns = device.courtesy.map_or(0, |it| it.lasts_ns);
        if has_levels && request.class.level() == PriorityLevel::High {
            device.courtesy_until_ns = now_ns.saturating_add(lasts_ns);
        }
    }
}
