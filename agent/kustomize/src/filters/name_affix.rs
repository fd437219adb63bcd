//! `namePrefix` and `nameSuffix`.

use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::Tree;

/// Which end of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affix {
    Prefix,
    Suffix,
}

pub(crate) fn apply(resources: &mut Resources, affix: Affix, text: &str, specs: &[FieldSpec]) -> Result<(), Fault> {
    let budget = resources.budget().clone();
    for resource in resources.iter_mut().filter(|resource| !keeps_its_name(resource)) {
        let original = resource.original_id().gvk;
        for spec in specs.iter().filter(|spec| spec.applies_to(&original)) {
            // An empty text changes no name, but the fields are visited, and those that are to be created are.
            if spec.path == "metadata/name" && !text.is_empty() {
                match affix {
                    Affix::Prefix => resource.prefixes.push(text.to_owned()),
                    Affix::Suffix => resource.suffixes.push(text.to_owned()),
                }
                resource.store_previous_name();
            }
            spec.visit(resource, Create::Scalar, &mut |tree| {
                if !matches!(tree, Tree::Scalar(_)) {
                    return Err(Fault::conflict(format!("expected a string, found {}", tree.describe())));
                }
                let new = match affix {
                    Affix::Prefix => format!("{text}{}", tree.text()),
                    Affix::Suffix => format!("{}{text}", tree.text()),
                };
                budget.text(new.len());
                tree.assign(Tree::added(new));
                budget.check()
            })?;
        }
    }
    Ok(())
}

/// The names of these kinds mean something to others: kustomize leaves them alone, by the kind that the object had first.
fn keeps_its_name(resource: &Resource) -> bool {
    let gvk = resource.original_id().gvk;
    match gvk.kind.as_str() {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => gvk.group == "apiregistration.k8s.io",
        _ => false,
    }
}
