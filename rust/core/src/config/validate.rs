//! The ranges of the configuration's values, and how they fit together.

use super::keys::Config;
use super::layer::refuse;
use super::resolve::Origins;
use super::{API_VERSION, FLAG_COUNT_HITS};
use crate::limits::{
    is_page_size, MAX_FRAMES, MAX_PAGE_BYTES, MAX_QUEUE_DEPTH, MIN_L1_FRAMES, MIN_L2_FRAMES,
    MIN_PAGE_BYTES,
};
use crate::units::{format_bytes, format_duration_us};
use crate::{Error, ErrorCode, Result};
use std::fmt::Display;
use std::ops::RangeInclusive;

const IO_TIMEOUT_US: RangeInclusive<u64> = 1_000..=3_600_000_000;
const MAX_GPUS: RangeInclusive<i32> = -1..=1024;
const MAX_HOST_THREADS: u32 = 1024;
const REQUEST_SLOTS: RangeInclusive<u32> = 64..=4096;
const QUEUED_REQUESTS: RangeInclusive<u32> = 1..=1 << 20;
const MAX_REQUEST_WORKERS: u32 = 256;
const MAX_PREFETCH_WINDOW_BYTES: u64 = 1 << 30;

/// Checks a merged configuration; the first value that is wrong is the error.
pub(super) fn check(config: &Config, origins: &Origins) -> Result<()> {
    check_version(config, origins)?;
    let ranges = [
        (
            "max_gpus",
            MAX_GPUS.contains(&config.max_gpus),
            number(config.max_gpus, &MAX_GPUS),
        ),
        (
            "host_threads",
            config.host_threads <= MAX_HOST_THREADS,
            number(config.host_threads, &(0..=MAX_HOST_THREADS)),
        ),
        (
            "queue_depth",
            (1..=MAX_QUEUE_DEPTH).contains(&config.queue_depth),
            number(config.queue_depth, &(1..=MAX_QUEUE_DEPTH)),
        ),
        (
            "request_slots",
            config.request_slots.is_power_of_two() && REQUEST_SLOTS.contains(&config.request_slots),
            format!(
                "{} (a power of two)",
                number(config.request_slots, &REQUEST_SLOTS)
            ),
        ),
        (
            "queued_requests_max",
            QUEUED_REQUESTS.contains(&config.queued_requests_max),
            number(config.queued_requests_max, &QUEUED_REQUESTS),
        ),
        (
            "request_workers",
            config.request_workers <= MAX_REQUEST_WORKERS,
            number(config.request_workers, &(0..=MAX_REQUEST_WORKERS)),
        ),
        (
            "io_timeout_us",
            IO_TIMEOUT_US.contains(&config.io_timeout_us),
            format!(
                "{} is out of range; expected 1ms to 1h",
                format_duration_us(config.io_timeout_us)
            ),
        ),
        (
            "l1_ratio",
            config.l1_ratio > 0.0 && config.l1_ratio < 1.0,
            format!(
                "{} is out of range; expected above 0 and below 1",
                config.l1_ratio
            ),
        ),
        (
            "page_bytes",
            is_page_size(config.page_bytes),
            page_message(config.page_bytes),
        ),
    ];
    if let Some((name, _, message)) = ranges.into_iter().find(|(_, is_legal, _)| !is_legal) {
        return Err(refuse(origins.label(name), message));
    }
    for tier in tiers(config) {
        let place = tier.place(origins);
        tier.check(config.page_bytes, place)?;
    }
    check_window(config, origins)
}

fn check_version(config: &Config, origins: &Origins) -> Result<()> {
    if config.api_version != API_VERSION {
        let message = format!(
            "version {} asked for; this build has {API_VERSION}",
            config.api_version
        );
        let error = Error::new(ErrorCode::Unsupported, "configure", message);
        return Err(error.with_resource(origins.label("api_version")));
    }
    if config.flags & !FLAG_COUNT_HITS != 0 {
        let message = format!("{:#x} has unknown bits; 0 and 1 are legal", config.flags);
        return Err(refuse(origins.label("flags"), message));
    }
    Ok(())
}

fn number<T: Display>(value: T, range: &RangeInclusive<T>) -> String {
    format!(
        "{value} is out of range; expected {} to {}",
        range.start(),
        range.end()
    )
}

fn page_message(bytes: u64) -> String {
    format!(
        "{bytes} is no page size; expected a power of two from {MIN_PAGE_BYTES} to {}",
        format_bytes(MAX_PAGE_BYTES)
    )
}

/// One tier's capacity and what it needs.
struct Tier {
    key: &'static str,
    capacity_bytes: u64,
    fewest_frames: u64,
}

fn tiers(config: &Config) -> [Tier; 2] {
    [
        Tier {
            key: "l1_capacity_bytes",
            capacity_bytes: config.l1_capacity_bytes,
            fewest_frames: MIN_L1_FRAMES,
        },
        Tier {
            key: "l2_capacity_bytes",
            capacity_bytes: config.l2_capacity_bytes,
            fewest_frames: MIN_L2_FRAMES,
        },
    ]
}

impl Tier {
    /// A capacity that nobody gave came out of the pool: name the pool then.
    fn place(&self, origins: &Origins) -> String {
        match origins.is_given(self.key) {
            true => origins.label(self.key),
            false => {
                format!(
                    "{}, from which {} follows",
                    origins.label("memory_pool_size"),
                    self.key
                )
            }
        }
    }

    fn check(&self, page_bytes: u64, place: String) -> Result<()> {
        let frames = self.capacity_bytes / page_bytes;
        let smallest_bytes = self.fewest_frames * page_bytes;
        if frames < self.fewest_frames {
            let message = format!(
                "{} bytes are too few; the smallest {} is {smallest_bytes} bytes ({}): \
                 {} pages of {page_bytes} bytes",
                self.capacity_bytes,
                self.key,
                format_bytes(smallest_bytes),
                self.fewest_frames
            );
            return Err(refuse(place, message));
        }
        if frames > MAX_FRAMES {
            let largest = format_bytes(MAX_FRAMES.saturating_mul(page_bytes));
            let message = format!(
                "{frames} pages are too many; the largest {} is {largest}",
                self.key
            );
            return Err(refuse(place, message));
        }
        Ok(())
    }
}

fn check_window(config: &Config, origins: &Origins) -> Result<()> {
    let range = config.page_bytes..=MAX_PREFETCH_WINDOW_BYTES;
    if !config.prefetch || range.contains(&config.prefetch_window_bytes) {
        return Ok(());
    }
    let message = format!(
        "{} is out of range; expected a page ({}) to 1GiB, or prefetch = false",
        format_bytes(config.prefetch_window_bytes),
        format_bytes(config.page_bytes)
    );
    Err(refuse(origins.label("prefetch_window_bytes"), message))
}

impl Config {
    /// Checks that both tiers serve an array whose pages have this many bytes (the URI's `page`).
    ///
    /// # Errors
    /// `InvalidArgument` that says the legal sizes, or the smallest capacity in bytes.
    pub fn check_page_bytes(&self, page_bytes: u64) -> Result<()> {
        if !is_page_size(page_bytes) {
            return Err(refuse("page", page_message(page_bytes)));
        }
        tiers(self)
            .iter()
            .try_for_each(|tier| tier.check(page_bytes, tier.key.to_owned()))
    }
}
