//! From the bytes of a file to objects.

use std::collections::VecDeque;

use plumb_yaml::{Limits, Node, Schema};

use crate::error::{ErrorKind, Fault};
use crate::object::{Origin, Resource};
use crate::options::Options;
use crate::tree::{Source, Tree};

/// What is wrong with a file, and on which line.
#[derive(Debug)]
pub(crate) struct FileFault {
    pub(crate) line: Option<u32>,
    pub(crate) fault: Fault,
}

impl From<Fault> for FileFault {
    fn from(fault: Fault) -> Self {
        Self { line: None, fault }
    }
}

impl From<plumb_yaml::Error> for FileFault {
    fn from(error: plumb_yaml::Error) -> Self {
        Self { line: Some(error.line), fault: Fault::syntax(format!("not valid YAML: {}", error.message)) }
    }
}

/// Reads all documents of a file.
pub(crate) fn documents(bytes: &[u8], schema: Schema, options: &Options) -> Result<Vec<Node>, FileFault> {
    if bytes.len() > options.max_file_bytes {
        return Err(Fault::limit(format!("the file has more than {} bytes", options.max_file_bytes)).into());
    }
    Ok(plumb_yaml::parse(bytes, schema, &Limits::default())?)
}

/// Reads the objects of a file; a list is replaced by its items, and an empty document is nothing.
pub(crate) fn resources(bytes: &[u8], file: &str, options: &Options) -> Result<Vec<Resource>, FileFault> {
    let nodes = documents(bytes, Schema::Resource, options)?;
    let text = String::from_utf8_lossy(bytes);
    let source = Source::new(&text);
    let mut queue = VecDeque::new();
    let alone = nodes.len() == 1;
    for node in &nodes {
        let line = node.line;
        let at = |fault| FileFault { line: Some(line), fault };
        let tree = Tree::from_node(node, &source).map_err(at)?;
        // The reader of kustomize unwraps a lone list before anything else; then even an item that is a list again counts.
        let wrapped = alone && matches!(kind(&tree), "List" | "ResourceList");
        match tree {
            Tree::Mapping(mut map) if wrapped && map.contains_key("items") => {
                if let Some(Tree::Sequence(items)) = map.remove("items") {
                    queue.extend(items.into_iter().map(|item| (item, line)));
                }
            }
            tree => queue.push_back((tree, line)),
        }
    }
    let mut found = Vec::new();
    while let Some((tree, line)) = queue.pop_front() {
        let at = |fault| FileFault { line: Some(line), fault };
        if tree.is_empty() {
            continue;
        }
        let resource = Resource::new(tree, Origin { file: file.to_owned(), line: Some(line) });
        resource.validate().map_err(at)?;
        if found.len() + queue.len() >= options.max_objects {
            return Err(at(Fault { kind: ErrorKind::Limit, message: too_many(options) }));
        }
        match items_of_list(&resource.tree).map_err(at)? {
            // kustomize puts the items behind whatever follows in the file.
            Some(items) => queue.extend(items.into_iter().map(|item| (item, line))),
            None => found.push(resource),
        }
    }
    Ok(found)
}

pub(crate) fn too_many(options: &Options) -> String {
    format!("there are more than {} objects", options.max_objects)
}

fn kind(tree: &Tree) -> &str {
    tree.get("kind").map_or("", Tree::text)
}

/// The items of an object whose kind ends in `List`; one without `items` is an object like any other.
fn items_of_list(tree: &Tree) -> Result<Option<Vec<Tree>>, Fault> {
    if !kind(tree).ends_with("List") {
        return Ok(None);
    }
    match tree.get("items") {
        None => Ok(None),
        Some(items) if items.is_null() => Ok(Some(Vec::new())),
        // The items pass through JSON on this way, so how their scalars were written is lost.
        Some(Tree::Sequence(items)) => {
            Ok(Some(items.iter().map(|item| Tree::from_value(item.clone().into_value())).collect()))
        }
        Some(other) => {
            Err(Fault::syntax(format!("items of a {} must be a list, found {}", kind(tree), other.describe())))
        }
    }
}
