//! Keys of mappings.

use crate::error::Error;
use crate::node::{Data, Node};
use crate::number;
use crate::resolve::{self, Resolved, Schema};

/// A key that waits for its value.
pub(crate) struct Key {
    pub(crate) node: Node,
    pub(crate) merge: bool,
    /// kustomize drops this entry of a resource.
    pub(crate) drop: bool,
}

/// Turns a node into a key, which is a string in JSON.
///
/// At the top of a resource kustomize takes the text of a scalar; further down every key that is not a string is an error. The tools
/// for YAML 1.1 print the value of the key.
pub(crate) fn key(mut node: Node, merge: bool, top: bool, schema: Schema) -> Result<Key, Error> {
    let fault = |node: &Node, message: &str| Err(Error::new(node.line, node.column(), message));
    if merge {
        return Ok(Key { node, merge, drop: false });
    }
    let name = match (&node.data, schema) {
        (Data::Sequence(_) | Data::Mapping(_), _) => {
            return fault(&node, "a key must be a string, not a sequence or a mapping");
        }
        (Data::Null, _) => return fault(&node, "a key must be a string, not null; put it in quotes"),
        (Data::String(text), Schema::Yaml11) => text.clone(),
        (Data::Bool(value), Schema::Yaml11) => value.to_string(),
        (Data::Number(number), Schema::Yaml11) if number.is_u64() && !number.is_i64() => {
            return fault(&node, "a key must be a string; put this number in quotes");
        }
        (Data::Number(number), Schema::Yaml11) => yaml11_number_key(&node, number),
        (_, Schema::Resource) => {
            let text = node.text().unwrap_or_default();
            let string = node.as_str() == Some(text);
            if !string && !top {
                return fault(&node, "a key must be a string; put it in quotes");
            }
            text.to_owned()
        }
    };
    node = Node::scalar(Data::String(name.clone()), name.clone(), node.style(), node.line, node.column());
    // kyaml clears the field `<<` of every mapping, in quotes or not, before it merges.
    let drop = schema == Schema::Resource && name == "<<";
    Ok(Key { node, merge, drop })
}

/// A number as a key: one that was written as a float is printed like a float, though it may have no fraction.
fn yaml11_number_key(node: &Node, number: &serde_json::Number) -> String {
    match node.text().map(|text| resolve::untagged(text, Schema::Yaml11)) {
        Some(Resolved::Number(number::Parsed::Float(value))) => number::print_key(value),
        _ => number.to_string(),
    }
}
