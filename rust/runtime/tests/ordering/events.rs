//! What a stream does after it has waited for an event comes after what was submitted before that
//! was recorded; whatever the streams, and whatever they wait for themselves.

use super::place::Kind;
use super::plant::Planted;
use super::world::World;

pub const BUGS: [Planted; 2] = [Planted::NoWait, Planted::EarlyEvent];

const STREAMS: u64 = 3;

/// The turn goes from stream to stream, by an event each time, so that everything has one order.
pub fn run(kind: Kind, seed: u64, planted: Planted) -> Result<(), String> {
    let mut world = World::new(kind, seed, planted);
    let streams: Vec<_> = (0..STREAMS).map(|_| world.stream()).collect();
    let nothing = world.stream();
    let mut turn = 0;
    for _ in 0..20 {
        for _ in 0..1 + world.random.below(3) {
            let step = world.any_step();
            world.submit(&streams[turn], step);
        }
        let next = (turn + 1 + world.random.below(STREAMS - 1) as usize) % STREAMS as usize;
        let event = world.requests.create_event().unwrap();
        let recorded_in = match planted {
            Planted::EarlyEvent => &nothing,
            _ => &streams[turn],
        };
        event.record(recorded_in).unwrap();
        if planted != Planted::NoWait {
            streams[next].wait(&event).unwrap();
        }
        turn = next;
    }
    world.check()
}
