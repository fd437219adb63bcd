//! JSON patches on the objects that a target selects.

use plumb_yaml::{Data, Limits, Schema, Value};

use super::json_patch;
use super::target::Matcher;
use crate::error::Fault;
use crate::resources::Resources;
use crate::tree::Tree;

/// The operations of a JSON patch.
pub(crate) type Operations = Vec<Value>;

/// Reads a JSON patch, which is JSON when it starts with a bracket and else YAML, of which only the first document counts.
pub(crate) fn parse(text: &str) -> Result<Operations, Fault> {
    let value = if text.starts_with('[') {
        serde_json::from_str(text)
            .map_err(|error| Fault::syntax(format!("the JSON patch is not valid JSON: {error}")))?
    } else {
        let documents = plumb_yaml::parse(text.as_bytes(), Schema::Yaml11, &Limits::default())
            .map_err(|error| Fault::syntax(format!("the patch is not valid YAML: {error}")))?;
        match documents.first() {
            None => Value::Null,
            Some(node) if matches!(node.data, Data::Null) => Value::Null,
            Some(node) => {
                node.to_value().map_err(|error| Fault::syntax(format!("the patch is not valid YAML: {error}")))?
            }
        }
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(operations) if operations.iter().all(|operation| operation.is_object() || operation.is_null()) => {
            Ok(operations)
        }
        _ => Err(Fault::syntax("a JSON patch must be a list of operations, each with op and path")),
    }
}

/// Applies the operations to each object that fits.
pub(crate) fn apply(
    resources: &mut Resources,
    matcher: &Matcher,
    operations: &[Value],
    remember_names: bool,
) -> Result<(), Fault> {
    for index in matcher.select(resources) {
        let Some(resource) = resources.get_mut(index) else { continue };
        if remember_names {
            resource.store_previous_name();
        }
        let patched = json_patch::apply(resource.tree.clone().into_value(), operations)
            .map_err(|fault| Fault { kind: fault.kind, message: format!("{}: {}", resource.id(), fault.message) })?;
        if !patched.is_object() {
            return Err(Fault::conflict(format!("{}: the patch leaves no object", resource.id())));
        }
        resource.tree = Tree::from_value(patched);
    }
    Ok(())
}
