//! Laws that hold whatever happens, in whatever order: a small world of environments in which random events take place.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::tests::{Line, at, id};
use super::*;

/// `dev` and `test` follow the head; `staging` needs both; `prod` needs `staging`.
const NAMES: [&str; 4] = ["dev", "test", "staging", "prod"];
const UPSTREAMS: [&[usize]; 4] = [&[], &[], &[0, 1], &[2]];

#[derive(Debug, Clone)]
enum Event {
    /// A commit that asks for promotions to some environments, of itself or of an older commit.
    Push {
        targets: Vec<usize>,
        back: Option<usize>,
        no_op: bool,
    },
    /// An environment applies what it should run.
    Sync(usize),
    /// All becomes healthy in an environment.
    Healthy(usize),
    /// Something breaks there.
    Degrade(usize),
    Drift(usize, bool),
    Suspend(usize, bool),
    /// Somebody commits a pin.
    Hand {
        environment: usize,
        back: usize,
    },
    /// Time passes, in seconds.
    Pass(i64),
    /// The agent decides, and makes some of the promotions; others fail. Meanwhile somebody may push a request.
    Tick {
        succeed: [bool; 2],
        race: Option<usize>,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let environment = 0..4_usize;
    let promoted = 2..4_usize;
    prop_oneof![
        4 => (prop::collection::vec(promoted.clone(), 0..3), prop::option::weighted(0.2, 0..6_usize), any::<bool>())
            .prop_map(|(targets, back, no_op)| Event::Push { targets, back, no_op }),
        8 => environment.clone().prop_map(Event::Sync),
        8 => environment.clone().prop_map(Event::Healthy),
        1 => environment.clone().prop_map(Event::Degrade),
        1 => (environment.clone(), any::<bool>()).prop_map(|(environment, drift)| Event::Drift(environment, drift)),
        1 => (environment, any::<bool>()).prop_map(|(environment, suspend)| Event::Suspend(environment, suspend)),
        1 => (promoted.clone(), 0..6_usize).prop_map(|(environment, back)| Event::Hand { environment, back }),
        3 => (0..20_i64).prop_map(Event::Pass),
        8 => (any::<[bool; 2]>(), prop::option::weighted(0.2, promoted))
            .prop_map(|(succeed, race)| Event::Tick { succeed, race }),
    ]
}

#[derive(Debug, Clone)]
struct World {
    commits: Vec<Commit>,
    /// What a commit renders to; commits without an effect render to what their parent does.
    manifests: BTreeMap<String, Digest>,
    environments: Vec<Environment>,
    now: i64,
    /// Independent of the code under test: for how long each environment was healthy with these manifests at a stretch.
    proven: BTreeMap<(usize, Digest), i64>,
    healthy_since: [Option<i64>; 4],
}

const SOAK: i64 = 5;

impl World {
    fn new() -> Self {
        let environments = NAMES.iter().zip(UPSTREAMS).map(|(name, upstreams)| Environment {
            name: (*name).to_owned(),
            promotion: (!upstreams.is_empty()).then(|| Promotion {
                from: upstreams.iter().map(|upstream| NAMES[*upstream].to_owned()).collect(),
                soak: SignedDuration::from_secs(SOAK),
                ..Promotion::default()
            }),
            elsewhere: false,
            suspended: false,
            pin: None,
            state: State::default(),
        });
        let mut world = Self {
            commits: Vec::new(),
            manifests: BTreeMap::new(),
            environments: environments.collect(),
            now: 0,
            proven: BTreeMap::new(),
            healthy_since: [None; 4],
        };
        world.push(String::new(), BTreeSet::new(), false);
        world
    }

    fn push(&mut self, message: String, pins: BTreeSet<String>, no_op: bool) {
        let number = self.commits.len();
        let id = id(&format!("{:06x}f", number + 1));
        let parent = self.commits.last().map(|commit| self.manifests[&commit.id]);
        let manifests = parent.filter(|_| no_op).unwrap_or_else(|| Digest::of(&number.to_le_bytes()));
        self.manifests.insert(id.clone(), manifests);
        self.commits.push(Commit { id, message, pins, ..Commit::default() });
        // Renders are cached: what any revision renders to is known everywhere.
        for environment in &mut self.environments {
            environment.state.digests = self.manifests.clone();
        }
    }

