//! The same behind locks, which a model checker can see into. Moving a batch takes the two locks
//! one after the other, as crossbeam's queues have a moment in between where the tasks are in
//! neither.

use super::StealQueue;
use crate::sync::{lock, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;

/// Locked queues, for models and tests.
#[derive(Debug)]
pub enum Mutexed {}

type Queue<T> = Mutex<VecDeque<T>>;

/// Half of what is there, rounded up, at most `limit`: as crossbeam does it.
fn move_half<T>(from: &Queue<T>, into: &Queue<T>, limit: usize) -> Option<T> {
    let mut from = lock(from);
    let count = from.len().div_ceil(2).min(limit);
    let mut batch = from.drain(..count).collect::<Vec<_>>().into_iter();
    drop(from);
    let first = batch.next()?;
    lock(into).extend(batch);
    Some(first)
}

impl StealQueue for Mutexed {
    type Global<T: Send> = Queue<T>;
    type Local<T: Send> = Arc<Queue<T>>;
    type Peer<T: Send> = Arc<Queue<T>>;

    fn global<T: Send>() -> Queue<T> {
        Mutex::new(VecDeque::new())
    }

    fn local<T: Send>() -> (Arc<Queue<T>>, Arc<Queue<T>>) {
        let local = Arc::new(Mutex::new(VecDeque::new()));
        (Arc::clone(&local), local)
    }

    fn push<T: Send>(global: &Queue<T>, task: T) {
        lock(global).push_back(task);
    }

    fn take<T: Send>(global: &Queue<T>) -> Option<T> {
        lock(global).pop_front()
    }

    fn take_batch<T: Send>(global: &Queue<T>, into: &Arc<Queue<T>>, limit: usize) -> Option<T> {
        move_half(global, into, limit)
    }

    fn is_empty<T: Send>(global: &Queue<T>) -> bool {
        lock(global).is_empty()
    }

    fn pop<T: Send>(local: &Arc<Queue<T>>) -> Option<T> {
        lock(local).pop_front()
    }

    fn is_local_empty<T: Send>(local: &Arc<Queue<T>>) -> bool {
        lock(local).is_empty()
    }

    fn steal_batch<T: Send>(peer: &Arc<Queue<T>>, into: &Arc<Queue<T>>, limit: usize) -> Option<T> {
        move_half(peer, into, limit)
    }

    fn is_peer_empty<T: Send>(peer: &Arc<Queue<T>>) -> bool {
        lock(peer).is_empty()
    }
}
