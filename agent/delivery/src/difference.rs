//! Two states of an object as text: what nobody writes by hand is left out, values of Secrets are masked, and the difference is shown
//! by lines.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use similar::{Algorithm, TextDiff};

use crate::{DIGEST_ANNOTATION, Desired, ENVIRONMENT_LABEL, GroupKind, Manifests, NAMESPACE_LABEL, ObjectId};

/// What the API server keeps in `metadata` for itself.
const SERVER_FIELDS: [&str; 6] =
    ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"];
/// Here `kubectl apply` keeps all that was applied, the values of a Secret too.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Lines around a change.
const CONTEXT: usize = 3;

/// How an object differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which object.
    pub id: ObjectId,
    /// What becomes of it.
    pub change: Change,
    /// A unified diff. No value of a Secret is in it.
    pub text: String,
}

/// What becomes of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is made.
    Added,
    /// Some of its fields change.
    Changed,
    /// It goes.
    Removed,
}

/// How the manifests of two revisions differ, by object, hooks included. What differs in nothing that people write is left out.
#[must_use]
pub fn between(old: &Manifests, new: &Manifests) -> Vec<Difference> {
    let ids: BTreeSet<&ObjectId> =
        [old, new].into_iter().flat_map(|it| it.objects.keys().chain(it.hooks.keys())).collect();
    let of = |id: &ObjectId| {
        let (before, after) = (find(old, id), find(new, id));
        if before.map(|it| it.digest) == after.map(|it| it.digest) {
            return None;
        }
        let value = |desired: Option<&Desired>| desired.map(|desired| desired.body.value());
        of_object(id, value(before).as_ref(), value(after).as_ref())
    };
    ids.into_iter().filter_map(of).collect()
}

fn find<'a>(manifests: &'a Manifests, id: &ObjectId) -> Option<&'a Desired> {
    manifests.objects.get(id).or_else(|| manifests.hooks.get(id))
}

/// How two states of an object differ; `None` when they don't.
#[must_use]
pub fn of_object(id: &ObjectId, old: Option<&Value>, new: Option<&Value>) -> Option<Difference> {
    let name = id.to_string();
    let text = text((&name, old), (&name, new))?;
    let change = match (old, new) {
        (None, _) => Change::Added,
        (Some(_), None) => Change::Removed,
        (Some(_), Some(_)) => Change::Changed,
    };
    Some(Difference { id: id.clone(), change, text })
}

