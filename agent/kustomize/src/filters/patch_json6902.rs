//! JSON patches on the objects that a target selects.

use plumb_yaml::{Data, Limits, Schema, Value};

use super::go_json;
use super::json_patch;
use super::target::Matcher;
use crate::budget::Budget;
use crate::error::Fault;
use crate::object::Resource;
use crate::resources::Resources;
use crate::scalar_type::check_types;
use crate::tree::{Kind, Scalar, Tree};

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

/// Steps to make JSON of one value and back.
const STEPS_OF_A_CONVERTED_VALUE: usize = 16;

/// Applies the operations to each object that fits.
pub(crate) fn apply(
    resources: &mut Resources,
    matcher: &Matcher,
    operations: &[Value],
    remember_names: bool,
) -> Result<(), Fault> {
    let budget = resources.budget().clone();
    for index in matcher.select(resources)? {
        resources.change(index, |resource| patch(resource, operations, remember_names, &budget)).unwrap_or(Ok(()))?;
    }
    Ok(())
}

fn patch(resource: &mut Resource, operations: &[Value], remember_names: bool, budget: &Budget) -> Result<(), Fault> {
    if remember_names {
        resource.store_previous_name();
    }
    let id = resource.id();
    let at = |fault: Fault| Fault { kind: fault.kind, message: format!("{id}: {}", fault.message) };
    resource.show_internal_annotations();
    let size = resource.tree.size();
    budget.work(size.text + size.values.saturating_mul(STEPS_OF_A_CONVERTED_VALUE));
    budget.check()?;
    check_types(&resource.tree).map_err(at)?;
    let patched = json_patch::apply(resource.tree.clone().into_value(), operations, budget).map_err(at)?;
    if !patched.is_object() {
        return Err(Fault::conflict(format!("{id}: the patch leaves no object, which must be a map")));
    }
    resource.tree = Tree::from_value(patched);
    write_numbers_as_go(&mut resource.tree);
    // kustomize puts back what it knew, whatever the patch did to it.
    resource.show_internal_annotations();
    resource.read_internal_annotations().map_err(at)?;
    let annotations = resource.metadata_strings("annotations");
    let annotations = annotations.map(|(key, text)| (key.to_owned(), Tree::entry(text))).collect();
    resource.set_metadata_strings("annotations", annotations);
    if remember_names {
        resource.validate().map_err(|fault| Fault::conflict(format!("{id}: after the patch, {fault}")))?;
    }
    Ok(())
}

/// kustomize makes a float of every number, and prints and reads the object, so that 1000000 has the text 1e+06 from then on;
/// its bug, which shows where a replacement copies the text.
fn write_numbers_as_go(tree: &mut Tree) {
    match tree {
        Tree::Sequence(items) => items.iter_mut().for_each(write_numbers_as_go),
        Tree::Mapping(map) => map.values_mut().for_each(write_numbers_as_go),
        Tree::Scalar(Scalar { text, kind: Kind::Number(number), .. }) => {
            if let Some(number) = number.as_f64() {
                *text = go_json::float(number);
            }
        }
        Tree::Scalar(_) => {}
    }
}
