//! What is known of a live object, in a few bytes.

use std::time::Instant;

use crate::{
    ConflictPolicy, Desired, Digest, Drift, DriftPolicy, DriftedField, FieldPath, FieldRules, ObjectId,
    adoption::is_overdue, ownership, ownership::FieldsEntry,
};

/// What a watch event or an answer to a request says of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What it is.
    pub id: ObjectId,
    /// Its uid: another object of the same name has another.
    pub uid: String,
    /// Its resource version. They are ordered within one kind (KEP-5504).
    pub resource_version: u64,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// The digest in its annotation.
    pub applied: Option<Digest>,
    /// Whether the annotation says that this was the first apply, see [`Desired::unmerged`].
    pub unmerged: bool,
    /// What its annotation [`PRUNE_ANNOTATION`](crate::rules::PRUNE_ANNOTATION) says.
    pub prune: Option<bool>,
    /// JSON pointers to the fields of the manifest that were left to those who owned them before us, from an annotation.
    pub yielded: Vec<String>,
    /// Who owns which fields.
    pub entries: Vec<FieldsEntry>,
}

/// What is kept of a live object.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own, and there are very many objects")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its uid.
    pub uid: String,
    /// The resource version of the last observation.
    pub resource_version: u64,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Whether it is gone. It is remembered where drift is only reported, so that it is not created again.
    pub deleted: bool,
    /// What stands for our entry in its `managedFields`.
    pub ownership: Option<Digest>,
    /// The digest of the manifest with which it is known to agree.
    pub agrees_with: Option<Digest>,
    /// The digest in its annotation: what was applied last.
    pub applied: Option<Digest>,
    /// Whether another tool applied it before us, and still owns what it applied.
    pub unmerged: bool,
    /// Whether it goes or stays when it leaves the overlay, if it says so itself.
    pub prune: Option<bool>,
    /// Whether it differs from the manifest, and that was told.
    pub drifted: bool,
    /// What is to be done about that.
    pub policy: DriftPolicy,
    /// Fields that others took and may keep: they are left out of what is applied.
    pub yielded: Vec<FieldPath>,
    /// When the API server last answered a request of ours on it, by a clock that nobody sets.
    pub answered: Option<Instant>,
}

/// Takes in an observation: what to keep, and the drift that it shows.
///
/// `desired` is what the object shall be, if it shall be. An older observation than the last changes nothing and is `None`.
#[must_use]
pub fn observe(
    previous: Option<&Live>,
    observation: &Observation,
    desired: Option<&Desired>,
    rules: &FieldRules,
) -> Option<(Live, Option<Drift>)> {
    if previous.is_some_and(|previous| is_older(observation, previous)) {
        return None;
    }
    // What others may change as they like does not drift.
    let desired = desired.filter(|desired| !desired.rules.ignore && !desired.rules.create_only);
    let ownership = ownership::fingerprint(&observation.entries);
    let mut live = Live {
        uid: observation.uid.clone(),
        resource_version: observation.resource_version,
        terminating: observation.terminating,
        deleted: false,
        ownership,
        agrees_with: None,
        applied: observation.applied,
        unmerged: false,
        prune: observation.prune,
        drifted: false,
        policy: DriftPolicy::default(),
        yielded: Vec::new(),
        answered: previous.and_then(|previous| previous.answered),
    };
    // Status updates are most of all events, and they leave our entry alone.
    if let Some(previous) = previous
        && previous.uid == live.uid
        && previous.ownership == ownership
        && previous.terminating == live.terminating
        && (previous.agrees_with.is_some() || previous.drifted)
        && (previous.drifted || !is_let_go(previous, observation, desired))
    {
        live.agrees_with = previous.agrees_with;
        live.drifted = previous.drifted;
        live.policy = previous.policy;
        live.yielded.clone_from(&previous.yielded);
        return Some((live, None));
    }
    let Some(desired) = desired else {
        return Some((live, None));
    };
    if live.terminating {
        let drift = Drift::deleted(&observation.id, rules);
        live.drifted = true;
        live.policy = drift.policy;
        return Some((live, Some(drift)));
    }
    // An agent ended between the first apply and the merge. Whoever keeps fields keeps its entry.
    if observation.unmerged && observation.yielded.is_empty() && is_overdue(&observation.entries) {
        live.unmerged = true;
        return Some((live, None));
    }
    let lost = Lost::of(observation, desired, rules);
    live.yielded = lost.yielded;
    // Another manifest than the last one applied is a change to come, not a drift.
    if observation.applied.is_some_and(|applied| applied != desired.digest) && ownership.is_some() {
        return Some((live, None));
    }
    if lost.to_take_back.is_empty() {
        live.agrees_with = (observation.applied == Some(desired.digest)).then_some(desired.digest);
    }
    let fields = [lost.to_tell, lost.to_take_back].concat();
    // An object that we never applied is not a drift: it is taken over.
    if fields.is_empty() || ownership.is_none() {
        return Some((live, None));
    }
    live.drifted = true;
    live.policy = lost.policy;
    let drift = Drift {
        id: observation.id.clone(),
        resource_version: observation.resource_version,
        deleted: false,
        fields,
        policy: lost.policy,
    };
    Some((live, Some(drift)))
}

