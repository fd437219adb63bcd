//! Which objects a patch is for.

use super::label_selector::LabelSelector;
use crate::budget::Budget;
use crate::error::Fault;
use crate::id::Id;
use crate::kustomization::Target;
use crate::object::Resource;
use crate::pattern::{Pattern, PatternFault};
use crate::resources::Resources;

/// A compiled target: anchored regular expressions, of which none means any.
#[derive(Debug)]
pub(crate) struct Matcher {
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    labels: Selector,
    annotations: Selector,
}

/// A selector is read when there is an object to look at, so that a mistake in it may never be noticed, as in kustomize.
#[derive(Debug)]
struct Selector {
    parsed: Result<LabelSelector, Fault>,
    /// Whether it may name annotations of kustomize itself.
    internal: bool,
    budget: Budget,
}

impl Selector {
    fn new(field: &str, text: &str, budget: &Budget) -> Self {
        budget.work(text.len());
        let parsed = LabelSelector::parse(text);
        let located = |fault: Fault| Fault { kind: fault.kind, message: format!("{field} of the target: {fault}") };
        let internal = text.contains("internal.config.kubernetes.io/");
        Self { parsed: parsed.map_err(located), internal, budget: budget.clone() }
    }

    fn is_empty(&self) -> bool {
        self.parsed.as_ref().is_ok_and(LabelSelector::is_empty)
    }

    fn matches<'a>(&self, strings: &(impl Iterator<Item = (&'a str, &'a str)> + Clone)) -> Result<bool, Fault> {
        if let Ok(selector) = &self.parsed {
            self.budget.work(selector.steps(if selector.is_empty() { 0 } else { strings.clone().count() }));
            self.budget.check()?;
        }
        self.parsed.as_ref().map(|selector| selector.matches(strings)).map_err(Fault::clone)
    }
}

impl Matcher {
    pub(crate) fn new(target: &Target, budget: &Budget) -> Result<Self, Fault> {
        let regex = |field: &str, pattern: &str| anchored(field, pattern, budget);
        Ok(Self {
            group: regex("group", &target.gvk.group)?,
            version: regex("version", &target.gvk.version)?,
            kind: regex("kind", &target.gvk.kind)?,
            name: regex("name", &target.name)?,
            namespace: regex("namespace", &target.namespace)?,
            labels: Selector::new("labelSelector", &target.label_selector, budget),
            annotations: Selector::new("annotationSelector", &target.annotation_selector, budget),
        })
    }

    /// Name and namespace may be the original or the current ones.
    pub(crate) fn matches(&self, resource: &Resource) -> Result<bool, Fault> {
        let fits =
            |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
        let first = resource.previous.first();
        let (group, version, kind) = resource.group_version_kind();
        let (name, namespace) = (resource.name(), resource.effective_namespace());
        Ok(fits(&self.kind, kind)
            && fits(&self.version, version)
            && fits(&self.group, group)
            && (fits(&self.name, name) || first.is_some_and(|first| fits(&self.name, &first.name)))
            && (fits(&self.namespace, namespace) || first.is_some_and(|first| fits(&self.namespace, &first.namespace)))
            && self.labels.matches(&resource.metadata_strings("labels"))?
            && self.matches_annotations(resource)?)
    }

    fn matches_annotations(&self, resource: &Resource) -> Result<bool, Fault> {
        if self.annotations.internal {
            let annotations = resource.all_annotations();
            return self.annotations.matches(&annotations.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        }
        self.annotations.matches(&resource.metadata_strings("annotations"))
    }

    /// Whether labels and annotations fit, as replacements look at them.
    pub(super) fn matches_labels(&self, resource: &Resource) -> Result<bool, Fault> {
        let annotations = self.matches_annotations(resource)?;
        Ok(self.labels.matches(&resource.metadata_strings("labels"))? && annotations)
    }

    /// Whether one identity fits, as it is.
    pub(super) fn matches_id(&self, id: &Id) -> bool {
        let fits =
            |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
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

    pub(crate) fn select(&self, resources: &Resources) -> Result<Vec<usize>, Fault> {
        let mut selected = Vec::new();
        for (index, resource) in resources.iter().enumerate() {
            if self.matches(resource)? {
                selected.push(index);
            }
        }
        Ok(selected)
    }
}

fn anchored(field: &str, pattern: &str, budget: &Budget) -> Result<Option<Pattern>, Fault> {
    if pattern.is_empty() {
        return Ok(None);
    }
    if pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/:@ ".contains(&byte)) {
        return Ok(Some(Pattern::literal(pattern, budget)));
    }
    match Pattern::new(&format!("^(?:{pattern})$"), budget) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(PatternFault::Spent(fault)) => Err(fault),
        Err(PatternFault::TooLarge) => {
            Err(Fault::limit(format!("{field} of the target is too large a regular expression")))
        }
        Err(PatternFault::Syntax(reason)) => {
            Err(Fault::syntax(format!("{field} of the target is not a regular expression: {pattern:?}: {reason}")))
        }
    }
}
