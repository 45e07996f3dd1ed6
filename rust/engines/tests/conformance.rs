//! One suite, run against every engine and backend.

#[path = "conformance/bounds.rs"]
mod bounds;
#[path = "conformance/flow.rs"]
mod flow;
#[path = "conformance/lifetime.rs"]
mod lifetime;
#[path = "conformance/model.rs"]
mod model;
#[path = "conformance/subject.rs"]
mod subject;
mod support;

/// Runs every case against the subject, each as a test of its own.
macro_rules! conformance {
    ($module:ident, $subject:expr) => {
        mod $module {
            use crate::subject::Subject::*;
            use crate::{bounds, flow, lifetime, model};

            conformance!(@cases $subject,
                model: random_transfers_match_a_model, large_transfers_match_a_model,
                    a_multitude_of_spans_moves_every_byte, a_read_stays_within_its_capacity;
                bounds: a_read_past_the_end_names_it, a_write_past_the_end_is_refused,
                    zero_bytes_are_nothing_to_do, a_malformed_transfer_completes_with_an_error,
                    a_read_only_resource_refuses_writes, an_unknown_resource_is_an_error;
                flow: a_full_engine_hands_back, every_token_comes_back_once,
                    a_depth_of_one_still_finishes_everything, a_sync_completes,
                    polling_alone_finishes_what_was_submitted,
                    waiting_for_nothing_returns, statistics_count_bytes;
                lifetime: dropping_ends_the_use_of_memory, closing_early_loses_no_completion,
                    a_closed_number_is_used_again, it_can_move_to_another_thread;
            );
        }
    };
    (@cases $subject:expr, $($aspect:ident: $($case:ident),*;)*) => {
        $($(
            #[test]
            fn $case() {
                $aspect::$case($subject);
            }
        )*)*
    };
}

conformance!(memio, Memio);
conformance!(uring, Uring);
conformance!(uring_registered, UringRegistered);
conformance!(uring_buffered, UringBuffered);
conformance!(threads, Threads);
conformance!(threads_buffered, ThreadsBuffered);
conformance!(set_of_files, SetOfFiles);
conformance!(set_of_memory, SetOfMemory);