/// The fields that others own still of an object that drifted before, with nothing known of their values. Who puts them back does not give them back.
pub(crate) fn held_by_others(observation: &Observation, desired: &Desired, rules: &FieldRules) -> Drift {
    let lost = Lost::of(observation, desired, rules);
    Drift {
        id: observation.id.clone(),
        resource_version: observation.resource_version,
        deleted: false,
        fields: [lost.to_tell, lost.to_take_back].concat(),
        policy: lost.policy,
    }
}

/// The fields of a manifest that others took.
struct Lost {
    /// By a rule, for others to keep.
    yielded: Vec<FieldPath>,
    /// Of those the ones that are reported.
    to_tell: Vec<DriftedField>,
    /// What the policy of the object is for.
    to_take_back: Vec<DriftedField>,
    /// The strictest policy of all that is not ignored.
    policy: DriftPolicy,
}

impl Lost {
    fn of(observation: &Observation, desired: &Desired, rules: &FieldRules) -> Self {
        let body = desired.body.value();
        let id = &observation.id;
        let mut lost =
            Self { yielded: Vec::new(), to_tell: Vec::new(), to_take_back: Vec::new(), policy: DriftPolicy::Ignore };
        for path in ownership::missing(&body, &observation.entries) {
            let writer = ownership::writer(&observation.entries, &body, &path);
            if is_conceded(observation, desired, rules, &path) {
                lost.yielded.push(path);
                continue;
            }
            let of_field = rules.of_field(id, &path, writer);
            let policy = of_field.unwrap_or_else(|| rules.of_object(id));
            lost.policy = lost.policy.max(policy);
            let sensitive = rules.is_sensitive(id, &path, writer);
            let field = || DriftedField::unseen(path.clone(), &body, writer, sensitive);
            if of_field.is_none() || policy == DriftPolicy::Repair {
                lost.to_take_back.push(field());
            } else if policy == DriftPolicy::Alert {
                lost.to_tell.push(field());
            }
            if of_field.is_some_and(|policy| policy != DriftPolicy::Repair) {
                lost.yielded.push(path);
            }
        }
        lost
    }
}

/// Whether a field was left to another manager when the manifest was applied, who owns it still, and may keep it.
fn is_conceded(observation: &Observation, desired: &Desired, rules: &FieldRules, path: &FieldPath) -> bool {
    let body = desired.body.value();
    observation.yielded.contains(&path.pointer())
        && ownership::owner(&observation.entries, &body, path)
            .is_some_and(|owner| rules.of_conflict(&observation.id, path, &owner.manager) == ConflictPolicy::Yield)
}

/// Whether a field that was left to another manager has no owner any more. That leaves our entry as it is.
fn is_let_go(previous: &Live, observation: &Observation, desired: Option<&Desired>) -> bool {
    let Some(desired) = desired.filter(|_| !observation.yielded.is_empty()) else { return false };
    let body = desired.body.value();
    let mut conceded = previous.yielded.iter().filter(|path| observation.yielded.contains(&path.pointer()));
    conceded.any(|path| ownership::owner(&observation.entries, &body, path).is_none())
}

/// Takes in that an object is gone: what to remember of it, and the drift if it shall exist.
///
/// `None` when the object that is gone isn't the one known, or is an older state of it.
#[must_use]
pub fn gone(
    previous: Option<&Live>,
    observation: &Observation,
    desired: Option<&Desired>,
    rules: &FieldRules,
) -> Option<(Live, Option<Drift>)> {
    let previous = previous?;
    if previous.uid != observation.uid
        || previous.resource_version > observation.resource_version
        || previous.drifted && previous.deleted
    {
        return None;
    }
    // What we deleted ourselves may be wanted again by now, and is no drift either way.
    let desired = desired.filter(|desired| !desired.rules.ignore && !previous.deleted);
    let drift = desired.map(|desired| Drift::deleted(&desired.id, rules));
    Some((deleted(previous, drift.as_ref()), drift))
}

