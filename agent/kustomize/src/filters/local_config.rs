//! Objects that are there for tools only: `config.kubernetes.io/local-config`.

use std::collections::HashSet;

use crate::error::{Error, Errors, Fault};
use crate::id::Id;
use crate::object::Resource;
use crate::resources::Resources;

/// Drops local objects. Any value of the annotation but `false` counts, even none.
///
/// kustomize gathers the others anew, so that objects to which filters gave the same name are found out here at the latest.
pub(crate) fn apply(resources: &mut Resources) -> Result<(), Errors> {
    let mut list = std::mem::take(resources.list_mut());
    for resource in &list {
        resource
            .validate()
            .map_err(|fault| resource.error(Fault::conflict(format!("after all patches and replacements, {fault}"))))?;
    }
    let is_local = |resource: &Resource| {
        resource
            .metadata_strings("annotations")
            .any(|(key, value)| key == "config.kubernetes.io/local-config" && value != "false")
    };
    // kustomize drops by identity, so a local object that has become the same as another stays.
    let stays: HashSet<Id> = list.iter().filter(|resource| !is_local(resource)).map(Resource::id).collect();
    let mut dropped = HashSet::new();
    for resource in list.iter().filter(|resource| is_local(resource)) {
        let id = resource.id();
        if !stays.contains(&id) && !dropped.insert(id) {
            let message = "another local object has the same name after all patches and replacements; rename one";
            return Err(resource.error(Fault::conflict(message)).into());
        }
    }
    list.retain(|resource| !is_local(resource) || stays.contains(&resource.id()));
    for resource in list {
        let origin = resource.error(Fault::conflict(""));
        resources.append(resource).map_err(|fault| Error { kind: fault.kind, message: fault.message, ..origin })?;
    }
    Ok(())
}
