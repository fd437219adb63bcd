//! What an apply meets when fields of the object belong to others, and who gives way.

use std::fmt;

use serde_json::Value;

use crate::{Body, Desired, FieldPath, FieldRules, field_path::Step};

/// Annotation with the fields of the manifest that were left to the managers that owned them: a JSON array of JSON pointers.
pub const YIELDED_ANNOTATION: &str = "plumb.dev/yielded-fields";

/// Who gets a field that somebody else owns when a manifest has it as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// The manifest.
    #[default]
    TakeOver,
    /// Whoever owns it.
    Yield,
}

/// A field that belongs to another field manager, as the API server tells when it refuses an apply without force.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The field manager.
    pub manager: String,
    /// The path of the field, as the API server writes it.
    pub field: String,
}

/// As in `.spec.replicas of kubectl`.
impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.field, self.manager)
    }
}

/// What becomes of the conflicts of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The manifest without what is left to others.
    pub desired: Desired,
    /// Fields that are taken over.
    pub taken: Vec<Conflict>,
    /// Fields that are left to their owners.
    pub yielded: Vec<Conflict>,
}

/// Decides field by field who gives way.
///
/// A field that can't be found in the manifest is taken over, for nothing can be left out of the manifest in its place.
#[must_use]
pub fn settle(desired: &Desired, conflicts: Vec<Conflict>, rules: &FieldRules) -> Settlement {
    let body = desired.body.value();
    let (mut taken, mut yielded, mut paths) = (Vec::new(), Vec::new(), Vec::new());
    for conflict in conflicts {
        match locate(&body, &conflict.field) {
            Some(path) if rules.of_conflict(&desired.id, &path, &conflict.manager) == ConflictPolicy::Yield => {
                paths.push(path);
                yielded.push(conflict);
            }
            _ => taken.push(conflict),
        }
    }
    Settlement { desired: without(desired, &paths, true), taken, yielded }
}

/// A manifest without some of its fields. Those that are `conceded` are named in an annotation, which tells after a restart that their owners were
/// there before us.
#[must_use]
pub(crate) fn without(desired: &Desired, paths: &[FieldPath], conceded: bool) -> Desired {
    if paths.is_empty() {
        return desired.clone();
    }
    let mut body = desired.body.value();
    let mut paths: Vec<_> = paths.iter().collect();
    paths.sort();
    paths.dedup();
    if conceded {
        let before = pointers(body.pointer(ANNOTATION_POINTER).and_then(Value::as_str).unwrap_or_default());
        let all: Vec<_> = before.into_iter().chain(paths.iter().map(|path| path.pointer())).collect();
        body["metadata"]["annotations"][YIELDED_ANNOTATION] = Value::String(Value::from(all).to_string());
    }
    // The last goes first, so that the places of list items before it stay right.
    for path in paths.iter().rev() {
        path.remove_from(&mut body);
    }
    Desired { body: Body::of(&body), ..desired.clone() }
}

const ANNOTATION_POINTER: &str = "/metadata/annotations/plumb.dev~1yielded-fields";

/// Reads the annotation [`YIELDED_ANNOTATION`]. What is not understood says nothing.
#[must_use]
pub fn pointers(annotation: &str) -> Vec<String> {
    serde_json::from_str(annotation).unwrap_or_default()
}

/// Finds the field of a manifest that the API server names, as in `.spec.containers[name="app"].image`.
///
/// Keys may hold dots and brackets themselves, so every key that fits is tried.
fn locate(manifest: &Value, text: &str) -> Option<FieldPath> {
    let mut steps = Vec::new();
    descend(manifest, text, &mut steps).then_some(FieldPath(steps))
}

fn descend(value: &Value, text: &str, steps: &mut Vec<Step>) -> bool {
    if text.is_empty() {
        return true;
    }
    match value {
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let Some(rest) = text.strip_prefix('.').and_then(|text| text.strip_prefix(key.as_str())) else {
                return false;
            };
            steps.push(Step::Key(key.clone()));
            let found = descend(value, rest, steps);
            if !found {
                steps.pop();
            }
            found
        }),
        Value::Array(items) => {
            let Some((keys, rest)) = item_keys(text) else { return false };
            let is_it = |(index, item): &(usize, &Value)| match &keys {
                Keys::Place(place) => index == place,
                Keys::Value(value) => *item == value,
                // A key that the manifest lacks has a default.
                Keys::Fields(fields) => fields.iter().all(|(key, value)| item.get(key).is_none_or(|own| own == value)),
            };
            let Some((index, item)) = items.iter().enumerate().find(is_it) else { return false };
            steps.push(Step::Item { index, label: keys.label() });
            let found = descend(item, rest, steps);
            if !found {
                steps.pop();
            }
            found
        }
        _ => false,
    }
}

/// What names a list item.
enum Keys {
    Place(usize),
    Value(Value),
    Fields(serde_json::Map<String, Value>),
}

impl Keys {
    fn label(&self) -> String {
        match self {
            Self::Place(place) => place.to_string(),
            Self::Value(value) => value.to_string(),
            Self::Fields(fields) => Value::Object(fields.clone()).to_string(),
        }
    }
}

