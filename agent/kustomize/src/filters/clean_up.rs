//! The last thing done to objects: kustomize rewrites the annotations of each.

use crate::build_metadata::{self, BuildMetadata};
use crate::error::{Errors, Fault};
use crate::resources::Resources;
use crate::scalar_type::check_types;
use crate::tree::{Map, Tree};
use crate::unprintable::{check_key, pass};

/// Annotations that kustomize uses itself and never prints.
const OWN: &[&str] = &[
    build_metadata::TRANSFORMATIONS,
    "config.k8s.io/id",
    "config.kubernetes.io/index",
    build_metadata::ORIGIN,
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
/// It sets each of them anew for that, and so it loses the quotes around their keys.
pub(crate) fn apply(resources: &mut Resources, metadata: &BuildMetadata) -> Result<(), Errors> {
    let mut errors = Vec::new();
    for resource in resources.iter_mut() {
        let keys = resource.metadata_strings("annotations").try_for_each(|(key, _)| check_key(key));
        let keys = keys.map_err(|fault| Fault { message: format!("metadata.annotations: {}", fault.message), ..fault });
        if let Err(Fault { kind, message }) = keys.and_then(|()| pass(&mut resource.tree)) {
            errors.push(resource.error(Fault { kind, message: format!("{}: {message}", resource.id()) }));
        }
        let strings: Map = resource
            .metadata_strings("annotations")
            .filter(|(key, _)| !OWN.contains(key) || metadata.keeps(key))
            .map(|(key, value)| (key.to_owned(), Tree::string(value)))
            .collect();
        resource.set_metadata_strings("annotations", strings);
        if let Err(Fault { kind, message }) = check_types(&resource.tree) {
            errors.push(resource.error(Fault { kind, message: format!("{}: {message}", resource.id()) }));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
}
