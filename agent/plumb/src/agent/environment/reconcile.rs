//! One reconcile: observe, decide, act.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{Environment, Reason, RevisionRecord};
use plumb_delivery::{
    GroupKind, HookPhase, Inventory, Known, ManifestError, ObjectId, Plan, PlanError, Policy, Stage, Watching,
    health::HealthStatus, plan,
};
use plumb_git::CommitId;
use tokio::time::Instant;

use super::{
    Events, Inputs, Worker,
    applying::Wave,
    problems::Problems,
    render::{RenderFailure, kinds},
};
use crate::agent::board::{Head, Tracked};

/// How many requests of one wave are under way at once.
pub(super) const PARALLEL: usize = 16;
/// How long new kinds may take to be served after their definition was applied.
const ESTABLISHED: Duration = Duration::from_secs(30);
/// How many objects a message names.
const NAMED: usize = 10;
/// Lifts the limit on how much may be pruned for the revision that it names.
pub(super) const ALLOW_PRUNE_ANNOTATION: &str = "plumb.dev/allow-prune";
/// How many revisions the status remembers.
const HISTORY: usize = 20;

/// How the last reconcile ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// There was none yet.
    Pending,
    /// All objects are as git says.
    Applied,
    /// Something must happen in the cluster before the rest can be applied.
    Waiting(String),
    /// It did not come to that.
    Failed {
        reason: Reason,
        /// For people: all that is wrong.
        message: String,
        /// Whether trying again may help.
        transient: bool,
    },
}

impl Outcome {
    pub(super) fn may_go_away(&self) -> bool {
        matches!(self, Self::Failed { transient: true, .. })
    }

    pub(super) fn config(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into(), transient: false }
    }

    pub(super) fn transient(reason: Reason, message: impl Into<String>) -> Self {
        Self::Failed { reason, message: message.into(), transient: true }
    }
}

impl Worker {
    /// Makes the cluster what git says, as far as it is not so already.
    pub(super) async fn reconcile(&mut self, events: &mut Events) {
        let started = Instant::now();
        self.hooks_wait = false;
        let outcome = match self.attempt(events).await {
            Ok(()) => Outcome::Applied,
            Err(failed) => {
                self.run_hooks_on_failure(&failed).await;
                failed
            }
        };
        let result = match &outcome {
            Outcome::Applied | Outcome::Pending | Outcome::Waiting(_) => "success",
            Outcome::Failed { .. } => "failure",
        };
        let (namespace, name) = (self.key.namespace.as_str(), self.key.name.as_str());
        self.cx.metrics.reconciles.with_label_values(&[namespace, name, result]).inc();
        self.cx
            .metrics
            .reconcile_seconds
            .with_label_values(&[namespace, name])
            .observe(started.elapsed().as_secs_f64());
        if let Outcome::Failed { reason, message, .. } = &outcome
            && self.outcome != outcome
        {
            tracing::warn!(reason = reason.as_str(), error = message, "the reconcile did not succeed");
            if !matches!(reason, Reason::Suspended | Reason::NotPromoted) {
                self.notify(true, reason.as_str(), "Reconcile", message.clone()).await;
            }
        }
        self.outcome = outcome;
    }

    async fn attempt(&mut self, events: &mut Events) -> Result<(), Outcome> {
        if self.environment.metadata.deletion_timestamp.is_some() {
            return self.finish(events).await;
        }
        self.mark().await?;
        if self.environment.spec.suspend {
            return Err(Outcome::config(Reason::Suspended, "spec.suspend is true: what runs stays as it is"));
        }
        self.connect(events)?;
        let head = match self.tracked.clone() {
            Tracked::At(head) => head,
            Tracked::Failed(why) => return Err(Outcome::config(Reason::FetchFailed, why)),
            Tracked::Unknown => {
                let repository = &self.environment.spec.repository.name;
                let message = format!(
                    "Repository {}/{repository} has not been fetched yet; if it does not exist, create it",
                    self.key.namespace
                );
                return Err(Outcome::config(Reason::ReferenceInvalid, message));
            }
        };
        let wanted = match self.expressions.fault() {
            Some(fault) => Err(fault),
            None => self.wanted(&head).await,
        };
        if let Ok((_, hold)) = &wanted {
            self.status.hold.clone_from(hold);
        }
        self.pinned =
            wanted.as_ref().ok().map(|(revision, hold)| (head.revision.clone(), revision.clone(), hold.clone()));
        let rendered = match wanted.and_then(|(revision, _)| self.dependencies(&revision).map(|()| revision)) {
            Ok(revision) => self.bring_to(&head, &revision).await.map(|()| revision),
            Err(outcome) => Err(outcome),
        };
        // A revision that can't be rendered must not keep what runs from being repaired.
        if self.target.is_none() {
            rendered?;
            return Ok(());
        }
        let applied = self.apply_target(events).await;
        let revision = rendered?;
        applied?;
        self.record(&revision);
        Ok(())
    }

