//! The bugs: each a text of the scheduler's source and what takes its place.

/// A bug, and what the simulation has to say about it.
pub struct Bug {
    pub name: &'static str,
    /// Below `rust/core/src/scheduling`.
    pub file: &'static str,
    pub old: &'static str,
    pub new: &'static str,
    /// Any of these in the failure's text.
    pub expect: &'static [&'static str],
}

pub const BUGS: &[Bug] = &[
    Bug {
        name: "a cancelled request that waits is forgotten",
        file: "scheduler/cancel.rs",
        old: "record.is_cancelled = true;\n        self.settle(id, now_ns);",
        new: "record.is_cancelled = true;",
        expect: &["never end", "a slice of request"],
    },
    Bug {
        name: "the least important class goes first",
        file: "policy.rs",
        old: "Self::Priority => class as u64,",
        new: "Self::Priority => 5 - class as u64,",
        expect: &["is urgent and was passed"],
    },
    Bug {
        name: "who waits for an event is not woken",
        file: "streams.rs",
        old: "woken.append(&mut self.events.reach(event, now_ns));",
        new: "self.events.reach(event, now_ns);",
        expect: &["was not woken"],
    },
    Bug {
        name: "the bytes of a coalesced read are handed out one byte off",
        file: "batch/plan.rs",
        old: "let operation_offset = piece.offset - operation.offset;",
        new: "let operation_offset = (piece.offset - operation.offset).saturating_sub(1);",
        expect: &["byte "],
    },
    Bug {
        name: "parts of a batch that meet do not wait for each other",
        file: "scheduler/record.rs",
        old: "is_at_end && (self.in_flight > 0 || self.waiting_retries > 0)",
        new: "is_at_end && self.in_flight > 1000",
        expect: &["byte "],
    },
    Bug {
        name: "parts of a batch do not wait for those before them that are tried again",
        file: "scheduler/record.rs",
        old: "is_at_end && (self.in_flight > 0 || self.waiting_retries > 0)",
        new: "is_at_end && self.in_flight > 0",
        expect: &["byte "],
    },
    Bug {
        name: "a batch writes over what it has not read yet",
        file: "batch/stages.rs",
        old: "true => it.read.max(it.written),",
        new: "true => it.written,",
        expect: &["byte "],
    },
    Bug {
        name: "a batch does not see what its copies write",
        file: "batch/stages.rs",
        old: "access(part.dst, true)",
        new: "access(part.dst, part.kind != crate::scheduling::RequestKind::Copy)",
        expect: &["byte "],
    },
    Bug {
        name: "a cancelled request ends while the device still writes its memory",
        file: "scheduler/record.rs",
        old: "self.in_flight == 0 && is_over",
        new: "is_over && (self.in_flight == 0 || self.is_cancelled)",
        expect: &["in flight"],
    },
    Bug {
        name: "an atomic operation whose answer was lost is repeated",
        file: "retry.rs",
        old: "error.retryable && (!kind.is_atomic() || error.code == ErrorCode::Busy)",
        new: "error.retryable && (!kind.is_atomic() || error.code != ErrorCode::Io)",
        expect: &["more than once", "an atomic operation saw"],
    },
    Bug {
        name: "a short transfer passes as complete",
        file: "scheduler/finish.rs",
        old: "None => self.go_on(flight.request, rest),",
        new: "None => record.bytes_completed += rest.length_bytes,",
        expect: &["byte ", "ended as"],
    },
    Bug {
        name: "nothing is done against starvation",
        file: "ready.rs",
        old: "if queue.last_was_aged || !self.policy.preempts() {",
        new: "if queue.last_was_aged || self.policy.preempts() {",
        // Turned round, the guard works where it must not.
        expect: &["after it had aged", "FIFO began request"],
    },
    Bug {
        name: "an important request is passed by one aged request after the other",
        file: "ready.rs",
        old: "if queue.last_was_aged || !self.policy.preempts() {",
        new: "if !self.policy.preempts() {",
        expect: &["is urgent and was passed"],
    },
    Bug {
        name: "a request that was given up counts as the important one's turn",
        file: "ready.rs",
        old: "queue.last_was_aged = queue.one_before_was_aged;",
        new: "let _ = queue.one_before_was_aged;",
        expect: &["is urgent and was passed"],
    },
    Bug {
        name: "a request enters a stream that waits for an event, and begins",
        file: "streams.rs",
        old: "let is_idle = stream.running.is_none() && !stream.is_waiting;",
        new: "let is_idle = stream.running.is_none();",
        expect: &["began before"],
    },
    Bug {
        name: "bulk takes every slot",
        file: "scheduler/dispatch.rs",
        old: "Some(match state.bulk_room_bytes(now_ns) {",
        new: "Some(match Some(state.in_flight) {",
        expect: &["of bulk in flight"],
    },
    Bug {
        name: "bulk goes beyond what urgent requests can bear",
        file: "courtesy/mod.rs",
        old: "let room = allowed.saturating_sub(bulk_bytes);",
        new: "let room = allowed.saturating_sub(bulk_bytes / 2);",
        expect: &["bytes of bulk in flight"],
    },
    Bug {
        name: "bulk is held back to nothing where it harms",
        file: "courtesy/harm.rs",
        old: "(SHRINKS * self.bearable_bytes).max(self.least_bytes)",
        new: "SHRINKS * self.bearable_bytes",
        expect: &["bytes of bulk may be in flight", "wait beside nothing"],
    },
    Bug {
        name: "a request has the name of one that has ended",
        file: "slab.rs",
        old: "place.generation = place.generation.wrapping_add(1);",
        new: "",
        // What is done to the other one shows, too.
        expect: &[
            "its name is another's",
            "ended as",
            "was not woken",
            "against reason",
        ],
    },
    Bug {
        name: "a device is not told that a slot is free",
        file: "scheduler/finish.rs",
        old: "self.stir(flight.device);",
        new: "",
        expect: &["never end", "a slot is free"],
    },
];
