//! A device as a queueing model.
//!
//! What is submitted passes a front end one after the other (the system call, then each slice),
//! is worked on by the channel that is free first, and leaves over a link that all share, in order.
//! Nothing overtakes, so the time at which a slice comes back is known when it is submitted.

use crate::random::Seeded;
use gpuio_core::random::Random;

/// What a device is like.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Slices that it works on side by side.
    pub channels: usize,
    /// Time of a submission, however many slices it carries.
    pub submission_ns: f64,
    /// Time of each slice in the front end.
    pub slice_ns: f64,
    /// Time of a slice in its channel whatever its length.
    pub access_ns: f64,
    /// By which share that varies, up and down.
    pub access_variation: f64,
    /// Bytes a nanosecond of one channel; infinite if access is a delay that nothing else awaits.
    pub channel_rate: f64,
    /// Bytes a nanosecond of the shared link; infinite if there is none.
    pub link_rate: f64,
    /// Slices in flight from which on every further one makes access longer.
    pub crowd: u32,
    /// By which share it does.
    pub crowd_share: f64,
    /// Bytes in flight that the link can hold; what is beyond is lost and sent again.
    pub held_bytes: f64,
    /// By how much later it then comes.
    pub loss_ns: f64,
}

impl Model {
    /// A device with one channel and no limits; a start for others.
    pub const PLAIN: Self = Self {
        channels: 1,
        submission_ns: 0.0,
        slice_ns: 0.0,
        access_ns: 0.0,
        access_variation: 0.0,
        channel_rate: f64::INFINITY,
        link_rate: f64::INFINITY,
        crowd: u32::MAX,
        crowd_share: 0.0,
        held_bytes: f64::INFINITY,
        loss_ns: 0.0,
    };
}

/// A device at work.
pub struct Device {
    model: Model,
    front_free_ns: f64,
    channel_free_ns: Vec<f64>,
    link_free_ns: f64,
    in_flight: u32,
    in_flight_bytes: f64,
}

impl Device {
    /// An idle device.
    pub fn new(model: Model) -> Self {
        Self {
            model,
            front_free_ns: 0.0,
            channel_free_ns: vec![0.0; model.channels],
            link_free_ns: 0.0,
            in_flight: 0,
            in_flight_bytes: 0.0,
        }
    }

    /// A submission begins; its slices follow.
    pub fn submission(&mut self, now_ns: u64) {
        self.front_free_ns = self.front_free_ns.max(now_ns as f64) + self.model.submission_ns;
    }

    /// A slice is submitted; returns when it comes back.
    pub fn submit(&mut self, bytes: u64, random: &mut Seeded) -> u64 {
        let model = self.model;
        let length = bytes as f64;
        self.front_free_ns += model.slice_ns;
        let crowd = self.in_flight.saturating_sub(model.crowd);
        let crowded = 1.0 + model.crowd_share * f64::from(crowd);
        let varied = 1.0 + model.access_variation * (2.0 * random.next_unit() - 1.0);
        let access_ns = model.access_ns * varied * crowded;
        let channel = self
            .channel_free_ns
            .iter_mut()
            .min_by(|a, b| a.total_cmp(b))
            .expect("a device has a channel");
        let done_ns = channel.max(self.front_free_ns) + access_ns + length / model.channel_rate;
        // Of a device without transfer in the channel, access is a delay that others do not await.
        *channel = if model.channel_rate.is_finite() {
            done_ns
        } else {
            self.front_free_ns
        };
        self.in_flight += 1;
        self.in_flight_bytes += length;
        let is_lost = self.in_flight_bytes > model.held_bytes;
        if model.link_rate.is_infinite() {
            return done_ns as u64 + 1;
        }
        let (times, late_ns) = if is_lost {
            (2.0, model.loss_ns)
        } else {
            (1.0, 0.0)
        };
        self.link_free_ns = self.link_free_ns.max(done_ns) + times * length / model.link_rate;
        (self.link_free_ns + late_ns) as u64 + 1
    }

    /// A slice came back.
    pub fn returned(&mut self, bytes: u64) {
        self.in_flight -= 1;
        self.in_flight_bytes -= bytes as f64;
    }
}
