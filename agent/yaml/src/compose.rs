//! From parser events to nodes.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, options};

use crate::error::Error;
use crate::limits::Limits;
use crate::merge::{self, Entry};
use crate::node::{Data, Node};
use crate::number;
use crate::resolve::{self, Resolved, Schema, Tag};

/// What is left of the limits of a file.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    nodes: usize,
    alias_nodes: usize,
    alias_bytes: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: limits.clone(), nodes: 0, alias_nodes: 0, alias_bytes: 0 }
    }

    fn node(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            return Err(format!("the file has more than {} values; split it", self.limits.nodes));
        }
        Ok(())
    }

    fn copy(&mut self, size: Size) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(size.nodes);
        self.alias_nodes = self.alias_nodes.saturating_add(size.nodes);
        self.alias_bytes = self.alias_bytes.saturating_add(size.bytes);
        if self.nodes > self.limits.nodes
            || self.alias_nodes > self.limits.alias_nodes
            || self.alias_bytes > self.limits.alias_bytes
        {
            return Err(format!(
                "aliases of this file expand to more than {} values or {} bytes; write the values out",
                self.limits.alias_nodes, self.limits.alias_bytes
            ));
        }
        Ok(())
    }
}

/// What a node costs to copy.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    /// Levels of collections, itself included.
    depth: usize,
}

impl Size {
    fn add(&mut self, child: Size) {
        self.nodes += child.nodes;
        self.bytes += child.bytes;
        self.depth = self.depth.max(child.depth + 1);
    }
}

/// Reads the first document of a text that starts on the given line of its file; none when there is no document.
pub(crate) fn compose(text: &str, line: u32, schema: Schema, budget: &mut Budget) -> Result<Option<Node>, Error> {
    let depth = budget.limits.depth;
    let options = options! { emit_comments: false, flow_nesting_limit: depth, block_nesting_limit: depth };
    let mut composer = Composer { line, schema, budget, open: Vec::new(), anchors: HashMap::new() };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| composer.syntax(&error))?;
        if let Some(root) = composer.event(event, span)? {
            return Ok(Some(root));
        }
    }
    Ok(None)
}

struct Composer<'b> {
    line: u32,
    schema: Schema,
    budget: &'b mut Budget,
    open: Vec<Open>,
    /// Finished nodes by the id of their anchor; none while the node is still open.
    anchors: HashMap<usize, Option<(Node, Size)>>,
}

/// A collection whose end has not come yet.
struct Open {
    items: Items,
    anchor: usize,
    place: (u32, u32),
    size: Size,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>, Option<Key>),
}

/// A key that waits for its value.
struct Key {
    node: Node,
    merge: bool,
    /// A null key at the top of a resource, whose entry kustomize drops.
    drop: bool,
}

/// A finished node on its way to its parent.
struct Finished {
    node: Node,
    size: Size,
    alias: bool,
    merge: bool,
}

