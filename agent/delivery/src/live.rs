//! What is known of a live object, in a few bytes.

use jiff::Timestamp;

use crate::{Desired, Digest, ObjectId, ownership, ownership::FieldsEntry};

/// Stands for all fields of an object that is gone.
pub const DELETED: &str = "<deleted>";

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
    /// What its annotation [`PRUNE_ANNOTATION`](crate::rules::PRUNE_ANNOTATION) says.
    pub prune: Option<bool>,
    /// Who owns which fields.
    pub entries: Vec<FieldsEntry>,
}

/// What is kept of a live object.
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
    /// Whether it goes or stays when it leaves the overlay, if it says so itself.
    pub prune: Option<bool>,
    /// Whether it differs from the manifest, and that was told.
    pub drifted: bool,
    /// When the API server last answered a request of ours on it.
    pub answered: Option<Timestamp>,
}

/// A live object that no longer is as we applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The object.
    pub id: ObjectId,
    /// Paths of the fields that changed hands; `<deleted>` when the object is gone.
    pub fields: Vec<String>,
    /// The field manager that did it, as far as the API server tells.
    pub writer: Option<String>,
}

/// Takes in an observation: what to keep, and the drift that it shows.
///
/// `desired` is what the object shall be, if it shall be. An older observation than the last changes nothing and is `None`.
#[must_use]
pub fn observe(
    previous: Option<&Live>,
    observation: &Observation,
    desired: Option<&Desired>,
) -> Option<(Live, Option<Drift>)> {
    if previous.is_some_and(|previous| previous.resource_version > observation.resource_version) {
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
        prune: observation.prune,
        drifted: false,
        answered: previous.and_then(|previous| previous.answered),
    };
    // Status updates are most of all events, and they leave our entry alone.
    if let Some(previous) = previous
        && previous.uid == live.uid
        && previous.ownership == ownership
        && previous.terminating == live.terminating
        && (previous.agrees_with.is_some() || previous.drifted)
    {
        live.agrees_with = previous.agrees_with;
        live.drifted = previous.drifted;
        return Some((live, None));
    }
    let Some(desired) = desired else {
        return Some((live, None));
    };
    if live.terminating {
        live.drifted = true;
        return Some((live, Some(Drift { id: observation.id.clone(), fields: vec![DELETED.into()], writer: None })));
    }
    // Another manifest than the last one applied is a change to come, not a drift.
    if observation.applied.is_some_and(|applied| applied != desired.digest) && ownership.is_some() {
        return Some((live, None));
    }
    let fields = ownership::missing(&desired.body.value(), &observation.entries);
    if fields.is_empty() {
        live.agrees_with = (observation.applied == Some(desired.digest)).then_some(desired.digest);
        return Some((live, None));
    }
    live.drifted = ownership.is_some();
    // An object that we never applied is not a drift: it is taken over.
    let drift = ownership.is_some().then(|| Drift {
        writer: ownership::writer(&observation.entries, &fields).map(|entry| entry.manager.clone()),
        id: observation.id.clone(),
        fields,
    });
    Some((live, drift))
}

/// Takes in that an object is gone: what to remember of it, and the drift if it shall exist.
///
/// `None` when the object that is gone isn't the one known, or is an older state of it.
#[must_use]
pub fn gone(
    previous: Option<&Live>,
    observation: &Observation,
    desired: Option<&Desired>,
) -> Option<(Live, Option<Drift>)> {
    let previous = previous?;
    if previous.uid != observation.uid || previous.resource_version > observation.resource_version {
        return None;
    }
    let desired = desired.filter(|desired| !desired.rules.ignore);
    let drift = desired.map(|desired| Drift { id: desired.id.clone(), fields: vec![DELETED.into()], writer: None });
    Some((Live { deleted: true, terminating: false, ownership: None, agrees_with: None, ..previous.clone() }, drift))
}

