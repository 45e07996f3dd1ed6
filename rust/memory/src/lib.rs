//! Memory and devices.
