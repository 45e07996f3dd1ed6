//! Everything that moves bytes, in the scheduler's order.
//!
//! A value without threads or a clock: it owns the scheduler and the engines, turns slices into
//! transfers, and hands ended *errands* back with what they were for.
//!
//! ```text
//!  start ──► scheduler ──► dispatch ──► engine.queue … one engine.submit
//!               ▲                            │ full: backlog
//!               └──── complete ◄──── engine.poll
//!  next_ended ◄─┘
//! ```
//!
//! **Memory.** What an errand names belongs to it until `next_ended` gives it back, cancelled or
//! not: an errand has no slice in flight then. Its purpose stays here as long, so whatever the
//! purpose owns stays, too.
//!
//! **Device queues.** One for each block device that files lie on, so that priorities hold between
//! all files of a drive and drives do not wait for each other; one for memory. What is carried out
//! elsewhere by errands of its own has queues of its own (`ARRAYS`, `COPIES`): while it holds a
//! slot there it waits for slots of the others, and never the other way round.

mod batch;
mod errand;
mod pump;
mod queues;
mod spans;
mod syncs;
#[cfg(test)]
mod tests;

pub use errand::{Errand, Purpose, Work};
pub use queues::{Queues, ARRAYS, COPIES, MEMORY};

use self::errand::Errands;
use self::pump::Flight;
use self::syncs::Syncs;
use gpuio_core::scheduling::{Request, RequestClass, RequestStatus, Scheduler};
use gpuio_core::scheduling::{SchedulerOptions, Slice};
use gpuio_core::uri::ResourceUri;
use gpuio_core::{Error, Result};
use gpuio_engines::engine::{
    Completion, Engine, EngineStats, OpenOptions, ResourceId, ResourceInfo, Transfer,
};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::os::fd::RawFd;

/// What of an errand is left when it has ended.
#[derive(Debug)]
pub struct Done<P> {
    /// What it was for.
    pub purpose: P,
    /// COMPLETED, ERROR or CANCELLED.
    pub status: RequestStatus,
    /// Bytes moved, in any order.
    pub bytes_completed: u64,
    /// Why, unless it was completed.
    pub error: Option<Error>,
    /// Of a batch: each part's result.
    pub parts: Vec<Result<()>>,
}

impl<P> Done<P> {
    /// `Ok` if every byte was moved.
    pub fn result(&self) -> Result<()> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

/// See the [module](self).
pub struct Traffic<E: Engine, P> {
    /// First, so that it goes first: until then the memory of what is in flight may be touched.
    engine: E,
    scheduler: Scheduler,
    queues: Queues,
    errands: Errands<P>,
    /// By `SliceId::number`, which is the transfer's token as well.
    flights: HashMap<u64, Flight>,
    /// Transfers that the engine handed back; no more than there are slices and syncs in flight.
    backlog: VecDeque<Transfer>,
    syncs: Syncs<P>,
    /// Slices that the owner carries out.
    elsewhere: VecDeque<Slice>,
    done: VecDeque<Done<P>>,
    /// Something was queued and not submitted.
    is_pushed: bool,
    random: u64,
    slices: Vec<Slice>,
    /// Of the engine, and not taken yet; the first last. No more than there are slices and syncs in
    /// flight.
    completions: Vec<Completion>,
    #[cfg(test)]
    planted: Option<Planted>,
}

/// A bug that a test plants, to see that it is found.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    ReleasesOnCancel,
    EndsBeforeTheLastSlice,
}

impl<E: Engine, P: Purpose> Traffic<E, P> {
    /// Nothing under way yet. `options.devices` is replaced by what `queues` says.
    ///
    /// # Errors
    /// `InvalidArgument`: see [`SchedulerOptions::validate`].
    pub fn new(engine: E, queues: Queues, options: SchedulerOptions) -> Result<Self> {
        let scheduler = Scheduler::new(SchedulerOptions {
            devices: queues.limits(),
            ..options
        })?;
        Ok(Self {
            engine,
            scheduler,
            queues,
            errands: Errands::default(),
            flights: HashMap::new(),
            backlog: VecDeque::new(),
            syncs: Syncs::default(),
            elsewhere: VecDeque::new(),
            done: VecDeque::new(),
            is_pushed: false,
            random: 0x9e37_79b9_7f4a_7c15,
            slices: Vec::new(),
            completions: Vec::new(),
            #[cfg(test)]
            planted: None,
        })
    }

