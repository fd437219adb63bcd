//! `commonAnnotations`: adds annotations to objects and to their pod templates.

use std::collections::BTreeMap;

use super::labels::set_entries;
use crate::error::Fault;
use crate::fieldspec::FieldSpec;
use crate::internal_annotations::is_internal;
use crate::object::Resource;
use crate::resources::Resources;

pub(crate) fn apply(
    resources: &mut Resources,
    annotations: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), Fault> {
    set_entries(resources, annotations, specs)?;
    if annotations.keys().any(|key| is_internal(key)) {
        resources.iter_mut().try_for_each(Resource::believe_internal_annotations)?;
    }
    Ok(())
}
