//! The L2 directory under loom: a reader that copies without asking, against the service that gives
//! the frame to another page. Run by `scripts/test` with `--cfg loom`.
#![cfg(loom)]

use gpuio_memory::directory::{DirectoryWord, Generation};
use gpuio_memory::sync::atomic::{fence, AtomicU64, Ordering};
use loom::sync::Arc;
use loom::thread;

/// A frame of two words, and the words of two pages that take turns in it. A page's bytes are its
/// number.
struct World {
    directory: [DirectoryWord; 2],
    bytes: [AtomicU64; 2],
}

const HERE: u64 = 10;
const OTHER: u64 = 20;

/// The page HERE is in frame 0.
fn world() -> Arc<World> {
    let world = World {
        directory: [DirectoryWord::new(), DirectoryWord::new()],
        bytes: [AtomicU64::new(HERE), AtomicU64::new(HERE)],
    };
    world.directory[0].publish(0, Generation::FIRST);
    Arc::new(world)
}

/// As an engine or a copy stores a page.
fn fill(world: &World, value: u64) {
    for word in &world.bytes {
        word.store(value, Ordering::Relaxed);
    }
}

/// What a reader of a page has copied, if it may use it.
fn read(world: &World, page: usize) -> Option<[u64; 2]> {
    let (_, seen) = world.directory[page].look()?;
    let copied = [0, 1].map(|k: usize| world.bytes[k].load(Ordering::Relaxed));
    world.directory[page].still_says(seen).then_some(copied)
}

#[test]
fn a_reader_uses_no_other_pages_bytes() {
    loom::model(|| {
        let world = world();
        let seen_by = Arc::clone(&world);
        let reader = thread::spawn(move || read(&seen_by, 0));
        world.directory[0].withdraw();
        fill(&world, OTHER);
        world.directory[1].publish(0, Generation::FIRST.next());
        assert!(matches!(reader.join().unwrap(), None | Some([HERE, HERE])));
    });
}

#[test]
fn a_reader_of_the_new_page_sees_all_its_bytes() {
    loom::model(|| {
        let world = world();
        let seen_by = Arc::clone(&world);
        let reader = thread::spawn(move || read(&seen_by, 1));
        world.directory[0].withdraw();
        fill(&world, OTHER);
        world.directory[1].publish(0, Generation::FIRST.next());
        assert!(matches!(
            reader.join().unwrap(),
            None | Some([OTHER, OTHER])
        ));
    });
}

/// HERE goes, OTHER comes, HERE comes back: all between the two looks of one reader.
fn goes_and_comes_back(as_generation: Generation) {
    loom::model(move || {
        let world = world();
        let seen_by = Arc::clone(&world);
        let reader = thread::spawn(move || read(&seen_by, 0));
        world.directory[0].withdraw();
        fill(&world, OTHER);
        fill(&world, HERE);
        world.directory[0].publish(0, as_generation);
        assert!(matches!(reader.join().unwrap(), None | Some([HERE, HERE])));
    });
}

#[test]
fn a_page_that_came_back_is_another_word() {
    goes_and_comes_back(Generation::FIRST.next());
}

/// The planted bug: the same word for the page that came back.
#[test]
#[should_panic]
fn a_generation_used_again_is_found() {
    goes_and_comes_back(Generation::FIRST);
}

/// A word whose withdrawal is a store without a fence after it.
fn withdraw_without_fence(directory: &AtomicU64, world: &World) {
    directory.store(0, Ordering::Release);
    fill(world, OTHER);
}

/// The planted bug: a release store keeps what comes before it in front, and nothing behind it.
#[test]
#[should_panic]
fn a_withdrawal_without_its_fence_is_found() {
    loom::model(|| {
        let world = world();
        let directory = Arc::new(AtomicU64::new(1));
        let (seen_by, word) = (Arc::clone(&world), Arc::clone(&directory));
        let reader = thread::spawn(move || {
            let seen = word.load(Ordering::Acquire);
            let copied = [1, 0].map(|k: usize| seen_by.bytes[k].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            (seen != 0 && word.load(Ordering::Relaxed) == seen).then_some(copied)
        });
        withdraw_without_fence(&directory, &world);
        assert!(matches!(reader.join().unwrap(), None | Some([HERE, HERE])));
    });
}

/// The planted bug: one look is not enough.
#[test]
#[should_panic]
fn a_reader_that_does_not_look_again_is_found() {
    loom::model(|| {
        let world = world();
        let seen_by = Arc::clone(&world);
        let reader = thread::spawn(move || {
            seen_by.directory[0].look()?;
            Some([0, 1].map(|k: usize| seen_by.bytes[k].load(Ordering::Relaxed)))
        });
        world.directory[0].withdraw();
        fill(&world, OTHER);
        assert!(matches!(reader.join().unwrap(), None | Some([HERE, HERE])));
    });
}
