//! In a stream, overlapping writes keep their order, a read sees the writes before it and none
//! after it; also where they are cut into slices.

use super::place::Kind;
use super::plant::Planted;
use super::world::World;

pub const BUGS: [Planted; 1] = [Planted::NoStream];

pub fn run(kind: Kind, seed: u64, planted: Planted) -> Result<(), String> {
    let mut world = World::new(kind, seed, planted);
    let stream = world.stream();
    for _ in 0..40 {
        let step = world.any_step();
        world.submit(&stream, step);
    }
    world.check()
}
