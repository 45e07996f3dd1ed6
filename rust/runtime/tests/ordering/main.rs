//! What is promised of order, for everything that requests can name: in a stream, one after the
//! other; between streams, by events alone; in a batch, as the list says.
//!
//! Every rule runs against a model on every kind of place, and once with each bug that breaks it: a
//! rule that does not see its bug fails.

mod batches;
mod copies;
mod events;
mod place;
mod plant;
mod streams;
#[path = "../requests/support.rs"]
#[allow(dead_code)] // the other tests use the rest
mod support;
mod world;

/// Each rule of a row on each place of it, as a test of its own.
macro_rules! ordering {
    ($($place:ident: $($module:ident)*;)*) => {
        $(
            #[allow(non_snake_case)]
            mod $place {
                use crate::place::Kind;
                $(
                    #[test]
                    fn $module() {
                        crate::plant::holds_and_sees_its_bugs(
                            Kind::$place, crate::$module::run, &crate::$module::BUGS,
                        );
                    }
                )*
            }
        )*
    };
}

ordering! {
    File: streams events batches;
    FileBuffered: streams events batches;
    FileThreads: streams events batches;
    FileThreadsBuffered: streams events batches;
    Memio: streams events batches;
    Memory: streams events batches;
    DeviceMemory: streams events batches;
    Array: streams events batches;
    SeveralEngines: streams events batches;
    Mixed: streams events batches copies;
}
