//! Replacements inside JSON that is the text of a field, such as a key of a `ConfigMap`.

use plumb_yaml::{Data, Limits, Schema, Value};

use super::field_path::{self, Leaf};
use super::go_json;
use crate::budget::Budget;
use crate::error::Fault;
use crate::tree::Tree;

/// Steps to read a byte as YAML and as JSON.
const STEPS_OF_A_PARSED_BYTE: usize = 8;

/// Sets a value inside the text of a field on the way of a path. Says whether there is such a text; if not, nothing has changed.
pub(crate) fn set(
    tree: &mut Tree,
    path: &[String],
    create: Option<Leaf>,
    budget: &Budget,
    put: &mut dyn FnMut(&mut Tree, bool) -> Result<(), Fault>,
) -> Result<bool, Fault> {
    let outer = (1..path.len()).find(|length| {
        let found = path.get(..*length).map(|path| field_path::lookup(tree, path));
        matches!(found, Some(Ok(Some(Tree::Scalar(_)))))
    });
    let Some((outer, inner)) = outer.and_then(|length| path.split_at_checked(length)) else { return Ok(false) };
    let Ok(Some(Tree::Scalar(field))) = field_path::lookup(tree, outer) else { return Ok(false) };
    let text = field.text.clone();
    budget.work(text.len().saturating_mul(STEPS_OF_A_PARSED_BYTE));
    budget.check()?;
    let documents = plumb_yaml::parse(text.as_bytes(), Schema::Resource, &Limits::default()).unwrap_or_default();
    let Some(Data::Mapping(_) | Data::Sequence(_)) = documents.first().map(|node| &node.data) else { return Ok(false) };
    if !text.trim_start().starts_with(['{', '[']) {
        return Err(Fault::unsupported("replacing a value inside YAML text is not supported yet; inside JSON it is"));
    }
    let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(false) };
    let mut value = Tree::from_value(value);
    match field_path::visit(&mut value, inner, create, budget, put) {
        Ok(0) | Err(_) => return Ok(false),
        Ok(_) => {}
    }
    // The layout of the text is kept only so far: with line breaks and indentation, or without.
    let pretty = text.contains('\n') && text.contains("  ");
    let new = go_json::print(&value.into_value(), pretty);
    budget.text(new.len());
    let mut new = Some(Tree::string(new));
    field_path::visit(tree, outer, None, budget, &mut |field, _| {
        if let Some(new) = new.take() {
            *field = new;
        }
        Ok(())
    })?;
    Ok(true)
}
