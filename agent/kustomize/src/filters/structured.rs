//! Replacements inside YAML or JSON that is the text of a field, such as a key of a `ConfigMap`.

use plumb_yaml::edit::{Document, Node};
use plumb_yaml::{Data, Limits, Schema, Style, Value};

use super::field_path::{self, Leaf};
use super::go_json;
use crate::budget::Budget;
use crate::error::Fault;
use crate::tree::{Kind, Map, Scalar, Tree};

/// Steps to read a byte as YAML and as JSON.
const STEPS_OF_A_PARSED_BYTE: usize = 64;

/// Sets a value inside the text of a field on the way of a path. Says whether there is such a text; if not, nothing has changed.
///
/// The text keeps its comments and the order of its keys. As in kustomize, only its first document is left.
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
    budget.work(field.text.len().saturating_mul(STEPS_OF_A_PARSED_BYTE));
    budget.check()?;
    let Ok(Some(mut document)) = Document::parse(&field.text, &budget.limits()) else { return Ok(false) };
    if document.root().items().is_none() && document.root().entries().is_none() {
        return Ok(false);
    }
    let old = to_tree(document.root(), budget);
    budget.check()?;
    let mut new = old.clone();
    match field_path::visit(&mut new, inner, create, budget, put) {
        Ok(0) | Err(_) => return Ok(false),
        Ok(_) => {}
    }
    update(document.root_mut(), &old, new);
    let Some(text) = print(&document, &field.text) else { return Ok(false) };
    budget.text(text.len());
    let mut text = Some(Tree::string(text));
    field_path::visit(tree, outer, None, budget, &mut |field, _| {
        if let Some(new) = text.take() {
            *field = new;
        }
        Ok(())
    })?;
    Ok(true)
}

/// What paths look at. Every scalar counts as a string, because in a text any scalar can be replaced by any other.
fn to_tree(node: &Node, budget: &Budget) -> Tree {
    if let Some(text) = node.text() {
        Tree::Scalar(Scalar { quoted: true, ..Scalar::new(text, Kind::String) })
    } else if let Some(entries) = node.entries() {
        let mut map = Map::new();
        // What has changed is looked for from the start.
        budget.work(entries.len().saturating_mul(entries.len()));
        for (key, value) in entries {
            if let Some(name) = key.text() {
                // Of a duplicate key the first is found.
                map.get_or_insert_with(name, || to_tree(value, budget));
            }
        }
        Tree::Mapping(map)
    } else {
        // An alias is no scalar for kustomize either: it can only be replaced.
        Tree::Sequence(node.items().unwrap_or_default().iter().map(|item| to_tree(item, budget)).collect())
    }
}

/// Brings what has changed into the document.
fn update(node: &mut Node, old: &Tree, new: Tree) {
    match (old, new) {
        (Tree::Scalar(old), Tree::Scalar(new)) => {
            if old.text != new.text {
                node.set_text(new.text);
            }
        }
        // Where something has gone, all of the value is another one.
        (Tree::Mapping(old), Tree::Mapping(new)) if old.keys().all(|name| new.contains_key(name)) => {
            for (name, value) in new {
                if let Some(old) = old.get(&name) {
                    if let Some(node) = node.get_mut(&name) {
                        update(node, old, value);
                    }
                } else if let Some(entries) = node.entries_mut() {
                    entries.push((Node::plain(name), from_tree(value)));
                }
            }
        }
        (Tree::Sequence(old), Tree::Sequence(new)) if !node.is_alias() && old.len() <= new.len() => {
            let Some(items) = node.items_mut() else { return };
            for (index, value) in new.into_iter().enumerate() {
                match (items.get_mut(index), old.get(index)) {
                    (Some(node), Some(old)) => update(node, old, value),
                    _ => items.push(from_tree(value)),
                }
            }
        }
        (old, new) => {
            if *old != new {
                *node = from_tree(new);
            }
        }
    }
}

fn from_tree(tree: Tree) -> Node {
    match tree {
        Tree::Scalar(Scalar { text, quoted: true, .. }) => Node::scalar(text, Style::DoubleQuoted),
        Tree::Scalar(scalar) => Node::plain(scalar.text),
        Tree::Sequence(items) => Node::sequence(items.into_iter().map(from_tree).collect()),
        Tree::Mapping(map) => {
            Node::mapping(map.into_iter().map(|(name, value)| (Node::plain(name), from_tree(value))).collect())
        }
    }
}

/// The text of a document, as JSON if it was that. None if it can not be JSON.
fn print(document: &Document, before: &str) -> Option<String> {
    let text = document.to_string();
    if !before.trim_start().starts_with(['{', '[']) {
        return Some(text.trim().to_owned());
    }
    let documents = plumb_yaml::parse(text.as_bytes(), Schema::Resource, &Limits::default()).ok()?;
    let root = documents.first()?;
    let is_string = |key: &plumb_yaml::Node| {
        let text = key.text().unwrap_or_default();
        key.style() != Style::Plain || matches!(plumb_yaml::plain(text, Schema::Resource), Some(Data::String(_)))
    };
    if !root.as_mapping().unwrap_or_default().iter().all(|(key, _)| is_string(key)) {
        return None;
    }
    let value: Value = root.to_value().ok()?;
    // The layout of the text is kept only so far: with line breaks and indentation, or without.
    Some(go_json::print(&value, before.contains('\n') && before.contains("  ")))
}
