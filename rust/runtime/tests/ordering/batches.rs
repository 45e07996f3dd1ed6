//! A batch leaves what its parts would in the order of the list, also where they overlap; and it
//! has its place in its stream.

use super::place::Kind;
use super::plant::Planted;
use super::world::World;

pub const BUGS: [Planted; 2] = [Planted::NoStream, Planted::LooseParts];

pub fn run(kind: Kind, seed: u64, planted: Planted) -> Result<(), String> {
    let mut world = World::new(kind, seed, planted);
    let stream = world.stream();
    for _ in 0..6 {
        let count = 1 + world.random.below(15);
        let parts: Vec<_> = (0..count).map(|_| world.any_step()).collect();
        world.submit_batch(&stream, &parts);
        let between = world.any_step();
        world.submit(&stream, between);
    }
    world.check()
}
