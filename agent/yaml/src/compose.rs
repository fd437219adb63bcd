//! From parser events to nodes.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, options};

use crate::budget::{Budget, Size};
use crate::error::Error;
use crate::fold;
use crate::key::{self, Key};
use crate::merge::{self, Entry};
use crate::node::{Data, Node};
use crate::number;
use crate::resolve::{self, Resolved, Schema, Tag};
use crate::scalar_text;

/// Reads the first document of a text that starts on the given line of its file; none when there is no document.
pub(crate) fn compose(text: &str, line: u32, schema: Schema, budget: &mut Budget) -> Result<Option<Node>, Error> {
    let depth = budget.limits.depth;
    let options = options! { emit_comments: false, flow_nesting_limit: depth, block_nesting_limit: depth };
    let mut composer = Composer { text, line, schema, budget, open: Vec::new(), anchors: HashMap::new() };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| composer.syntax(&error))?;
        if let Some(root) = composer.event(event, span)? {
            return Ok(Some(root));
        }
    }
    Ok(None)
}

struct Composer<'b> {
    text: &'b str,
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
    /// It, or a collection around it, is written in brackets.
    flow: bool,
    anchor: usize,
    place: (u32, u32),
    size: Size,
}

enum Items {
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>, Option<Key>),
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
                let text = scalar_text::written(&text, style, span, self.text);
                let finished = self.scalar(text, style, tag.as_deref(), place)?;
                self.anchor(anchor, &finished);
                finished
            }
            Event::Alias(id) => self.alias(id, place)?,
            Event::SequenceStart(style, anchor, _) => {
                self.start(Items::Sequence(Vec::new()), style, anchor, place)?;
                return Ok(None);
            }
            Event::MappingStart(style, anchor, _) => {
                self.start(Items::Mapping(Vec::new(), None), style, anchor, place)?;
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
        let message = match error.kind() {
            ErrorKind::UnknownAnchor => "the alias has no anchor before it in this document".to_owned(),
            ErrorKind::RecursionLimitExceeded => self.too_deep(),
            kind => kind.to_string().to_lowercase(),
        };
        Error::new(line, column, message)
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
            None if style == ScalarStyle::Folded && self.schema == Schema::Resource => {
                Data::String(fold::rewritten(text))
            }
            None if quoted => Data::String(text.to_owned()),
            // kyaml writes nothing as '' where it needs something, and reads an empty string.
            None if text.is_empty() && self.schema == Schema::Resource && (self.in_flow() || self.expects_key()) => {
                Data::String(String::new())
            }
            None => match resolve::untagged(text, self.schema) {
                // Within brackets kyaml quotes what has a colon in it, so a time stays as it is.
                Resolved::Timestamp(_) if self.in_flow() && text.contains(':') => Data::String(text.to_owned()),
                // As a key even infinity has a text.
                Resolved::Number(number::Parsed::Float(value)) if !value.is_finite() && self.expects_key() => {
                    Data::String(if self.schema == Schema::Yaml11 { number::print_key(value) } else { text.to_owned() })
                }
                resolved => {
                    resolved.into_data(text, self.schema).ok_or_else(|| resolve::no_json(text)).map_err(fault)?
                }
            },
            Some(tag) => resolve::tagged(text, known(tag), quoted, self.schema).map_err(fault)?,
        };
        let size = Size { nodes: 1, bytes: text.len(), depth: 0 };
        Ok(Finished { node: Node::scalar(data, text, place.0, place.1), size, alias: false, merge })
    }

    fn in_flow(&self) -> bool {
        self.open.last().is_some_and(|open| open.flow)
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Mapping(_, None), .. }))
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
            None => return Err(fault("the alias has no anchor before it in this document".to_owned())),
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
        format!("collections are nested more than {} levels deep", self.budget.limits.depth)
    }

    fn start(&mut self, items: Items, style: StructureStyle, anchor: usize, place: (u32, u32)) -> Result<(), Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        self.budget.node().map_err(fault)?;
        if self.open.len() >= self.budget.limits.depth {
            return Err(fault(self.too_deep()));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        let flow = style == StructureStyle::Flow || self.open.last().is_some_and(|open| open.flow);
        self.open.push(Open { items, flow, anchor, place, size: Size { nodes: 1, bytes: 0, depth: 1 } });
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
                None => *waiting = Some(key::key(finished.node, finished.merge, top, self.schema)?),
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
