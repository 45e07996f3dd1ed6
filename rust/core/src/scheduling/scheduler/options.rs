//! How a scheduler is set up.

use crate::limits::{MAX_QUEUED_REQUESTS, MAX_SCHEDULED_DEVICES};
use crate::scheduling::retry::RetryPolicy;
use crate::scheduling::{CourtesyOptions, DeviceLimits, SchedulerPolicy, STARVATION_AGE_NS};
use crate::{Error, ErrorCode, Result};

/// How a scheduler is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulerOptions {
    /// The order of requests.
    pub policy: SchedulerPolicy,
    /// The device queues; [`DeviceId`](crate::scheduling::DeviceId) is an index into these.
    pub devices: Vec<DeviceLimits>,
    /// Whether ADAPTIVE changes the limits by measurement. Nothing else does.
    pub adapts_limits: bool,
    /// Whether requests whose deadline cannot be met are refused; FIFO and PRIORITY never do.
    pub admits_by_deadline: bool,
    /// Most requests that have not ended; one more is refused with `Busy`.
    pub queued_max: usize,
    /// The wait after which the guard lets a request pass others.
    pub starvation_age_ns: u64,
    /// Between which bounds bulk is held back on a device that urgent requests come to; `None`: by
    /// the device's limits alone. Only by policies that know levels: PRIORITY and ADAPTIVE.
    pub courtesy: Option<CourtesyOptions>,
    /// What is done about errors that can pass.
    pub retry: RetryPolicy,
}

impl Default for SchedulerOptions {
    /// ADAPTIVE on one device.
    fn default() -> Self {
        Self {
            policy: SchedulerPolicy::Adaptive,
            devices: vec![DeviceLimits::default()],
            adapts_limits: true,
            admits_by_deadline: true,
            queued_max: 1 << 20,
            starvation_age_ns: STARVATION_AGE_NS,
            courtesy: None,
            retry: RetryPolicy::default(),
        }
    }
}

impl SchedulerOptions {
    /// Refuses what makes no sense.
    ///
    /// # Errors
    /// `InvalidArgument`: no device or more than [`MAX_SCHEDULED_DEVICES`], room for no request
    /// or for more than [`MAX_QUEUED_REQUESTS`], limits or a retry policy that are refused.
    pub fn validate(&self) -> Result<()> {
        let refuse = |what: &str, value: usize, most: usize| {
            let message = format!("{what} is {value}; it must lie between 1 and {most}");
            Err(Error::new(
                ErrorCode::InvalidArgument,
                "make a scheduler",
                message,
            ))
        };
        if self.devices.is_empty() || self.devices.len() > MAX_SCHEDULED_DEVICES {
            return refuse(
                "the number of devices",
                self.devices.len(),
                MAX_SCHEDULED_DEVICES,
            );
        }
        if self.queued_max == 0 || self.queued_max > MAX_QUEUED_REQUESTS {
            return refuse("queued_max", self.queued_max, MAX_QUEUED_REQUESTS);
        }
        self.devices.iter().try_for_each(DeviceLimits::validate)?;
        self.courtesy.map_or(Ok(()), |it| it.validate())?;
        self.retry.validate()
    }

    /// How bulk is held back under this policy.
    pub(super) fn courtesy(&self) -> Option<CourtesyOptions> {
        let has_levels = matches!(
            self.policy,
            SchedulerPolicy::Priority | SchedulerPolicy::Adaptive
        );
        self.courtesy.filter(|_| has_levels)
    }

    /// Whether a controller sets the limits.
    pub(super) fn controls(&self) -> bool {
        self.adapts_limits && self.policy == SchedulerPolicy::Adaptive
    }

    /// Whether deadlines are checked at submission.
    pub(super) fn admits(&self) -> bool {
        let knows_deadlines = matches!(
            self.policy,
            SchedulerPolicy::Deadline | SchedulerPolicy::Adaptive
        );
        self.admits_by_deadline && knows_deadlines
    }
}
