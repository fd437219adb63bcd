//! What happens when somebody else changes an object, field by field.

use crate::{ConflictPolicy, FieldPath, ObjectId, ownership::FieldsEntry};

/// What happens when somebody else changes an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftPolicy {
    /// Nothing, and nobody is told.
    Ignore,
    /// It is reported.
    Alert,
    /// It is reported, and the fields are taken back.
    #[default]
    Repair,
}

/// A policy for some objects, or for some of their fields. What is `None` fits everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRule {
    /// Kind, or kind and group as in `Deployment.apps`.
    pub kind: Option<String>,
    /// Name; `*` stands for any characters.
    pub name: Option<String>,
    /// JSON pointer to a field; a part `*` stands for any key or item. It fits all that is below.
    pub pointer: Option<String>,
    /// The field manager that wrote; `*` stands for any characters.
    pub manager: Option<String>,
    /// What happens then; `None` leaves it to another rule.
    pub policy: Option<DriftPolicy>,
    /// Who gets the fields when somebody owned them before us; `None` leaves it to another rule.
    pub conflict: Option<ConflictPolicy>,
    /// Whether the values are told to nobody.
    pub sensitive: bool,
}

/// All policies of an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldRules {
    /// Where no rule fits.
    pub default: DriftPolicy,
    /// Who gets fields that somebody owned before us, where no rule fits.
    pub conflicts: ConflictPolicy,
    /// The first that fits counts.
    pub rules: Vec<FieldRule>,
}

impl FieldRules {
    /// For an object as a whole: when it is deleted, and for its fields where no rule says more.
    #[must_use]
    pub fn of_object(&self, id: &ObjectId) -> DriftPolicy {
        let mut rules = self.rules.iter().filter(|rule| !rule.is_for_fields() && rule.fits(id));
        rules.find_map(|rule| rule.policy).unwrap_or(self.default)
    }

    /// Whether others may keep fields of a manifest, so that what is applied depends on what is there.
    #[must_use]
    pub fn concede(&self) -> bool {
        self.may_yield()
            || self.rules.iter().any(|rule| rule.policy.is_some_and(|policy| policy != DriftPolicy::Repair))
    }

    /// Whether any field may be left to whoever owned it before us.
    #[must_use]
    pub(crate) fn may_yield(&self) -> bool {
        self.conflicts == ConflictPolicy::Yield
            || self.rules.iter().any(|rule| rule.conflict == Some(ConflictPolicy::Yield))
    }

    /// Who gets a field that `manager` owned before us.
    #[must_use]
    pub fn of_conflict(&self, id: &ObjectId, path: &FieldPath, manager: &str) -> ConflictPolicy {
        let mut rules = self.rules.iter().filter(|rule| {
            rule.fits(id)
                && rule.pointer.as_deref().is_none_or(|pointer| path.is_below(pointer))
                && rule.manager.as_deref().is_none_or(|pattern| matches(pattern, manager))
        });
        rules.find_map(|rule| rule.conflict).unwrap_or(self.conflicts)
    }

    /// Whether the values of a field that `writer` took are told to nobody: those of a Secret, and what any rule says so of.
    #[must_use]
    pub fn is_sensitive(&self, id: &ObjectId, path: &FieldPath, writer: Option<&FieldsEntry>) -> bool {
        let manager = writer.map_or("", |writer| writer.manager.as_str());
        id.group.is_empty() && id.kind == "Secret"
            || self.rules.iter().any(|rule| {
                rule.sensitive
                    && rule.fits(id)
                    && rule.pointer.as_deref().is_none_or(|pointer| path.touches(pointer))
                    && rule.manager.as_deref().is_none_or(|pattern| matches(pattern, manager))
            })
    }

    /// For a field that `writer` took, if a rule speaks of it.
    ///
    /// What a horizontal autoscaler scales belongs to it: it writes replicas through the `scale` subresource, as the controller-manager.
    #[must_use]
    pub fn of_field(&self, id: &ObjectId, path: &FieldPath, writer: Option<&FieldsEntry>) -> Option<DriftPolicy> {
        let manager = writer.map_or("", |writer| writer.manager.as_str());
        let mut rules = self.rules.iter().filter(|rule| {
            rule.is_for_fields()
                && rule.fits(id)
                && rule.pointer.as_deref().is_none_or(|pointer| path.is_below(pointer))
                && rule.manager.as_deref().is_none_or(|pattern| matches(pattern, manager))
        });
        if let Some(policy) = rules.find_map(|rule| rule.policy) {
            return Some(policy);
        }
        let scaled = writer
            .is_some_and(|writer| writer.subresource == "scale" && writer.manager == "kube-controller-manager")
            && path.is_below("/spec/replicas");
        scaled.then_some(DriftPolicy::Ignore)
    }
}

