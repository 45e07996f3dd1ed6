//! Requests that have ended are told of together, so that what they all have to give back is given
//! back under one lock.

use super::Desk;
use crate::requests::order::Part;
use crate::requests::state::End;
use crate::requests::Shared;
use crate::service::Purpose;
use crate::traffic::Done;
use gpuio_core::scheduling::RegionId;
use gpuio_core::{Error, Result};

/// So many are told of at the latest, so that the first of them does not wait for many.
const TOLD_AT_ONCE: usize = 64;
/// Regions that are looked through for the one in question; most requests name the same few.
const REGIONS_COMPARED: usize = 4;

/// See the module's comment.
#[derive(Default)]
pub struct Outbox {
    ends: Vec<End>,
    /// The regions that these have used, and how often; some perhaps in several places.
    uses: Vec<(RegionId, usize)>,
    /// Threads that waited for one of several have been woken.
    pub has_woken: bool,
}

impl Outbox {
    fn add(&mut self, end: End) {
        for (region, count) in end.state.order.uses() {
            let known = self.uses.iter_mut().rev().take(REGIONS_COMPARED);
            match known.into_iter().find(|(known, _)| *known == region) {
                Some((_, sum)) => *sum += count,
                None => self.uses.push((region, count)),
            }
        }
        self.ends.push(end);
    }

    /// Gives regions and places back first: who learns of an end finds them free.
    fn publish(&mut self, shared: &Shared) {
        if self.ends.is_empty() {
            return;
        }
        shared.inbox.leave(self.ends.len(), &self.uses);
        self.uses.clear();
        let watched = self
            .ends
            .drain(..)
            .filter_map(|end| end.tell().then_some(()));
        if watched.count() > 0 {
            self.has_woken |= shared.turnstile.turn();
        }
    }
}

impl Desk {
    /// A request has ended. Whoever waits for it is told soon, at the latest by
    /// [`Desk::publish`].
    pub(super) fn end(&mut self, end: End) {
        self.outbox.add(end);
        if self.outbox.ends.len() >= TOLD_AT_ONCE {
            self.publish();
        }
    }

    /// Tells of the requests that have ended.
    pub fn publish(&mut self) {
        self.outbox.publish(&self.shared);
    }

    /// A request's errand has ended.
    pub fn request_ended(&mut self, mut done: Done<Purpose>) {
        let Purpose::User(state) = done.purpose else {
            return;
        };
        debug_assert_eq!(state.bytes(), done.bytes_completed);
        if let Some(error) = &mut done.error {
            locate(state.order.parts(), &mut done.parts, error);
        }
        self.end(End {
            state,
            status: done.status,
            error: done.error,
            parts: done.parts,
        });
    }
}

/// Lets the errors of a batch's parts, and its own, say where they were as users count.
fn locate(parts: &[Part], results: &mut [Result<()>], own: &mut Error) {
    for (part, result) in parts.iter().zip(&mut *results) {
        if let Err(error) = result {
            part.locate(error);
        }
    }
    // Its own is that of the first part that failed, unless it says nothing of where.
    let first = results.iter().find_map(|it| it.as_ref().err());
    if let Some(first) = first {
        own.offset = own.offset.and(first.offset);
    }
}
