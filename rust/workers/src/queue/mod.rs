//! The queues that tasks wait in, behind a trait: crossbeam's for use, and one of locks that loom
//! and shuttle can see into.

#[cfg(any(test, not(shuttle)))]
mod lockfree;
#[cfg(any(test, shuttle))]
mod mutexed;

#[cfg(any(test, not(shuttle)))]
pub use lockfree::LockFree;
#[cfg(any(test, shuttle))]
pub use mutexed::Mutexed;

/// What the pool uses.
#[cfg(not(shuttle))]
pub type Chosen = LockFree;
/// What the pool uses.
#[cfg(shuttle)]
pub type Chosen = Mutexed;

/// A family of queues between which tasks move. First in, first out, all of them, as far as one
/// thread can tell. Nothing here waits.
pub trait StealQueue {
    /// Open to all threads at both ends.
    type Global<T: Send>: Send + Sync;
    /// A worker's own. Filled by the batches that it takes, emptied by it and by thieves.
    type Local<T: Send>: Send;
    /// What the other workers hold of a [`Local`](Self::Local): enough to steal.
    type Peer<T: Send>: Send + Sync;

    /// An empty global queue.
    fn global<T: Send>() -> Self::Global<T>;

    /// An empty local queue, and its other end.
    fn local<T: Send>() -> (Self::Local<T>, Self::Peer<T>);

    /// Puts a task at the end.
    fn push<T: Send>(global: &Self::Global<T>, task: T);

    /// Takes the oldest.
    fn take<T: Send>(global: &Self::Global<T>) -> Option<T>;

    /// Takes the oldest, and moves some of those behind it to `into`; at most `limit` in all.
    fn take_batch<T: Send>(
        global: &Self::Global<T>,
        into: &Self::Local<T>,
        limit: usize,
    ) -> Option<T>;

    /// Whether it holds nothing. Sees every push that happened before.
    fn is_empty<T: Send>(global: &Self::Global<T>) -> bool;

    /// Takes the oldest of the caller's own.
    fn pop<T: Send>(local: &Self::Local<T>) -> Option<T>;

    /// Whether the caller's own holds nothing.
    fn is_local_empty<T: Send>(local: &Self::Local<T>) -> bool;

    /// Steals the oldest, and moves some of those behind it to `into`; at most `limit` in all.
    fn steal_batch<T: Send>(peer: &Self::Peer<T>, into: &Self::Local<T>, limit: usize)
        -> Option<T>;

    /// Whether there is nothing to steal.
    fn is_peer_empty<T: Send>(peer: &Self::Peer<T>) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What both families must do.
    fn order_and_limits<Q: StealQueue>() {
        let global = Q::global();
        let (mine, my_end) = Q::local();
        let (theirs, their_end) = Q::local();
        assert!(Q::is_empty(&global) && Q::is_local_empty(&mine) && Q::is_peer_empty(&my_end));
        assert_eq!(Q::take(&global), None);
        assert_eq!(Q::take_batch(&global, &mine, 4), None);
        assert_eq!(Q::steal_batch(&their_end, &mine, 4), None);
        (0..100).for_each(|task| Q::push(&global, task));
        assert_eq!(Q::take(&global), Some(0));
        assert_eq!(Q::take_batch(&global, &mine, 8), Some(1));
        assert!(!Q::is_local_empty(&mine) && !Q::is_peer_empty(&my_end));
        assert_eq!(Q::steal_batch(&my_end, &theirs, 2), Some(2));
        let mut rest: Vec<i32> = std::iter::from_fn(|| Q::pop(&theirs)).collect();
        assert!(rest.len() <= 1, "{rest:?}");
        rest.extend(std::iter::from_fn(|| Q::pop(&mine)));
        assert!((5..=6).contains(&rest.len()), "{rest:?}");
        assert!(rest.is_sorted(), "{rest:?}");
        rest.extend(std::iter::from_fn(|| Q::take(&global)));
        assert_eq!(
            rest,
            (3..100).collect::<Vec<_>>(),
            "nothing lost, nothing twice"
        );
        assert!(Q::is_empty(&global) && Q::is_peer_empty(&my_end) && Q::is_peer_empty(&their_end));
    }

    #[test]
    fn crossbeams_keep_order_and_limits() {
        order_and_limits::<LockFree>();
    }

    #[test]
    fn the_stand_ins_keep_order_and_limits() {
        order_and_limits::<Mutexed>();
    }
}
