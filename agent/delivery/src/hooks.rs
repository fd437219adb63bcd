//! Hooks: objects that run to an end before or after an apply, once for each change of the manifests.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::{
    Desired, Digest, Doomed, Live, ObjectId, Wave,
    health::{Health, HealthStatus},
};

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HookPhase {
    /// Before any other object is applied.
    BeforeApply,
    /// When all other objects are applied and healthy.
    AfterApply,
    /// When another hook failed, or the API server refused an object.
    OnFailure,
}

impl HookPhase {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::BeforeApply, Self::AfterApply, Self::OnFailure];

    /// As in the annotation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BeforeApply => "before-apply",
            Self::AfterApply => "after-apply",
            Self::OnFailure => "on-failure",
        }
    }
}

/// What an object that is a hook asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hook {
    /// When it runs.
    pub phase: HookPhase,
    /// Whether it is deleted when it has succeeded.
    pub delete_succeeded: bool,
    /// Whether it is deleted when it has failed.
    pub delete_failed: bool,
}

/// What is known of a hook in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookState {
    /// When it was started.
    pub started: Timestamp,
    /// How it ended; an error says why it failed.
    pub end: Option<Result<(), String>>,
}

/// What is known when the next step of a run is decided.
#[derive(Clone, Copy)]
pub struct HookRun<'a> {
    /// Stands for the run: what was started in it carries this.
    pub run: Digest,
    /// What was started in it so far.
    pub states: &'a BTreeMap<ObjectId, HookState>,
    /// The objects that carry the labels of the environment.
    pub live: &'a BTreeMap<ObjectId, Live>,
    /// How long a hook may take.
    pub timeout: SignedDuration,
    /// The time.
    pub now: Timestamp,
}

/// The next step of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookStep {
    /// Hooks that run already, though nobody noted it.
    pub running: Vec<ObjectId>,
    /// Hooks that ended since the last step.
    pub ended: Vec<(ObjectId, Result<(), String>)>,
    /// What earlier runs left and must go first.
    pub delete: Vec<Doomed>,
    /// What is to be started now.
    pub start: Vec<ObjectId>,
    /// Hooks that have not ended yet, whatever they wait for.
    pub waiting: Vec<ObjectId>,
    /// When the first of them takes too long.
    pub deadline: Option<Timestamp>,
}

impl HookStep {
    /// The hooks that failed, in this step or before, with the reason.
    #[must_use]
    pub fn failures(&self, run: &HookRun<'_>) -> Vec<(ObjectId, String)> {
        let before = run.states.iter().filter_map(|(id, state)| Some((id, state.end.as_ref()?)));
        let now = self.ended.iter().map(|(id, end)| (id, end));
        before.chain(now).filter_map(|(id, end)| Some((id.clone(), end.as_ref().err()?.clone()))).collect()
    }
}

/// Decides what is next for the hooks of one phase. A wave starts when all hooks of the one before have succeeded, and none when one has failed.
#[must_use]
pub fn hook_step(
    hooks: &BTreeMap<ObjectId, Desired>,
    phase: HookPhase,
    run: &HookRun<'_>,
    health: impl Fn(&ObjectId) -> Health,
) -> HookStep {
    let mut waves: BTreeMap<Wave, Vec<&ObjectId>> = BTreeMap::new();
    for desired in hooks.values().filter(|desired| desired.rules.hook.is_some_and(|hook| hook.phase == phase)) {
        waves.entry(desired.wave).or_default().push(&desired.id);
    }
    let mut step = HookStep::default();
    for ids in waves.into_values() {
        for id in ids {
            step.look_at(id, run, &health);
        }
        if !step.waiting.is_empty() || !step.failures(run).is_empty() {
            break;
        }
    }
    if !step.failures(run).is_empty() {
        step.start.clear();
    }
    step
}

impl HookStep {
    fn look_at(&mut self, id: &ObjectId, run: &HookRun<'_>, health: &impl Fn(&ObjectId) -> Health) {
        let state = run.states.get(id);
        if state.is_some_and(|state| state.end.is_some()) {
            return;
        }
        let started = state.map_or(run.now, |state| state.started);
        let deadline = started.saturating_add(run.timeout).unwrap_or(Timestamp::MAX);
        match run.live.get(id).filter(|live| !live.deleted) {
            Some(live) if live.applied == Some(run.run) && !live.terminating => {
                let health = health(id);
                let end = match health.status {
                    HealthStatus::Healthy => Some(Ok(())),
                    HealthStatus::Degraded => Some(Err(health.message)),
                    _ if run.now >= deadline => {
                        Some(Err(format!("it did not end within {:#}: {}", run.timeout, health.message)))
                    }
                    _ => None,
                };
                if state.is_none() {
                    self.running.push(id.clone());
                }
                match end {
                    Some(end) => self.ended.push((id.clone(), end)),
                    None => self.wait(id, deadline),
                }
            }
            // What was started and is no longer there can't be asked how it ended, and must not run twice.
            _ if state.is_some() => {
                self.ended.push((id.clone(), Err("it was deleted before it had ended".into())));
            }
            Some(live) => {
                if !live.terminating {
                    self.delete.push(Doomed::of(id, live));
                }
                self.wait(id, Timestamp::MAX);
            }
            None => {
                self.start.push(id.clone());
                self.wait(id, deadline);
            }
        }
    }

