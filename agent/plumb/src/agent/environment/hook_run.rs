//! Runs of hooks: before and after an apply, once for each change of the manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{HookRecord, Reason};
use plumb_cluster::{Applied, Class};
use plumb_delivery::{Digest, HookPhase, HookRun, HookState, HookStep, ManifestError, ObjectId, Plan, hook_step};
use tokio::time::Instant;

use super::{Events, RECONCILE_ANNOTATION, Worker, problems::Problems, reconcile::Outcome};

impl Worker {
    /// What stands for the run of hooks that the target needs: a new one when the manifests changed. `None` when there are no hooks, or they need not run.
    pub(super) fn hook_run(&mut self) -> Option<Digest> {
        let target = self.target.as_ref().filter(|target| !target.manifests.hooks.is_empty())?;
        let digest = target.manifests.digest;
        let request = self.environment.metadata.annotations.as_ref().and_then(|all| all.get(RECONCILE_ANNOTATION));
        let applied = self.status.digest.as_deref() == Some(&*digest.to_string());
        let number = match &self.status.hooks {
            // What was applied before anybody counted runs does not run now.
            None if applied => return None,
            Some(run) if run.digest == digest.to_string() && !(has_failed(run) && run.request.as_ref() != request) => {
                run.number
            }
            before => {
                let number = before.as_ref().map_or(0, |run| run.number).saturating_add(1);
                let (digest, request) = (digest.to_string(), request.cloned());
                self.status.hooks = Some(plumb_api::HookRun { digest, number, request, hooks: Vec::new() });
                number
            }
        };
        Some(Digest::of_named([(number.to_string().as_str(), digest)]))
    }

    /// Notes that manifests without hooks are applied, so that those of before count as new when they come back.
    pub(super) fn note_no_hooks(&mut self) {
        if let (Some(run), Some(target)) = (&mut self.status.hooks, &self.target)
            && target.manifests.hooks.is_empty()
            && run.digest != target.manifests.digest.to_string()
        {
            run.digest = target.manifests.digest.to_string();
            run.hooks.clear();
        }
    }

    /// Whether hooks of a phase have not all succeeded.
    pub(super) fn has_hooks_left(&self, phase: HookPhase, run: Digest) -> bool {
        let step = self.hook_step(phase, run);
        step.is_some_and(|(step, failures)| step != HookStep::default() || !failures.is_empty())
    }

