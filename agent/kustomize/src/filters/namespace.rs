//! `namespace`: puts namespaced objects into a namespace, with the fields that must follow.

use std::collections::HashMap;

use crate::budget::Budget;
use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::{Gvk, Id};
use crate::object::{Origin, Resource};
use crate::resources::Resources;
use crate::tree::{Kind, Tree};

/// The namespace, and what else a `NamespaceTransformer` can be told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespace {
    pub(crate) name: String,
    /// Only where there is no namespace yet.
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
}

/// Which subjects of bindings move along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Subjects {
    /// Those named `default`: that account exists in every namespace, while another account follows when the account itself is renamed.
    #[default]
    DefaultOnly,
    AllServiceAccounts,
    None,
}

pub(crate) fn apply(resources: &mut Resources, namespace: &Namespace, specs: &[FieldSpec]) -> Result<(), Fault> {
    if namespace.name.is_empty() {
        return Ok(());
    }
    let budget = resources.budget().clone();
    let mut ids: HashMap<Id, Origin> = HashMap::new();
    for resource in resources.iter_mut().filter(|resource| !is_from_helm(resource)) {
        resource.store_previous_name();
        set_namespace(resource, namespace, specs, &budget)?;
        budget.text(namespace.name.len());
        let id = resource.id();
        if let Some(first) = ids.get(&id) {
            return Err(Fault::conflict(format!(
                "two objects would become the same: {id}, from {first} and from {}; give one of them another name, or keep them in two kustomizations",
                resource.origin
            )));
        }
        ids.insert(id, resource.origin.clone());
    }
    Ok(())
}

/// What a chart makes has the namespace that helm gave it.
fn is_from_helm(resource: &Resource) -> bool {
    resource
        .metadata_strings("annotations")
        .any(|(key, value)| key == "internal.config.kubernetes.io/helm-generated" && value == "true")
}

/// Sets the namespace of one object and of its subjects named `default`.
pub(crate) fn set_own(resource: &mut Resource, namespace: &str, budget: &Budget) -> Result<(), Fault> {
    set_namespace(resource, &Namespace { name: namespace.to_owned(), ..Namespace::default() }, &[], budget)
}

fn set_namespace(
    resource: &mut Resource,
    namespace: &Namespace,
    specs: &[FieldSpec],
    budget: &Budget,
) -> Result<(), Fault> {
    let mut set = |tree: &mut Tree| namespace.set(tree, budget);
    let gvk = resource.gvk();
    // Where kustomize sets only what is not set, a written null counts as a namespace: its bug.
    let written = resource.tree.get("metadata").and_then(|metadata| metadata.get("namespace"));
    let is_null =
        namespace.unset_only && written.is_some_and(|written| written.is_null() && !written.text().is_empty());
    if !resource.is_cluster_scoped() && !is_null {
        let path = "metadata/namespace".to_owned();
        FieldSpec { selector: Gvk::default(), path, create: true }.visit(resource, Create::Scalar, &mut set)?;
    }
    let binds = |kind: &str| matches!(kind, "RoleBinding" | "ClusterRoleBinding");
    if binds(&gvk.kind)
        && let Err(fault) = namespace.set_subjects(&mut resource.tree, budget)
    {
        return Err(Fault { message: format!("{}: {}", resource.described(), fault.message), ..fault });
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

impl Namespace {
    fn set(&self, tree: &mut Tree, budget: &Budget) -> Result<(), Fault> {
        match tree {
            Tree::Scalar(scalar) if self.unset_only && scalar.kind != Kind::Null && !scalar.text.is_empty() => Ok(()),
            Tree::Scalar(_) => {
                budget.text(self.name.len());
                budget.check()?;
                tree.assign(Tree::string(self.name.as_str()));
                Ok(())
            }
            other => Err(Fault::conflict(format!("expected a string, found {}", other.describe()))),
        }
    }

    fn set_subjects(&self, tree: &mut Tree, budget: &Budget) -> Result<(), Fault> {
        let (key, wanted) = match self.subjects {
            Subjects::DefaultOnly => ("name", "default"),
            Subjects::AllServiceAccounts => ("kind", "ServiceAccount"),
            Subjects::None => return Ok(()),
        };
        let subjects = match tree.as_mapping_mut().and_then(|map| map.get_mut("subjects")) {
            Some(Tree::Sequence(subjects)) => subjects,
            Some(other) if !other.is_null() => {
                return Err(Fault::conflict(format!("subjects must be a list, found {}", other.describe())));
            }
            _ => return Ok(()),
        };
        for subject in subjects {
            if matches!(subject, Tree::Sequence(_) | Tree::Scalar(_)) && !subject.is_null() {
                let found = subject.describe();
                return Err(Fault::conflict(format!("expected only maps in subjects, found {found}")));
            }
            let fits = subject.get(key).is_some_and(|value| value.text() == wanted);
            if let Some(map) = subject.as_mapping_mut().filter(|_| fits) {
                self.set(map.get_or_insert_with("namespace", || Tree::string("")), budget)?;
            }
        }
        Ok(())
    }
}
