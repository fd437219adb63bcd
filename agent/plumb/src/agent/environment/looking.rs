//! Kinds that can't be watched: their objects are looked at one by one, at an interval.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use plumb_delivery::{GroupKind, Missing, ObjectId, Owner, WatchEvent, Watching};
use tokio::time::Instant;

use super::{Worker, reconcile::PARALLEL};
use crate::agent::{board::Key, retry::Retry};

/// How often objects are looked at while something of the environment is on its way.
const WHILE_UNHEALTHY: Duration = Duration::from_secs(5);
/// When a watch is tried again, for the right to it may have been given meanwhile.
const TRY_AGAIN: Duration = Duration::from_mins(10);
/// Pauses between attempts to look at an object that a list did not name.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LAST_LOOK: Duration = Duration::from_secs(10);
/// When discovery is asked again for kinds of which the inventory lists objects.
pub(super) const SEEK_KINDS: Duration = Duration::from_secs(10);

/// Kinds that can't be watched.
#[derive(Default)]
pub(super) struct Unwatched {
    /// Why, and since when.
    kinds: BTreeMap<GroupKind, (String, Instant)>,
    /// When their objects were looked at last.
    looked: Option<Instant>,
}

impl Unwatched {
    /// What a condition says of them.
    pub(super) fn note(&self, interval: Duration) -> String {
        let named: Vec<_> = self.kinds.iter().map(|(kind, (why, _))| format!("{kind} ({why})")).collect();
        if named.is_empty() {
            return String::new();
        }
        format!("; looked at every {} s, for they can't be watched: {}", interval.as_secs(), named.join(", "))
    }
}

impl Worker {
    /// How often objects that can't be watched are looked at.
    pub(super) fn look_interval(&self) -> Duration {
        self.environment.spec.drift.interval.into()
    }

    /// When objects that can't be watched are to be looked at.
    pub(super) fn next_look(&self) -> Option<Instant> {
        if self.unwatched.kinds.is_empty() || self.environment.spec.suspend {
            return None;
        }
        let pause =
            if self.deadline.is_some() { self.look_interval().min(WHILE_UNHEALTHY) } else { self.look_interval() };
        Some(self.unwatched.looked.map_or_else(Instant::now, |looked| looked + pause))
    }

