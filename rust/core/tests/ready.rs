//! The ready queues beside a list that is searched from end to end.

use gpuio_core::scheduling::{
    DeviceId, Popped, ReadyQueues, RequestClass, Room, SchedulerPolicy, Waiting,
};
use proptest::prelude::*;

const AGE_NS: u64 = 100;
const SLOTS: u32 = 24;
const DEVICES: u32 = 2;

#[derive(Clone, Debug)]
enum Step {
    Push(u32, u32, usize, u64, bool),
    Pop(u32, bool),
    Remove(u32),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0..SLOTS, 0..DEVICES, 0usize..6, 0u64..200, any::<bool>());
    let step = prop_oneof![
        4 => push.prop_map(|(slot, device, class, due, bulk)| {
            Step::Push(slot, device, class, due, bulk)
        }),
        3 => (0..DEVICES, any::<bool>()).prop_map(|(device, any)| Step::Pop(device, any)),
        1 => (0..SLOTS).prop_map(Step::Remove),
        1 => (0u64..60).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 0..400)
}

/// The list: in order of entry.
struct Model {
    policy: SchedulerPolicy,
    waiting: Vec<(Waiting, u64)>,
    last_was_aged: [bool; DEVICES as usize],
}

impl Model {
    fn pop(&mut self, device: DeviceId, now: u64, room: Room) -> Option<Popped> {
        let preempts = self.policy.preempts();
        let is_open = |it: &Waiting| {
            it.device == device && (room == Room::ForAny || !it.is_bulk || !preempts)
        };
        let key = |it: &Waiting| match self.policy {
            SchedulerPolicy::Fifo => (0, 0, it.sequence),
            SchedulerPolicy::Priority => (it.class as u64, 0, it.sequence),
            SchedulerPolicy::Deadline => (0, it.due_ns, it.sequence),
            SchedulerPolicy::Adaptive => (it.class.level() as u64, it.due_ns, it.sequence),
        };
        let open = || self.waiting.iter().filter(|(it, _)| is_open(it));
        let first = open().min_by_key(|(it, _)| key(it))?.0;
        let oldest = open().next().filter(|(_, since)| now - since >= AGE_NS);
        let last = &mut self.last_was_aged[device.0 as usize];
        let aged = oldest.filter(|(it, _)| preempts && !*last && it.slot != first.slot);
        let chosen = aged.map_or(first, |(it, _)| *it);
        *last = aged.is_some();
        let popped = Popped {
            slot: chosen.slot,
            is_aged: aged.is_some(),
            is_bulk: chosen.is_bulk && preempts,
        };
        self.waiting.retain(|(it, _)| it.slot != chosen.slot);
        Some(popped)
    }
}

fn agree(policy: SchedulerPolicy, steps: &[Step]) {
    let mut queues = ReadyQueues::new(policy, DEVICES as usize, AGE_NS);
    let mut model = Model {
        policy,
        waiting: Vec::new(),
        last_was_aged: [false; DEVICES as usize],
    };
    let mut now = 0;
    for (sequence, step) in steps.iter().enumerate() {
        match *step {
            Step::Push(slot, device, class, due, is_bulk) if !queues.contains(slot) => {
                let waiting = Waiting {
                    slot,
                    device: DeviceId(device),
                    class: RequestClass::ALL[class],
                    due_ns: now + due,
                    sequence: sequence as u64,
                    is_bulk,
                };
                queues.push(waiting, now);
                model.waiting.push((waiting, now));
            }
            Step::Push(..) => {}
            Step::Pop(device, any) => {
                let room = if any { Room::ForAny } else { Room::ForOrdinary };
                let device = DeviceId(device);
                assert_eq!(queues.pop(device, now, room), model.pop(device, now, room));
            }
            Step::Remove(slot) => {
                let before = model.waiting.len();
                model.waiting.retain(|(it, _)| it.slot != slot);
                assert_eq!(queues.remove(slot), model.waiting.len() < before);
            }
            Step::Wait(ns) => now += ns,
        }
        for device in (0..DEVICES).map(DeviceId) {
            let here = || model.waiting.iter().filter(|(it, _)| it.device == device);
            assert_eq!(queues.len(device), here().count());
            let is_urgent =
                |it: &Waiting| it.class == RequestClass::InferenceRealtime && !it.is_bulk;
            assert_eq!(
                queues.has_urgent(device),
                here().any(|(it, _)| is_urgent(it))
            );
        }
    }
}

proptest! {
    #[test]
    fn they_agree_with_a_list(steps in steps()) {
        for policy in SchedulerPolicy::ALL {
            agree(policy, &steps);
        }
    }
}
