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
        pointer.split('/').skip(1).all(|part| match steps.next() {
            None => false,
            Some(_) if part == "*" => true,
            Some(Step::Key(key)) => *key == part.replace("~1", "/").replace("~0", "~"),
            Some(Step::Item { index, .. }) => part.parse() == Ok(*index),
        })
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
    fn a_field_is_taken_out() {
        let mut manifest = json!({"spec": {"containers": [{"a/b~c": 1}, {"a/b~c": 2, "x": 3}]}});
        path().remove_from(&mut manifest);
        assert_eq!(manifest, json!({"spec": {"containers": [{"a/b~c": 1}, {"x": 3}]}}));
        path().remove_from(&mut manifest);
        assert_eq!(manifest, json!({"spec": {"containers": [{"a/b~c": 1}, {"x": 3}]}}));
    }
}
