//! Which objects a patch is for.

use regex::{Regex, RegexBuilder};

use super::label_selector::LabelSelector;
use crate::error::Fault;
use crate::id::Id;
use crate::kustomization::Target;
use crate::object::Resource;
use crate::resources::Resources;

/// A compiled target: anchored regular expressions, of which none means any.
#[derive(Debug)]
pub(crate) struct Matcher {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    pub(super) labels: LabelSelector,
    pub(super) annotations: LabelSelector,
}

impl Matcher {
    pub(crate) fn new(target: &Target, max_regex_bytes: usize) -> Result<Self, Fault> {
        let regex = |field: &str, pattern: &str| anchored(field, pattern, max_regex_bytes);
        Ok(Self {
            group: regex("group", &target.gvk.group)?,
            version: regex("version", &target.gvk.version)?,
            kind: regex("kind", &target.gvk.kind)?,
            name: regex("name", &target.name)?,
            namespace: regex("namespace", &target.namespace)?,
            labels: LabelSelector::parse(&target.label_selector)?,
            annotations: LabelSelector::parse(&target.annotation_selector)?,
        })
    }

    /// Name and namespace may be the original or the current ones.
    pub(crate) fn matches(&self, resource: &Resource) -> bool {
        let fits = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        let (now, first) = (resource.id(), resource.original_id());
        (fits(&self.namespace, &first.namespace) || fits(&self.namespace, &now.namespace))
            && (fits(&self.name, &first.name) || fits(&self.name, &now.name))
            && fits(&self.group, &now.gvk.group)
            && fits(&self.version, &now.gvk.version)
            && fits(&self.kind, &now.gvk.kind)
            && self.labels.matches(&resource.metadata_strings("labels"))
            && self.annotations.matches(&resource.metadata_strings("annotations"))
    }

    /// Whether one identity fits, as it is.
    pub(super) fn matches_id(&self, id: &Id) -> bool {
        let fits = |pattern: &Option<Regex>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        fits(&self.namespace, &id.namespace)
            && fits(&self.name, &id.name)
            && fits(&self.group, &id.gvk.group)
            && fits(&self.version, &id.gvk.version)
            && fits(&self.kind, &id.gvk.kind)
    }

    /// Whether the target says nothing of identities.
    pub(super) fn selects_any_id(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].iter().all(|pattern| pattern.is_none())
    }

    /// Whether the target says nothing of labels and annotations.
    pub(super) fn selects_any_labels(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    pub(crate) fn select(&self, resources: &Resources) -> Vec<usize> {
        resources.iter().enumerate().filter(|(_, resource)| self.matches(resource)).map(|(index, _)| index).collect()
    }
}

fn anchored(field: &str, pattern: &str, max_bytes: usize) -> Result<Option<Regex>, Fault> {
    if pattern.is_empty() {
        return Ok(None);
    }
    match RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(max_bytes).build() {
        Ok(regex) => Ok(Some(regex)),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(Fault::limit(format!("{field} of the target is too large a regular expression")))
        }
        Err(_) => Err(Fault::syntax(format!("{field} of the target is not a regular expression: {pattern:?}"))),
    }
}
