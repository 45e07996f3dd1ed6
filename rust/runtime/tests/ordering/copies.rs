//! The same of batches whose parts go between all kinds of places, also from one to another. What
//! an engine can do and what it cannot wait for each other.

use super::place::Kind;
use super::plant::Planted;
use super::world::World;

pub const BUGS: [Planted; 3] = [Planted::NoStream, Planted::LooseParts, Planted::LooseCopies];

pub fn run(kind: Kind, seed: u64, planted: Planted) -> Result<(), String> {
    let mut world = World::new(kind, seed, planted);
    let stream = world.stream();
    for _ in 0..6 {
        let count = 1 + world.random.below(15);
        let parts: Vec<_> = (0..count).map(|_| world.any_step_or_copy()).collect();
        world.submit_batch(&stream, &parts);
        let between = world.any_step_or_copy();
        world.submit(&stream, between);
    }
    world.check()
}