    /// A commit some steps before the head.
    fn back(&self, steps: usize) -> String {
        self.commits[self.commits.len().saturating_sub(steps + 1)].id.clone()
    }

    fn decide(&self) -> Decisions {
        let input = Input {
            commits: &self.commits,
            environments: &self.environments,
            default_from: &[],
            refused: None,
            checks: &Checks::new(),
            now: at(self.now),
        };
        let Ok(decisions) = decide(&input, &self.line());
        decisions
    }

    fn line(&self) -> Line {
        Line(self.commits.iter().map(|commit| commit.id.clone()).collect(), BTreeMap::new())
    }

    /// Notes, by its own reckoning, what an environment has proven until now.
    fn reckon(&mut self, number: usize) {
        let state = &self.environments[number].state;
        if let (Some(since), Some(revision)) = (self.healthy_since[number], &state.revision) {
            let proven = self.proven.entry((number, self.manifests[revision])).or_insert(-1);
            *proven = (*proven).max(self.now - since);
        }
    }

    fn unhealthy(&mut self, number: usize, degraded: bool) {
        self.reckon(number);
        self.healthy_since[number] = None;
        let state = &mut self.environments[number].state;
        for healthy in &mut state.healthy {
            healthy.until = healthy.until.or(Some(at(self.now)));
        }
        if degraded && let Some(revision) = state.revision.clone() {
            state.healthy.retain(|healthy| healthy.revision != revision);
        }
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Push { targets, back, no_op } => {
                let mut message = "change\n\n".to_owned();
                for target in targets {
                    message.extend(["Promote-To: ", NAMES[*target], "\n"]);
                }
                if let (Some(back), false) = (back, targets.is_empty()) {
                    message.extend(["Promote-Revision: ", &self.back(*back)[..12], "\n"]);
                }
                self.push(message, BTreeSet::new(), *no_op);
            }
            Event::Sync(number) => {
                let environment = &self.environments[*number];
                let revision = match &environment.promotion {
                    None => Some(self.back(0)),
                    Some(_) => environment.pin.as_ref().map(|pin| pin.revision.clone()),
                };
                if revision != environment.state.revision {
                    self.unhealthy(*number, false);
                    self.environments[*number].state.revision = revision;
                }
            }
            Event::Healthy(number) => {
                let state = &mut self.environments[*number].state;
                if let (Some(revision), None) = (&state.revision, self.healthy_since[*number]) {
                    state.healthy.push(Healthy { revision: revision.clone(), since: at(self.now), until: None });
                    self.healthy_since[*number] = Some(self.now);
                }
            }
            Event::Degrade(number) => self.unhealthy(*number, true),
            Event::Drift(number, drifted) => self.environments[*number].state.drifted = *drifted,
            Event::Suspend(number, suspended) => self.environments[*number].suspended = *suspended,
            Event::Hand { environment, back } => {
                let revision = self.back(*back);
                let name = NAMES[*environment].to_owned();
                self.push("by hand".to_owned(), BTreeSet::from([name]), true);
                self.environments[*environment].pin = Some(Pin::new(revision));
            }
            Event::Pass(seconds) => self.now += seconds,
            Event::Tick { succeed, race } => self.tick(*succeed, *race)?,
        }
        Ok(())
    }

    fn tick(&mut self, succeed: [bool; 2], race: Option<usize>) -> Result<(), TestCaseError> {
        (0..4).for_each(|number| self.reckon(number));
        let decisions = self.decide();
        if let Some(target) = race {
            self.push(format!("race\n\nPromote-To: {}\n", NAMES[target]), BTreeSet::new(), false);
        }
        let (mut made, mut made_now, mut asked) = (BTreeSet::new(), 0, BTreeSet::new());
        for (decision, succeeds) in decisions.promotions().zip(succeed) {
            let number = NAMES.iter().position(|name| *name == decision.environment).unwrap();
            let revision = decision.revision.clone().unwrap();
            prop_assert!(made.insert(number), "one promotion for each environment");
            self.no_gate_is_skipped(number, &revision)?;
            if succeeds {
                let result = decision.result().unwrap();
                self.environments[number].pin = decision.pin();
                asked.insert(decision.request.clone());
                self.push(trailers::message(&result), BTreeSet::from([result.to]), true);
                made_now += 1;
            }
        }
        // What was made is not made again, and what was not made is left, as long as nobody asked for something else.
        let left = decisions.promotions().zip(succeed).filter(|(_, made)| !made).map(|(left, _)| left);
        let left: Vec<&Decision> =
            left.filter(|left| race.is_none_or(|target| NAMES[target] != left.environment)).collect();
        let again = self.decide();
        if self.environments.iter().flat_map(|it| &it.promotion).any(|promotion| promotion.order == Order::Queue) {
            // The next in the queue has its turn.
            prop_assert!(again.promotions().all(|next| !asked.contains(&next.request)));
        } else {
            prop_assert_eq!(again.promotions().collect::<Vec<_>>(), left);
        }
        if let Some(target) = race {
            let latest = Some(&self.commits[self.commits.len() - 1 - made_now].id);
            let decisions = self.decide();
            let open = decisions.requests.iter().find(|decision| decision.environment == NAMES[target]);
            prop_assert_eq!(open.and_then(|decision| decision.request.as_ref()), latest, "the request is not lost");
            let open = open.is_some_and(|decision| matches!(decision.verdict, Verdict::Wait { .. }));
            prop_assert!(open, "nothing is healthy at it yet");
        }
        self.the_window_is_enough()
    }

