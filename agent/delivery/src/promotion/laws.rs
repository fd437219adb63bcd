//! Laws that hold whatever happens, in whatever order: a small world of environments in which random events take place.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::tests::{Line, at, id};
use super::*;
use crate::pin::Hold;

mod orders;
mod storms;

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
        hold: bool,
    },
    /// A commit asks to go back, or to end a hold.
    Rollback(usize),
    Release(usize),
    /// A commit says again what an older one said: a request that is replayed, or a promotion that is only told.
    Replay(usize),
    /// Somebody takes the last commit that moved a pin back, as `git revert` does.
    Revert(usize),
    /// Somebody takes the last commit back that asks for something.
    Withdraw(usize),
    /// Somebody merges the pull request of what is asked for last, whatever its gates say, and the trailers are lost.
    Merge(usize),
    /// The branch is rewritten, and the last commits are gone.
    ForcePush(usize),
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
        1 => (promoted.clone(), 0..6_usize, any::<bool>())
            .prop_map(|(environment, back, hold)| Event::Hand { environment, back, hold }),
        2 => promoted.clone().prop_map(Event::Rollback),
        2 => promoted.clone().prop_map(Event::Release),
        1 => (0..8_usize).prop_map(Event::Replay),
        1 => promoted.clone().prop_map(Event::Revert),
        1 => promoted.clone().prop_map(Event::Withdraw),
        1 => promoted.clone().prop_map(Event::Merge),
        1 => (1..4_usize).prop_map(Event::ForcePush),
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
    /// The pins as each commit left them.
    pins: Vec<[Option<Pin>; 4]>,
}

const SOAK: i64 = 5;
/// Staging goes back by itself within this time.
const WITHIN: i64 = 10;