    /// Opens a resource and finds its device queue. Blocks as `open(2)` does.
    ///
    /// # Errors
    /// What the engine says.
    pub fn open(
        &mut self,
        uri: &ResourceUri,
        options: OpenOptions,
    ) -> Result<(ResourceId, ResourceInfo)> {
        let (resource, info) = self.engine.open(uri, options)?;
        self.queues.place(resource, &info);
        Ok((resource, info))
    }

    /// Closes a resource, all of whose errands have ended.
    pub fn close(&mut self, resource: ResourceId) {
        self.engine.close(resource);
    }

    /// Starts an errand; `request.user_data` is not the caller's here. Of READ, `src` is
    /// the number of the resource, of WRITE, `dst` is. Gives the errand's number.
    ///
    /// # Errors
    /// The purpose comes back with what the scheduler said.
    pub fn start(
        &mut self,
        request: Request,
        work: Work,
        purpose: P,
        now_ns: u64,
    ) -> std::result::Result<Errand, (P, Error)> {
        let errand = self.errands.vacancy();
        let request = Request {
            user_data: errand.number(),
            ..request
        };
        self.submit(errand, request, work, purpose, Vec::new(), now_ns)
    }

    pub(self) fn submit(
        &mut self,
        errand: Errand,
        request: Request,
        work: Work,
        purpose: P,
        parts: Vec<gpuio_core::scheduling::batch::BatchPart>,
        now_ns: u64,
    ) -> std::result::Result<Errand, (P, Error)> {
        let accepted = if parts.is_empty() {
            self.scheduler.submit(request, now_ns)
        } else {
            self.scheduler.submit_batch(request, parts, now_ns)
        };
        let id = match accepted {
            Ok(id) => id,
            Err(error) => {
                self.collect();
                return Err((purpose, error));
            }
        };
        for resource in work.written(&request) {
            self.syncs.write_began(resource);
        }
        self.errands.insert(errand, id, request, work, purpose);
        self.collect();
        Ok(errand)
    }

    /// Withdraws an errand. `false`: it has ended already. It comes out of `next_ended` once its
    /// slices are back.
    pub fn cancel(&mut self, errand: Errand, now_ns: u64) -> bool {
        let Some(id) = self.errands.request(errand) else {
            return false;
        };
        let was_live = self.scheduler.cancel(id, now_ns);
        #[cfg(test)]
        self.plant(Planted::ReleasesOnCancel, errand);
        self.collect();
        was_live
    }

    /// Withdraws all errands and takes no more.
    pub fn shut_down(&mut self, now_ns: u64) {
        self.scheduler.shut_down(now_ns);
        self.collect();
    }

    /// Gives an errand a more important class: it was asked for ahead of its use, and now somebody
    /// waits for it. What of it is in flight stays as it is.
    pub fn promote(&mut self, errand: Errand, class: RequestClass, now_ns: u64) {
        if let Some(entry) = self.errands.get_mut(errand) {
            if self.scheduler.promote(entry.id, class, now_ns) {
                entry.request.class = class;
            }
        }
    }

    /// Has everything made durable that was written to a resource by errands started so far. The
    /// purpose comes back as an errand's would.
    pub fn sync(&mut self, resource: ResourceId, purpose: P) {
        self.add_sync(resource, purpose);
    }

    /// The next errand that has ended.
    pub fn next_ended(&mut self) -> Option<Done<P>> {
        self.done.pop_front()
    }

    /// Whether an errand has ended that was not taken yet.
    pub fn has_ended(&self) -> bool {
        !self.done.is_empty()
    }