/// Reads `[name="app"]`, `[containerPort=80,protocol="TCP"]`, `[="x"]` or `[0]`, and gives what follows.
fn item_keys(text: &str) -> Option<(Keys, &str)> {
    let mut rest = text.strip_prefix('[')?;
    if let Some((place, after)) = rest.split_once(']')
        && let Ok(place) = place.parse()
    {
        return Some((Keys::Place(place), after));
    }
    let mut fields = serde_json::Map::new();
    loop {
        let (key, after) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let value = values.next()?.ok()?;
        rest = after.get(values.byte_offset()..)?;
        if key.is_empty() {
            return Some((Keys::Value(value), rest.strip_prefix(']')?));
        }
        fields.insert(key.to_owned(), value);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((Keys::Fields(fields), rest.strip_prefix(']')?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::{FieldRule, Owner, Scope, prepare};

    fn manifest() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web", "app": "x"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [
                {"name": "a]b", "image": "one"}, {"name": "app", "image": "two", "ports": [{"containerPort": 80}], "args": ["x"]},
            ]}}},
        })
    }

    #[test]
    fn fields_are_found_by_the_names_that_the_api_server_gives_them() {
        let check = |text: &str, pointer: Option<&str>| {
            assert_eq!(locate(&manifest(), text).map(|path| path.pointer()).as_deref(), pointer, "{text}");
        };
        check(".spec.replicas", Some("/spec/replicas"));
        check(".metadata.labels.app.kubernetes.io/name", Some("/metadata/labels/app.kubernetes.io~1name"));
        check(".metadata.labels.app", Some("/metadata/labels/app"));
        check(r#".spec.template.spec.containers[name="a]b"].image"#, Some("/spec/template/spec/containers/0/image"));
        check(
            r#".spec.template.spec.containers[name="app"].ports[containerPort=80,protocol="TCP"].containerPort"#,
            Some("/spec/template/spec/containers/1/ports/0/containerPort"),
        );
        check(
            r#".spec.template.spec.containers[name="app"].args[="x"]"#,
            Some("/spec/template/spec/containers/1/args/0"),
        );
        check(r#".spec.template.spec.containers[name="app"].args[0]"#, Some("/spec/template/spec/containers/1/args/0"));
        for unknown in
            [".spec.paused", ".spec.replicas.x", r#".spec.template.spec.containers[name="b"].image"#, ".spec[", "spec"]
        {
            check(unknown, None);
        }
    }

    fn check(rules: &FieldRules, conflicts: &[(&str, &str)], expected: &Expect) {
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let (manifests, _) = prepare([(&manifest(), "a.yaml")], &owner, |_, _| Some(Scope::Namespaced));
        let desired = manifests.objects.values().next().unwrap();
        let conflicts = conflicts
            .iter()
            .map(|(manager, field)| Conflict { manager: (*manager).into(), field: (*field).into() })
            .collect();
        let settled = settle(desired, conflicts, rules);
        assert_eq!(settled.desired.digest, desired.digest);
        let list = |conflicts: &[Conflict]| conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let body = settled.desired.body.value();
        expected.assert_eq(&format!(
            "taken: {}\nyielded: {}\nspec: {}\nannotation: {}\n",
            list(&settled.taken),
            list(&settled.yielded),
            body["spec"],
            body["metadata"]["annotations"][YIELDED_ANNOTATION],
        ));
    }

    const IMAGES: [(&str, &str); 3] = [
        ("scaler", ".spec.replicas"),
        ("setter", r#".spec.template.spec.containers[name="app"].image"#),
        ("setter", ".spec.elsewhere"),
    ];

    #[test]
    fn all_is_taken_over_unless_the_environment_yields() {
        check(
            &FieldRules::default(),
            &IMAGES,
            &expect![[r#"
            taken: .spec.replicas of scaler, .spec.template.spec.containers[name="app"].image of setter, .spec.elsewhere of setter
            yielded: 
            spec: {"replicas":2,"template":{"spec":{"containers":[{"image":"one","name":"a]b"},{"args":["x"],"image":"two","name":"app","ports":[{"containerPort":80}]}]}}}
            annotation: null
        "#]],
        );
        let yields = FieldRules { conflicts: ConflictPolicy::Yield, ..FieldRules::default() };
        check(
            &yields,
            &IMAGES,
            &expect![[r#"
            taken: .spec.elsewhere of setter
            yielded: .spec.replicas of scaler, .spec.template.spec.containers[name="app"].image of setter
            spec: {"template":{"spec":{"containers":[{"image":"one","name":"a]b"},{"args":["x"],"name":"app","ports":[{"containerPort":80}]}]}}}
            annotation: "[\"/spec/replicas\",\"/spec/template/spec/containers/1/image\"]"
        "#]],
        );
    }

    #[test]
    fn a_rule_decides_for_its_fields_and_managers() {
        let rule = FieldRule {
            kind: None,
            name: None,
            pointer: None,
            manager: Some("sca*".into()),
            policy: None,
            conflict: Some(ConflictPolicy::Yield),
            sensitive: false,
        };
        check(
            &FieldRules { rules: vec![rule], ..FieldRules::default() },
            &IMAGES,
            &expect![[r#"
            taken: .spec.template.spec.containers[name="app"].image of setter, .spec.elsewhere of setter
            yielded: .spec.replicas of scaler
            spec: {"template":{"spec":{"containers":[{"image":"one","name":"a]b"},{"args":["x"],"image":"two","name":"app","ports":[{"containerPort":80}]}]}}}
            annotation: "[\"/spec/replicas\"]"
        "#]],
        );
    }
}
