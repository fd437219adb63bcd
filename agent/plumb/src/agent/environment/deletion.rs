//! The end of an Environment: its objects stay, or go with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use plumb_api::{DeletionPolicy, Reason};
use plumb_cluster::Class;
use plumb_delivery::{GroupKind, Inventory, Known, Manifests, ObjectId, Policy, Watching, plan};

use super::{Events, Worker, problems::Problems, reconcile::Outcome};

/// Keeps an Environment whose objects go with it until they are gone.
pub(super) const FINALIZER: &str = "plumb.dev/environment";

impl Worker {
    /// Sees to it that an Environment has the finalizer when its objects go with it, and only then.
    pub(super) async fn mark(&self) -> Result<(), Outcome> {
        let wanted = self.environment.spec.deletion_policy == DeletionPolicy::Delete;
        if wanted == self.is_marked() { Ok(()) } else { self.set_finalizer(wanted).await }
    }

    fn is_marked(&self) -> bool {
        self.environment.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
    }

    async fn set_finalizer(&self, present: bool) -> Result<(), Outcome> {
        let set = self.cx.cluster.set_finalizer(&self.environment, FINALIZER, present).await;
        set.map_err(|error| match error.class() {
            Class::Transient => Outcome::transient(Reason::ApplyFailed, error.to_string()),
            Class::Config | Class::Internal => Outcome::config(Reason::ApplyFailed, error.to_string()),
        })
    }

    /// Deletes the objects of an Environment that is being deleted, as far as its policy says so, and lets it go.
    ///
    /// It never holds an Environment for longer than `spec.timeout`: what is not gone by then stays, and an event names it.
    pub(super) async fn finish(&mut self, events: &mut Events) -> Result<(), Outcome> {
        let ended = Outcome::config(Reason::Deleting, "the Environment is being deleted");
        if !self.is_marked() {
            return Err(ended);
        }
        let spec = &self.environment.spec;
        if spec.deletion_policy == DeletionPolicy::Delete && !spec.suspend {
            let left = self.delete_all(events).await;
            if let Err(why) = left {
                if !self.is_overdue() {
                    return Err(Outcome::transient(Reason::Deleting, why));
                }
                let message = format!("not everything could be deleted in time, and what is left stays: {why}");
                self.notify(true, "Orphaned", "Delete", message).await;
            }
        }
        self.set_finalizer(false).await?;
        Err(ended)
    }

    fn is_overdue(&self) -> bool {
        let Some(since) = &self.environment.metadata.deletion_timestamp else { return false };
        let timeout = Duration::from(self.environment.spec.timeout);
        let timeout = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
        Timestamp::now().duration_since(since.0) >= timeout
    }

    /// Asks for the deletion of all that the inventory lists; says what is left.
    async fn delete_all(&mut self, events: &mut Events) -> Result<(), String> {
        let words = |outcome: Outcome| match outcome {
            Outcome::Failed { message, .. } | Outcome::Waiting(message) => message,
            Outcome::Pending | Outcome::Applied => String::new(),
        };
        self.target = None;
        self.connect(events).map_err(words)?;
        self.cluster.refresh_kinds().await.map_err(|error| error.to_string())?;
        let inventory = self.inventory().await.map_err(words)?;
        let kinds: BTreeSet<GroupKind> = inventory.0.iter().map(ObjectId::group_kind).collect();
        let unwatched = self.watch(kinds.clone(), events).await;
        let listed = |kind: &GroupKind| self.watched.watching(kind) == Some(&Watching::Synced);
        let nothing = BTreeSet::new();
        // A kind that the cluster no longer serves has no objects.
        let served =
            |kind: &GroupKind| self.cluster.kind(kind, None).is_some() || self.cluster.is_unavailable(&kind.group);
        let unlisted: BTreeSet<_> = kinds.into_iter().filter(|kind| served(kind) && !listed(kind)).collect();
        let known = Known {
            unready: &nothing,
            held: &nothing,
            unlisted: &unlisted,
            inventory: &inventory,
            live: self.watched.live(),
            foreign: &nothing,
            elsewhere: &BTreeMap::new(),
            unhealthy: &nothing,
        };
        let policy = Policy { prune: true, allow_empty: true, prune_limit: None };
        let plan = plan(&Manifests::none(), &known, policy).map_err(|error| error.to_string())?;
        let mut problems = Problems::default();
        for (kind, why) in unwatched {
            problems.add(format!("{kind} can't be watched: {why}"), true);
        }
        self.prune(&plan.prune, &mut problems).await;
        problems.into_result().map_err(words)?;
        let doomed: BTreeSet<&ObjectId> = plan.prune.iter().map(|doomed| &doomed.id).collect();
        let ending =
            |id: &&ObjectId| doomed.contains(*id) || self.watched.live().get(*id).is_some_and(|live| live.terminating);
        let left: Vec<_> = inventory.0.iter().filter(ending).take(5).map(ToString::to_string).collect();
        if left.is_empty() {
            return self.write_inventory(&Inventory::default()).await.map_err(words);
        }
        Err(format!("waiting for the end of {}", left.join(", ")))
    }
}
