//! The annotations in which kustomize keeps what it knows of an object while it works.
//!
//! Here that is beside the object. But some filters of kustomize see and change these annotations like any other: a JSON patch
//! that adds an annotation finds a map to add it to, and a replacement copies them. So they are put into the object for them.

use crate::error::Fault;
use crate::object::{Behavior, PreviousName, Resource};
use crate::tree::Tree;

/// What is kept there; other annotations with the same prefix are annotations like any other until they are dropped at the end.
const NAMES: &[&str] = &[
    "previousNames",
    "previousNamespaces",
    "previousKinds",
    "prefixes",
    "suffixes",
    "generatorBehavior",
    "needsHashSuffix",
];

/// Whether kustomize keeps what it knows under this name.
pub(crate) fn is_internal(annotation: &str) -> bool {
    annotation.strip_prefix(PREFIX).is_some_and(|name| NAMES.contains(&name))
}

const PREFIX: &str = "internal.config.kubernetes.io/";
const ANNOTATIONS: &str = "annotations";

impl Resource {
    /// What kustomize keeps in annotations; the names without their prefix.
    fn internal_annotations(&self) -> impl Iterator<Item = (&'static str, String)> {
        let previous = |part: fn(&PreviousName) -> &str| {
            self.previous.iter().map(part).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(",")
        };
        let behavior = match self.behavior {
            Behavior::None => "",
            Behavior::Unspecified => "unspecified",
            Behavior::Create => "create",
            Behavior::Replace => "replace",
            Behavior::Merge => "merge",
        };
        [
            ("previousNames", previous(|previous| &previous.name)),
            ("previousNamespaces", previous(|previous| &previous.namespace)),
            ("previousKinds", previous(|previous| &previous.kind)),
            ("prefixes", self.prefixes.join(",")),
            ("suffixes", self.suffixes.join(",")),
            ("generatorBehavior", behavior.to_owned()),
            ("needsHashSuffix", if self.needs_hash { "enabled" } else { "" }.to_owned()),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
    }

    /// All annotations, with those of kustomize.
    pub(crate) fn all_annotations(&self) -> Vec<(String, String)> {
        let own = self.metadata_strings(ANNOTATIONS).map(|(key, value)| (key.to_owned(), value.to_owned()));
        own.chain(self.internal_annotations().map(|(key, value)| (format!("{PREFIX}{key}"), value))).collect()
    }

    /// Puts the annotations of kustomize into the object.
    pub(crate) fn show_internal_annotations(&mut self) {
        let mut internal = self.internal_annotations().peekable();
        if internal.peek().is_none() {
            return;
        }
        let internal: Vec<_> = internal.collect();
        let Some(metadata) = self.metadata_mut() else { return };
        let annotations = metadata.get_or_insert_with(ANNOTATIONS, Tree::empty_mapping);
        if annotations.is_null() {
            *annotations = Tree::empty_mapping();
        }
        if let Some(annotations) = annotations.as_mapping_mut() {
            annotations
                .extend(internal.into_iter().map(|(key, value)| (format!("{PREFIX}{key}"), Tree::string(value))));
        }
    }

    /// Takes the annotations of kustomize out of the object and believes them.
    pub(crate) fn read_internal_annotations(&mut self) -> Result<(), Fault> {
        let list = |name: &str| -> Vec<String> {
            let mut annotations = self.metadata_strings(ANNOTATIONS);
            let found = annotations.find(|(key, _)| key.strip_prefix(PREFIX) == Some(name));
            found.map(|(_, value)| value.split(',').map(str::to_owned).collect()).unwrap_or_default()
        };
        let (names, namespaces, kinds) = (list("previousNames"), list("previousNamespaces"), list("previousKinds"));
        let (prefixes, suffixes) = (list("prefixes"), list("suffixes"));
        let behavior = match list("generatorBehavior").first().map(String::as_str) {
            None => Behavior::None,
            Some("create") => Behavior::Create,
            Some("replace") => Behavior::Replace,
            Some("merge") => Behavior::Merge,
            Some(_) => Behavior::Unspecified,
        };
        let needs_hash = list("needsHashSuffix") == ["enabled"];
        if names.len() != namespaces.len() || names.len() != kinds.len() {
            return Err(Fault::conflict(format!("the annotations {PREFIX}previous* are not equally many")));
        }
        self.previous = names
            .into_iter()
            .zip(namespaces)
            .zip(kinds)
            .map(|((name, namespace), kind)| PreviousName { name, namespace, kind })
            .collect();
        (self.prefixes, self.suffixes, self.behavior, self.needs_hash) = (prefixes, suffixes, behavior, needs_hash);
        let Some(Tree::Mapping(metadata)) = self.tree.as_mapping_mut().and_then(|map| map.get_mut("metadata")) else {
            return Ok(());
        };
        if let Some(Tree::Mapping(annotations)) = metadata.get_mut(ANNOTATIONS) {
            annotations.retain(|key| !is_internal(key));
            if annotations.is_empty() {
                metadata.remove(ANNOTATIONS);
            }
        }
        Ok(())
    }

    /// Believes the annotations of kustomize that somebody wrote into the object, over what is known of it already.
    pub(crate) fn believe_internal_annotations(&mut self) -> Result<(), Fault> {
        let written: Vec<(String, Tree)> = {
            let map =
                self.tree.get("metadata").and_then(|metadata| metadata.get(ANNOTATIONS)).and_then(Tree::as_mapping);
            let internal = map.into_iter().flatten().filter(|(key, _)| is_internal(key));
            internal.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        if written.is_empty() {
            return Ok(());
        }
        self.show_internal_annotations();
        let annotations = self.metadata_mut().and_then(|metadata| metadata.get_mut(ANNOTATIONS));
        if let Some(Tree::Mapping(annotations)) = annotations {
            annotations.extend(written);
        }
        self.read_internal_annotations()
    }
}
