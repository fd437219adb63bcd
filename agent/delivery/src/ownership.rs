//! Which fields of a live object are ours, read from `metadata.managedFields`.
//!
//! After a server-side apply the API server keeps a set of the fields that we applied. When somebody else writes one of them, it leaves our set in that same
//! write, also when our value is written back later. So our set alone tells drift, and neither defaulting nor a mutating webhook can raise a false alarm.
//! The format of the set is that of KEP-555:
//! <https://github.com/kubernetes-sigs/structured-merge-diff/blob/master/fieldpath/serialize.go>.

use serde_json::{Map, Value};

use crate::{
    Digest,
    field_path::{FieldPath, IDENTITY, Step},
};

/// The field manager under which Plumb applies.
pub const FIELD_MANAGER: &str = "plumb";

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldsEntry {
    /// Who wrote.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The version of the API in whose terms the set is written.
    pub api_version: String,
    /// The subresource through which it was written, such as `scale`; empty for the object itself.
    pub subresource: String,
    /// When the set last changed, RFC 3339.
    pub time: String,
    /// The set, as `FieldsV1`.
    pub fields: Value,
}

/// Our own entry: what we applied to the object itself.
#[must_use]
pub fn ours(entries: &[FieldsEntry]) -> Option<&FieldsEntry> {
    entries.iter().find(|entry| is_ours(entry))
}

pub(crate) fn is_ours(entry: &FieldsEntry) -> bool {
    entry.manager == FIELD_MANAGER && entry.operation == "Apply" && entry.subresource.is_empty()
}

/// What stands for our entry: the set and its time. The time moves also when somebody applies other values in our name.
#[must_use]
pub fn fingerprint(entries: &[FieldsEntry]) -> Option<Digest> {
    ours(entries).map(|entry| Digest::of(format!("{}\n{}", entry.time, entry.fields).as_bytes()))
}

/// The fields of `desired` that we do not own.
///
/// This needs no schema: where the set has children we go down with it, and where it has none all below is owned as a whole.
#[must_use]
pub fn missing(desired: &Value, entries: &[FieldsEntry]) -> Vec<FieldPath> {
    let mut missing = Vec::new();
    let nothing = Value::Null;
    let owned = ours(entries).map_or(&nothing, |entry| &entry.fields);
    let mut path = FieldPath::default();
    if let Value::Object(fields) = desired {
        for (key, value) in fields {
            // What names the object is never in the set.
            if matches!(key.as_str(), "apiVersion" | "kind") {
                continue;
            }
            if key == "metadata" {
                path.0.push(Step::Key(key.clone()));
                for (key, value) in value.as_object().into_iter().flatten() {
                    if !matches!(key.as_str(), "name" | "namespace" | "creationTimestamp" | "generateName") {
                        walk_key(key, value, owned.get("f:metadata"), &mut path, &mut missing);
                    }
                }
                path.0.pop();
                continue;
            }
            walk_key(key, value, Some(owned), &mut path, &mut missing);
        }
    }
    missing
}

/// Who else owns a field that is missing from our set, or a part of it: the last writer.
#[must_use]
pub fn owner<'a>(entries: &'a [FieldsEntry], desired: &Value, path: &FieldPath) -> Option<&'a FieldsEntry> {
    let ours = ours(entries).map(|entry| &entry.fields);
    others(entries).filter(|entry| owns(&entry.fields, ours, desired, path)).max_by(|a, b| a.time.cmp(&b.time))
}

/// Who took a field that is missing from our set: its owner, or else the last writer of the object.
#[must_use]
pub fn writer<'a>(entries: &'a [FieldsEntry], desired: &Value, path: &FieldPath) -> Option<&'a FieldsEntry> {
    let last = || others(entries).filter(|entry| entry.subresource != "status").max_by(|a, b| a.time.cmp(&b.time));
    owner(entries, desired, path).or_else(last)
}

fn others(entries: &[FieldsEntry]) -> impl Iterator<Item = &FieldsEntry> {
    entries.iter().filter(|entry| entry.manager != FIELD_MANAGER)
}

