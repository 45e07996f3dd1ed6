//! Bulk makes room where urgent requests come.
//!
//! A drive has one queue, and what it was given it does: an urgent request that finds thirty slices
//! of a megabyte there waits for all of them, whatever the scheduler thinks. So while urgent
//! requests come to a device, bulk gets few and short slices there: enough to keep a drive busy,
//! and to be waited behind for about as long as an urgent request takes by itself.
//!
//! What was bulk and is promoted does not count as urgent here: it is part of a stream whose
//! throughput matters.

use super::{Device, Scheduler};
use crate::scheduling::{PriorityLevel, Request, SchedulerPolicy};

/// Nanoseconds after an urgent request was submitted for which bulk is held back.
pub const COURTESY_NS: u64 = 20_000_000;
/// Bulk slices in flight meanwhile, at most.
pub const COURTESY_BULK_DEPTH: u32 = 2;
/// Their length, at most.
pub const COURTESY_SLICE_BYTES: u64 = 128 << 10;

impl Device {
    /// Bulk slices that may be in flight now.
    pub(super) fn bulk_depth(&self, now_ns: u64) -> u32 {
        match now_ns < self.courtesy_until_ns {
            true => self.limits.bulk_depth.min(COURTESY_BULK_DEPTH),
            false => self.limits.bulk_depth,
        }
    }

    /// Longest slice that goes out now.
    pub(super) fn slice_bytes(&self, is_bulk: bool, now_ns: u64) -> u64 {
        match is_bulk && now_ns < self.courtesy_until_ns {
            true => self.limits.slice_bytes.min(COURTESY_SLICE_BYTES),
            false => self.limits.slice_bytes,
        }
    }
}

impl Scheduler {
    /// A request was accepted: if it is urgent, bulk is held back for a while.
    pub(super) fn be_courteous(&mut self, request: &Request, now_ns: u64) {
        let has_levels = matches!(
            self.options.policy,
            SchedulerPolicy::Priority | SchedulerPolicy::Adaptive
        );
        if has_levels && request.class.level() == PriorityLevel::High {
            let device = &mut self.devices[request.device.0 as usize];
            device.courtesy_until_ns = now_ns.saturating_add(COURTESY_NS);
        }
    }
}