    fn no_gate_is_skipped(&self, number: usize, revision: &str) -> Result<(), TestCaseError> {
        let target = &self.environments[number];
        prop_assert!(!target.suspended && !target.state.drifted);
        for upstream in UPSTREAMS[number] {
            let proven = self.proven.get(&(*upstream, self.manifests[revision]));
            prop_assert!(
                proven.is_some_and(|seconds| *seconds >= SOAK),
                "{} never proved {}",
                NAMES[*upstream],
                revision
            );
        }
        if let Some(pin) = &target.pin {
            let Ok(back) = self.line().is_ancestor(revision, &pin.revision);
            prop_assert!(!back, "a request never moves a pin back");
        }
        Ok(())
    }

    /// Deciding on the history that the window takes is deciding on all of it.
    fn the_window_is_enough(&self) -> Result<(), TestCaseError> {
        let mut window = Window::new(&self.environments);
        let mut start = self.commits.len();
        while start > 0 && window.wants_more() {
            start -= 1;
            window.take(&self.commits[start]);
        }
        let input = Input {
            commits: &self.commits[start..],
            environments: &self.environments,
            default_from: &[],
            refused: None,
            checks: &Checks::new(),
            now: at(self.now),
        };
        let open = |decisions: Decisions| -> Vec<Decision> {
            let settled = |verdict: &Verdict| matches!(verdict, Verdict::Done { .. } | Verdict::Superseded { .. });
            decisions.requests.into_iter().filter(|decision| !settled(&decision.verdict)).collect()
        };
        let Ok(short) = decide(&input, &self.line());
        prop_assert_eq!(open(short), open(self.decide()));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_events(events in prop::collection::vec(event(), 1..80)) {
        let mut world = World::new();
        for event in &events {
            world.happen(event)?;
        }
        // Each request has one result at most.
        let results: Vec<PromotionResult> =
            world.commits.iter().filter_map(|commit| trailers::result(&commit.message).unwrap()).collect();
        let distinct: BTreeSet<_> = results.iter().map(|result| (&result.to, &result.request)).collect();
        prop_assert_eq!(distinct.len(), results.len());
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Revisions come faster than promotions: in the end everything runs the newest, and no gate was skipped.
    #[test]
    fn a_storm_ends_at_the_newest(ticks in prop::collection::vec(any::<bool>(), 200)) {
        let mut world = World::new();
        for tick in ticks {
            world.happen(&Event::Push { targets: vec![2, 3], back: None, no_op: false })?;
            if tick {
                world.happen(&Event::Sync(0))?;
                world.happen(&Event::Healthy(0))?;
                world.happen(&Event::Tick { succeed: [true; 2], race: None })?;
            }
        }
        let newest = world.back(0);
        for _ in 0..4 {
            for number in 0..4 {
                world.happen(&Event::Sync(number))?;
                world.happen(&Event::Healthy(number))?;
            }
            world.happen(&Event::Pass(SOAK))?;
            world.happen(&Event::Tick { succeed: [true; 2], race: None })?;
        }
        let pinned: Vec<_> = world.environments[2..].iter().map(|it| it.pin.clone().unwrap().revision).collect();
        prop_assert_eq!(pinned, vec![newest.clone(), newest]);
    }
}

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