/// Takes in the answer to our own apply: by definition the object agrees with what we sent.
#[must_use]
pub fn applied(observation: &Observation, desired: &Desired, now: Timestamp) -> Live {
    Live {
        uid: observation.uid.clone(),
        resource_version: observation.resource_version,
        terminating: observation.terminating,
        deleted: false,
        ownership: ownership::fingerprint(&observation.entries),
        agrees_with: Some(desired.digest),
        applied: Some(desired.digest),
        prune: observation.prune,
        drifted: false,
        answered: Some(now),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Body, Rules, Stage, Wave};

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
            prune: None,
            entries,
        }
    }

    fn entry(manager: &str, operation: &str, fields: Value) -> FieldsEntry {
        FieldsEntry {
            manager: manager.into(),
            operation: operation.into(),
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
        let (live, drift) = observe(None, &seen(1, &desired, vec![ours()]), Some(&desired)).unwrap();
        assert_eq!((live.agrees_with, drift), (Some(desired.digest), None));
    }

    #[test]
    fn a_status_update_changes_nothing() {
        let desired = desired(2);
        let live = applied(&seen(1, &desired, vec![ours()]), &desired, Timestamp::UNIX_EPOCH);
        let status = entry("kube-controller-manager", "Update", json!({"f:status": {}}));
        let (live, drift) = observe(Some(&live), &seen(2, &desired, vec![ours(), status]), Some(&desired)).unwrap();
        assert_eq!((live.agrees_with, drift), (Some(desired.digest), None));
    }

    #[test]
    fn a_field_taken_by_another_is_a_drift_with_its_writer() {
        let desired = desired(2);
        let live = applied(&seen(1, &desired, vec![ours()]), &desired, Timestamp::UNIX_EPOCH);
        let entries =
            vec![entry("plumb", "Apply", json!({})), entry("kubectl", "Update", json!({"f:spec": {"f:replicas": {}}}))];
        let (live, drift) = observe(Some(&live), &seen(2, &desired, entries), Some(&desired)).unwrap();
        let drift = drift.unwrap();
        assert_eq!(
            (drift.fields, drift.writer.as_deref(), live.agrees_with),
            (vec![".spec".to_owned()], Some("kubectl"), None)
        );
    }

    #[test]
    fn a_drift_that_was_told_is_not_told_again_with_every_status_update() {
        let desired = desired(2);
        let live = applied(&seen(1, &desired, vec![ours()]), &desired, Timestamp::UNIX_EPOCH);
        let entries = vec![entry("plumb", "Apply", json!({}))];
        let (live, drift) = observe(Some(&live), &seen(2, &desired, entries.clone()), Some(&desired)).unwrap();
        assert!(drift.is_some());
        let (live, drift) = observe(Some(&live), &seen(3, &desired, entries), Some(&desired)).unwrap();
        assert_eq!((live.agrees_with, live.drifted, drift), (None, true, None));
    }

    #[test]
    fn a_new_manifest_is_a_change_and_no_drift() {
        let (old, new) = (desired(2), desired(3));
        let (live, drift) = observe(None, &seen(1, &old, vec![ours()]), Some(&new)).unwrap();
        assert_eq!((live.agrees_with, drift), (None, None));
    }

    #[test]
    fn an_older_event_is_passed_over() {
        let desired = desired(2);
        let live = applied(&seen(5, &desired, vec![ours()]), &desired, Timestamp::UNIX_EPOCH);
        assert_eq!(observe(Some(&live), &seen(4, &desired, vec![]), Some(&desired)), None);
        assert_eq!(gone(Some(&live), &seen(4, &desired, vec![]), Some(&desired)), None);
    }

    #[test]
    fn a_deleted_object_is_a_drift_unless_nobody_wants_it() {
        let desired = desired(2);
        let live = applied(&seen(5, &desired, vec![ours()]), &desired, Timestamp::UNIX_EPOCH);
        let (_, drift) = gone(Some(&live), &seen(6, &desired, vec![]), Some(&desired)).unwrap();
        assert_eq!(drift.unwrap().fields, [DELETED]);
        assert_eq!(gone(Some(&live), &seen(6, &desired, vec![]), None).unwrap().1, None);
    }
}
