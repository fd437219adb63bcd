//! Objects that are there for tools only: `config.kubernetes.io/local-config`.

use crate::error::{Error, Errors, Fault};
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
    list.retain(|resource| {
        resource
            .metadata_strings("annotations")
            .all(|(key, value)| key != "config.kubernetes.io/local-config" || value == "false")
    });
    for resource in list {
        let origin = resource.error(Fault::conflict(""));
        resources.append(resource).map_err(|fault| Error { kind: fault.kind, message: fault.message, ..origin })?;
    }
    Ok(())
}