impl Composer<'_> {
    /// Takes one event; returns the root when it is complete.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Node>, Error> {
        let place = self.place(span);
        let finished = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(tag_name);
                let finished = self.scalar(&text, style, tag.as_deref(), place)?;
                self.anchor(anchor, &finished);
                finished
            }
            Event::Alias(id) => self.alias(id, place)?,
            Event::SequenceStart(_, anchor, _) => {
                self.start(Items::Sequence(Vec::new()), anchor, place)?;
                return Ok(None);
            }
            Event::MappingStart(_, anchor, _) => {
                self.start(Items::Mapping(Vec::new(), None), anchor, place)?;
                return Ok(None);
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.finish(open)?,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.add(finished)
    }

    fn place(&self, span: Span) -> (u32, u32) {
        self.at(span.start.line(), span.start.col())
    }

    /// A place in the file; the parser counts lines from 1 and columns from 0.
    fn at(&self, line: usize, column: usize) -> (u32, u32) {
        let line = u32::try_from(line.saturating_sub(1)).unwrap_or(u32::MAX);
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        (self.line.saturating_add(line), column.saturating_add(1))
    }

    fn syntax(&self, error: &ScanError) -> Error {
        let (line, column) = self.at(error.marker().line(), error.marker().col());
        Error::new(line, column, error.kind().to_string().to_lowercase())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&str>,
        place: (u32, u32),
    ) -> Result<Finished, Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        self.budget.node().map_err(fault)?;
        let quoted = style != ScalarStyle::Plain;
        let merge = match tag {
            None => !quoted && text == "<<",
            Some("tag:yaml.org,2002:merge") => text == "<<",
            Some(_) => false,
        };
        let data = match tag {
            None if quoted => Data::String(text.to_owned()),
            None => resolve::plain(text, self.schema).ok_or_else(|| resolve::no_json(text)).map_err(fault)?,
            Some(tag) => resolve::tagged(text, known(tag), quoted, self.schema).map_err(fault)?,
        };
        let size = Size { nodes: 1, bytes: text.len(), depth: 0 };
        Ok(Finished { node: Node::scalar(data, text, place.0, place.1), size, alias: false, merge })
    }

    fn anchor(&mut self, id: usize, finished: &Finished) {
        if id != 0 {
            self.anchors.insert(id, Some((finished.node.clone(), finished.size)));
        }
    }

    fn alias(&mut self, id: usize, place: (u32, u32)) -> Result<Finished, Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        let (node, size) = match self.anchors.get(&id) {
            Some(Some(found)) => found,
            Some(None) => return Err(fault("the value of the anchor contains an alias of itself".to_owned())),
            None => return Err(fault("the alias has no anchor before it".to_owned())),
        };
        let size = *size;
        self.budget.copy(size).map_err(fault)?;
        if self.open.len() + size.depth > self.budget.limits.depth {
            return Err(fault(self.too_deep()));
        }
        let mut node = node.clone();
        (node.line, node.column) = place;
        Ok(Finished { node, size, alias: true, merge: false })
    }

    fn too_deep(&self) -> String {
        format!("more than {} levels in each other", self.budget.limits.depth)
    }

    fn start(&mut self, items: Items, anchor: usize, place: (u32, u32)) -> Result<(), Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        self.budget.node().map_err(fault)?;
        if self.open.len() >= self.budget.limits.depth {
            return Err(fault(self.too_deep()));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { items, anchor, place, size: Size { nodes: 1, bytes: 0, depth: 1 } });
        Ok(())
    }

    fn finish(&mut self, open: Open) -> Result<Finished, Error> {
        let data = match open.items {
            Items::Sequence(items) => Data::Sequence(items),
            Items::Mapping(entries, _) => Data::Mapping(merge::mapping(entries, self.schema)?),
        };
        let node = Node::new(data, open.place.0, open.place.1);
        let finished = Finished { node, size: open.size, alias: false, merge: false };
        self.anchor(open.anchor, &finished);
        Ok(finished)
    }

    /// Puts a finished node into the collection that is open, or returns it as the root.
    fn add(&mut self, finished: Finished) -> Result<Option<Node>, Error> {
        let top = self.open.len() == 1;
        let Some(open) = self.open.last_mut() else { return Ok(Some(finished.node)) };
        open.size.add(finished.size);
        match &mut open.items {
            Items::Sequence(items) => items.push(finished.node),
            Items::Mapping(entries, waiting) => match waiting.take() {
                None => *waiting = Some(key(finished, top, self.schema)?),
                Some(key) if key.drop => {}
                Some(key) => {
                    entries.push(Entry {
                        key: key.node,
                        value: finished.node,
                        merge: key.merge,
                        alias: finished.alias,
                    });
                }
            },
        }
        Ok(None)
    }
}

/// The full name of a tag.
fn tag_name(tag: &granit_parser::Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}

fn known(tag: &str) -> Tag<'_> {
    match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(name) => Tag::Core(name),
        None if tag == "!" => Tag::NonSpecific,
        None => Tag::Other,
    }
}

/// Turns a node into a key, which is a string in JSON.
///
/// At the top of a resource kustomize takes the text of any scalar, and drops an entry whose key is null; further down every
/// key that is not a string is an error. The tools for YAML 1.1 print the value of the key.
fn key(finished: Finished, top: bool, schema: Schema) -> Result<Key, Error> {
    let Finished { mut node, merge, .. } = finished;
    let fault = |node: &Node, message: &str| Err(Error::new(node.line, node.column, message));
    if merge {
        return Ok(Key { node, merge, drop: false });
    }
    let mut drop = false;
    let name = match (&node.data, schema) {
        (Data::Sequence(_) | Data::Mapping(_), _) => {
            return fault(&node, "a key must be a string, not a sequence or a mapping");
        }
        (Data::Null, Schema::Yaml11) => return fault(&node, "a key must be a string, not null; put it in quotes"),
        (Data::Null, Schema::Resource) if top => {
            drop = true;
            String::new()
        }
        (Data::String(text), Schema::Yaml11) => text.clone(),
        (Data::Bool(value), Schema::Yaml11) => value.to_string(),
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
    node = Node::scalar(Data::String(name.clone()), &name, node.line, node.column);
    Ok(Key { node, merge, drop })
}

/// A number as a key: one that was written as a float is printed like a float, though it may have no fraction.
fn yaml11_number_key(node: &Node, number: &serde_json::Number) -> String {
    match node.text().map(|text| resolve::untagged(text, Schema::Yaml11)) {
        Some(Resolved::Number(number::Parsed::Float(value))) => number::print_key(value),
        _ => number.to_string(),
    }
}
