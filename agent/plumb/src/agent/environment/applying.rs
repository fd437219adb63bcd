//! Applying the objects of one wave, and what becomes of those that the API server does not take as they are.

use std::{collections::BTreeSet, fmt::Display, sync::Arc};

use futures::{
    StreamExt as _,
    stream::{self, FuturesUnordered},
};
use plumb_cluster::{Applied, Class, Cluster, Deletion, Error};
use plumb_delivery::{Conflict, Desired, Doomed, FieldRules, ObjectId, WatchEvent, adopt, settle};

use super::{Events, Worker, problems::Problems, reconcile::PARALLEL};

/// How many objects or conflicts an event names.
const NAMED: usize = 10;

/// How the apply of one object ended, and what there is to tell of it.
struct Answer {
    desired: Desired,
    applied: Result<Applied, Error>,
    taken: Vec<Conflict>,
    yielded: Vec<Conflict>,
    /// Tools that had applied the object before, and whose fields are ours now.
    adopted: Vec<String>,
}

/// How a wave ended.
pub(super) enum Wave {
    /// Each object was sent, whatever came of it.
    Done,
    /// A newer revision came, for which the rest is left.
    Superseded,
    /// The API server takes nothing, so the rest is left for later.
    OutOfReach,
}

impl Worker {
    /// Applies objects side by side. What the watches say meanwhile is taken in, so that nothing piles up and a drift is told at once.
    pub(super) async fn apply_wave(&mut self, ids: &[ObjectId], events: &mut Events, problems: &mut Problems) -> Wave {
        let rules = Arc::new(self.watched.rules().clone());
        let mut left = ids.iter();
        let mut under_way = FuturesUnordered::new();
        let mut unanswered = BTreeSet::new();
        let mut refused_in_a_row = 0;
        // What comes of an object that is being applied may be a state in between, so it waits for the answer, and what comes after it does too.
        let mut waiting: Option<WatchEvent> = None;
        loop {
            if let Some(event) = waiting.take_if(|event| event.object().is_none_or(|id| !unanswered.contains(id))) {
                self.absorb_meanwhile(event);
            }
            let superseded = self.is_superseded();
            let out_of_reach = refused_in_a_row >= PARALLEL;
            while !superseded
                && !out_of_reach
                && under_way.len() < PARALLEL
                && let Some(id) = left.next()
            {
                let Some(desired) = self.target.as_ref().and_then(|target| target.manifests.objects.get(id)) else {
                    continue;
                };
                let (sent, force, new) =
                    (self.watched.yielding(desired), self.watched.takes_back(desired), self.watched.is_new(id));
                unanswered.insert(id.clone());
                under_way.push(apply(self.cluster.clone(), rules.clone(), sent, force, new));
            }
            if under_way.is_empty() && waiting.is_none() {
                return match left.len() {
                    0 => Wave::Done,
                    left if out_of_reach => {
                        problems.add(
                            format!(
                                "{left} more objects were not tried: the API server took none of the last {PARALLEL}"
                            ),
                            true,
                        );
                        Wave::OutOfReach
                    }
                    _ => Wave::Superseded,
                };
            }
            tokio::select! {
                Some(answer) = under_way.next() => {
                    unanswered.remove(&answer.desired.id);
                    let refused = answer.applied.as_ref().is_err_and(Error::is_out_of_reach);
                    refused_in_a_row = if refused { refused_in_a_row + 1 } else { 0 };
                    self.answered(answer, problems).await;
                }
                Some(event) = events.recv(), if waiting.is_none() => waiting = Some(event),
            }
        }
    }

    async fn answered(&mut self, answer: Answer, problems: &mut Problems) {
        self.count("apply", answer.applied.is_ok());
        self.tell_of_owners(&answer);
        let id = answer.desired.id;
        match answer.applied {
            Ok(Applied::Present) => self.watched.present(id),
            Ok(Applied::Done(observation)) => {
                let Some(desired) = self.target.as_ref().and_then(|target| target.manifests.objects.get(&id)) else {
                    return;
                };
                self.watched.applied(&observation, desired, std::time::Instant::now());
                self.recreating.remove(&id);
                if !self.status.drifts.is_empty() {
                    let name = id.to_string();
                    for drift in self.status.drifts.iter_mut().filter(|drift| drift.object == name) {
                        drift.repaired = true;
                    }
                }
            }
            Err(error) if error.is_immutable() && self.may_recreate_id(&id) => {
                if let Err(error) = self.recreate(&id).await {
                    problems.add(error.to_string(), error.class() == Class::Transient);
                }
            }
            Err(error) if error.is_immutable() => {
                let hint = "to have it deleted and created anew, annotate the object with plumb.dev/force: enabled, or set spec.force of the Environment to true for all of its objects";
                problems.add(format!("{error}; {hint}"), false);
            }
            Err(error) => problems.add(error.to_string(), error.class() == Class::Transient),
        }
    }

