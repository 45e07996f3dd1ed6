//! Nothing but the static library.
