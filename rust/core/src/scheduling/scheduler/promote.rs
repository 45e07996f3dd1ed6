//! A request becomes more important after it was submitted.

use super::Scheduler;
use crate::scheduling::{RequestClass, RequestId, RequestStatus};

impl Scheduler {
    /// Gives a request another class: it was asked for ahead of its use, and now somebody waits.
    /// Its implied deadline counts from now; what of it is in flight stays as it is. Returns
    /// `false`, and changes nothing, if it has ended or its class is as important already.
    pub fn promote(&mut self, id: RequestId, class: RequestClass, now_ns: u64) -> bool {
        let Some(record) = self.records.get_mut(id.0) else {
            return false;
        };
        let before = record.request.class;
        if before <= class {
            return false;
        }
        record.request.class = class;
        let has_begun = record.status == RequestStatus::InProgress;
        let has_turn = has_begun || record.status == RequestStatus::Submitted;
        let is_promised = record.request.qos.is_some();
        if has_turn && !is_promised {
            let implied_ns = class.implied_deadline_ns();
            record.due_ns = record.due_ns.min(now_ns.saturating_add(implied_ns));
        }
        let (device, cost_ns) = (record.request.device, record.cost_ns);
        self.figures.class_mut(before).submitted -= 1;
        self.figures.class_mut(class).submitted += 1;
        if self.options.admits() && !has_begun && !is_promised {
            let admission = &mut self.devices[device.0 as usize].admission;
            admission.other(before.level(), cost_ns, false);
            admission.other(class.level(), cost_ns, true);
        }
        if self.ready.contains(id.slot()) {
            self.ready.remove(id.slot());
            self.wait_for_slot(id, now_ns);
        }
        true
    }
}
