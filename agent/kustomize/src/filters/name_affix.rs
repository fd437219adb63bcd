//! `namePrefix` and `nameSuffix`.

use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::Tree;

/// Which end of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affix {
    Prefix,
    Suffix,
}

pub(crate) fn apply(resources: &mut Resources, affix: Affix, text: &str) {
    if text.is_empty() {
        return;
    }
    for resource in resources.iter_mut().filter(|resource| !keeps_its_name(resource)) {
        match affix {
            Affix::Prefix => resource.prefixes.push(text.to_owned()),
            Affix::Suffix => resource.suffixes.push(text.to_owned()),
        }
        resource.store_previous_name();
        let name = resource.tree.as_mapping_mut().and_then(|map| map.get_mut("metadata"));
        let name = name.and_then(Tree::as_mapping_mut).and_then(|metadata| metadata.get_mut("name"));
        if let Some(name) = name {
            let new = match affix {
                Affix::Prefix => format!("{text}{}", name.text()),
                Affix::Suffix => format!("{}{text}", name.text()),
            };
            name.set_text(new);
        }
    }
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
