//! `namespace`: puts namespaced objects into a namespace, with the fields that must follow.

use std::collections::HashSet;

use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::Gvk;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::Tree;

pub(crate) fn apply(resources: &mut Resources, namespace: &str, specs: &[FieldSpec]) -> Result<(), Fault> {
    if namespace.is_empty() {
        return Ok(());
    }
    let mut ids = HashSet::new();
    for resource in resources.iter_mut() {
        resource.store_previous_name();
        set_namespace(resource, namespace, specs)?;
        let id = resource.id();
        if ids.contains(&id) {
            return Err(Fault::conflict(format!(
                "two objects would become the same: {id}; give one of them another name, or keep them in two kustomizations"
            )));
        }
        ids.insert(id);
    }
    Ok(())
}

fn set_namespace(resource: &mut Resource, namespace: &str, specs: &[FieldSpec]) -> Result<(), Fault> {
    let mut set = |tree: &mut Tree| match tree {
        Tree::Scalar(_) => {
            tree.assign(Tree::string(namespace));
            Ok(())
        }
        other => Err(Fault::conflict(format!("expected a string, found {}", other.describe()))),
    };
    let gvk = resource.gvk();
    if !gvk.is_cluster_scoped() {
        let path = "metadata/namespace".to_owned();
        FieldSpec { selector: Gvk::default(), path, create: true }.visit(resource, Create::Scalar, &mut set)?;
    }
    let binds = |kind: &str| matches!(kind, "RoleBinding" | "ClusterRoleBinding");
    if binds(&gvk.kind) {
        set_default_subjects(&mut resource.tree, namespace)?;
    }
    let core = resource.api_version() == "v1";
    for spec in specs {
        let fits = match spec.path.as_str() {
            // Set above, with more care than a field spec takes.
            "metadata/namespace" => false,
            "subjects/namespace" => !(binds(&gvk.kind) && binds(&spec.selector.kind)),
            // A Namespace object takes the name, but only the real one: other groups have a kind of that name too.
            "metadata/name" => core,
            _ => true,
        };
        if fits {
            spec.visit(resource, Create::Scalar, &mut set)?;
        }
    }
    Ok(())
}

/// Of the subjects of a binding only those named `default` move along: the default account exists in every namespace, while
/// another account follows when the account itself is renamed.
fn set_default_subjects(tree: &mut Tree, namespace: &str) -> Result<(), Fault> {
    let subjects = match tree.as_mapping_mut().and_then(|map| map.get_mut("subjects")) {
        Some(Tree::Sequence(subjects)) => subjects,
        Some(other) if !other.is_null() => {
            return Err(Fault::conflict(format!("subjects must be a list, found {}", other.describe())));
        }
        _ => return Ok(()),
    };
    for subject in subjects {
        let is_default = subject.get("name").is_some_and(|name| name.text() == "default");
        if let Some(map) = subject.as_mapping_mut().filter(|_| is_default) {
            map.insert("namespace".to_owned(), Tree::string(namespace));
        }
    }
    Ok(())
}