    async fn bring_to(&mut self, head: &Head, revision: &CommitId) -> Result<(), Outcome> {
        let environment = self.environment.clone();
        let variables = self.sources.variables(&environment.spec, &self.key.namespace).await?;
        let inputs = Inputs::new(&environment.spec, variables);
        self.cx.board.publish_inputs(&self.key, inputs.clone());
        let rendered = self.render(head, revision, inputs).await;
        self.status.attempted_revision = rendered.is_err().then(|| revision.to_string());
        rendered.map_err(|failure| match failure {
            RenderFailure::Overlay(message) => Outcome::config(Reason::RenderFailed, message),
            RenderFailure::Transient(message) => Outcome::transient(Reason::RenderFailed, message),
        })
    }

    /// Sends the difference between the target and what is known of the cluster.
    async fn apply_target(&mut self, events: &mut Events) -> Result<(), Outcome> {
        if self.inventory.is_none() {
            self.inventory().await?;
        }
        self.learn_kinds(false).await?;
        let mut defined = false;
        let (mut problems, waiting, terminating, run) = loop {
            let inventory = self.inventory().await?;
            let Some(target) = &self.target else { return Ok(()) };
            let mut watched = kinds(&target.manifests);
            watched.extend(inventory.0.iter().map(ObjectId::group_kind));
            let unwatched = self.watch(watched.clone(), events).await;
            self.tell_of_vanished(&inventory);
            let listed = |kind: &GroupKind| self.watched.watching(kind) == Some(&Watching::Synced);
            let unlisted: BTreeSet<_> = watched.into_iter().filter(|kind| !listed(kind)).collect();
            let held = self.repairs.held(std::time::Instant::now()).into_keys().collect();
            let Some(target) = &self.target else { return Ok(()) };
            let spec = &self.environment.spec;
            let policy = Policy {
                prune: spec.prune.enabled,
                allow_empty: spec.prune.allow_empty,
                prune_limit: self.prune_limit(&target.revision),
            };
            let unready = target.unready();
            let unhealthy = if target.has_waves() { self.unhealthy() } else { BTreeSet::new() };
            let known = Known {
                unready: &unready,
                held: &held,
                unlisted: &unlisted,
                inventory: &inventory,
                live: self.watched.live(),
                foreign: self.watched.foreign(),
                elsewhere: self.watched.elsewhere(),
                unhealthy: &unhealthy,
            };
            let plan = plan(&target.manifests, &known, policy).map_err(|error| {
                let reason = match error {
                    PlanError::Empty(_) => Reason::EmptyRender,
                    PlanError::TooMany { .. } => Reason::PruneLimited,
                };
                Outcome::config(reason, error.to_string())
            })?;
            let mut problems = Problems::default();
            for (kind, why) in unwatched {
                problems.add(format!("{kind} can't be watched: {why}"), true);
            }
            let run = self.hook_run();
            if let Some(run) = run.filter(|run| self.has_hooks_left(HookPhase::BeforeApply, *run)) {
                self.make_way_for_hooks(&plan, events, &mut problems).await?;
                self.run_hooks(HookPhase::BeforeApply, run).await?;
            }
            if self.act(&plan, !defined, events, &mut problems).await? {
                // New kinds may be served now, so what could not be prepared gets another chance.
                defined = true;
                continue;
            }
            break (problems, plan.waiting, plan.terminating, run);
        };
        let Some(target) = &self.target else { return Ok(()) };
        for error in &target.errors {
            problems.add(self.why_unready(error), target.has_unknown_kinds());
        }
        problems.into_result()?;
        let recreating = self.recreating.iter().map(|id| format!("{id} is deleted, to be created anew"));
        let waiting = waiting.iter().map(|id| format!("{id} waits for the waves before it to be healthy"));
        let terminating = terminating
            .iter()
            .filter(|id| !self.recreating.contains(*id))
            .map(|id| format!("{id} is being deleted by somebody else, and is created again when it is gone"));
        let reasons: Vec<_> = recreating.chain(terminating).chain(waiting).take(NAMED).collect();
        if !reasons.is_empty() {
            return Err(Outcome::Waiting(reasons.join("; ")));
        }
        match run.filter(|run| self.has_hooks_left(HookPhase::AfterApply, *run)) {
            Some(run) => self.run_last_hooks(run).await,
            None => Ok(()),
        }
    }

