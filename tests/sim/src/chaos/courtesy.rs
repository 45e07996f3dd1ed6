//! The oracle of courtesy: bulk is held back where urgent requests are, and never to nothing.

use super::live::Live;
use gpuio_core::scheduling::{CourtesyOptions, DeviceId, DeviceLimits, Slice};

#[derive(Clone, Copy, Default)]
struct Device {
    in_flight: u32,
    bulk_in_flight: u32,
    bulk_bytes: u64,
    /// Slices of requests that came as urgent ones and are not bulk.
    urgent_in_flight: u32,
    /// Bytes of bulk that the scheduler says may be in flight.
    allowed_bytes: Option<u64>,
}

pub(super) struct Courtesy {
    /// `None`: the policy does not hold bulk back.
    options: Option<CourtesyOptions>,
    devices: Vec<Device>,
}

impl Courtesy {
    pub fn new(options: Option<CourtesyOptions>, device_count: usize) -> Self {
        Self {
            options,
            devices: vec![Device::default(); device_count],
        }
    }

    /// The scheduler says how much bulk may be in flight now.
    pub fn says(&mut self, device: DeviceId, allowed: Option<u64>) -> Result<(), String> {
        let state = &mut self.devices[device.0 as usize];
        state.allowed_bytes = allowed;
        let Some(options) = self.options else {
            return Ok(());
        };
        match allowed {
            Some(bytes) if bytes < options.least_bytes => {
                Err(format!("only {bytes} bytes of bulk may be in flight"))
            }
            None if state.urgent_in_flight > 0 => {
                Err("bulk is not held back beside an urgent slice".into())
            }
            _ => Ok(()),
        }
    }

    /// Whether another slice of bulk may go out.
    pub fn has_room(&self, device: DeviceId, limits: &DeviceLimits) -> bool {
        let state = &self.devices[device.0 as usize];
        let Some((allowed, options)) = state.allowed_bytes.zip(self.options) else {
            return true;
        };
        let shortest = allowed.min(limits.slice_bytes).max(options.least_bytes);
        state.bulk_bytes + shortest <= allowed
    }

    /// A slice goes out.
    pub fn departs(&mut self, slice: &Slice, live: &Live, is_bulk: bool) -> Result<(), String> {
        let state = &mut self.devices[slice.device.0 as usize];
        state.in_flight += 1;
        if is_bulk {
            state.bulk_in_flight += 1;
            state.bulk_bytes += slice.length_bytes;
            let is_cut = !slice.kind.is_atomic();
            let allowed = state.allowed_bytes.unwrap_or(u64::MAX);
            if state.bulk_bytes > allowed && (is_cut || state.bulk_in_flight > 1) {
                return Err(format!(
                    "{} bytes of bulk in flight, {allowed} are allowed",
                    state.bulk_bytes
                ));
            }
        } else if live.came_urgent {
            state.urgent_in_flight += 1;
        }
        Ok(())
    }

    /// A slice came back; `was_bulk` as it was said when it went out.
    pub fn returns(&mut self, slice: &Slice, live: &Live, was_bulk: bool) {
        let state = &mut self.devices[slice.device.0 as usize];
        state.in_flight -= 1;
        if was_bulk {
            state.bulk_in_flight -= 1;
            state.bulk_bytes -= slice.length_bytes;
        } else if live.came_urgent {
            state.urgent_in_flight -= 1;
        }
    }

    /// After the scheduler was asked for slices: a device does not rest while requests wait.
    pub fn rests(&self, device: DeviceId, waiting: usize) -> Result<(), String> {
        if waiting > 0 && self.devices[device.0 as usize].in_flight == 0 {
            return Err(format!("{waiting} requests wait beside nothing"));
        }
        Ok(())
    }
}
