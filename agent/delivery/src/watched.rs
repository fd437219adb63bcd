//! What the watches of one environment have said so far.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Desired, Doomed, Drift, DriftPolicy, FieldRules, GroupKind, Inventory, Live, Manifests, ObjectId, Observation,
    Owner, conflict,
    health::{self, Health, HealthChecks, HealthStatus},
    live,
    suspicion::Suspicion,
};

/// What a watch says to an environment.
#[derive(Clone, Debug)]
pub enum WatchEvent {
    /// All objects of the kind follow, as they were at this time or some moments before: what is not named before [`WatchEvent::Synced`] is missing.
    Restarted(GroupKind, Instant),
    /// An object is there, or changed.
    Seen(Box<Seen>),
    /// An object is gone, or no longer carries the labels of its owner.
    Gone(Box<Observation>),
    /// All objects of the kind have been named.
    Synced(GroupKind),
    /// An object that was ours carries the labels of another owner now.
    Moved(Box<Seen>, Owner),
    /// The kind can't be watched now; it is tried again.
    Failed(GroupKind, String),
    /// The kind can't be watched, for there is no right to it or the API server knows no such thing.
    Unwatchable(GroupKind, String),
    /// The kind is no longer watched, and will not be before somebody asks for it again.
    Lost(GroupKind),
}

impl WatchEvent {
    /// The object that it is about, if it is about one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectId> {
        match self {
            Self::Seen(seen) | Self::Moved(seen, _) => Some(&seen.observation.id),
            Self::Gone(observation) => Some(&observation.id),
            Self::Restarted(..) | Self::Synced(_) | Self::Failed(..) | Self::Unwatchable(..) | Self::Lost(_) => None,
        }
    }
}

/// An object that a watch named.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its metadata.
    pub observation: Observation,
    /// The whole object, without `managedFields`, for kinds whose health shows in it.
    pub object: Option<Value>,
}

/// An object that a list did not name. Whoever answers for the API server may have a cache that is behind, so that alone does not say that it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The object.
    pub id: ObjectId,
    uid: String,
    resource_version: u64,
}

impl Missing {
    /// That it is gone, which counts unless more is known of it by then.
    #[must_use]
    pub fn gone(self) -> WatchEvent {
        WatchEvent::Gone(Box::new(Observation {
            id: self.id,
            uid: self.uid,
            resource_version: self.resource_version,
            terminating: false,
            applied: None,
            unmerged: false,
            prune: None,
            yielded: Vec::new(),
            entries: Vec::new(),
        }))
    }
}

/// How far the watch of a kind is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watching {
    /// Asked for, and nothing was said yet.
    Asked,
    /// The list is coming in since the given time; these objects were named.
    Listing(Instant, BTreeSet<ObjectId>),
    /// All that exists is known.
    Synced,
    /// It can't be watched now, for this reason.
    Failed(String),
    /// It can't be watched at all, for this reason: its objects are looked at one by one.
    Unwatchable(String),
}

/// What the watches of one environment have said so far.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    live: BTreeMap<ObjectId, Live>,
    health: BTreeMap<ObjectId, (u64, Health)>,
    kinds: BTreeMap<GroupKind, Watching>,
    foreign: BTreeSet<ObjectId>,
    elsewhere: BTreeMap<ObjectId, Owner>,
    suspicions: Vec<Suspicion>,
    missing: Vec<Missing>,
    /// Drifts that are only reported, and whose objects changed once more.
    changed_again: Vec<Drift>,
    /// Kinds of which it was seen what had gone before they were watched.
    surveyed: BTreeSet<GroupKind>,
    rules: FieldRules,
    checks: HealthChecks,
}

impl Watched {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(rules: FieldRules, checks: HealthChecks) -> Self {
        Self { rules, checks, ..Self::default() }
    }

    /// How the health of some kinds is read.
    #[must_use]
    pub fn checks(&self) -> &HealthChecks {
        &self.checks
    }

    /// What happens when somebody else changes an object.
    #[must_use]
    pub fn rules(&self) -> &FieldRules {
        &self.rules
    }

