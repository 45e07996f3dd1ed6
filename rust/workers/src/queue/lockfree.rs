//! crossbeam-deque's queues.

use super::StealQueue;
use crossbeam_deque::{Injector, Steal, Stealer, Worker};

/// crossbeam-deque: no locks.
#[derive(Debug)]
pub enum LockFree {}

/// Tries again while somebody else was faster. Each time, somebody got a task: it ends.
fn settled<T>(mut attempt: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match attempt() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}

impl StealQueue for LockFree {
    type Global<T: Send> = Injector<T>;
    type Local<T: Send> = Worker<T>;
    type Peer<T: Send> = Stealer<T>;

    fn global<T: Send>() -> Injector<T> {
        Injector::new()
    }

    fn local<T: Send>() -> (Worker<T>, Stealer<T>) {
        let local = Worker::new_fifo();
        let peer = local.stealer();
        (local, peer)
    }

    fn push<T: Send>(global: &Injector<T>, task: T) {
        global.push(task);
    }

    fn take<T: Send>(global: &Injector<T>) -> Option<T> {
        settled(|| global.steal())
    }

    fn take_batch<T: Send>(global: &Injector<T>, into: &Worker<T>, limit: usize) -> Option<T> {
        settled(|| global.steal_batch_with_limit_and_pop(into, limit))
    }

    fn is_empty<T: Send>(global: &Injector<T>) -> bool {
        global.is_empty()
    }

    fn pop<T: Send>(local: &Worker<T>) -> Option<T> {
        local.pop()
    }

    fn is_local_empty<T: Send>(local: &Worker<T>) -> bool {
        local.is_empty()
    }

    fn steal_batch<T: Send>(peer: &Stealer<T>, into: &Worker<T>, limit: usize) -> Option<T> {
        settled(|| peer.steal_batch_with_limit_and_pop(into, limit))
    }

    fn is_peer_empty<T: Send>(peer: &Stealer<T>) -> bool {
        peer.is_empty()
    }
}
