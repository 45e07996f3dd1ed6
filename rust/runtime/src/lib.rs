//! Context, cache tiers and the fault service.
