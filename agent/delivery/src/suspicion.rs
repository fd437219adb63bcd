//! Applies of others in our name.
//!
//! Who runs `kubectl apply --server-side --field-manager=plumb` writes our fields without taking them from us. The set of our fields stays as it is, but the time of
//! our entry in `managedFields` moves, unless that happens within the second of our own apply. An apply of ours moves it as well, but its answer tells us. So a time
//! that moved by itself is a suspicion, which a dry run clears up.

use serde_json::{Map, Value};

use crate::{
    Desired, Drift, DriftPolicy, DriftedField, FieldPath, FieldRules, Live, ObjectId, Observation,
    ownership::{self, FieldsEntry},
};

/// An object that somebody may have applied in our name.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspicion {
    /// The object.
    pub id: ObjectId,
    resource_version: u64,
    ours: FieldsEntry,
}

impl Suspicion {
    /// Whether an observation is one: our entry moved, though the object agreed with the manifest before and nobody took a field.
    #[must_use]
    pub(crate) fn of(previous: &Live, live: &Live, observation: &Observation, desired: &Desired) -> Option<Self> {
        let agrees = |live: &Live| live.agrees_with == Some(desired.digest) && !live.drifted && !live.deleted;
        let moved =
            previous.uid == live.uid && previous.ownership != live.ownership && previous.yielded == live.yielded;
        if !moved || !agrees(previous) || !agrees(live) {
            return None;
        }
        let ours = ownership::ours(&observation.entries)?.clone();
        Some(Self { id: observation.id.clone(), resource_version: observation.resource_version, ours })
    }

    /// The drift, if an apply would change the object. `merged` is what a dry run of it gives.
    #[must_use]
    pub fn confirm(&self, live: &Value, merged: &Value, rules: &FieldRules) -> Option<Drift> {
        let mut fields = Vec::new();
        differences(
            &FieldPath::default(),
            Some(&relevant(merged)),
            Some(&relevant(live)),
            &mut |path, expected, found| {
                let sensitive = rules.is_sensitive(&self.id, path, Some(&self.ours));
                fields.push(DriftedField::seen(path.clone(), (expected, found), Some(&self.ours), sensitive));
            },
        );
        let policy = |field: &DriftedField| {
            rules.of_field(&self.id, &field.path, Some(&self.ours)).unwrap_or_else(|| rules.of_object(&self.id))
        };
        let policy = fields.iter().map(policy).max()?;
        let (id, resource_version) = (self.id.clone(), self.resource_version);
        Some(Drift { id, resource_version, deleted: false, fields, policy })
            .filter(|drift| drift.policy > DriftPolicy::Ignore)
    }
}

/// What an apply can change.
fn relevant(object: &Value) -> Value {
    let mut fields = object.as_object().cloned().unwrap_or_default();
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        for counted in ["managedFields", "resourceVersion", "generation", "creationTimestamp"] {
            metadata.remove(counted);
        }
    }
    Value::Object(fields)
}

fn differences(
    path: &FieldPath,
    expected: Option<&Value>,
    found: Option<&Value>,
    tell: &mut impl FnMut(&FieldPath, Option<&Value>, Option<&Value>),
) {
    match (expected, found) {
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            let more = found.keys().filter(|key| !expected.contains_key(*key));
            for key in expected.keys().chain(more) {
                let of = |map: &'_ Map<String, Value>| map.get(key).cloned();
                differences(&path.child(key), of(expected).as_ref(), of(found).as_ref(), tell);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => tell(path, expected, found),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn suspicion() -> Suspicion {
        Suspicion {
            id: ObjectId { group: "".into(), kind: "ConfigMap".into(), namespace: None, name: "a".into() },
            resource_version: 7,
            ours: FieldsEntry {
                manager: "plumb".into(),
                operation: "Apply".into(),
                api_version: "v1".into(),
                subresource: String::new(),
                time: "t".into(),
                fields: Value::Null,
            },
        }
    }

    fn object(version: &str, data: &Value) -> Value {
        json!({"metadata": {"name": "a", "resourceVersion": version}, "data": data})
    }

    #[test]
    fn what_an_apply_would_change_is_a_drift() {
        let live = object("7", &json!({"a": "theirs", "more": "x", "same": "y"}));
        let merged = object("8", &json!({"a": "ours", "same": "y"}));
        let drift = suspicion().confirm(&live, &merged, &FieldRules::default()).unwrap();
        assert_eq!(
            drift.to_string(),
            r#"ConfigMap a was changed by plumb (Apply) at t: .data.a is "theirs" instead of "ours"; .data.more is "x" instead of <absent>"#
        );
        assert!(!drift.wants_values() && drift.resource_version == 7);
    }

    #[test]
    fn what_an_apply_would_leave_is_none() {
        let (live, merged) = (object("7", &json!({"a": "ours"})), object("8", &json!({"a": "ours"})));
        assert_eq!(suspicion().confirm(&live, &merged, &FieldRules::default()), None);
    }
}
