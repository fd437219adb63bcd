//! Objects that are there for tools only: `config.kubernetes.io/local-config`.

use crate::resources::Resources;

/// Drops local objects. Any value of the annotation but `false` counts, even none.
pub(crate) fn apply(resources: &mut Resources) {
    resources.list_mut().retain(|resource| {
        resource
            .metadata_strings("annotations")
            .all(|(key, value)| key != "config.kubernetes.io/local-config" || value == "false")
    });
}
