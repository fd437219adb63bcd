//! What is kept between decisions.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use plumb_api::{Environment, ExpressionGate};
use plumb_delivery::{
    Digest,
    promotion::{self, Checks, Condition, Decisions, Gate, GateVerdict},
};
use plumb_git::CommitId;
use tokio::sync::watch;

use crate::agent::{board::Key, environment::agrees_to_prune, fields::copies};

/// What is kept between decisions on one repository, so that an event in the cluster costs no walk through the history.
#[derive(Default)]
pub(crate) struct Memory {
    pub(super) log: Mutex<Option<Log>>,
    pub(super) digests: Mutex<HashMap<(String, String), Option<Digest>>>,
    /// What the ledgers of other clusters' environments say, by reference, with the commit that it was read from.
    pub(super) ledgers: Mutex<BTreeMap<String, (CommitId, promotion::State)>>,
    /// What was looked at before a promotion, by environment and revision.
    looked: Mutex<BTreeMap<(String, String), Looked>>,
    /// Expressions that were read, which takes its time.
    conditions: Mutex<Vec<(ExpressionGate, Condition)>>,
    /// What was decided last, for those who keep the records.
    decisions: watch::Sender<Arc<Decisions>>,
    /// Requests that were put on the branch for others: the head up to which it was read, and where they came from.
    pub(super) sources: Mutex<(Option<CommitId>, BTreeSet<String>)>,
    pub(super) told: Mutex<BTreeSet<String>>,
    /// Pushes that failed, by head, request and environment, with the time.
    failed: Mutex<BTreeMap<(String, String, String), Timestamp>>,
}

/// What the gates of the edge said, when, and to which generation of the environment.
struct Looked {
    gates: Vec<Gate>,
    time: Timestamp,
    generation: Option<i64>,
    /// Whether somebody agreed to what would be deleted.
    consent: bool,
    /// The head that was looked at, where the environment would run it.
    head: Option<CommitId>,
}

/// For how long the API server's word is taken that it would take a revision.
const GOOD_FOR: SignedDuration = SignedDuration::from_mins(5);

/// More expressions than this are read anew.
const MOST_CONDITIONS: usize = 500;

impl Memory {
    /// The condition of a gate, read once.
    pub(super) fn condition(&self, gate: &ExpressionGate) -> Condition {
        let mut known = self.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, condition)) = known.iter().find(|(of, _)| of == gate) {
            return condition.clone();
        }
        if known.len() >= MOST_CONDITIONS {
            known.clear();
        }
        let condition = Condition::new(&gate.name, &gate.expression, gate.message.as_deref());
        known.push((gate.clone(), condition.clone()));
        condition
    }

    /// Keeps what was decided.
    pub(super) fn decided(&self, decisions: &Decisions) {
        self.decisions.send_if_modified(|known| {
            let changed = **known != *decisions;
            if changed {
                *known = Arc::new(decisions.clone());
            }
            changed
        });
    }

    /// What was decided, now and later.
    pub(super) fn decisions(&self) -> watch::Receiver<Arc<Decisions>> {
        self.decisions.subscribe()
    }

    /// Keeps what was found.
    pub(super) fn looked(&self, environment: &Environment, head: &CommitId, revision: &str, gates: Vec<Gate>) {
        let place = (Key::of(environment).name, revision.to_owned());
        let generation = environment.metadata.generation;
        let head = copies(environment).then(|| head.clone());
        let consent = agrees_to_prune(environment, revision);
        let looked = Looked { gates, time: Timestamp::now(), generation, consent, head };
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).insert(place, looked);
    }

    /// Forgets what did not pass: something happened that may have changed it.
    pub(crate) fn look_again(&self) {
        let passes = |looked: &Looked| looked.gates.iter().all(|gate| gate.verdict == GateVerdict::Pass);
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, looked| passes(looked));
    }

    /// What was found and still holds. What waits holds until it is to be asked again.
    pub(super) fn checks(&self, environments: &[Arc<Environment>], head: &CommitId) -> Checks {
        let now = Timestamp::now();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.retain(|(name, revision), looked| {
            let environment = environments.iter().find(|environment| Key::of(&***environment).name == *name);
            let same = |environment: &Arc<Environment>| {
                environment.metadata.generation == looked.generation
                    && agrees_to_prune(environment, revision) == looked.consent
            };
            let due = looked.gates.iter().filter_map(|gate| match gate.verdict {
                GateVerdict::Wait { until } => until,
                GateVerdict::Pass | GateVerdict::Fail => None,
            });
            environment.is_some_and(same)
                && looked.head.as_ref().is_none_or(|at| at == head)
                // What was found at a time to come was found before the clock was set back.
                && looked.time <= now
                && now.duration_since(looked.time) < GOOD_FOR
                && due.min().is_none_or(|due| due > now)
        });
        looked.iter().map(|(place, looked)| (place.clone(), looked.gates.clone())).collect()
    }

    pub(super) fn failed(&self) -> MutexGuard<'_, BTreeMap<(String, String, String), Timestamp>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone)]
pub(super) struct Log {
    pub(super) head: CommitId,
    pub(super) paths: BTreeMap<String, String>,
    pub(super) labelled: BTreeMap<String, BTreeSet<String>>,
    pub(super) commits: Arc<Vec<promotion::Commit>>,
}
