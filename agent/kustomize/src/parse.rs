//! From the bytes of a file to objects.

use std::collections::VecDeque;

use plumb_yaml::{Data, Node, Schema};

use crate::budget::Budget;
use crate::encoding;
use crate::error::{ErrorKind, Fault};
use crate::object::{Origin, Resource};
use crate::schema::Schemas;
use crate::tree::Tree;

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
        let fault = if error.is_limit {
            Fault::limit(error.message)
        } else {
            Fault::syntax(format!("not valid YAML: {}", error.message))
        };
        Self { line: Some(error.line), fault }
    }
}

/// Reads all documents of a file.
pub(crate) fn documents(bytes: &[u8], schema: Schema, budget: &Budget) -> Result<Vec<Node>, FileFault> {
    if bytes.len() > budget.options.max_file_bytes {
        return Err(Fault::limit(format!("the file has more than {} bytes", budget.options.max_file_bytes)).into());
    }
    budget.work(bytes.len());
    budget.check()?;
    let text = encoding::decode(bytes, schema)?;
    let limits = budget.limits();
    let mut nodes = plumb_yaml::parse(&text.bytes, schema, &limits).inspect_err(|error| {
        // A text this long may have been read to its bound, and then nothing is left for the next one.
        if error.is_limit && text.bytes.len() >= limits.nodes {
            budget.values(limits.nodes);
        }
    })?;
    if text.first_only {
        nodes.truncate(1);
    }
    budget.values(nodes.iter().map(count).sum());
    Ok(nodes)
}

/// Reads the objects of a file, or says everything that is wrong with them; a list is replaced by its items, and an empty
/// document is nothing.
pub(crate) fn resources(
    bytes: &[u8],
    file: &str,
    schemas: &Schemas,
    budget: &Budget,
) -> Result<Vec<Resource>, Vec<FileFault>> {
    let nodes = documents(bytes, Schema::Resource, budget).map_err(|fault| vec![fault])?;
    let mut queue = VecDeque::new();
    let mut faults = Vec::new();
    let alone = nodes.len() == 1;
    for node in nodes {
        let lines = Lines::of(&node);
        let tree = match Tree::from_node(node) {
            Ok(tree) => tree,
            Err(fault) => {
                faults.push(FileFault { line: Some(lines.own), fault });
                continue;
            }
        };
        // The reader of kustomize unwraps a lone list before anything else; then even an item that is a list again counts.
        let wrapped = alone && matches!(kind(&tree), "List" | "ResourceList");
        match tree {
            Tree::Mapping(mut map) if wrapped && map.contains_key("items") => {
                if let Some(Tree::Sequence(items)) = map.remove("items") {
                    queue.extend(lines.with(items));
                }
            }
            tree => queue.push_back((tree, lines)),
        }
    }
    let mut found = Vec::new();
    while let Some((tree, lines)) = queue.pop_front() {
        if tree.is_empty() {
            continue;
        }
        let at = |fault| FileFault { line: Some(lines.own), fault };
        if found.len() + queue.len() >= budget.options.max_objects {
            return Err(vec![at(Fault { kind: ErrorKind::Limit, message: too_many(budget) })]);
        }
        let resource = Resource::new(tree, Origin { file: file.to_owned(), line: Some(lines.own) }, schemas);
        match resource.validate().and_then(|()| items_of_list(&resource.tree)) {
            // kustomize puts the items behind whatever follows in the file.
            Ok(Some(items)) => queue.extend(lines.with(items)),
            Ok(None) => found.push(resource),
            Err(fault) => faults.push(at(fault)),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// The lines on which an object and its items, if it is a list, and the items of these start.
#[derive(Debug, Clone)]
struct Lines {
    own: u32,
    items: Vec<Self>,
}

impl Lines {
    fn of(node: &Node) -> Self {
        let items = match node.get("items").map(|items| &items.data) {
            Some(Data::Sequence(items)) => items.iter().map(Self::of).collect(),
            _ => Vec::new(),
        };
        Self { own: node.line, items }
    }

    /// The items of a list, each with its lines.
    fn with(self, items: Vec<Tree>) -> impl Iterator<Item = (Tree, Self)> {
        let list = self.own;
        let mut lines = self.items.into_iter();
        items.into_iter().map(move |item| (item, lines.next().unwrap_or(Self { own: list, items: Vec::new() })))
    }
}

/// How many values a node holds, itself included.
fn count(node: &Node) -> usize {
    match &node.data {
        Data::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Data::Mapping(entries) => 1 + entries.iter().map(|(_, value)| 1 + count(value)).sum::<usize>(),
        _ => 1,
    }
}

pub(crate) fn too_many(budget: &Budget) -> String {
    format!("there are more than {} objects", budget.options.max_objects)
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
        // The items pass through JSON on this way, which has all strings in quotes and all maps in braces.
        Some(Tree::Sequence(items)) => {
            let through_json = |item: &Tree| {
                let mut item = item.clone();
                item.settle_nothing();
                let mut read = Tree::from_value(item.into_value());
                read.write_as_json();
                read
            };
            Ok(Some(items.iter().map(through_json).collect()))
        }
        Some(other) => {
            Err(Fault::syntax(format!("items of a {} must be a list, found {}", kind(tree), other.describe())))
        }
    }
}