    /// Moves what has ended from the scheduler to `done`.
    pub(self) fn collect(&mut self) {
        while let Some(ended) = self.scheduler.next_ended() {
            let errand = Errand::from_number(ended.user_data);
            let Some(entry) = self.errands.take(errand) else {
                continue; // accepted and shed before it had its place: impossible
            };
            for resource in entry.work.written(&entry.request) {
                self.syncs.write_ended(resource, entry.serial);
            }
            self.done.push_back(Done {
                error: ended.error.map(|error| entry.located(error)),
                purpose: entry.purpose,
                status: ended.status,
                bytes_completed: ended.bytes_completed,
                parts: ended.parts,
            });
        }
        self.start_syncs();
    }

    /// Ends an errand too early if this bug is planted.
    #[cfg(test)]
    fn plant(&mut self, bug: Planted, errand: Errand) {
        if self.planted != Some(bug) {
            return;
        }
        if let Some(entry) = self.errands.take(errand) {
            self.done.push_back(Done {
                bytes_completed: entry.request.length_bytes,
                purpose: entry.purpose,
                status: RequestStatus::Completed,
                error: None,
                parts: Vec::new(),
            });
        }
    }

    /// What the errands that have not ended, and syncs, are for.
    pub fn purposes(&self) -> impl Iterator<Item = &P> {
        self.errands.purposes().chain(self.syncs.purposes())
    }

    /// The next slice that has gone out of an errand with [`Work::Elsewhere`], or of a copy in a
    /// batch.
    /// [`Traffic::complete`] follows, once.
    pub fn next_elsewhere(&mut self) -> Option<Slice> {
        self.elsewhere.pop_front()
    }

    /// What a slice's errand is for. Valid until the slice is complete.
    pub fn purpose_of(&self, slice: &Slice) -> Option<&P> {
        self.purpose(Errand::from_number(slice.user_data))
    }

    /// What an errand is for, until it has ended.
    pub fn purpose(&self, errand: Errand) -> Option<&P> {
        self.errands.get(errand).map(|entry| &entry.purpose)
    }

    /// Errands that have not ended, and syncs.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.errands.count() + self.syncs.count()
    }

    /// Where an errand is, and its bytes moved so far; `None` once it has ended.
    pub fn progress(&self, errand: Errand) -> Option<(RequestStatus, u64)> {
        let id = self.errands.request(errand)?;
        let bytes = self.scheduler.bytes_completed(id)?;
        Some((self.scheduler.status(id)?, bytes))
    }

    /// Streams, events, figures: what does not concern errands. Ended errands come out of
    /// [`Traffic::next_ended`] alone.
    pub fn scheduler(&mut self) -> &mut Scheduler {
        &mut self.scheduler
    }

    /// The device queues.
    pub fn queues(&self) -> &Queues {
        &self.queues
    }

    /// Slices and syncs in the engine's hands or on their way to it.
    #[cfg(test)]
    fn in_flight(&self) -> usize {
        self.flights.len() + self.syncs.in_flight()
    }

    /// What the engines did.
    pub fn engine_stats(&self) -> EngineStats {
        self.engine.stats()
    }

    /// Descriptors that become readable when [`Traffic::pump`] may have something to do.
    pub fn readable_fds(&self) -> Vec<RawFd> {
        self.engine.readable_fds()
    }

    /// When [`Traffic::pump`] has something to do at the latest, on the clock of `now_ns`.
    pub fn next_timer_ns(&self) -> Option<u64> {
        self.scheduler.next_timer_ns()
    }

    /// Waits for the engine, at most `timeout_us` and until the next timer.
    pub fn wait(&mut self, timeout_us: u64, now_ns: u64) {
        let timer_us = match self.next_timer_ns() {
            Some(due_ns) => due_ns.saturating_sub(now_ns) / 1000 + 1,
            None => u64::MAX,
        };
        if self.completions.is_empty() {
            self.engine.wait(timeout_us.min(timer_us));
        }
    }
}
