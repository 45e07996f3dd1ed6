//! What a device's [`Courtesy`] is told, and what it says to slices of bulk.

use super::{Device, Flight, Scheduler};
use crate::scheduling::courtesy::{Beside, UrgentSlice};
use crate::scheduling::{Courtesy, DeviceId};

impl Device {
    /// How long a further slice of bulk may be; `None`: it has to wait.
    pub(super) fn bulk_room_bytes(&self, now_ns: u64) -> Option<u64> {
        if self.bulk_in_flight >= self.limits.bulk_depth {
            return None;
        }
        let Some(courtesy) = &self.courtesy else {
            return Some(u64::MAX);
        };
        let slice_bytes = self.limits.slice_bytes;
        courtesy.room_bytes(self.bulk_bytes_in_flight, slice_bytes, now_ns)
    }

    /// A slice goes out.
    pub(super) fn goes(&mut self, flight: &Flight) {
        self.in_flight += 1;
        if flight.is_bulk {
            self.bulk_in_flight += 1;
            self.bulk_bytes_in_flight += flight.fragment.length_bytes;
        }
        if let Some(courtesy) = self.courtesy.as_mut().filter(|_| flight.is_urgent) {
            courtesy.urgent_goes();
        }
    }

    /// A slice comes back with so many bytes.
    pub(super) fn comes_back(&mut self, flight: &Flight, bytes: u64, now_ns: u64) {
        let length_bytes = flight.fragment.length_bytes;
        self.in_flight -= 1;
        if flight.is_bulk {
            self.bulk_in_flight -= 1;
            self.bulk_bytes_in_flight -= length_bytes;
        }
        let Some(courtesy) = &mut self.courtesy else {
            return;
        };
        if flight.is_bulk {
            courtesy.bulk_returns(bytes, flight.dispatched_ns, now_ns);
        } else if flight.is_urgent {
            let slice = UrgentSlice {
                length_bytes,
                took_ns: now_ns.saturating_sub(flight.dispatched_ns),
                beside: flight.beside.filter(|_| bytes == length_bytes),
            };
            courtesy.urgent_returns(slice, now_ns);
        }
    }

    /// An urgent request came and is carried out at once: it says when such come, and nothing of
    /// bulk.
    pub(super) fn urgent_passes(&mut self, length_bytes: u64, now_ns: u64) {
        let Some(courtesy) = &mut self.courtesy else {
            return;
        };
        courtesy.urgent_request(now_ns);
        courtesy.urgent_goes();
        let slice = UrgentSlice {
            length_bytes,
            took_ns: 0,
            beside: None,
        };
        courtesy.urgent_returns(slice, now_ns);
    }

    /// What is in flight, if that is bulk and urgent slices alone.
    pub(super) fn beside(&self) -> Option<Beside> {
        let urgent_count = self.courtesy.as_ref()?.urgent_count();
        let is_all = self.in_flight == self.bulk_in_flight + urgent_count;
        is_all.then_some(Beside {
            bulk_bytes: self.bulk_bytes_in_flight,
            urgent_count,
        })
    }
}

impl Scheduler {
    /// Bytes of bulk that may be in flight on a device at this time for the sake of urgent
    /// requests. `None`: as its limits say.
    ///
    /// # Panics
    /// If there is no such device.
    pub fn allowed_bulk_bytes(&self, device: DeviceId, now_ns: u64) -> Option<u64> {
        let courtesy = self.devices[device.0 as usize].courtesy.as_ref();
        courtesy.and_then(|it| Courtesy::allowed_bytes(it, now_ns))
    }
}
