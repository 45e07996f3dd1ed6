//! The enumerations of the configuration.

use crate::scheduling::SchedulerPolicy;
use std::fmt;

/// How much is logged; each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum LogLevel {
    /// Nothing.
    Off = 0,
    /// What failed.
    Error = 1,
    /// What works, but not as asked for or not as fast as it could.
    Warn = 2,
    /// What was opened and which path is active.
    Info = 3,
    /// What a person who looks for a defect wants to see.
    Debug = 4,
    /// Each request.
    Trace = 5,
}

impl LogLevel {
    pub(super) const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];

    /// The level with this number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::SPELLINGS
            .iter()
            .map(|(_, level)| *level)
            .find(|level| *level as i32 == number)
    }
}

/// Which page leaves the L2 cache when room is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum PolicyKind {
    /// The page that was not used for the longest time.
    Lru = 0,
    /// First in, first out, with a second chance for pages used meanwhile.
    Clock = 1,
    /// As Clock, but survivors keep their place; resists scans.
    Sieve = 2,
    /// Three FIFO queues: new pages must prove themselves in a small one; resists scans.
    S3Fifo = 3,
}

impl PolicyKind {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Lru, Self::Clock, Self::Sieve, Self::S3Fifo];

    pub(super) const SPELLINGS: &'static [(&'static str, Self)] = &[
        ("lru", Self::Lru),
        ("clock", Self::Clock),
        ("sieve", Self::Sieve),
        ("s3-fifo", Self::S3Fifo),
        ("s3fifo", Self::S3Fifo),
    ];
}

/// The spellings of the policies in which requests are ordered.
pub(super) const SCHEDULER_SPELLINGS: &[(&str, SchedulerPolicy)] = &[
    ("fifo", SchedulerPolicy::Fifo),
    ("priority", SchedulerPolicy::Priority),
    ("deadline", SchedulerPolicy::Deadline),
    ("adaptive", SchedulerPolicy::Adaptive),
];

/// Where kernels run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeviceChoice {
    /// The first CUDA device that works, else the host device.
    Auto,
    /// CPU threads.
    Host,
    /// The CUDA device with this number, or an error.
    Cuda(u32),
}

impl fmt::Display for LogLevel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(spelling(Self::SPELLINGS, *self))
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(spelling(Self::SPELLINGS, *self))
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::Host => out.write_str("host"),
            Self::Cuda(number) => write!(out, "cuda:{number}"),
        }
    }
}

/// The first spelling of a value; every value has one, which a test checks.
fn spelling<T: PartialEq>(spellings: &[(&'static str, T)], value: T) -> &'static str {
    spellings
        .iter()
        .find(|(_, known)| *known == value)
        .map_or("?", |(name, _)| name)
}