    /// Deletes objects, those of one stage side by side; returns those that could not be deleted.
    pub(super) async fn prune(&mut self, doomed: &[Doomed], problems: &mut Problems) -> Vec<ObjectId> {
        let (mut deleted, mut kept) = (Vec::new(), Vec::new());
        for stage in doomed.chunk_by(|one, other| one.stage() == other.stage()) {
            let mut answers = stream::iter(stage.to_vec())
                .map(|doomed| {
                    let (cluster, owner) = (self.cluster.clone(), self.owner.clone());
                    async move {
                        let answer = cluster.delete(&doomed, &owner).await;
                        (doomed, answer)
                    }
                })
                .buffer_unordered(PARALLEL)
                .boxed();
            while let Some((doomed, answer)) = answers.next().await {
                self.count("prune", answer.is_ok());
                match answer {
                    Ok(Deletion::Elsewhere) => {}
                    Ok(deletion) => {
                        let version =
                            if let Deletion::At(version) = deletion { version } else { doomed.resource_version };
                        self.watched.pruned(&doomed, version);
                        tracing::info!(environment = %self.key, object = %doomed.id, "pruned");
                        deleted.push(doomed.id);
                    }
                    Err(error) => {
                        problems.add(error.to_string(), error.class() == Class::Transient);
                        kept.push(doomed.id);
                    }
                }
            }
        }
        let message = match &*deleted {
            [] => return kept,
            [one] => format!("{one} left the overlay and was deleted"),
            all => format!("{} objects left the overlay and were deleted: {}", all.len(), named(all)),
        };
        self.notify(false, "Pruned", "Prune", message).await;
        kept
    }

    /// Whether an object may be deleted to change a field that can't be changed.
    pub(super) fn may_recreate(&self, desired: &Desired) -> bool {
        desired.rules.force || self.environment.spec.force
    }

    fn may_recreate_id(&self, id: &ObjectId) -> bool {
        let desired = self.target.as_ref().and_then(|target| target.manifests.objects.get(id));
        desired.is_some_and(|desired| self.may_recreate(desired))
    }

    /// Says once who owned what. Nobody waits for it.
    fn tell_of_owners(&self, answer: &Answer) {
        if answer.applied.is_err() {
            return;
        }
        let id = &answer.desired.id;
        let tell = |warning: bool, reason: &'static str, message: String| {
            tracing::info!(environment = %self.key, object = %id, reason, "{message}");
            let notifier = self.notifier();
            tokio::spawn(async move { notifier.notify(warning, reason, "Apply", message).await });
        };
        if !answer.taken.is_empty() {
            tell(false, "TookOver", format!("{id}: took over {}", named(&answer.taken)));
        }
        if !answer.yielded.is_empty() {
            tell(true, "Yielded", format!("{id}: left to their owners: {}", named(&answer.yielded)));
        }
        if !answer.adopted.is_empty() {
            let from = answer.adopted.join(", ");
            tell(false, "Adopted", format!("{id} was applied by {from} before: what it applied belongs to Plumb now"));
        }
    }

    /// Deletes an object that can't be changed to what it shall be. When it is gone, it is created anew.
    async fn recreate(&mut self, id: &ObjectId) -> Result<(), Error> {
        let Some(live) = self.watched.live().get(id).filter(|live| !live.deleted) else { return Ok(()) };
        let doomed = Doomed::of(id, live);
        self.recreating.insert(id.clone());
        if let Err(error) = self.cluster.delete(&doomed, &self.owner).await {
            self.recreating.remove(id);
            return Err(error);
        }
        let message = format!("{id} was deleted, for a field that can't be changed has to; it is created anew");
        self.notify(false, "Recreated", "Apply", message).await;
        Ok(())
    }
}

/// The first of them, and how many more there are.
fn named<T: Display>(all: &[T]) -> String {
    let names: Vec<_> = all.iter().take(NAMED).map(ToString::to_string).collect();
    let more = all.len().saturating_sub(NAMED);
    if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
}

/// Applies one object: without force as long as nobody else owns its fields, so that no request is needed to find out.
async fn apply(cluster: Cluster, rules: Arc<FieldRules>, desired: Desired, force: bool, new: bool) -> Answer {
    let mut answer = Answer { desired, applied: Ok(Applied::Present), taken: vec![], yielded: vec![], adopted: vec![] };
    // Only the answer tells whether others had applied it. Should this end before what they own is ours, the object says so.
    let first = |desired: &Desired| if new { desired.unmerged() } else { desired.clone() };
    answer.applied = cluster.apply(&first(&answer.desired), force).await;
    if let Err(Error::Conflict { conflicts, .. }) = &answer.applied {
        let settled = settle(&answer.desired, conflicts.clone(), &rules);
        answer.applied = cluster.apply(&first(&settled.desired), !settled.taken.is_empty()).await;
        (answer.desired, answer.taken, answer.yielded) = (settled.desired, settled.taken, settled.yielded);
    }
    if let Ok(Applied::Done(seen)) = &answer.applied
        && new
    {
        // Whoever keeps a field keeps its entry.
        let spared: Vec<_> = answer.yielded.iter().map(|conflict| conflict.manager.clone()).collect();
        if let Some(adoption) = adopt(&seen.entries, &spared) {
            answer.applied = cluster.adopt(&answer.desired, seen, &adoption).await;
            answer.adopted = adoption.from;
        }
    }
    answer
}
