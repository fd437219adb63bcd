//! The last thing done to objects: kustomize rewrites the annotations of each.

use crate::error::Fault;
use crate::resources::Resources;
use crate::tree::{Map, Tree};

/// Annotations that kustomize uses itself and never prints.
const OWN: &[&str] = &[
    "alpha.config.kubernetes.io/transformations",
    "config.k8s.io/id",
    "config.kubernetes.io/index",
    "config.kubernetes.io/origin",
    "config.kubernetes.io/path",
    "internal.config.kubernetes.io/allowKindChange",
    "internal.config.kubernetes.io/allowNameChange",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "internal.config.kubernetes.io/generatorBehavior",
    "internal.config.kubernetes.io/helm-generated",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/needsHashSuffix",
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/prefixes",
    "internal.config.kubernetes.io/previousKinds",
    "internal.config.kubernetes.io/previousNames",
    "internal.config.kubernetes.io/previousNamespaces",
    "internal.config.kubernetes.io/refBy",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/suffixes",
];

/// Makes every annotation a string, and drops empty annotations and kustomize's own.
///
/// A key that looks like a number, a truth value or null is refused: kustomize loses the quotes around it and then can not print
/// the object, which is its bug.
pub(crate) fn apply(resources: &mut Resources) -> Result<(), Fault> {
    for resource in resources.iter_mut() {
        for (key, _) in resource.metadata_strings("annotations") {
            if !Tree::plain(key).is_string() {
                return Err(Fault::conflict(format!(
                    "{}: the annotation key {key:?} is refused because it does not look like a string, even in quotes",
                    resource.id()
                )));
            }
        }
        let strings: Map = resource
            .metadata_strings("annotations")
            .filter(|(key, _)| !OWN.contains(key))
            .map(|(key, value)| (key.to_owned(), Tree::string(value)))
            .collect();
        resource.set_metadata_strings("annotations", strings);
    }
    Ok(())
}