    /// The objects that carry the labels of the environment.
    #[must_use]
    pub fn live(&self) -> &BTreeMap<ObjectId, Live> {
        &self.live
    }

    /// How far the watch of a kind is; `None` when nobody asked for it.
    #[must_use]
    pub fn watching(&self, kind: &GroupKind) -> Option<&Watching> {
        self.kinds.get(kind)
    }

    /// Notes that a kind was asked for.
    pub fn asked(&mut self, kind: GroupKind) {
        self.kinds.insert(kind, Watching::Asked);
    }

    /// Takes in what a watch says, and returns the drifts that it shows.
    pub fn absorb(&mut self, event: WatchEvent, manifests: Option<&Manifests>, now: Timestamp) -> Vec<Drift> {
        let desired = |id: &ObjectId| manifests.and_then(|manifests| manifests.objects.get(id));
        match event {
            WatchEvent::Restarted(kind, at) => {
                self.kinds.insert(kind, Watching::Listing(at, BTreeSet::new()));
                Vec::new()
            }
            WatchEvent::Unwatchable(kind, why) => {
                self.kinds.insert(kind, Watching::Unwatchable(why));
                Vec::new()
            }
            WatchEvent::Failed(kind, why) => {
                // A watch that failed after its list is picked up where it broke off, so what is known stays true.
                if !matches!(self.kinds.get(&kind), Some(Watching::Synced)) {
                    self.kinds.insert(kind, Watching::Failed(why));
                }
                Vec::new()
            }
            WatchEvent::Lost(kind) => {
                self.kinds.remove(&kind);
                Vec::new()
            }
            // Whoever writes another owner's name over ours changes a field as any other.
            WatchEvent::Seen(seen) | WatchEvent::Moved(seen, _) => {
                self.seen(&seen, &desired, now).into_iter().collect()
            }
            WatchEvent::Gone(observation) => {
                let Some((live, drift)) =
                    live::gone(self.live.get(&observation.id), &observation, desired(&observation.id), &self.rules)
                else {
                    return Vec::new();
                };
                self.lost(observation.id, live, drift.is_some());
                drift.into_iter().collect()
            }
            WatchEvent::Synced(kind) => {
                self.synced(&kind);
                Vec::new()
            }
        }
    }