    fn hook_step(&self, phase: HookPhase, run: Digest) -> Option<(HookStep, Vec<(ObjectId, String)>)> {
        let hooks = &self.target.as_ref()?.manifests.hooks;
        let records = self.status.hooks.iter().flat_map(|run| &run.hooks);
        let records: BTreeMap<&str, &HookRecord> = records.map(|record| (record.object.as_str(), record)).collect();
        let of_phase = hooks.values().filter(|hook| hook.rules.hook.is_some_and(|hook| hook.phase == phase));
        let state = |id: &ObjectId| Some((id.clone(), state(records.get(id.to_string().as_str())?)));
        let states = of_phase.filter_map(|hook| state(&hook.id)).collect();
        let timeout = Duration::from(self.environment.spec.timeout);
        // A hook that failed after the apply keeps none from running before it.
        let known = HookRun {
            run,
            states: &states,
            live: self.watched.live(),
            timeout: SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX),
            now: Timestamp::now(),
        };
        let step = hook_step(hooks, phase, &known, |id| self.watched.health(id));
        let failures = step.failures(&known);
        Some((step, failures))
    }

    /// Makes the namespaces in which hooks run before anything else is applied. While anything of the overlay is wrong, no hook runs.
    pub(super) async fn make_way_for_hooks(
        &mut self,
        plan: &Plan,
        events: &mut Events,
        problems: &mut Problems,
    ) -> Result<(), Outcome> {
        let begins = self.status.hooks.as_ref().is_some_and(|run| run.hooks.is_empty());
        if self.environment.spec.atomic && begins && !self.rehearse(plan, problems).await {
            std::mem::take(problems).into_result()?;
            // Only kinds that the cluster does not know are left as a reason.
            let unknown = self.target.iter().flat_map(|target| &target.errors).map(ToString::to_string);
            return Err(Outcome::transient(Reason::ApplyFailed, unknown.collect::<Vec<_>>().join("\n")));
        }
        let Some(target) = &self.target else { return Ok(()) };
        let wrong = target.errors.iter().filter(|error| !matches!(error, ManifestError::UnknownKind { .. }));
        for error in wrong {
            problems.add(error.to_string(), false);
        }
        std::mem::take(problems).into_result()?;
        let namespaces: BTreeSet<&str> =
            target.manifests.hooks.keys().filter_map(|id| id.namespace.as_deref()).collect();
        let is_needed =
            |id: &&ObjectId| id.group.is_empty() && id.kind == "Namespace" && namespaces.contains(id.name.as_str());
        let needed: Vec<_> = plan.apply.values().flatten().filter(is_needed).cloned().collect();
        if needed.is_empty() {
            return Ok(());
        }
        self.write_inventory(&plan.before).await?;
        self.apply_wave(&needed, events, problems).await;
        std::mem::take(problems).into_result()
    }

    /// Runs the hooks that come last, once all objects are healthy.
    pub(super) async fn run_last_hooks(&mut self, run: Digest) -> Result<(), Outcome> {
        let unhealthy = self.unhealthy();
        if unhealthy.is_empty() {
            return self.run_hooks(HookPhase::AfterApply, run).await;
        }
        let named: Vec<_> = unhealthy.iter().take(5).map(ToString::to_string).collect();
        Err(Outcome::Waiting(format!("hooks (after-apply) wait for these to be healthy: {}", named.join(", "))))
    }

    /// Runs the hooks for a failure, once for each run. What becomes of them changes nothing about the failure.
    pub(super) async fn run_hooks_on_failure(&mut self, failure: &Outcome) {
        let Outcome::Failed { reason: Reason::HookFailed | Reason::ApplyFailed, transient: false, .. } = failure else {
            return;
        };
        let Some(run) = self.hook_run().filter(|run| self.has_hooks_left(HookPhase::OnFailure, *run)) else { return };
        match self.run_hooks(HookPhase::OnFailure, run).await {
            // Its events are heard of though the outcome is no waiting.
            Err(Outcome::Waiting(_)) => self.hooks_wait = true,
            Err(outcome) => tracing::warn!(?outcome, "a hook for the failure did not succeed"),
            Ok(()) => {}
        }
    }

    /// Brings the hooks of a phase one step further; returns when all have succeeded.
    pub(super) async fn run_hooks(&mut self, phase: HookPhase, run: Digest) -> Result<(), Outcome> {
        loop {
            let Some((step, failures)) = self.hook_step(phase, run) else { return Ok(()) };
            let now = Timestamp::now();
            for id in &step.running {
                self.note_hook(id, plumb_api::HookState::Running, "", now);
            }
            for (id, end) in &step.ended {
                match end {
                    Ok(()) => {
                        self.note_hook(id, plumb_api::HookState::Succeeded, "", now);
                        let message = format!("{id} has run {}", phase.as_str());
                        self.notify(false, "HookSucceeded", "Hook", message).await;
                    }
                    Err(why) => self.note_hook(id, plumb_api::HookState::Failed, why, now),
                }
            }
            self.clean_up(&step).await;
            if !failures.is_empty() {
                let named: Vec<_> = failures.iter().map(|(id, why)| format!("{id}: {why}")).collect();
                let message = format!(
                    "a hook ({}) failed, and what runs stays as it is: {}; push a correction, or let the hooks run again with the annotation {RECONCILE_ANNOTATION}",
                    phase.as_str(),
                    named.join("; ")
                );
                return Err(Outcome::config(Reason::HookFailed, message));
            }
            self.hook_deadline = step.deadline;
            for doomed in &step.delete {
                let deleted = self.cluster.delete(doomed, &self.owner).await;
                deleted.map_err(|error| problem(&error))?;
            }
            for id in &step.start {
                self.start_hook(id, run, phase).await?;
            }
            if !step.waiting.is_empty() {
                let named: Vec<_> = step.waiting.iter().take(5).map(ToString::to_string).collect();
                return Err(Outcome::Waiting(format!("waits for hooks ({}): {}", phase.as_str(), named.join(", "))));
            }
            self.hook_deadline = None;
            if step.ended.is_empty() {
                return Ok(());
            }
        }
    }

    async fn start_hook(&mut self, id: &ObjectId, run: Digest, phase: HookPhase) -> Result<(), Outcome> {
        let hook = self.target.as_ref().and_then(|target| target.manifests.hooks.get(id));
        let Some(hook) = hook.map(|hook| hook.in_run(run)) else { return Ok(()) };
        let started = self.cluster.apply(&hook, true).await;
        let now = Timestamp::now();
        match started {
            Ok(Applied::Done(observation)) => {
                self.watched.applied(&observation, &hook, std::time::Instant::now());
                self.note_hook(id, plumb_api::HookState::Running, "", now);
                self.notify(false, "HookStarted", "Hook", format!("{id} runs {}", phase.as_str())).await;
                Ok(())
            }
            // It is somebody else's, and was to be made only where it is missing.
            Ok(Applied::Present) => {
                self.note_hook(id, plumb_api::HookState::Succeeded, "", now);
                Ok(())
            }
            Err(error) => Err(problem(&error)),
        }
    }

    /// Deletes hooks that ended, where they ask for it: only once it is written that they did, for without it they would run again.
    async fn clean_up(&mut self, step: &HookStep) {
        let hooks = self.target.as_ref().map(|target| &target.manifests.hooks);
        let gone = |(id, end): &(ObjectId, Result<(), String>)| {
            let hook = hooks?.get(id)?.rules.hook?;
            let goes = if end.is_ok() { hook.delete_succeeded } else { hook.delete_failed };
            let live = self.watched.live().get(id).filter(|live| goes && !live.deleted && !live.terminating)?;
            Some(plumb_delivery::Doomed::of(id, live))
        };
        let gone: Vec<_> = step.ended.iter().filter_map(gone).collect();
        if gone.is_empty() {
            return;
        }
        if let Err(error) = self.cx.cluster.write_status(&*self.environment, &self.status).await {
            tracing::warn!(%error, "hooks that ended stay, for the status could not be written");
            return;
        }
        for doomed in gone {
            if let Err(error) = self.cluster.delete(&doomed, &self.owner).await {
                tracing::warn!(%error, "a hook that ended could not be deleted");
            }
        }
    }

    fn note_hook(&mut self, id: &ObjectId, state: plumb_api::HookState, message: &str, now: Timestamp) {
        let Some(run) = &mut self.status.hooks else { return };
        let object = id.to_string();
        if let Some(record) = run.hooks.iter_mut().find(|record| record.object == object) {
            record.state = state;
            message.clone_into(&mut record.message);
        } else {
            run.hooks.push(HookRecord { object, state, started: Time(now), message: message.to_owned() });
        }
    }

    /// When a hook that runs takes too long.
    pub(super) fn next_hook_deadline(&self) -> Option<Instant> {
        let left = self.hook_deadline?.duration_since(Timestamp::now());
        Some(Instant::now() + Duration::try_from(left).unwrap_or_default())
    }
}

fn has_failed(run: &plumb_api::HookRun) -> bool {
    run.hooks.iter().any(|hook| hook.state == plumb_api::HookState::Failed)
}

fn state(record: &HookRecord) -> HookState {
    let end = match record.state {
        plumb_api::HookState::Running => None,
        plumb_api::HookState::Succeeded => Some(Ok(())),
        plumb_api::HookState::Failed => Some(Err(record.message.clone())),
    };
    HookState { started: record.started.0, end }
}

fn problem(error: &plumb_cluster::Error) -> Outcome {
    let message = error.to_string();
    match error.class() {
        Class::Transient => Outcome::transient(Reason::HookFailed, message),
        Class::Config | Class::Internal => Outcome::config(Reason::HookFailed, message),
    }
}