    fn wait(&mut self, id: &ObjectId, deadline: Timestamp) {
        self.waiting.push(id.clone());
        if deadline < Timestamp::MAX {
            self.deadline = Some(self.deadline.map_or(deadline, |before| before.min(deadline)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{DriftPolicy, Manifests, Owner, Scope, prepare};

    const TIMEOUT: SignedDuration = SignedDuration::from_mins(5);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn run_of(number: u8) -> Digest {
        Digest::of(&[number])
    }

    /// Hooks by name, phase and wave.
    fn manifests(hooks: &[(&str, &str, i32)]) -> Manifests {
        let values: Vec<_> = hooks
            .iter()
            .map(|(name, phase, wave)| {
                json!({
                    "apiVersion": "batch/v1", "kind": "Job",
                    "metadata": {"name": name, "annotations": {"plumb.dev/hook": phase, "plumb.dev/wave": wave.to_string()}},
                })
            })
            .collect();
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let (manifests, errors) =
            prepare(values.iter().map(|value| (value, "a.yaml")), &owner, |_, _| Some(Scope::Namespaced));
        assert_eq!(errors, []);
        manifests
    }

    /// A cluster in which hooks are started and end as they are told.
    #[derive(Default)]
    struct Cluster {
        live: BTreeMap<ObjectId, Live>,
        states: BTreeMap<ObjectId, HookState>,
        health: BTreeMap<String, HealthStatus>,
        starts: Vec<(Digest, String)>,
    }

    impl Cluster {
        fn step(&self, manifests: &Manifests, phase: HookPhase, run: Digest, second: i64) -> HookStep {
            let known = HookRun { run, states: &self.states, live: &self.live, timeout: TIMEOUT, now: at(second) };
            let health = |id: &ObjectId| Health {
                status: self.health.get(id.name.as_str()).copied().unwrap_or(HealthStatus::Progressing),
                message: "so it is".into(),
            };
            hook_step(&manifests.hooks, phase, &known, health)
        }

        /// Does what a step says.
        fn act(&mut self, step: &HookStep, run: Digest, second: i64) {
            for id in &step.running {
                self.states.insert(id.clone(), HookState { started: at(second), end: None });
            }
            for (id, end) in &step.ended {
                let state = HookState { started: at(second), end: None };
                self.states.entry(id.clone()).or_insert(state).end = Some(end.clone());
            }
            for doomed in &step.delete {
                self.live.remove(&doomed.id);
            }
            for id in &step.start {
                self.starts.push((run, id.name.to_string()));
                self.states.insert(id.clone(), HookState { started: at(second), end: None });
                self.live.insert(id.clone(), live(run));
            }
        }
    }

    fn live(run: Digest) -> Live {
        Live {
            uid: "u".into(),
            resource_version: 1,
            terminating: false,
            deleted: false,
            ownership: None,
            agrees_with: None,
            applied: Some(run),
            unmerged: false,
            prune: None,
            drifted: false,
            policy: DriftPolicy::default(),
            yielded: Vec::new(),
            answered: None,
        }
    }

    fn names(ids: &[ObjectId]) -> Vec<&str> {
        ids.iter().map(|id| id.name.as_str()).collect()
    }

    #[test]
    fn hooks_are_no_objects_of_the_environment() {
        let manifests = manifests(&[("a", "before-apply", 0)]);
        assert_eq!((manifests.objects.len(), manifests.hooks.len()), (0, 1));
        assert_ne!(manifests.digest, Manifests::none().digest);
    }

    #[test]
    fn a_wave_starts_when_the_one_before_has_succeeded() {
        let manifests = manifests(&[("a", "before-apply", 0), ("b", "before-apply", 1), ("c", "after-apply", 0)]);
        let (mut cluster, run) = (Cluster::default(), run_of(1));
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 0);
        assert_eq!((names(&step.start), names(&step.waiting), step.deadline), (vec!["a"], vec!["a"], Some(at(300))));
        cluster.act(&step, run, 0);
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 1);
        assert_eq!((names(&step.start), names(&step.waiting)), (vec![], vec!["a"]));
        cluster.health.insert("a".into(), HealthStatus::Healthy);
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 2);
        assert_eq!((step.ended.len(), names(&step.start)), (1, vec!["b"]));
        cluster.act(&step, run, 2);
        cluster.health.insert("b".into(), HealthStatus::Healthy);
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 3);
        cluster.act(&step, run, 3);
        assert_eq!(cluster.step(&manifests, HookPhase::BeforeApply, run, 4), HookStep::default());
        assert_eq!(names(&cluster.step(&manifests, HookPhase::AfterApply, run, 4).start), ["c"]);
    }

