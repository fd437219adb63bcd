//! Revisions that come faster than they are promoted.

use super::*;

/// Revisions come faster than they can be promoted.
fn faster(count: usize, order: Order) -> World {
    let mut world = World::new();
    world.environments[2].promotion.as_mut().unwrap().order = order;
    let happen = |world: &mut World, events: &[Event]| events.iter().for_each(|event| world.happen(event).unwrap());
    let upstream = [Event::Sync(0), Event::Sync(1), Event::Healthy(0), Event::Healthy(1), Event::Pass(SOAK)];
    let promote = [Event::Tick { succeed: [true, true], race: None }, Event::Sync(2), Event::Healthy(2)];
    for number in 0..count {
        happen(&mut world, &[Event::Push { targets: vec![2], back: None, no_op: false }]);
        happen(&mut world, &upstream);
        if number % 25 == 24 {
            happen(&mut world, &promote);
        }
    }
    while world.decide().promotions().next().is_some() {
        happen(&mut world, &promote);
    }
    world
}

#[test]
fn revisions_come_faster_than_they_are_promoted() {
    let visited = |world: &World| -> Vec<String> {
        let results = world.commits.iter().filter_map(|commit| trailers::result(&commit.message).unwrap());
        results.map(|result| result.revision).collect()
    };
    let asked = |world: &World| -> Vec<String> {
        let asks = |commit: &&Commit| !trailers::requests(&commit.id, &commit.message).unwrap().is_empty();
        world.commits.iter().filter(asks).map(|commit| commit.id.clone()).collect()
    };
    // Each promotion checks that no gate is skipped.
    let latest = faster(200, Order::Latest);
    assert_eq!(visited(&latest).last(), asked(&latest).last());
    assert!(visited(&latest).len() <= 8, "each promotion goes to the newest");
    let queue = faster(50, Order::Queue);
    assert_eq!(visited(&queue), asked(&queue), "each is visited, in order");
}