impl World {
    fn new() -> Self {
        let environments = NAMES.iter().zip(UPSTREAMS).map(|(name, upstreams)| Environment {
            name: (*name).to_owned(),
            promotion: (!upstreams.is_empty()).then(|| Promotion {
                from: upstreams.iter().map(|upstream| NAMES[*upstream].to_owned()).collect(),
                soak: SignedDuration::from_secs(SOAK),
                rollback_within: (*name == "staging").then_some(SignedDuration::from_secs(WITHIN)),
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
            pins: Vec::new(),
        };
        world.push(String::new(), false);
        world
    }

    /// Commits what the pins are now.
    fn push(&mut self, message: String, no_op: bool) {
        let number = self.manifests.len();
        let id = id(&format!("{:06x}f", number + 1));
        let now = [0, 1, 2, 3].map(|number: usize| self.environments[number].pin.clone());
        let before = self.pins.last().cloned().unwrap_or_default();
        let moved = || (0..4).filter(|number| now[*number] != before[*number]);
        let asked = |pin: &Option<Pin>| pin.as_ref().and_then(|pin| pin.requested_by.clone());
        let answers = moved().filter_map(|number| {
            let request = asked(&now[number])?;
            (asked(&before[number]) != Some(request.clone())).then(|| (NAMES[number].to_owned(), request))
        });
        let (answers, pins) = (answers.collect(), moved().map(|number| NAMES[number].to_owned()).collect());
        self.pins.push(now.clone());
        let parent = self.commits.last().map(|commit| self.manifests[&commit.id]);
        let manifests = parent.filter(|_| no_op).unwrap_or_else(|| Digest::of(&number.to_le_bytes()));
        self.manifests.insert(id.clone(), manifests);
        self.commits.push(Commit { id, message, pins, answers, ..Commit::default() });
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
        if degraded && state.revision.is_some() {
            state.degraded = state.degraded.or(Some(at(self.now)));
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
                self.push(message, *no_op);
            }
            Event::Sync(number) => {
                let environment = &self.environments[*number];
                let revision = match &environment.promotion {
                    None => Some(self.back(0)),
                    Some(_) => environment.pin.as_ref().map(|pin| pin.revision.clone()),
                };
                if revision != environment.state.revision {
                    self.unhealthy(*number, false);
                    let state = &mut self.environments[*number].state;
                    (state.revision, state.applied, state.degraded) = (revision, Some(at(self.now)), None);
                }
            }
            Event::Healthy(number) => {
                let state = &mut self.environments[*number].state;
                if let (Some(revision), None) = (&state.revision, self.healthy_since[*number]) {
                    state.degraded = None;
                    state.healthy.push(Healthy { revision: revision.clone(), since: at(self.now), until: None });
                    self.healthy_since[*number] = Some(self.now);
                }
            }
            Event::Degrade(number) => self.unhealthy(*number, true),
            Event::Drift(number, drifted) => self.environments[*number].state.drifted = *drifted,
            Event::Suspend(number, suspended) => self.environments[*number].suspended = *suspended,
            Event::Hand { environment, back, hold } => {
                let hold = hold.then(|| Hold { reason: "by hand".to_owned() });
                self.environments[*environment].pin = Some(Pin { hold, ..Pin::new(self.back(*back)) });
                self.push("by hand".to_owned(), true);
            }
            Event::Rollback(number) => self.push(format!("back\n\nRollback-Of: {}\n", NAMES[*number]), true),
            Event::Release(number) => self.push(format!("go on\n\nRelease-Hold: {}\n", NAMES[*number]), true),
            Event::Replay(back) => {
                let message = self.commits[self.commits.len().saturating_sub(back + 1)].message.clone();
                self.push(message, true);
            }
            Event::Revert(number) => {
                let moved = self.commits.iter().rposition(|commit| commit.pins.contains(NAMES[*number]));
                if let Some(before) = moved.and_then(|moved| moved.checked_sub(1)) {
                    self.environments[*number].pin.clone_from(&self.pins[before][*number].clone());
                    self.push("Revert \"promote\"\n\nThis reverts commit.\n".to_owned(), true);
                }
            }
            Event::Withdraw(number) => {
                let asks = |commit: &&Commit| {
                    let requests = trailers::requests(&commit.id, &commit.message).unwrap_or_default();
                    requests.iter().any(|request| request.environment == NAMES[*number])
                };
                if let Some(request) = self.commits.iter().rev().find(asks).map(|commit| commit.id.clone()) {
                    self.push(format!("Revert\n\nThis reverts commit {request}.\n"), true);
                    prop_assert!(self.decide().promotions().all(|it| it.request.as_ref() != Some(&request)));
                }
            }
            Event::Merge(number) => {
                let decisions = self.decide().requests;
                let of = |it: &&Decision| it.environment == NAMES[*number] && it.action == Action::Promote;
                let asked = decisions.iter().filter(of).find(|it| matches!(it.verdict, Verdict::Wait { .. }));
                let held = self.environments[*number].pin.as_ref().is_some_and(|pin| pin.hold.is_some());
                if let Some((decision, revision)) = asked.and_then(|it| Some((it, it.revision.clone()?)))
                    && !held
                {
                    let (from, requested_by) = (decision.from.clone(), decision.request.clone());
                    self.environments[*number].pin = Some(Pin { from, requested_by, ..Pin::new(revision) });
                    self.push("Merge pull request #1".to_owned(), true);
                    prop_assert!(self.decide().promotions().all(|it| it.request != decision.request), "it is answered");
                }
            }
            Event::ForcePush(count) => {
                let left = self.commits.len().saturating_sub(*count).max(1);
                self.commits.truncate(left);
                self.pins.truncate(left);
                for (environment, pin) in self.environments.iter_mut().zip(self.pins[left - 1].clone()) {
                    environment.pin = pin;
                }
                let on_branch: BTreeSet<_> = self.commits.iter().map(|commit| commit.id.clone()).collect();
                for decision in &self.decide().requests {
                    prop_assert!(decision.request.iter().all(|request| on_branch.contains(request)), "{decision:?}");
                }
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
            self.push(format!("race\n\nPromote-To: {}\n", NAMES[target]), false);
        }
        let (mut made, mut made_now, mut asked) = (BTreeSet::new(), 0, BTreeSet::new());
        let mut turned = BTreeSet::new();
        for (decision, succeeds) in decisions.promotions().zip(succeed) {
            let number = NAMES.iter().position(|name| *name == decision.environment).unwrap();
            let revision = decision.revision.clone().unwrap();
            prop_assert!(made.insert(number), "one promotion for each environment");
            match &decision.action {
                Action::Promote => self.no_gate_is_skipped(number, &revision)?,
                Action::Rollback { from, hold } => self.may_go_back(number, decision, from, hold)?,
                Action::Release { rollback_of } => {
                    let pin = self.environments[number].pin.as_ref();
                    let held = pin.filter(|pin| pin.hold.is_some() && pin.revision == revision);
                    prop_assert!(held.is_some_and(|pin| pin.rollback_of == *rollback_of), "a hold ends, and no more");
                }
            }
            if succeeds {
                let result = decision.result().unwrap();
                self.environments[number].pin = decision.pin();
                asked.insert(decision.request.clone());
                let message = trailers::message(&result);
                self.push(message, true);
                made_now += 1;
                if decision.action != Action::Promote {
                    turned.insert(decision.environment.clone());
                }
            }
        }
        // What was made is not made again, and what was not made is left, as long as nobody asked for something else.
        let left = decisions.promotions().zip(succeed).filter(|(_, made)| !made).map(|(left, _)| left);
        let left: Vec<&Decision> =
            left.filter(|left| race.is_none_or(|target| NAMES[target] != left.environment)).collect();
        // What waited for a hold, or for its end, has its turn.
        let other = |next: &&Decision| !turned.contains(&next.environment);
        let again = self.decide();
        if self.environments.iter().flat_map(|it| &it.promotion).any(|promotion| promotion.order == Order::Queue) {
            // The next in the queue has its turn.
            prop_assert!(again.promotions().all(|next| !asked.contains(&next.request)));
        } else {
            let raced = |next: &&Decision| race.is_none_or(|target| NAMES[target] != next.environment);
            prop_assert_eq!(again.promotions().filter(other).filter(raced).collect::<Vec<_>>(), left);
            prop_assert!(again.promotions().all(|next| next.request.is_none() || !asked.contains(&next.request)));
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
        prop_assert!(target.pin.as_ref().is_none_or(|pin| pin.hold.is_none()), "a hold holds");
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

    /// Back to what was healthy here, by somebody's word or by itself, and never back from where somebody went back to.
    fn may_go_back(&self, number: usize, decision: &Decision, from: &str, hold: &str) -> Result<(), TestCaseError> {
        let target = &self.environments[number];
        let pin = target.pin.clone().unwrap();
        let revision = decision.revision.clone().unwrap();
        prop_assert!(!target.suspended && !hold.is_empty() && pin.revision == from);
        prop_assert!(
            self.proven.keys().any(|(of, manifests)| *of == number && *manifests == self.manifests[&revision])
        );
        let Ok(older) = self.line().is_ancestor(&revision, from);
        prop_assert!(older && revision != from);
        if decision.request.is_none() {
            let state = &target.state;
            prop_assert!(pin.rollback_of.is_none() && pin.hold.is_none() && state.revision.as_deref() == Some(from));
            let after = state.degraded.unwrap().duration_since(state.applied.unwrap());
            prop_assert!(number == 2 && after.as_secs() <= WITHIN);
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
            let settled = |verdict: &Verdict| {
                matches!(verdict, Verdict::Done { .. } | Verdict::Superseded { .. } | Verdict::AlreadyThere)
            };
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
        // Each request moves a pin once at most. A commit that only repeats the words of a promotion moves none.
        let moved = world.commits.iter().filter(|commit| !commit.pins.is_empty());
        let results: Vec<PromotionResult> =
            moved.filter_map(|commit| trailers::result(&commit.message).unwrap()).collect();
        let results: Vec<_> = results.iter().filter(|result| result.request.is_some()).collect();
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