impl FieldRule {
    fn is_for_fields(&self) -> bool {
        self.pointer.is_some() || self.manager.is_some()
    }

    fn fits(&self, id: &ObjectId) -> bool {
        let kind = self.kind.as_deref().is_none_or(|kind| match kind.split_once('.') {
            Some((kind, group)) => id.kind == kind && id.group == group,
            None => id.kind == kind,
        });
        kind && self.name.as_deref().is_none_or(|pattern| matches(pattern, &id.name))
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::field_path::Step;

    fn deployment(name: &str) -> ObjectId {
        ObjectId { group: "apps".into(), kind: "Deployment".into(), namespace: None, name: name.into() }
    }

    fn replicas() -> FieldPath {
        FieldPath(vec![Step::Key("spec".into()), Step::Key("replicas".into())])
    }

    fn entry(manager: &str, subresource: &str) -> FieldsEntry {
        FieldsEntry {
            manager: manager.into(),
            operation: "Update".into(),
            api_version: "apps/v1".into(),
            subresource: subresource.into(),
            time: "t".into(),
            fields: Value::Null,
        }
    }

    fn rule(kind: &str, name: &str, pointer: Option<&str>, manager: Option<&str>, policy: DriftPolicy) -> FieldRule {
        FieldRule {
            kind: Some(kind.into()),
            name: Some(name.into()),
            pointer: pointer.map(str::to_owned),
            manager: manager.map(str::to_owned),
            policy: Some(policy),
            conflict: None,
            sensitive: false,
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text) in
            [("a", "a"), ("*", ""), ("a*", "abc"), ("*c", "abc"), ("a*c", "abc"), ("a*b*c", "axbxbc"), ("**", "x")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a*", "ba"), ("*c", "cd"), ("a*c", "ab"), ("ab*ba", "aba"), ("", "x")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rules = FieldRules {
            rules: vec![
                rule("Deployment.apps", "web-*", Some("/spec"), Some("setter"), DriftPolicy::Alert),
                rule("Deployment", "web-*", Some("/spec/replicas"), None, DriftPolicy::Ignore),
                rule("Deployment", "batch", None, None, DriftPolicy::Alert),
            ],
            ..FieldRules::default()
        };
        let of = |name: &str, manager: &str| rules.of_field(&deployment(name), &replicas(), Some(&entry(manager, "")));
        assert_eq!(of("web-1", "setter"), Some(DriftPolicy::Alert));
        assert_eq!(of("web-1", "kubectl"), Some(DriftPolicy::Ignore));
        assert_eq!(of("batch", "kubectl"), None);
        assert_eq!(rules.of_object(&deployment("batch")), DriftPolicy::Alert);
        assert_eq!(rules.of_object(&deployment("web-1")), DriftPolicy::Repair);
    }

    #[test]
    fn secrets_and_what_rules_say_so_of_are_sensitive() {
        let hidden = FieldRule {
            policy: None,
            sensitive: true,
            ..rule("Deployment", "*", Some("/spec/replicas"), None, DriftPolicy::Ignore)
        };
        let rules = FieldRules {
            rules: vec![rule("Deployment", "*", Some("/spec"), None, DriftPolicy::Alert), hidden],
            ..FieldRules::default()
        };
        let secret = ObjectId { group: "".into(), kind: "Secret".into(), namespace: None, name: "a".into() };
        assert!(rules.is_sensitive(&secret, &replicas(), None));
        assert!(rules.is_sensitive(&deployment("web"), &replicas(), None));
        assert!(!rules.is_sensitive(&deployment("web"), &FieldPath(vec![Step::Key("data".into())]), None));
        // A rule without a policy leaves that to the others.
        assert_eq!(rules.of_field(&deployment("web"), &replicas(), None), Some(DriftPolicy::Alert));
        assert_eq!(rules.of_object(&secret), DriftPolicy::Repair);
    }

    #[test]
    fn replicas_belong_to_an_autoscaler() {
        let rules = FieldRules::default();
        let of = |writer: &FieldsEntry| rules.of_field(&deployment("web"), &replicas(), Some(writer));
        assert_eq!(of(&entry("kube-controller-manager", "scale")), Some(DriftPolicy::Ignore));
        assert_eq!(of(&entry("kubectl", "scale")), None);
    }
}
