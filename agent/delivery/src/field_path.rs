//! Fields of manifests, by their way through maps and lists.

use std::fmt;

use serde_json::Value;

/// The way to a field of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(pub(crate) Vec<Step>);

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// The value of a key.
    Key(String),
    /// An item of a list, with what names it for a person.
    Item { index: usize, label: String },
}

impl FieldPath {
    /// Whether the field is the one that a JSON pointer names, or lies below it. A part `*` stands for any key or item.
    #[must_use]
    pub fn is_below(&self, pointer: &str) -> bool {
        let mut steps = self.0.iter();
        pointer.split('/').skip(1).all(|part| steps.next().is_some_and(|step| step.is_part(part)))
    }

    /// Whether a JSON pointer names the field, something in it, or something that it is in.
    #[must_use]
    pub fn touches(&self, pointer: &str) -> bool {
        let parts = pointer.split('/').skip(1);
        self.0.iter().zip(parts).all(|(step, part)| step.is_part(part))
    }

    /// The JSON pointer to it (RFC 6901).
    #[must_use]
    pub fn pointer(&self) -> String {
        let part = |step: &Step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Item { index, .. } => format!("/{index}"),
        };
        self.0.iter().map(part).collect()
    }

    /// The field below this one.
    pub(crate) fn child(&self, key: &str) -> Self {
        Self(self.0.iter().cloned().chain([Step::Key(key.to_owned())]).collect())
    }

    /// The value in a manifest.
    #[must_use]
    pub fn of<'v>(&self, manifest: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(manifest, |value, step| match step {
            Step::Key(key) => value.get(key),
            Step::Item { index, .. } => value.get(index),
        })
    }

    /// The value in a live object, whose list items may have other places than in the manifest.
    #[must_use]
    pub fn counterpart<'v>(&self, manifest: &Value, live: &'v Value) -> Option<&'v Value> {
        let (mut manifest, mut live) = (manifest, live);
        for step in &self.0 {
            (manifest, live) = match step {
                Step::Key(key) => (manifest.get(key)?, live.get(key)?),
                Step::Item { index, label } => {
                    let item = manifest.get(index)?;
                    (item, live.as_array()?.iter().find(|other| is_same_item(item, other, label))?)
                }
            };
        }
        Some(live)
    }

    /// For people, with list items named by their place and not by what is in them.
    #[must_use]
    pub fn with_bare_items(&self) -> String {
        let bare = self.0.iter().map(|step| match step {
            Step::Key(_) => step.clone(),
            Step::Item { index, .. } => Step::Item { index: *index, label: index.to_string() },
        });
        Self(bare.collect()).to_string()
    }

    /// Takes the field out of a manifest, if it is there.
    pub fn remove_from(&self, manifest: &mut Value) {
        let Some((last, way)) = self.0.split_last() else { return };
        let parent = way.iter().try_fold(manifest, |value, step| match step {
            Step::Key(key) => value.get_mut(key),
            Step::Item { index, .. } => value.get_mut(index),
        });
        match (parent, last) {
            (Some(Value::Object(map)), Step::Key(key)) => drop(map.remove(key)),
            (Some(Value::Array(items)), Step::Item { index, .. }) if *index < items.len() => drop(items.remove(*index)),
            _ => {}
        }
    }
}

impl Step {
    /// Whether a part of a JSON pointer names it.
    fn is_part(&self, part: &str) -> bool {
        match self {
            _ if part == "*" => true,
            Self::Key(key) => *key == part.replace("~1", "/").replace("~0", "~"),
            Self::Item { index, .. } => part.parse() == Ok(*index),
        }
    }
}

/// Whether a list item of a live object is the one that a manifest means. `label` holds its keys when the API server told them.
fn is_same_item(item: &Value, other: &Value, label: &str) -> bool {
    if let Ok(Value::Object(keys)) = serde_json::from_str(label) {
        return keys.iter().all(|(key, value)| other.get(key) == Some(value));
    }
    match IDENTITY.iter().find(|key| item.get(**key).is_some()) {
        Some(key) => item.get(*key) == other.get(*key),
        None => item == other,
    }
}

/// Keys by which people and the API server tell list items apart.
pub(crate) const IDENTITY: [&str; 7] = ["name", "key", "port", "containerPort", "mountPath", "ip", "type"];

/// As people write it: `.spec.containers[name="app"].image`.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Key(key) => write!(f, ".{key}"),
            Step::Item { label, .. } => write!(f, "[{label}]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path() -> FieldPath {
        let key = |key: &str| Step::Key(key.to_owned());
        FieldPath(vec![key("spec"), key("containers"), Step::Item { index: 1, label: "name=b".into() }, key("a/b~c")])
    }

    #[test]
    fn pointers_name_a_field_and_all_below() {
        for pointer in ["", "/spec", "/spec/containers/1", "/spec/containers/*/a~1b~0c", "/spec/containers/1/a~1b~0c"] {
            assert!(path().is_below(pointer), "{pointer}");
        }
        for pointer in ["/status", "/spec/containers/0", "/spec/containers/1/a", "/spec/containers/1/a~1b~0c/d"] {
            assert!(!path().is_below(pointer), "{pointer}");
        }
        assert_eq!(path().to_string(), ".spec.containers[name=b].a/b~c");
    }

    #[test]
    fn a_pointer_touches_what_it_is_in_and_what_is_in_it() {
        for pointer in ["/spec", "/spec/containers/*/a~1b~0c", "/spec/containers/1/a~1b~0c/d"] {
            assert!(path().touches(pointer), "{pointer}");
        }
        for pointer in ["/status", "/spec/containers/0", "/spec/containers/1/x"] {
            assert!(!path().touches(pointer), "{pointer}");
        }
    }

    #[test]
    fn the_pointer_of_a_field_names_it() {
        assert_eq!(path().pointer(), "/spec/containers/1/a~1b~0c");
        assert!(path().is_below(&path().pointer()));
    }

    #[test]
    fn a_field_is_taken_out() {
        let mut manifest = json!({"spec": {"containers": [{"a/b~c": 1}, {"a/b~c": 2, "x": 3}]}});
        path().remove_from(&mut manifest);
        assert_eq!(manifest, json!({"spec": {"containers": [{"a/b~c": 1}, {"x": 3}]}}));
        path().remove_from(&mut manifest);
        assert_eq!(manifest, json!({"spec": {"containers": [{"a/b~c": 1}, {"x": 3}]}}));
    }
}