/// Whether an observation says nothing new: a later one is known, or our deletion of this very state. What was missed in a list is not gone when
/// its state is seen again: the API server lists what it had a moment ago while it sets up a new kind.
fn is_older(observation: &Observation, known: &Live) -> bool {
    let deleted = known.deleted && !known.drifted && known.uid == observation.uid;
    known.resource_version > observation.resource_version
        || deleted && known.resource_version == observation.resource_version
}

/// Takes in that we deleted an object at a resource version: until a watch says so as well it counts as gone, and what is applied in its place as another.
pub(crate) fn pruned(live: &Live, resource_version: u64) -> Live {
    Live { resource_version: live.resource_version.max(resource_version), applied: None, ..deleted(live, None) }
}

/// What is remembered of an object that was applied and is gone, when no more is known of it.
pub(crate) fn vanished(desired: &Desired, drift: &Drift) -> Live {
    Live {
        uid: String::new(),
        resource_version: 0,
        terminating: false,
        deleted: true,
        ownership: None,
        agrees_with: None,
        applied: Some(desired.digest),
        unmerged: false,
        prune: None,
        drifted: true,
        policy: drift.policy,
        yielded: Vec::new(),
        answered: None,
    }
}

/// What is remembered of an object that is gone.
pub(crate) fn deleted(live: &Live, drift: Option<&Drift>) -> Live {
    Live {
        deleted: true,
        terminating: false,
        ownership: None,
        agrees_with: None,
        drifted: drift.is_some(),
        policy: drift.map_or(live.policy, |drift| drift.policy),
        yielded: Vec::new(),
        ..live.clone()
    }
}