    /// How many objects a revision may delete.
    fn prune_limit(&self, revision: &CommitId) -> Option<usize> {
        if agrees_to_prune(&self.environment, revision.as_str()) {
            return None;
        }
        self.environment.spec.prune.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Objects for which later waves wait.
    pub(super) fn unhealthy(&self) -> BTreeSet<ObjectId> {
        let objects = self.target.iter().flat_map(|target| target.manifests.objects.values());
        let settled =
            |id: &ObjectId| matches!(self.watched.health(id).status, HealthStatus::Healthy | HealthStatus::Suspended);
        objects
            .filter(|desired| !desired.rules.ignore && !settled(&desired.id))
            .map(|desired| desired.id.clone())
            .collect()
    }

    /// Reads again which kinds there are, when the render or the inventory has one that was not there: at growing pauses, or `now`.
    async fn learn_kinds(&mut self, now: bool) -> Result<(), Outcome> {
        let is_unknown = |id: &ObjectId| self.cluster.kind(&id.group_kind(), None).is_none();
        let left_over = self.inventory.iter().flat_map(|inventory| &inventory.0).any(is_unknown);
        let missing = self.target.as_ref().is_some_and(super::render::Target::has_unknown_kinds);
        self.seeks_kinds = left_over;
        if !left_over && !missing {
            return Ok(());
        }
        let read = if now { self.cluster.refresh_kinds().await } else { self.cluster.seek_kinds().await };
        read.map_err(|error| Outcome::transient(Reason::ApplyFailed, error.to_string()))?;
        // Another environment may have read them. Without anything missing the render is not kept, and there is nothing to prepare.
        if missing {
            self.prepare_again();
        }
        Ok(())
    }

    /// Why an object could not be prepared.
    fn why_unready(&self, error: &ManifestError) -> String {
        match error {
            ManifestError::UnknownKind { file, id, .. } if self.cluster.is_unavailable(&id.group) => format!(
                "{file}: {id}: the API behind the group {} does not answer now, so its kinds are not known; look at its APIService",
                id.group
            ),
            error => error.to_string(),
        }
    }

    /// Reports what was deleted while no agent ran. The inventory alone does not tell, for it is written before an object is.
    fn tell_of_vanished(&mut self, inventory: &Inventory) {
        let Some(target) = &self.target else { return };
        if self.status.digest.as_deref() != Some(&target.manifests.digest.to_string()) {
            return;
        }
        for drift in self.watched.vanished(&target.manifests, inventory) {
            self.report_drift(drift, Timestamp::now());
        }
    }

    pub(super) async fn inventory(&mut self) -> Result<Inventory, Outcome> {
        if let Some(inventory) = &self.inventory {
            return Ok(inventory.clone());
        }
        let read = self.cx.cluster.read_inventory(&self.environment, &self.owner).await;
        // Nobody tells when one that can't be read is mended, so it is looked at again.
        let inventory = read.map_err(|error| Outcome::transient(Reason::ApplyFailed, error.to_string()))?;
        self.inventory = Some(inventory.clone());
        Ok(inventory)
    }

    pub(super) async fn write_inventory(&mut self, inventory: &Inventory) -> Result<(), Outcome> {
        let previous = self.inventory.clone().unwrap_or_default();
        if previous == *inventory {
            return Ok(());
        }
        let written = self.cx.cluster.write_inventory(&self.environment, &self.owner, &previous, inventory).await;
        written.map_err(|error| Outcome::transient(Reason::ApplyFailed, error.to_string()))?;
        self.inventory = Some(inventory.clone());
        Ok(())
    }

    /// Carries out a plan. `true` when definitions were applied while kinds were missing, and `again` allows to plan anew for them.
    async fn act(
        &mut self,
        plan: &Plan,
        again: bool,
        events: &mut Events,
        problems: &mut Problems,
    ) -> Result<bool, Outcome> {
        if plan.apply.is_empty() && plan.prune.is_empty() && plan.released.is_empty() {
            // An inventory that was lost is written again also when nothing else is to be done.
            self.write_inventory(&plan.after).await?;
            return Ok(false);
        }
        let applied: usize = plan.apply.values().map(Vec::len).sum();
        tracing::info!(apply = applied, prune = plan.prune.len(), "changing the cluster");
        if self.environment.spec.atomic && !self.rehearse(plan, problems).await {
            return Ok(false);
        }
        // Written first, so that a crash leaves no object that the inventory lacks.
        self.write_inventory(&plan.before).await?;
        for (wave, ids) in &plan.apply {
            match self.apply_wave(ids, events, problems).await {
                Wave::Done => {}
                Wave::Superseded => {
                    return Err(Outcome::Waiting("a newer revision came before all was applied".into()));
                }
                Wave::OutOfReach => return Ok(false),
            }
            let missing_kinds = self.target.as_ref().is_some_and(super::render::Target::has_unknown_kinds);
            if again && wave.stage == Stage::Definitions && missing_kinds && self.established(ids, events).await {
                return Ok(true);
            }
        }
        let prepared = self.target.as_ref().is_some_and(|target| target.errors.is_empty());
        if !prepared || !problems.messages.is_empty() || !plan.waiting.is_empty() || !self.recreating.is_empty() {
            // What takes the place of an object may be what failed, so nothing goes before all is there.
            return Ok(false);
        }
        let mut after = plan.after.clone();
        after.0.extend(self.prune(&plan.prune, problems).await);
        for released in &plan.released {
            self.notify(
                false,
                "Kept",
                "Prune",
                format!("{} left the overlay and stays in the cluster: {}", released.id, released.why),
            )
            .await;
        }
        self.write_inventory(&after).await?;
        Ok(false)
    }

    /// Waits until the definitions among these objects are served; `true` when the kinds that were missing may be there now.
    async fn established(&mut self, ids: &[ObjectId], events: &mut Events) -> bool {
        // One that was refused will never be served.
        let applied = |id: &&ObjectId| self.watched.live().get(*id).is_some_and(|live| live.agrees_with.is_some());
        let definitions = ids.iter().filter(|id| id.kind == "CustomResourceDefinition").filter(applied);
        let definitions: BTreeSet<_> = definitions.cloned().collect();
        if definitions.is_empty() {
            return false;
        }
        let deadline = Instant::now() + ESTABLISHED;
        while definitions.iter().any(|id| self.watched.health(id).status != HealthStatus::Healthy) {
            match tokio::time::timeout_at(deadline, events.recv()).await {
                Ok(Some(event)) => drop(self.absorb(event)),
                Ok(None) | Err(_) => break,
            }
        }
        self.learn_kinds(true).await.is_ok()
    }

    /// Notes that a revision is applied.
    pub(super) fn record(&mut self, revision: &CommitId) {
        self.note_no_hooks();
        let Some(target) = &self.target else { return };
        let digest = target.manifests.digest.to_string();
        let now = Time(Timestamp::now());
        let status = &mut self.status;
        if status.digest.as_deref() != Some(&digest) {
            status.applied_at = Some(now.clone());
            // New manifests get the whole of their time.
            self.unhealthy_since = None;
        }
        if status.revision.as_deref() != Some(revision.as_str()) {
            tracing::info!(%revision, digest, "applied");
            // Equal manifests are as healthy as they were; others must prove it.
            let same = status.history.first().filter(|last| last.digest == digest);
            let record = RevisionRecord {
                revision: revision.to_string(),
                digest: digest.clone(),
                applied_at: now,
                healthy_since: same.and_then(|last| last.healthy_since.clone()),
                first_healthy: same.and_then(|last| last.first_healthy.clone()),
            };
            status.history.insert(0, record);
            status.history.truncate(HISTORY);
        }
        status.revision = Some(revision.to_string());
        status.digest = Some(digest);
        status.attempted_revision = None;
    }

    pub(super) fn count(&self, operation: &str, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        self.cx.metrics.writes.with_label_values(&[&self.key.namespace, &self.key.name, operation, result]).inc();
    }
}

/// Whether somebody agreed that a revision may delete more than the limit.
pub(crate) fn agrees_to_prune(environment: &Environment, revision: &str) -> bool {
    let allowed = environment.metadata.annotations.as_ref().and_then(|all| all.get(ALLOW_PRUNE_ANNOTATION));
    // Seven digits are what git shows at least.
    allowed.is_some_and(|allowed| allowed.len() >= 7 && revision.starts_with(allowed.as_str()))
}