fn walk_key(key: &str, value: &Value, owned: Option<&Value>, path: &mut FieldPath, missing: &mut Vec<FieldPath>) {
    path.0.push(Step::Key(key.to_owned()));
    match (owned.and_then(|owned| owned.get(format!("f:{key}"))), value) {
        (Some(owned), _) => walk(value, owned, path, missing),
        // A null or an empty collection in a manifest leaves nothing behind that anybody could own.
        (None, _) if is_nothing(value) => {}
        (None, Value::Object(fields)) => {
            for (key, value) in fields {
                walk_key(key, value, None, path, missing);
            }
        }
        (None, _) => missing.push(path.clone()),
    }
    path.0.pop();
}

fn walk(value: &Value, owned: &Value, path: &mut FieldPath, missing: &mut Vec<FieldPath>) {
    let Some(children) = owned.as_object().filter(|children| children.keys().any(|key| key != ".")) else {
        return;
    };
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                walk_key(key, value, Some(owned), path, missing);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let found = children.iter().find(|(key, _)| is_item(key, item));
                let label = found.map_or_else(|| label(item), |(key, _)| key.get(2..).unwrap_or_default().to_owned());
                path.0.push(Step::Item { index, label });
                match found {
                    Some((_, owned)) => walk(item, owned, path, missing),
                    None => missing.push(path.clone()),
                }
                path.0.pop();
            }
        }
        _ => {}
    }
}

/// Whether `key` of a set names this list item: `k:{"name":"app"}` an associative one, `v:"x"` one of a set.
fn is_item(key: &str, item: &Value) -> bool {
    if let Some(keys) = key.strip_prefix("k:").and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        // The API server fills keys that have a default, such as `protocol: TCP` of a port, so a key that the manifest lacks decides nothing.
        return keys
            .as_object()
            .is_some_and(|keys| keys.iter().all(|(key, value)| item.get(key).is_none_or(|own| own == value)));
    }
    key.strip_prefix("v:").and_then(|text| serde_json::from_str::<Value>(text).ok()).is_some_and(|value| value == *item)
}

