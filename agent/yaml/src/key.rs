//! Keys of mappings.

use crate::error::Error;
use crate::node::{Data, Node, Trait};
use crate::number;
use crate::resolve::{self, Resolved, Schema};

/// A key that waits for its value.
pub(crate) struct Key {
    pub(crate) node: Node,
    pub(crate) merge: bool,
}

/// Turns a node into a key, which is a string in JSON.
///
/// At the top of a resource kustomize takes the text of a scalar; further down every key that is not a string is an error. The tools
/// for YAML 1.1 print the value of the key. A scalar that can be no key is left for [`fault`], since it may vanish with what is around it.
pub(crate) fn key(node: Node, merge: bool, top: bool, schema: Schema) -> Result<Key, Error> {
    if merge {
        return Ok(Key { node, merge });
    }
    let text = node.text().unwrap_or_default();
    if node.as_str() == Some(text) && !node.is(Trait::Broken) {
        return Ok(Key { node, merge });
    }
    let (name, good) = match (&node.data, schema) {
        (Data::Sequence(_) | Data::Mapping(_), _) => {
            let message = "a key must be a string, not a sequence or a mapping";
            return Err(Error::new(node.line, node.column(), message));
        }
        (Data::Null, _) => (text.to_owned(), false),
        (Data::String(text), Schema::Yaml11) => (text.clone(), true),
        (Data::Bool(value), Schema::Yaml11) => (value.to_string(), true),
        (Data::Number(number), Schema::Yaml11) => {
            (yaml11_number_key(&node, number), number.is_i64() || !number.is_u64())
        }
        (_, Schema::Resource) => (text.to_owned(), top || (node.as_str() == Some(text) && !node.is(Trait::Broken))),
    };
    let key = Node::scalar(Data::String(name.clone()), name, node.style(), node.line, node.column());
    let key = key.with(Trait::Broken, !good);
    Ok(Key { node: key, merge })
}

/// A number as a key: one that was written as a float is printed like a float, though it may have no fraction.
fn yaml11_number_key(node: &Node, number: &serde_json::Number) -> String {
    match node.text().map(|text| resolve::untagged(text, Schema::Yaml11)) {
        Some(Resolved::Number(number::Parsed::Float(value))) => number::print_key(value),
        _ => number.to_string(),
    }
}

/// The first fault of what is left of a document.
pub(crate) fn fault(node: &Node) -> Option<Error> {
    let error = |node: &Node, message: String| Some(Error::new(node.line, node.column(), message));
    if node.is(Trait::Broken) {
        return error(node, resolve::no_json(node.text().unwrap_or_default()));
    }
    match &node.data {
        Data::Sequence(items) => items.iter().find_map(fault),
        Data::Mapping(entries) => entries.iter().enumerate().find_map(|(at, (key, value))| {
            if !key.is(Trait::Broken) {
                return fault(value);
            }
            let name = key.text().unwrap_or_default();
            match entries.get(..at)?.iter().find(|(before, _)| before.text() == Some(name)) {
                Some((first, _)) => {
                    error(key, format!("the key {name:?} stands already on line {}; remove one", first.line))
                }
                None if resolve::untagged(name, Schema::Resource) == Resolved::Null => {
                    error(key, "a key must be a string, not null; put it in quotes".to_owned())
                }
                None => error(key, "a key must be a string; put it in quotes".to_owned()),
            }
        }),
        _ => None,
    }
}
