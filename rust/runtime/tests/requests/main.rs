//! Users' requests against real files and memory.

mod any;
mod batch;
mod cancel;
mod device;
mod full;
mod kinds;
mod misuse;
mod mixed;
mod mixed_random;
mod random;
mod shutdown;
mod streams;
mod support;
mod workers;