/// The unified diff between two states of an object, each with the name of its side; `None` when they don't differ.
#[must_use]
pub fn text(old: (&str, Option<&Value>), new: (&str, Option<&Value>)) -> Option<String> {
    let (before, after) = texts(old.1, new.1);
    let same_presence = old.1.is_some() == new.1.is_some();
    if same_presence && before == after {
        return None;
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(before.as_str(), after.as_str());
    let side =
        |(name, value): (&str, Option<&Value>)| if value.is_some() { name.to_owned() } else { "/dev/null".to_owned() };
    Some(diff.unified_diff().context_radius(CONTEXT).header(&side(old), &side(new)).to_string())
}

/// Both states as text.
fn texts(old: Option<&Value>, new: Option<&Value>) -> (String, String) {
    let (mut old, mut new) = (old.map(clean), new.map(clean));
    mask(old.as_mut(), new.as_mut());
    let text = |value: Option<Value>| value.map(|value| plumb_yaml::print(&value)).unwrap_or_default();
    (text(old), text(new))
}

/// The object without the status and what the API server and the agent write into it.
fn clean(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(map) = object.as_object_mut() else { return object };
    map.remove("status");
    let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    for field in SERVER_FIELDS {
        metadata.remove(field);
    }
    for (field, keys) in [("annotations", &[DIGEST_ANNOTATION][..]), ("labels", &[ENVIRONMENT_LABEL, NAMESPACE_LABEL])]
    {
        if let Some(entries) = metadata.get_mut(field).and_then(Value::as_object_mut) {
            entries.retain(|key, _| !keys.contains(&key.as_str()));
            if entries.is_empty() {
                metadata.remove(field);
            }
        }
    }
    object
}

fn is_secret(object: &Value) -> bool {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    GroupKind::new(text("apiVersion"), text("kind")) == GroupKind::new("v1", "Secret")
}

/// Replaces the values of a Secret by words that tell whether they differ, and nothing else: not even a digest, from which a likely value
/// could be found by trying.
fn mask(old: Option<&mut Value>, new: Option<&mut Value>) {
    if !old.iter().chain(new.iter()).any(|object| is_secret(object)) {
        return;
    }
    let mut nothing = (Value::Null, Value::Null);
    let (old, new) = (old.unwrap_or(&mut nothing.0), new.unwrap_or(&mut nothing.1));
    for pointer in ["/data", "/stringData"] {
        mask_values(old.pointer_mut(pointer), new.pointer_mut(pointer), |_| true);
    }
    let annotations = "/metadata/annotations";
    mask_values(old.pointer_mut(annotations), new.pointer_mut(annotations), |key| key == LAST_APPLIED);
}

fn mask_values(old: Option<&mut Value>, new: Option<&mut Value>, wanted: impl Fn(&str) -> bool) {
    let mut nothing = (Value::Null, Value::Null);
    let (old, new) = (old.unwrap_or(&mut nothing.0), new.unwrap_or(&mut nothing.1));
    let before = old.clone();
    for (side, other, word) in [(old, new.clone(), "before"), (new, before, "after")] {
        let replace = |value: &mut Value, other: Option<&Value>| {
            let differs = other.is_some_and(|other| other != value);
            *value = Value::String(if differs { format!("<redacted, {word}>") } else { "<redacted>".to_owned() });
        };
        match side {
            Value::Null => {}
            Value::Object(values) => {
                let empty = Map::new();
                let others = other.as_object().unwrap_or(&empty);
                for (key, value) in values.iter_mut().filter(|(key, _)| wanted(key)) {
                    replace(value, others.get(key));
                }
            }
            odd => replace(odd, Some(&other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn id(kind: &str) -> ObjectId {
        ObjectId { group: "".into(), kind: kind.into(), namespace: Some("shop".into()), name: "app".into() }
    }

    fn check(old: Option<&Value>, new: Option<&Value>, expected: &Expect) {
        let text = of_object(&id("ConfigMap"), old, new).map(|it| format!("{:?}\n{}", it.change, it.text));
        expected.assert_eq(&text.unwrap_or_default());
    }

    fn config(level: &str, version: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "app", "uid": version, "resourceVersion": version, "managedFields": [{"manager": version}],
                "annotations": {DIGEST_ANNOTATION: version}, "labels": {ENVIRONMENT_LABEL: version},
            },
            "data": {"level": level, "a": "1", "b": "2", "c": "3", "d": "4"}, "status": {"seen": version},
        })
    }

    #[test]
    fn what_nobody_writes_makes_no_difference() {
        check(Some(&config("info", "1")), Some(&config("info", "2")), &expect![""]);
    }

    #[test]
    fn a_changed_line_is_shown_among_its_neighbours() {
        check(
            Some(&config("info", "1")),
            Some(&config("debug", "2")),
            &expect![[r#"
                Changed
                --- ConfigMap shop/app
                +++ ConfigMap shop/app
                @@ -4,7 +4,7 @@
                   b: "2"
                   c: "3"
                   d: "4"
                -  level: info
                +  level: debug
                 kind: ConfigMap
                 metadata:
                   name: app
            "#]],
        );
    }

    #[test]
    fn what_comes_and_what_goes_is_shown_as_a_whole() {
        let small = json!({"apiVersion": "v1", "kind": "ConfigMap"});
        check(
            None,
            Some(&small),
            &expect![[r#"
                Added
                --- /dev/null
                +++ ConfigMap shop/app
                @@ -0,0 +1,2 @@
                +apiVersion: v1
                +kind: ConfigMap
            "#]],
        );
        check(
            Some(&small),
            None,
            &expect![[r#"
                Removed
                --- ConfigMap shop/app
                +++ /dev/null
                @@ -1,2 +0,0 @@
                -apiVersion: v1
                -kind: ConfigMap
            "#]],
        );
        check(None, None, &expect![""]);
    }

    fn secret(password: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "data": {"password": password, "user": "YWRh"}, "stringData": {"token": password},
            "metadata": {"name": "db", "annotations": {LAST_APPLIED: format!("{{\"data\":\"{password}\"}}"), "a": "b"}},
        })
    }

    #[test]
    fn a_secret_shows_that_it_changed_and_nothing_else() {
        check(
            Some(&secret("aHVudGVyMg==")),
            Some(&secret("c3dvcmRmaXNo")),
            &expect![[r#"
                Changed
                --- ConfigMap shop/app
                +++ ConfigMap shop/app
                @@ -1,12 +1,12 @@
                 apiVersion: v1
                 data:
                -  password: <redacted, before>
                +  password: <redacted, after>
                   user: <redacted>
                 kind: Secret
                 metadata:
                   annotations:
                     a: b
                -    kubectl.kubernetes.io/last-applied-configuration: <redacted, before>
                +    kubectl.kubernetes.io/last-applied-configuration: <redacted, after>
                   name: db
                 stringData:
                -  token: <redacted, before>
                +  token: <redacted, after>
            "#]],
        );
        for (old, new) in [(None, Some(secret("aHVudGVyMg=="))), (Some(secret("aHVudGVyMg==")), None)] {
            let text = of_object(&id("Secret"), old.as_ref(), new.as_ref()).unwrap().text;
            assert!(!text.contains("aHVu") && text.contains("<redacted>"), "{text}");
        }
        let odd = json!({"apiVersion": "v1", "kind": "Secret", "data": "aHVudGVyMg==", "stringData": ["aHVudGVyMg=="]});
        let text = of_object(&id("Secret"), Some(&odd), Some(&secret("eA=="))).unwrap().text;
        assert!(!text.contains("aHVu") && !text.contains("eA=="), "{text}");
    }
}