    fn seen<'a>(
        &mut self,
        seen: &Seen,
        desired: &impl Fn(&ObjectId) -> Option<&'a Desired>,
        now: Timestamp,
    ) -> Option<Drift> {
        let id = seen.observation.id.clone();
        self.elsewhere.remove(&id);
        if let Some(Watching::Listing(_, named)) = self.kinds.get_mut(&id.group_kind()) {
            named.insert(id.clone());
        }
        let desired = desired(&id);
        let (live, mut drift) = live::observe(self.live.get(&id), &seen.observation, desired, &self.rules)?;
        if drift.is_none()
            && let Some(previous) = self.live.get(&id)
            && let Some(desired) = desired
        {
            self.suspicions.extend(Suspicion::of(previous, &live, &seen.observation, desired));
            if previous.drifted
                && live.drifted
                && live.policy == DriftPolicy::Alert
                && live.resource_version > previous.resource_version
            {
                let mut held = live::held_by_others(&seen.observation, desired, &self.rules);
                if seen.object.is_some() {
                    held.look(desired, seen.object.as_ref());
                }
                self.changed_again.push(held);
            }
        }
        if let Some(object) = &seen.object {
            if let Some((drift, desired)) = drift.as_mut().zip(desired)
                && drift.wants_values()
            {
                drift.look(desired, Some(object));
            }
            let checked = self.checks.assess(&id.group_kind(), object);
            let health = checked.unwrap_or_else(|| health::assess(object, now));
            self.health.insert(id.clone(), (live.resource_version, health));
        }
        self.live.insert(id, live);
        drift
    }

    fn synced(&mut self, kind: &GroupKind) {
        let Some(Watching::Listing(since, named)) = self.kinds.insert(kind.clone(), Watching::Synced) else {
            return;
        };
        // What a request of ours made after the list was taken is not in it, and not gone either.
        let missing = |(id, live): &(&ObjectId, &Live)| {
            id.group == kind.group
                && id.kind == kind.kind
                && !live.deleted
                && !named.contains(*id)
                && live.answered.is_none_or(|answered| answered < since)
        };
        self.missing.extend(self.live.iter().filter(missing).map(|(id, live)| Missing {
            id: id.clone(),
            uid: live.uid.clone(),
            resource_version: live.resource_version,
        }));
        // What we deleted is known to be gone now, unless the list was begun before.
        self.live.retain(|id, live| id.group_kind() != *kind || !live.deleted || live.drifted || named.contains(id));
    }

    /// A deleted object is remembered only while it is wanted.
    fn lost(&mut self, id: ObjectId, live: Live, wanted: bool) {
        self.health.remove(&id);
        if wanted {
            self.live.insert(id, live);
        } else {
            self.live.remove(&id);
        }
    }

    /// A manifest without the fields that others may keep.
    #[must_use]
    pub fn yielding(&self, desired: &Desired) -> Desired {
        let yielded = self.live.get(&desired.id).map(|live| live.yielded.as_slice()).unwrap_or_default();
        if yielded.is_empty() {
            return desired.clone();
        }
        conflict::without(desired, yielded, self.rules.may_yield())
    }

    /// Whether an apply may take fields from others at once. It may take back what was seen to drift; all else the API server is asked first.
    #[must_use]
    pub fn takes_back(&self, desired: &Desired) -> bool {
        self.live.get(&desired.id).is_some_and(|live| live.drifted && live.applied == Some(desired.digest))
    }

    /// Whether the environment has not applied the object before, or did not come to an end with it.
    #[must_use]
    pub fn is_new(&self, id: &ObjectId) -> bool {
        self.live.get(id).is_none_or(|live| live.unmerged || live.ownership.is_none() && live.applied.is_none())
    }

    /// Objects that existed when the manifests were last applied, and that are gone since though no watch said so: nobody watched.
    ///
    /// When nothing of the environment is there at all, the cluster is another one, and nothing is gone.
    pub fn vanished(&mut self, manifests: &Manifests, inventory: &Inventory) -> Vec<Drift> {
        let is_new = |(kind, watching): &(&GroupKind, &Watching)| {
            **watching == Watching::Synced && !self.surveyed.contains(*kind)
        };
        // Once a kind was gone through, its watch says all that happens.
        let kinds: BTreeSet<_> = self.kinds.iter().filter(is_new).map(|(kind, _)| kind.clone()).collect();
        if self.live.is_empty() || kinds.is_empty() {
            return Vec::new();
        }
        let is_gone = |desired: &&Desired| {
            let id = &desired.id;
            inventory.0.contains(id)
                && !desired.rules.ignore
                && !desired.rules.create_only
                && !self.live.contains_key(id)
                && !self.elsewhere.contains_key(id)
                && kinds.contains(&id.group_kind())
        };
        let gone: Vec<_> = manifests.objects.values().filter(is_gone).collect();
        self.surveyed.extend(kinds.iter().cloned());
        let mut drifts = Vec::new();
        for desired in gone {
            let drift = Drift::deleted(&desired.id, &self.rules);
            self.live.insert(desired.id.clone(), live::vanished(desired, &drift));
            drifts.push(drift);
        }
        drifts
    }

    /// Objects that somebody may have applied in our name since this was asked last.
    pub fn take_suspicions(&mut self) -> Vec<Suspicion> {
        std::mem::take(&mut self.suspicions)
    }

    /// Objects that lists did not name since this was asked last; whether they are gone is to be looked at one by one.
    pub fn take_missing(&mut self) -> Vec<Missing> {
        std::mem::take(&mut self.missing)
    }

    /// Drifts that are only reported, and whose objects changed since this was asked last: somebody may have undone them.
    pub fn take_changed_again(&mut self) -> Vec<Drift> {
        std::mem::take(&mut self.changed_again)
    }

    /// Takes in that a drift was undone: what is left is to own the fields again, and that changes nothing. `false` when the object has changed since.
    pub fn undone(&mut self, drift: &Drift) -> bool {
        let live = self.live.get_mut(&drift.id);
        let Some(live) = live.filter(|live| live.resource_version == drift.resource_version && live.drifted) else {
            return false;
        };
        live.policy = DriftPolicy::Repair;
        true
    }

    /// Takes in that a suspicion was true; `false` when the object has changed since.
    pub fn confirm(&mut self, drift: &Drift) -> bool {
        let live = self.live.get_mut(&drift.id);
        let Some(live) = live.filter(|live| live.resource_version == drift.resource_version && !live.deleted) else {
            return false;
        };
        live.drifted = true;
        live.policy = drift.policy;
        live.agrees_with = None;
        true
    }

    /// Notes that another environment applied an object of ours, and has it now.
    pub fn taken(&mut self, id: &ObjectId, by: Owner) {
        self.live.remove(id);
        self.health.remove(id);
        self.elsewhere.insert(id.clone(), by);
    }

    /// Objects that other environments took over.
    #[must_use]
    pub fn elsewhere(&self) -> &BTreeMap<ObjectId, Owner> {
        &self.elsewhere
    }

    /// Takes in the answer to an apply of ours, unless a watch has said more since.
    pub fn applied(&mut self, observation: &Observation, desired: &Desired, now: Instant) {
        let newer = |live: &&mut Live| {
            live.uid == observation.uid && live.resource_version > observation.resource_version && !live.deleted
        };
        if let Some(live) = self.live.get_mut(&desired.id).filter(newer) {
            live.answered = Some(now);
            return;
        }
        let live = live::applied(self.live.get(&desired.id), observation, desired, &self.rules, now);
        self.live.insert(desired.id.clone(), live);
    }

    /// Takes in that we deleted an object at a resource version.
    pub fn pruned(&mut self, doomed: &Doomed, resource_version: u64) {
        let Some(live) = self.live.get_mut(&doomed.id).filter(|live| live.uid == doomed.uid && !live.deleted) else {
            return;
        };
        *live = live::pruned(live, resource_version);
        self.health.remove(&doomed.id);
    }

    /// Notes that an object that was to be created only is there already. It lacks our labels, so no watch will say more of it.
    pub fn present(&mut self, id: ObjectId) {
        self.foreign.insert(id);
    }

    /// Objects that were to be created only, and that others had created before.
    #[must_use]
    pub fn foreign(&self) -> &BTreeSet<ObjectId> {
        &self.foreign
    }

    /// The health of an object of the environment.
    ///
    /// After an apply that changed the object its health is open until a watch shows it again, so a new revision is never called healthy for what its
    /// predecessor was.
    #[must_use]
    pub fn health(&self, id: &ObjectId) -> Health {
        let progressing = |message: &str| Health { status: HealthStatus::Progressing, message: message.into() };
        let Some(live) = self.live.get(id).filter(|live| !live.deleted) else {
            if self.foreign.contains(id) || self.elsewhere.contains_key(id) {
                return Health { status: HealthStatus::Healthy, message: String::new() };
            }
            return progressing("does not exist yet");
        };
        if live.terminating {
            return progressing("is being deleted");
        }
        if !health::needs_status(&id.group, &id.kind) && !self.checks.cover(&id.group_kind()) {
            return Health { status: HealthStatus::Healthy, message: String::new() };
        }
        match self.health.get(id) {
            Some((version, health)) if *version >= live.resource_version => health.clone(),
            _ => progressing("its controller has not seen the change yet"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::LazyLock, time::Duration};

    use serde_json::json;

    use super::*;
    use crate::{Digest, Scope, ownership::FieldsEntry, prepare};

    const KIND: &str = "ConfigMap";

    fn kind() -> GroupKind {
        GroupKind { group: "".into(), kind: KIND.into() }
    }

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(second: u64) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START + Duration::from_secs(second)
    }

    fn manifests() -> Manifests {
        let value = json!({"apiVersion": "v1", "kind": KIND, "metadata": {"name": "a"}, "data": {"k": "v"}});
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        prepare([(&value, "a.yaml")], &owner, |_, _| Some(Scope::Namespaced)).0
    }

    fn observation(desired: &Desired, version: u64) -> Observation {
        Observation {
            id: desired.id.clone(),
            uid: "u".into(),
            resource_version: version,
            terminating: false,
            applied: Some(desired.digest),
            unmerged: false,
            prune: None,
            yielded: Vec::new(),
            entries: vec![FieldsEntry {
                manager: "plumb".into(),
                operation: "Apply".into(),
                api_version: "v1".into(),
                subresource: String::new(),
                time: "t".into(),
                fields: json!({"f:data": {}, "f:metadata": {"f:labels": {}, "f:annotations": {}}}),
            }],
        }
    }

    fn listed(watched: &mut Watched, manifests: &Manifests, names: bool, since: u64) -> Vec<Drift> {
        let desired = manifests.objects.values().next().unwrap();
        let mut drifts = watched.absorb(WatchEvent::Restarted(kind(), at(since)), Some(manifests), NOW);
        if names {
            let seen = Seen { observation: observation(desired, 5), object: None };
            drifts.extend(watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(manifests), NOW));
        }
        drifts.extend(watched.absorb(WatchEvent::Synced(kind()), Some(manifests), NOW));
        drifts
    }

    /// Says that all that a list did not name is gone indeed.
    fn looked(watched: &mut Watched, manifests: &Manifests) -> Vec<Drift> {
        let missing = watched.take_missing();
        missing.into_iter().flat_map(|missing| watched.absorb(missing.gone(), Some(manifests), NOW)).collect()
    }

    #[test]
    fn what_a_list_names_agrees_and_is_healthy() {
        let manifests = manifests();
        let mut watched = Watched::default();
        assert_eq!(listed(&mut watched, &manifests, true, 1), []);
        let id = manifests.objects.keys().next().unwrap();
        assert!(watched.live()[id].agrees_with.is_some());
        assert_eq!(watched.health(id).status, HealthStatus::Healthy);
        assert_eq!(watched.watching(&kind()), Some(&Watching::Synced));
    }

    #[test]
    fn what_a_later_list_no_longer_names_is_gone() {
        let manifests = manifests();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        assert_eq!(listed(&mut watched, &manifests, false, 2), []);
        let drifts = looked(&mut watched, &manifests);
        assert_eq!(drifts.iter().map(|drift| drift.names().join(",")).collect::<Vec<_>>(), ["<deleted>"]);
        assert_eq!(looked(&mut watched, &manifests), []);
    }

    #[test]
    fn what_a_list_of_the_past_does_not_name_stays_when_it_is_seen() {
        let manifests = manifests();
        let desired = manifests.objects.values().next().unwrap();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        for version in [5, 6] {
            listed(&mut watched, &manifests, false, 2);
            let missing = watched.take_missing();
            assert_eq!(missing.iter().map(|missing| &missing.id).collect::<Vec<_>>(), [&desired.id]);
            let agrees = |watched: &Watched| watched.live()[&desired.id].agrees_with.is_some();
            assert!(agrees(&watched), "nothing is known of it yet");
            let seen = Seen { observation: observation(desired, version), object: None };
            assert_eq!(watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(&manifests), NOW), []);
            assert!(agrees(&watched));
        }
        // Who looked before the object changed has nothing to say.
        listed(&mut watched, &manifests, false, 3);
        let missing = watched.take_missing();
        let seen = Seen { observation: observation(desired, 7), object: None };
        watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(&manifests), NOW);
        let gone = missing.into_iter().flat_map(|missing| watched.absorb(missing.gone(), Some(&manifests), NOW));
        assert_eq!(gone.collect::<Vec<_>>(), []);
    }

    #[test]
    fn what_was_applied_after_a_list_was_taken_is_not_gone() {
        let manifests = manifests();
        let desired = manifests.objects.values().next().unwrap();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, false, 1);
        watched.applied(&observation(desired, 9), desired, at(3));
        assert_eq!(listed(&mut watched, &manifests, false, 2), []);
        assert_eq!(watched.take_missing(), []);
    }

    #[test]
    fn what_a_list_lacked_is_there_when_the_same_state_is_seen_again() {
        let manifests = manifests();
        let desired = manifests.objects.values().next().unwrap();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        listed(&mut watched, &manifests, false, 2);
        assert_eq!(looked(&mut watched, &manifests).len(), 1);
        let seen = Seen { observation: observation(desired, 5), object: None };
        assert_eq!(watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(&manifests), NOW), []);
        let live = &watched.live()[&desired.id];
        assert!(!live.deleted && !live.drifted && live.agrees_with.is_some());
    }

    #[test]
    fn what_was_pruned_and_is_wanted_again_before_its_watch_says_so_is_no_drift() {
        let manifests = manifests();
        let desired = manifests.objects.values().next().unwrap();
        let doomed = Doomed { id: desired.id.clone(), uid: "u".into(), resource_version: 5 };
        let seen = || WatchEvent::Seen(Box::new(Seen { observation: observation(desired, 7), object: None }));
        let gone = || WatchEvent::Gone(Box::new(observation(desired, 9)));
        // The watch may tell late what was before, that it is gone, or break and list anew.
        for events in [
            vec![seen(), gone()],
            vec![WatchEvent::Restarted(kind(), at(3)), seen(), WatchEvent::Synced(kind()), gone()],
            vec![WatchEvent::Restarted(kind(), at(3)), WatchEvent::Synced(kind())],
        ] {
            let mut watched = Watched::default();
            listed(&mut watched, &manifests, true, 1);
            watched.pruned(&doomed, 7);
            let agrees = |watched: &Watched| watched.live().get(&desired.id).and_then(|live| live.agrees_with);
            for event in events {
                assert_eq!(watched.absorb(event, Some(&manifests), NOW), []);
                assert_eq!(agrees(&watched), None);
                assert_eq!(looked(&mut watched, &manifests), []);
            }
            assert!(watched.live().is_empty());
        }
    }

    #[test]
    fn a_drift_that_is_seen_before_the_answer_to_the_apply_stays() {
        let manifests = manifests();
        let desired = manifests.objects.values().next().unwrap();
        let mut watched = Watched::default();
        let taken = Observation { entries: vec![], ..observation(desired, 9) };
        let seen = Seen { observation: taken, object: None };
        watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(&manifests), NOW);
        watched.applied(&observation(desired, 8), desired, at(1));
        assert_eq!(watched.live()[&desired.id].agrees_with, None);
    }

    #[test]
    fn a_watch_that_breaks_after_its_list_loses_nothing() {
        let manifests = manifests();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        watched.absorb(WatchEvent::Failed(kind(), "connection reset".into()), Some(&manifests), NOW);
        assert_eq!(watched.watching(&kind()), Some(&Watching::Synced));
    }

    #[test]
    fn a_kind_that_is_no_longer_watched_is_asked_for_again() {
        let manifests = manifests();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        watched.absorb(WatchEvent::Lost(kind()), Some(&manifests), NOW);
        assert_eq!((watched.watching(&kind()), watched.live().len()), (None, 1));
    }

    #[test]
    fn an_object_whose_deletion_ended_unseen_is_created_again() {
        let manifests = manifests();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        let desired = manifests.objects.values().next().unwrap();
        let ending = Observation { terminating: true, ..observation(desired, 6) };
        let seen = Seen { observation: ending, object: None };
        watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(&manifests), NOW);
        listed(&mut watched, &manifests, false, 3);
        looked(&mut watched, &manifests);
        let live = &watched.live()[&desired.id];
        assert!(live.deleted && !live.terminating);
    }

    #[test]
    fn a_changed_workload_is_not_healthy_before_its_controller_saw_it() {
        let value =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {"replicas": 1}});
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let manifests = prepare([(&value, "a.yaml")], &owner, |_, _| Some(Scope::Namespaced)).0;
        let desired = manifests.objects.values().next().unwrap();
        let healthy = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "generation": 1}, "spec": {"replicas": 1},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
                       "conditions": [{"type": "Available", "status": "True"}]},
        });
        let mut watched = Watched::default();
        let seen = Seen { observation: observation(desired, 5), object: Some(healthy) };
        watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(&manifests), NOW);
        assert_eq!(watched.health(&desired.id).status, HealthStatus::Healthy);
        watched.applied(&observation(desired, 6), desired, at(2));
        assert_eq!(watched.health(&desired.id).status, HealthStatus::Progressing);
        assert_ne!(desired.digest, Digest::of(b""));
    }

    #[test]
    fn what_vanished_while_nobody_watched_is_a_drift_unless_all_did() {
        let values = ["a", "b"].map(|name| json!({"apiVersion": "v1", "kind": KIND, "metadata": {"name": name}}));
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let rendered = values.iter().map(|value| (value, "a.yaml"));
        let manifests = prepare(rendered, &owner, |_, _| Some(Scope::Namespaced)).0;
        let inventory = Inventory(manifests.objects.keys().cloned().collect());
        let rules = FieldRules { default: DriftPolicy::Alert, ..FieldRules::default() };
        let mut watched = Watched::new(rules.clone(), HealthChecks::default());
        listed(&mut watched, &manifests, false, 1);
        assert_eq!(watched.vanished(&manifests, &inventory), []);
        // The first of them is there.
        let mut watched = Watched::new(rules, HealthChecks::default());
        assert_eq!(watched.vanished(&manifests, &inventory), []);
        listed(&mut watched, &manifests, true, 1);
        let drifts = watched.vanished(&manifests, &inventory);
        assert_eq!(drifts.iter().map(|drift| drift.id.name.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(watched.vanished(&manifests, &inventory), []);
        let live = &watched.live()[&drifts[0].id];
        assert!(live.deleted && live.drifted && live.policy == DriftPolicy::Alert);
    }

    #[test]
    fn a_reported_drift_that_somebody_undoes_is_taken_back() {
        let manifests = manifests();
        let desired = manifests.objects.values().next().unwrap();
        let rules = FieldRules { default: DriftPolicy::Alert, ..FieldRules::default() };
        let mut watched = Watched::new(rules, HealthChecks::default());
        listed(&mut watched, &manifests, true, 1);
        // Somebody owns the data now.
        let taken = |version| {
            let mut taken = observation(desired, version);
            taken.entries[0].fields = json!({"f:metadata": {"f:labels": {}, "f:annotations": {}}});
            let fields = json!({"f:data": {".": {}, "f:k": {}}});
            taken.entries.push(FieldsEntry {
                manager: "kubectl".into(),
                operation: "Update".into(),
                fields,
                ..taken.entries[0].clone()
            });
            WatchEvent::Seen(Box::new(Seen { observation: taken, object: None }))
        };
        let look = |mut drift: Drift, value: &str| {
            drift.look(desired, Some(&json!({"data": {"k": value}})));
            drift
        };
        assert_eq!(watched.absorb(taken(6), Some(&manifests), NOW).len(), 1);
        assert_eq!(watched.take_changed_again(), []);
        for (version, value, undone) in [(7, "x", false), (8, "v", true)] {
            assert_eq!(watched.absorb(taken(version), Some(&manifests), NOW), []);
            let [again] = <[Drift; 1]>::try_from(watched.take_changed_again()).unwrap();
            assert!(again.wants_values() && !again.is_undone());
            assert_eq!(look(again.clone(), value).is_undone(), undone, "{value}");
            let policy = |watched: &Watched| watched.live()[&desired.id].policy;
            assert_eq!(policy(&watched), DriftPolicy::Alert);
            if undone {
                assert!(!watched.undone(&Drift { resource_version: 7, ..again.clone() }), "it has changed since");
                assert!(watched.undone(&again));
                assert_eq!(policy(&watched), DriftPolicy::Repair);
            }
        }
    }

    #[test]
    fn an_object_that_another_environment_took_is_let_go() {
        let manifests = manifests();
        let mut watched = Watched::default();
        listed(&mut watched, &manifests, true, 1);
        let id = manifests.objects.keys().next().unwrap();
        watched.taken(id, Owner { namespace: "plumb-system".into(), name: "prod".into() });
        assert!(watched.live().is_empty() && watched.health(id).status == HealthStatus::Healthy);
        listed(&mut watched, &manifests, true, 2);
        assert!(watched.elsewhere().is_empty() && watched.live().len() == 1);
    }
}