/// What names a list item for a person: its name or another scalar in it, never a whole value.
fn label(item: &Value) -> String {
    match item {
        Value::Object(fields) => IDENTITY
            .iter()
            .find_map(|key| fields.get(*key).map(|value| format!("{key}={value}")))
            .unwrap_or_else(|| "?".into()),
        other => other.to_string(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether a set holds a field of a manifest, or a part of it.
///
/// A field without anything below it is owned as a whole, unless `ours` shows that it is owned part by part: then it is an empty map or list.
fn owns(fields: &Value, ours: Option<&Value>, desired: &Value, path: &FieldPath) -> bool {
    let (mut fields, mut ours, mut value) = (fields, ours, desired);
    for step in &path.0 {
        let Some(children) = fields.as_object().filter(|children| !children.is_empty()) else {
            let parts = ours.and_then(Value::as_object).is_some_and(|children| children.keys().any(|key| key != "."));
            return !parts;
        };
        let next = match step {
            Step::Key(key) => {
                let name = format!("f:{key}");
                ours = ours.and_then(|ours| ours.get(&name));
                children.get(&name).zip(value.get(key))
            }
            Step::Item { index, .. } => value.get(index).and_then(|item| {
                ours = ours.and_then(|ours| child_of_item(ours.as_object()?, item));
                child_of_item(children, item).map(|child| (child, item))
            }),
        };
        let Some(next) = next else { return false };
        (fields, value) = next;
    }
    true
}

fn child_of_item<'f>(children: &'f Map<String, Value>, item: &Value) -> Option<&'f Value> {
    children.iter().find(|(key, _)| is_item(key, item)).map(|(_, child)| child)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, time: &str, fields: Value) -> FieldsEntry {
        FieldsEntry {
            manager: manager.into(),
            operation: operation.into(),
            api_version: "v1".into(),
            subresource: String::new(),
            time: time.into(),
            fields,
        }
    }

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app.kubernetes.io/name": "web"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "app", "image": "a:1", "ports": [{"containerPort": 80}], "command": ["a", "b"]}]}}},
        })
    }

    fn paths(entries: &[FieldsEntry]) -> Vec<String> {
        missing(&deployment(), entries).iter().map(ToString::to_string).collect()
    }

    fn our_fields() -> Value {
        json!({
            "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}},
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {
                ".": {}, "f:name": {}, "f:image": {}, "f:command": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }}}}},
        })
    }

    #[test]
    fn all_that_we_applied_is_ours() {
        assert_eq!(paths(&[entry("plumb", "Apply", "t", our_fields())]), Vec::<String>::new());
    }

    #[test]
    fn a_field_that_another_wrote_is_missing_and_the_writer_is_known() {
        let mut fields = our_fields();
        fields["f:spec"].as_object_mut().unwrap().remove("f:replicas");
        let entries = [
            entry("plumb", "Apply", "2026-01-01T00:00:00Z", fields),
            entry("kube-controller-manager", "Update", "2026-01-03T00:00:00Z", json!({"f:status": {"f:replicas": {}}})),
            entry("kubectl", "Update", "2026-01-02T00:00:00Z", json!({"f:spec": {"f:replicas": {}}})),
        ];
        assert_eq!(paths(&entries), [".spec.replicas"]);
        let path = missing(&deployment(), &entries).remove(0);
        assert_eq!(writer(&entries, &deployment(), &path).map(|entry| entry.manager.as_str()), Some("kubectl"));
    }

    #[test]
    fn a_list_item_that_is_gone_is_named() {
        let mut fields = our_fields();
        fields["f:spec"]["f:template"]["f:spec"]["f:containers"] = json!({"k:{\"name\":\"other\"}": {".": {}}});
        assert_eq!(paths(&[entry("plumb", "Apply", "t", fields)]), [".spec.template.spec.containers[name=\"app\"]"]);
    }

    #[test]
    fn without_an_entry_all_is_missing() {
        assert_eq!(
            paths(&[]),
            [".metadata.labels.app.kubernetes.io/name", ".spec.replicas", ".spec.template.spec.containers"]
        );
    }

    #[test]
    fn the_writer_of_a_list_item_is_found() {
        let item =
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": {"f:image": {}}}}}}});
        let mut fields = our_fields();
        let app = "k:{\"name\":\"app\"}";
        fields["f:spec"]["f:template"]["f:spec"]["f:containers"][app].as_object_mut().unwrap().remove("f:image");
        let entries = [
            entry("plumb", "Apply", "1", fields),
            entry("setter", "Update", "2", item),
            entry("other", "Update", "3", json!({"f:spec": {"f:paused": {}}})),
        ];
        let path = missing(&deployment(), &entries).remove(0);
        assert_eq!(path.to_string(), ".spec.template.spec.containers[{\"name\":\"app\"}].image");
        assert_eq!(writer(&entries, &deployment(), &path).map(|entry| entry.manager.as_str()), Some("setter"));
    }

    #[test]
    fn an_empty_map_of_another_holds_nothing_of_ours() {
        let (manifest, path) =
            (json!({"data": {"a": "1", "b": "2"}}), FieldPath(vec![Step::Key("data".into()), Step::Key("a".into())]));
        let other = |fields: Value| entry("other", "Apply", "1", fields);
        let owner = |entries: &[FieldsEntry]| owner(entries, &manifest, &path).is_some();
        let ours = entry("plumb", "Apply", "2", json!({"f:data": {"f:b": {}}}));
        assert!(owner(&[other(json!({"f:data": {"f:a": {}}})), ours.clone()]));
        assert!(owner(&[other(json!({"f:data": {}}))]));
        assert!(!owner(&[other(json!({"f:data": {}})), ours]));
    }

    #[test]
    fn the_fingerprint_moves_with_the_set_and_its_time() {
        let one = fingerprint(&[entry("plumb", "Apply", "t", our_fields())]);
        assert_eq!(
            one,
            fingerprint(&[entry("other", "Update", "t", json!({})), entry("plumb", "Apply", "t", our_fields())])
        );
        assert_ne!(one, fingerprint(&[entry("plumb", "Apply", "t2", our_fields())]));
        assert_eq!(fingerprint(&[entry("plumb", "Update", "t", our_fields())]), None);
    }
}
