//! Every order of a few events. The random ones go further, these leave nothing out.

use super::*;

/// Every order of a few events, and what comes of it when everything has settled. The proptest above goes further, this one leaves nothing out.
#[test]
fn in_every_order_of_a_few_events() {
    // `test` is there all the time and healthy at the head, so that the orders of the others are what counts.
    let alphabet = [
        Event::Push { targets: vec![2, 3], back: None, no_op: false },
        Event::Push { targets: vec![2], back: Some(0), no_op: true },
        Event::Sync(0),
        Event::Healthy(0),
        Event::Degrade(0),
        Event::Sync(2),
        Event::Healthy(2),
        Event::Pass(SOAK),
        Event::Tick { succeed: [true, false], race: None },
        Event::Tick { succeed: [false, false], race: Some(2) },
    ];
    let most = [2, 1, 9, 9, 1, 9, 9, 2, 9, 1];
    let mut seen = std::collections::HashSet::new();
    let mut worlds = vec![(World::new(), [0_usize; 10])];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for (world, counts) in &worlds {
            for (number, event) in alphabet.iter().enumerate() {
                if counts[number] == most[number] {
                    continue;
                }
                let (mut world, mut counts) = (world.clone(), *counts);
                counts[number] += 1;
                for step in [event, &Event::Sync(1), &Event::Healthy(1)] {
                    world.happen(step).unwrap();
                }
                let budget: Vec<usize> =
                    most.iter().zip(counts).filter(|(most, _)| **most < 9).map(|(_, count)| count).collect();
                if seen.insert(Digest::of(format!("{world:?}{budget:?}").as_bytes())) {
                    next.push((world, counts));
                }
            }
        }
        worlds = next;
    }
    for (world, _) in worlds {
        world.settles();
    }
    assert!(seen.len() > 500, "only {} states", seen.len());
}

/// Every order of what stops promotions and of what goes back, from a staging that was promoted to three times, and from one that went back
/// since. Each tick holds the laws.
#[test]
fn in_every_order_of_holds_and_ways_back() {
    let push = Event::Push { targets: vec![2], back: None, no_op: false };
    let tick = Event::Tick { succeed: [true; 2], race: None };
    let upstream = [Event::Sync(0), Event::Sync(1), Event::Healthy(0), Event::Healthy(1), Event::Pass(SOAK)];
    let here = [tick.clone(), Event::Sync(2), Event::Healthy(2), Event::Pass(1)];
    let mut promoted = World::new();
    // Nothing waits for prod, so the window ends where that of staging does.
    promoted.environments[3].promotion = None;
    for _ in 0..3 {
        for event in [push.clone()].iter().chain(&upstream).chain(&here) {
            promoted.happen(event).unwrap();
        }
    }
    let mut back = promoted.clone();
    for event in [Event::Rollback(2)].iter().chain(&here).chain(&[Event::Release(2), tick.clone()]) {
        back.happen(event).unwrap();
    }
    let released = back.environments[2].pin.as_ref().is_some_and(|pin| pin.hold.is_none() && pin.rollback_of.is_some());
    assert!(released, "{back:#?}");
    let alphabet = [
        Event::Rollback(2),
        Event::Release(2),
        push,
        Event::Degrade(2),
        Event::Revert(2),
        Event::Replay(1),
        Event::ForcePush(1),
        Event::Withdraw(2),
        Event::Merge(2),
        Event::Hand { environment: 2, back: 0, hold: true },
        tick,
    ];
    let mut seen = std::collections::HashSet::new();
    let mut worlds = vec![promoted, back];
    for _ in 0..DEPTH - 1 {
        let mut next = Vec::new();
        for world in &worlds {
            for event in &alphabet {
                let mut world = world.clone();
                for step in [event].into_iter().chain(&upstream[..4]).chain(&[Event::Sync(2)]) {
                    world.happen(step).unwrap();
                }
                if seen.insert(Digest::of(format!("{world:?}").as_bytes())) {
                    next.push(world);
                }
            }
        }
        worlds = next;
    }
    assert!(seen.len() > 500, "only {} states", seen.len());
    for mut world in worlds {
        // Whatever happened: once the hold is gone and nothing new comes, it rests, and runs what its pin names.
        for event in [Event::Release(2), here[0].clone()].iter().chain(&upstream).chain(&here).chain(&here) {
            world.happen(event).unwrap();
        }
        let pin = world.environments[2].pin.clone();
        assert!(world.decide().promotions().next().is_none(), "it never comes to rest: {world:#?}");
        assert_eq!(world.environments[2].state.revision, pin.map(|pin| pin.revision));
    }
}

/// How many events follow one another.
const DEPTH: usize = 4;

impl World {
    /// Whatever happened before: once nothing new does, everything comes to rest at the newest that may run.
    fn settles(mut self) {
        for _ in 0..5 {
            for number in 0..4 {
                self.happen(&Event::Sync(number)).unwrap();
                self.happen(&Event::Healthy(number)).unwrap();
            }
            self.happen(&Event::Pass(SOAK)).unwrap();
            self.happen(&Event::Tick { succeed: [true, true], race: None }).unwrap();
        }
        let asked = self.commits.iter().rev().find_map(|commit| {
            let requests = trailers::requests(&commit.id, &commit.message).unwrap_or_default();
            requests.into_iter().find(|request| request.environment == "staging")
        });
        let Some(asked) = asked else { return };
        let Ok(Resolved::Commit(wanted)) = self.line().resolve(asked.revision.as_deref().unwrap_or(&asked.commit))
        else {
            panic!("{asked:?} names no commit");
        };
        let runs = self.environments[2].pin.as_ref().map(|pin| self.manifests[&pin.revision]);
        // What was asked for last runs, or it never can: the head is other, and nothing proved it before it went by.
        let proved = [0, 1].iter().all(|upstream| {
            self.proven.get(&(*upstream, self.manifests[&wanted])).is_some_and(|seconds| *seconds >= SOAK)
        });
        assert!(!proved || runs == Some(self.manifests[&wanted]), "{asked:?} did not come, and could: {self:#?}");
        assert_eq!(self.decide().promotions().count(), 0, "it never comes to rest");
    }
}
