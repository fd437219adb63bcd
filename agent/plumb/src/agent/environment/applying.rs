//! Applying the objects of one wave, and what becomes of those that the API server does not take as they are.

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use plumb_cluster::{Applied, Class, Cluster, Error};
use plumb_delivery::{Conflict, Desired, Doomed, FieldRules, ObjectId, adopt, settle};

use super::{Worker, problems::Problems, reconcile::PARALLEL};

/// How many conflicts an event names.
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

impl Worker {
    pub(super) async fn apply_wave(&mut self, ids: &[ObjectId], problems: &mut Problems) {
        let Some(target) = &self.target else { return };
        let wanted: Vec<_> = ids
            .iter()
            .filter_map(|id| target.manifests.objects.get(id))
            .map(|desired| {
                let sent = self.watched.yielding(desired);
                (sent, self.watched.takes_back(desired), self.watched.is_new(&desired.id))
            })
            .collect();
        let rules = self.watched.rules();
        let answers: Vec<_> = stream::iter(wanted)
            .map(|(desired, force, new)| apply(self.cluster.clone(), rules, desired, force, new))
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let now = Timestamp::now();
        for answer in answers {
            self.count("apply", answer.applied.is_ok());
            self.tell_of_owners(&answer);
            let id = answer.desired.id;
            match answer.applied {
                Ok(Applied::Present) => self.watched.present(id),
                Ok(Applied::Done(observation)) => {
                    let Some(desired) = self.target.as_ref().and_then(|target| target.manifests.objects.get(&id))
                    else {
                        continue;
                    };
                    self.watched.applied(&observation, desired, now);
                    self.recreating.remove(&id);
                    let name = id.to_string();
                    for drift in self.status.drifts.iter_mut().filter(|drift| drift.object == name) {
                        drift.repaired = true;
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
        let named = |conflicts: &[Conflict]| {
            let names: Vec<_> = conflicts.iter().take(NAMED).map(ToString::to_string).collect();
            let more = conflicts.len().saturating_sub(NAMED);
            if more == 0 { names.join(", ") } else { format!("{} and {more} more", names.join(", ")) }
        };
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
        let doomed = Doomed { id: id.clone(), uid: live.uid.clone() };
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

/// Applies one object: without force as long as nobody else owns its fields, so that no request is needed to find out.
async fn apply(cluster: Cluster, rules: &FieldRules, desired: Desired, force: bool, new: bool) -> Answer {
    let mut answer = Answer { desired, applied: Ok(Applied::Present), taken: vec![], yielded: vec![], adopted: vec![] };
    answer.applied = cluster.apply(&answer.desired, force).await;
    if let Err(Error::Conflict { conflicts, .. }) = &answer.applied {
        let settled = settle(&answer.desired, conflicts.clone(), rules);
        answer.applied = cluster.apply(&settled.desired, !settled.taken.is_empty()).await;
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