    #[test]
    fn nothing_starts_after_a_failure() {
        let manifests = manifests(&[("a", "before-apply", 0), ("b", "before-apply", 1)]);
        let (mut cluster, run) = (Cluster::default(), run_of(1));
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 0);
        cluster.act(&step, run, 0);
        cluster.health.insert("a".into(), HealthStatus::Degraded);
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 1);
        assert_eq!((step.ended.len(), step.start.len()), (1, 0));
        cluster.act(&step, run, 1);
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 2);
        let known = HookRun { run, states: &cluster.states, live: &cluster.live, timeout: TIMEOUT, now: at(2) };
        assert_eq!((step.start.len(), step.failures(&known).len()), (0, 1));
    }

    #[test]
    fn a_hook_that_takes_too_long_or_vanishes_has_failed() {
        let manifests = manifests(&[("a", "before-apply", 0)]);
        let (mut cluster, run) = (Cluster::default(), run_of(1));
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 0);
        cluster.act(&step, run, 0);
        assert_eq!(cluster.step(&manifests, HookPhase::BeforeApply, run, 299).ended, []);
        let ended = cluster.step(&manifests, HookPhase::BeforeApply, run, 300).ended;
        assert_eq!(ended[0].1, Err("it did not end within 5m: so it is".to_owned()));
        cluster.live.clear();
        let ended = cluster.step(&manifests, HookPhase::BeforeApply, run, 1).ended;
        assert_eq!(ended[0].1, Err("it was deleted before it had ended".to_owned()));
    }

    #[test]
    fn what_another_run_left_goes_first() {
        let manifests = manifests(&[("a", "before-apply", 0)]);
        let mut cluster = Cluster::default();
        cluster.live.insert(manifests.hooks.keys().next().unwrap().clone(), live(run_of(1)));
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run_of(2), 0);
        assert_eq!((step.delete.len(), step.start.len(), step.waiting.len()), (1, 0, 1));
        for live in cluster.live.values_mut() {
            live.terminating = true;
        }
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run_of(2), 0);
        assert_eq!((step.delete.len(), step.start.len(), step.waiting.len()), (0, 0, 1));
        cluster.live.clear();
        assert_eq!(cluster.step(&manifests, HookPhase::BeforeApply, run_of(2), 0).start.len(), 1);
    }

    #[test]
    fn what_was_started_before_a_restart_is_not_started_again() {
        let manifests = manifests(&[("a", "before-apply", 0)]);
        let (mut cluster, run) = (Cluster::default(), run_of(1));
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 0);
        cluster.act(&step, run, 0);
        // What was noted is lost.
        cluster.states.clear();
        let step = cluster.step(&manifests, HookPhase::BeforeApply, run, 1);
        assert_eq!((step.start.len(), names(&step.running)), (0, vec!["a"]));
    }

    proptest! {
        /// Whatever happens, no hook is started twice in one run.
        #[test]
        fn hooks_run_once(
            hooks in prop::collection::btree_map("[a-d]", (any::<bool>(), 0..3_i32), 1..4),
            happenings in prop::collection::vec((0..5_u8, "[a-d]", any::<bool>()), 0..40),
        ) {
            let phase_of = |before: bool| if before { "before-apply" } else { "after-apply" };
            let list: Vec<_> = hooks.iter().map(|(name, (before, wave))| (name.as_str(), phase_of(*before), *wave)).collect();
            let manifests = manifests(&list);
            let mut cluster = Cluster::default();
            let mut number = 0;
            for (second, (happening, name, before)) in happenings.into_iter().enumerate() {
                let second = i64::try_from(second).unwrap() * 20;
                match happening {
                    0 => drop(cluster.health.insert(name, HealthStatus::Healthy)),
                    1 => drop(cluster.health.insert(name, HealthStatus::Degraded)),
                    // Somebody deletes it.
                    2 => cluster.live.retain(|id, _| id.name != name),
                    // Other manifests come.
                    3 if before => {
                        number += 1;
                        cluster.states.clear();
                        cluster.health.clear();
                    }
                    _ => {}
                }
                let phase = if before { HookPhase::BeforeApply } else { HookPhase::AfterApply };
                let step = cluster.step(&manifests, phase, run_of(number), second);
                cluster.act(&step, run_of(number), second);
            }
            let starts = cluster.starts.len();
            let mut distinct = cluster.starts;
            distinct.sort();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), starts);
        }
    }
}