/// Takes in the answer to our own apply: by definition the object agrees with what we sent.
#[must_use]
pub fn applied(
    previous: Option<&Live>,
    observation: &Observation,
    desired: &Desired,
    rules: &FieldRules,
    now: Instant,
) -> Live {
    let mut yielded = previous.map(|previous| previous.yielded.clone()).unwrap_or_default();
    if !observation.yielded.is_empty() {
        let missing = ownership::missing(&desired.body.value(), &observation.entries).into_iter();
        yielded.extend(missing.filter(|path| is_conceded(observation, desired, rules, path)));
        yielded.sort();
        yielded.dedup();
    }
    Live {
        uid: observation.uid.clone(),
        resource_version: observation.resource_version,
        terminating: observation.terminating,
        deleted: false,
        ownership: ownership::fingerprint(&observation.entries),
        agrees_with: Some(desired.digest),
        applied: Some(desired.digest),
        unmerged: false,
        prune: observation.prune,
        drifted: false,
        policy: DriftPolicy::default(),
        yielded,
        answered: Some(now),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Body, FieldRule, Rules, Stage, Wave};

    fn desired(replicas: u32) -> Desired {
        let id = ObjectId {
            group: "apps".into(),
            kind: "Deployment".into(),
            namespace: Some("shop".into()),
            name: "web".into(),
        };
        let body = json!({"spec": {"replicas": replicas}});
        let digest = Digest::of_value(&body);
        let wave = Wave { number: 0, stage: Stage::Workloads };
        Desired { id, api_version: "apps/v1".into(), digest, body: Body::of(&body), wave, rules: Rules::default() }
    }

    fn seen(version: u64, applied: &Desired, entries: Vec<FieldsEntry>) -> Observation {
        Observation {
            id: applied.id.clone(),
            uid: "u".into(),
            resource_version: version,
            terminating: false,
            applied: Some(applied.digest),
            unmerged: false,
            prune: None,
            yielded: Vec::new(),
            entries,
        }
    }

    fn entry(manager: &str, operation: &str, fields: Value) -> FieldsEntry {
        FieldsEntry {
            manager: manager.into(),
            operation: operation.into(),
            api_version: "apps/v1".into(),
            subresource: String::new(),
            time: "t".into(),
            fields,
        }
    }

    fn ours() -> FieldsEntry {
        entry("plumb", "Apply", json!({"f:spec": {"f:replicas": {}}}))
    }

    #[test]
    fn after_a_restart_the_annotation_and_our_fields_prove_that_all_is_well() {
        let desired = desired(2);
        let (live, drift) =
            observe(None, &seen(1, &desired, vec![ours()]), Some(&desired), &FieldRules::default()).unwrap();
        assert_eq!((live.agrees_with, drift), (Some(desired.digest), None));
    }

    #[test]
    fn what_others_applied_before_a_crash_is_merged_after_the_restart() {
        let desired = desired(2);
        let helm = FieldsEntry { time: "s".into(), ..entry("helm", "Update", json!({"f:spec": {"f:paused": {}}})) };
        let first = Observation { unmerged: true, ..seen(1, &desired, vec![helm.clone(), ours()]) };
        let look = |observation: &Observation, previous: Option<&Live>| {
            let (live, drift) = observe(previous, observation, Some(&desired), &FieldRules::default()).unwrap();
            assert_eq!(drift, None);
            (live.unmerged, live.agrees_with.is_some())
        };
        assert_eq!(look(&first, None), (true, false));
        // Who keeps fields keeps what is theirs; and after the next apply nobody can tell who came first.
        assert_eq!(look(&Observation { yielded: vec!["/spec/paused".into()], ..first.clone() }, None), (false, true));
        assert_eq!(look(&Observation { unmerged: false, ..first.clone() }, None), (false, true));
        assert_eq!(look(&Observation { entries: vec![ours()], ..first.clone() }, None), (false, true));
        // What was answered was merged, or could not be.
        let live = applied(None, &first, &desired, &FieldRules::default(), Instant::now());
        assert_eq!(look(&Observation { resource_version: 2, ..first }, Some(&live)), (false, true));
    }

    #[test]
    fn a_status_update_changes_nothing() {
        let desired = desired(2);
        let live = applied(None, &seen(1, &desired, vec![ours()]), &desired, &FieldRules::default(), Instant::now());
        let status = entry("kube-controller-manager", "Update", json!({"f:status": {}}));
        let (live, drift) =
            observe(Some(&live), &seen(2, &desired, vec![ours(), status]), Some(&desired), &FieldRules::default())
                .unwrap();
        assert_eq!((live.agrees_with, drift), (Some(desired.digest), None));
    }

    #[test]
    fn a_field_taken_by_another_is_a_drift_with_its_writer() {
        let desired = desired(2);
        let live = applied(None, &seen(1, &desired, vec![ours()]), &desired, &FieldRules::default(), Instant::now());
        let entries =
            vec![entry("plumb", "Apply", json!({})), entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}))];
        let (live, drift) =
            observe(Some(&live), &seen(2, &desired, entries), Some(&desired), &FieldRules::default()).unwrap();
        let drift = drift.unwrap();
        let writer = drift.writer().map(|writer| writer.manager.as_str());
        assert_eq!(
            (drift.names(), writer, live.agrees_with),
            (vec![".spec.replicas".to_owned()], Some("kubectl"), None)
        );
    }

    #[test]
    fn a_drift_that_was_told_is_not_told_again_with_every_status_update() {
        let desired = desired(2);
        let live = applied(None, &seen(1, &desired, vec![ours()]), &desired, &FieldRules::default(), Instant::now());
        let entries = vec![entry("plumb", "Apply", json!({}))];
        let (live, drift) =
            observe(Some(&live), &seen(2, &desired, entries.clone()), Some(&desired), &FieldRules::default()).unwrap();
        assert!(drift.is_some());
        let (live, drift) =
            observe(Some(&live), &seen(3, &desired, entries), Some(&desired), &FieldRules::default()).unwrap();
        assert_eq!((live.agrees_with, live.drifted, drift), (None, true, None));
    }

    #[test]
    fn a_new_manifest_is_a_change_and_no_drift() {
        let (old, new) = (desired(2), desired(3));
        let (live, drift) = observe(None, &seen(1, &old, vec![ours()]), Some(&new), &FieldRules::default()).unwrap();
        assert_eq!((live.agrees_with, drift), (None, None));
    }

    #[test]
    fn an_older_event_is_passed_over() {
        let desired = desired(2);
        let live = applied(None, &seen(5, &desired, vec![ours()]), &desired, &FieldRules::default(), Instant::now());
        assert_eq!(observe(Some(&live), &seen(4, &desired, vec![]), Some(&desired), &FieldRules::default()), None);
        assert_eq!(gone(Some(&live), &seen(4, &desired, vec![]), Some(&desired), &FieldRules::default()), None);
    }

    #[test]
    fn a_deleted_object_is_a_drift_unless_nobody_wants_it() {
        let desired = desired(2);
        let live = applied(None, &seen(5, &desired, vec![ours()]), &desired, &FieldRules::default(), Instant::now());
        let (_, drift) = gone(Some(&live), &seen(6, &desired, vec![]), Some(&desired), &FieldRules::default()).unwrap();
        assert_eq!(drift.unwrap().names(), [crate::drift::DELETED]);
        assert_eq!(gone(Some(&live), &seen(6, &desired, vec![]), None, &FieldRules::default()).unwrap().1, None);
    }

    #[test]
    fn a_field_that_an_autoscaler_took_is_yielded_and_no_drift() {
        let desired = desired(2);
        let live = applied(None, &seen(1, &desired, vec![ours()]), &desired, &FieldRules::default(), Instant::now());
        let mut scaler = entry("kube-controller-manager", "Update", json!({"f:spec": {"f:replicas": {}}}));
        scaler.subresource = "scale".into();
        let entries = vec![entry("plumb", "Apply", json!({})), scaler];
        let rules = FieldRules::default();
        let (live, drift) = observe(Some(&live), &seen(2, &desired, entries.clone()), Some(&desired), &rules).unwrap();
        assert_eq!((live.agrees_with, live.drifted, drift), (Some(desired.digest), false, None));
        assert_eq!(live.yielded.iter().map(ToString::to_string).collect::<Vec<_>>(), [".spec.replicas"]);
        // It stays so over our own applies and after a restart.
        assert_eq!(
            applied(Some(&live), &seen(3, &desired, entries.clone()), &desired, &FieldRules::default(), Instant::now())
                .yielded,
            live.yielded
        );
        let (after, drift) = observe(None, &seen(3, &desired, entries), Some(&desired), &rules).unwrap();
        assert_eq!((after.agrees_with, after.yielded, drift), (Some(desired.digest), live.yielded, None));
    }

    #[test]
    fn a_field_under_alert_is_told_and_kept_by_its_writer() {
        let desired = desired(2);
        let rule = FieldRule {
            kind: None,
            name: None,
            pointer: Some("/spec/replicas".into()),
            manager: None,
            policy: Some(DriftPolicy::Alert),
            conflict: None,
            sensitive: false,
        };
        let rules = FieldRules { rules: vec![rule], ..FieldRules::default() };
        let entries =
            vec![entry("plumb", "Apply", json!({})), entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}))];
        let (live, drift) = observe(None, &seen(2, &desired, entries), Some(&desired), &rules).unwrap();
        assert_eq!((live.agrees_with, live.drifted, live.policy), (Some(desired.digest), true, DriftPolicy::Alert));
        let drift = drift.unwrap();
        let writer = drift.writer().map(|writer| writer.manager.as_str());
        assert_eq!((drift.policy, writer), (DriftPolicy::Alert, Some("kubectl")));
    }

    #[test]
    fn a_field_that_was_left_to_its_owner_is_no_drift_as_long_as_it_has_one() {
        let desired = desired(2);
        let rules = FieldRules { conflicts: ConflictPolicy::Yield, ..FieldRules::default() };
        let scaler = entry("scaler", "Update", json!({"f:spec": {"f:replicas": {}}}));
        let seen = |version, entries| Observation {
            yielded: vec!["/spec/replicas".into()],
            ..seen(version, &desired, entries)
        };
        let conceded = seen(1, vec![entry("plumb", "Apply", json!({})), scaler]);
        let answered = applied(None, &conceded, &desired, &rules, Instant::now());
        assert_eq!(answered.yielded.iter().map(FieldPath::pointer).collect::<Vec<_>>(), ["/spec/replicas"]);
        // It stays so after a restart, until the environment changes its mind or the other manager is gone.
        let (live, drift) = observe(None, &conceded, Some(&desired), &rules).unwrap();
        assert_eq!((live.agrees_with, &live.yielded, drift), (Some(desired.digest), &answered.yielded, None));
        let (_, drift) = observe(None, &conceded, Some(&desired), &FieldRules::default()).unwrap();
        assert_eq!(drift.unwrap().names(), [".spec.replicas"]);
        let left = seen(2, vec![entry("plumb", "Apply", json!({}))]);
        for previous in [None, Some(&live)] {
            let (live, drift) = observe(previous, &left, Some(&desired), &rules).unwrap();
            assert_eq!((live.agrees_with, drift.unwrap().names()), (None, vec![".spec.replicas".to_owned()]));
        }
    }
}