    /// Looks at all objects that can't be watched; `true` when there is something to do.
    pub(super) async fn look(&mut self) -> bool {
        let now = Instant::now();
        let (again, kinds): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.unwatched.kinds).into_iter().partition(|(_, (_, since))| *since + TRY_AGAIN < now);
        self.unwatched.kinds = kinds;
        // The reconcile asks for a watch of kinds of which nothing is known.
        for kind in again.keys() {
            self.absorb(WatchEvent::Lost(kind.clone()));
        }
        let kinds: Vec<_> = self.unwatched.kinds.keys().cloned().collect();
        let mut repair = !again.is_empty();
        for kind in kinds {
            repair |= self.look_at(&kind).await.unwrap_or_default();
        }
        self.unwatched.looked = Some(now);
        repair
    }

    /// Looks at the objects of kinds of which it was said just now that they can't be watched.
    pub(super) async fn look_at_unwatchable(&mut self, kinds: &BTreeSet<GroupKind>) {
        for kind in kinds {
            let Some(Watching::Unwatchable(why)) = self.watched.watching(kind) else { continue };
            let why = why.clone();
            if self.look_at(kind).await.is_none() {
                continue;
            }
            if self.unwatched.kinds.insert(kind.clone(), (why.clone(), Instant::now())).is_none() {
                let seconds = self.look_interval().as_secs();
                let message = format!("{kind} can't be watched ({why}): its objects are looked at every {seconds} s");
                let notifier = self.notifier();
                tokio::spawn(async move { notifier.notify(false, "NotWatched", "Observe", message).await });
            }
            self.unwatched.looked = Some(Instant::now());
        }
    }

    /// Looks at the objects of one kind that shall be, or that the inventory lists. `None` when one of them could not be looked at.
    async fn look_at(&mut self, kind: &GroupKind) -> Option<bool> {
        let wanted = self.target.iter().flat_map(|target| target.manifests.objects.keys());
        let listed = self.inventory.iter().flat_map(|inventory| &inventory.0);
        let ids: BTreeSet<ObjectId> = wanted.chain(listed).filter(|id| id.group_kind() == *kind).cloned().collect();
        let (at, whole) = (std::time::Instant::now(), self.watched.checks().cover(kind));
        let seen: Vec<_> = stream::iter(ids)
            .map(|id| {
                let (cluster, owner) = (self.cluster.clone(), self.owner.clone());
                async move { cluster.look(&id, &owner, whole).await }
            })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        let mut found = Vec::new();
        for answer in seen {
            match answer {
                Ok(seen) => found.extend(seen),
                Err(error) => {
                    tracing::warn!(environment = %self.key, %error, "an object could not be looked at");
                    return None;
                }
            }
        }
        // To the rest this is a list like any other.
        let events = found.into_iter().map(|seen| WatchEvent::Seen(Box::new(seen)));
        let all = std::iter::once(WatchEvent::Restarted(kind.clone(), at)).chain(events);
        let mut repair = false;
        for event in all.chain([WatchEvent::Synced(kind.clone())]) {
            repair |= self.absorb(event);
        }
        Some(repair)
    }

    /// Looks at the objects that a list did not name, and tells the worker as a watch would.
    pub(super) fn seek(&self, missing: Vec<Missing>) {
        if missing.is_empty() {
            return;
        }
        let (cluster, owner, events) = (self.cluster.clone(), self.owner.clone(), self.events_in.clone());
        let whole: BTreeSet<_> = missing.iter().map(|missing| missing.id.group_kind()).collect();
        let whole: BTreeSet<_> = whole.into_iter().filter(|kind| self.watched.checks().cover(kind)).collect();
        let look = move |missing: Missing| {
            let (cluster, owner, events) = (cluster.clone(), owner.clone(), events.clone());
            let kind = missing.id.group_kind();
            let whole = whole.contains(&kind);
            async move {
                let mut retry = Retry::default();
                // What is no longer served is for its watch to tell.
                while cluster.kind(&kind, None).is_some() && !events.is_closed() {
                    let event = match cluster.look(&missing.id, &owner, whole).await {
                        Ok(Some(seen)) => WatchEvent::Seen(Box::new(seen)),
                        Ok(None) => missing.gone(),
                        Err(error) => {
                            tracing::debug!(object = %missing.id, %error, "an object that a list lacks could not be looked at");
                            tokio::time::sleep(retry.failed(FIRST_LOOK, LAST_LOOK)).await;
                            continue;
                        }
                    };
                    // A receiver that is gone is an environment that ends.
                    let _ = events.send(event);
                    return;
                }
            }
        };
        tokio::spawn(stream::iter(missing).for_each_concurrent(PARALLEL, look));
    }

    /// Lets another environment have an object that it applied after us; `false` when there is no such environment, so that somebody else wrote its name.
    pub(super) fn hand_over(&mut self, id: &ObjectId, to: &Owner) -> bool {
        let key = Key { namespace: to.namespace.clone(), name: to.name.clone() };
        if self.cx.environments.get(&key).is_none() {
            return false;
        }
        let wanted = self.target.as_ref().is_some_and(|target| target.manifests.objects.contains_key(id));
        self.watched.taken(id, to.clone());
        if wanted {
            let message = format!(
                "{id} is in Environment {key} as well, which applied it after this one and has it now; take it out of one of the two"
            );
            tracing::warn!(environment = %self.key, "{message}");
            let notifier = self.notifier();
            tokio::spawn(async move { notifier.notify(true, "OwnedTwice", "Observe", message).await });
        }
        true
    }
}
