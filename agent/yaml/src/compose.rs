//! From parser events to nodes.

use std::collections::HashMap;

use crate::budget::{Budget, Size};
use crate::error::Error;
use crate::event::{Event, Properties, What};
use crate::events::Events;
use crate::fold;
use crate::key::{self, Key};
use crate::merge::{self, Entry};
use crate::node::{Data, Node};
use crate::number;
use crate::resolve::{self, Resolved, Schema, Tag};
use crate::scan::{Fault, Mark, Style};

/// Reads the first document of a text that starts on the given line of its file; none when there is no document.
pub(crate) fn compose(text: &str, line: u32, schema: Schema, budget: &mut Budget) -> Result<Option<Node>, Error> {
    let mut events = match schema {
        Schema::Resource => Events::without_comments(text),
        Schema::Yaml11 => Events::without_lookahead(text),
    };
    let mut composer =
        Composer { line, schema, budget, open: Vec::new(), anchors: HashMap::new(), keeps_anchors: text.contains('*') };
    loop {
        let event = events.next().map_err(|fault| composer.syntax(&fault))?;
        if event.what == What::StreamEnd {
            return Ok(None);
        }
        if let Some(root) = composer.event(event)? {
            events.next().map_err(|fault| composer.syntax(&fault))?;
            return Ok(Some(root));
        }
    }
}

struct Composer<'b, 't> {
    line: u32,
    schema: Schema,
    budget: &'b mut Budget,
    open: Vec<Open<'t>>,
    /// Finished nodes by their anchor; none while the node is still open.
    anchors: HashMap<&'t str, Option<(Node, Size)>>,
    /// Without a `*` there can be no alias, and no node need be kept for one.
    keeps_anchors: bool,
}

/// A collection whose end has not come yet.
struct Open<'t> {
    items: Items,
    /// It, or a collection around it, is written in brackets.
    flow: bool,
    anchor: Option<&'t str>,
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

impl<'t> Composer<'_, 't> {
    /// Takes one event; returns the root when it is complete.
    fn event(&mut self, event: Event<'t>) -> Result<Option<Node>, Error> {
        let place = self.place(event.content);
        let finished = match event.what {
            What::Scalar(text, style, Properties { anchor, tag }) => {
                let finished = self.scalar(text.into_owned(), style, tag.as_deref(), place)?;
                self.anchor(anchor, &finished)?;
                finished
            }
            What::Alias(name) => self.alias(name, place)?,
            What::SequenceStart(flow, properties) => {
                self.start(Items::Sequence(Vec::new()), flow, properties.anchor, place)?;
                return Ok(None);
            }
            What::MappingStart(flow, properties) => {
                self.start(Items::Mapping(Vec::new(), None), flow, properties.anchor, place)?;
                return Ok(None);
            }
            What::SequenceEnd | What::MappingEnd => match self.open.pop() {
                Some(open) => self.finish(open)?,
                None => return Ok(None),
            },
            What::StreamEnd | What::DocumentStart | What::DocumentEnd => return Ok(None),
        };
        self.add(finished)
    }

    /// A place in the file, from 1.
    fn place(&self, mark: Mark) -> (u32, u32) {
        (self.line.saturating_add(mark.line), mark.column.saturating_add(1))
    }

    fn syntax(&self, fault: &Fault) -> Error {
        let (line, column) = self.place(fault.mark);
        Error::new(line, column, fault.message)
    }

    fn scalar(&mut self, text: String, style: Style, tag: Option<&str>, place: (u32, u32)) -> Result<Finished, Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        self.budget.node().map_err(fault)?;
        let quoted = style != Style::Plain;
        let merge = match tag {
            None => !quoted && text == "<<",
            Some("tag:yaml.org,2002:merge") => text == "<<",
            Some(_) => false,
        };
        let size = Size { nodes: 1, bytes: text.len(), depth: 0 };
        let data = match tag {
            None if style == Style::Folded && self.schema == Schema::Resource => Data::String(fold::rewritten(&text)),
            None if quoted => Data::String(text.clone()),
            // kyaml writes nothing as '' where it needs something, and reads an empty string.
            None if text.is_empty() && self.schema == Schema::Resource && (self.in_flow() || self.expects_key()) => {
                Data::String(String::new())
            }
            None => match resolve::untagged(&text, self.schema) {
                // Within brackets kyaml quotes what has a colon in it, so a time stays as it is.
                Resolved::Timestamp(_) if self.in_flow() && text.contains(':') => Data::String(text.clone()),
                // As a key even infinity has a text.
                Resolved::Number(number::Parsed::Float(value)) if !value.is_finite() && self.expects_key() => {
                    Data::String(if self.schema == Schema::Yaml11 { number::print_key(value) } else { text.clone() })
                }
                resolved => {
                    resolved.into_data(&text, self.schema).ok_or_else(|| resolve::no_json(&text)).map_err(fault)?
                }
            },
            Some(tag) => resolve::tagged(&text, known(tag), quoted, self.schema).map_err(fault)?,
        };
        Ok(Finished { node: Node::scalar(data, text, style, place.0, place.1), size, alias: false, merge })
    }

    fn in_flow(&self) -> bool {
        self.open.last().is_some_and(|open| open.flow)
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Mapping(_, None), .. }))
    }

    fn anchor(&mut self, name: Option<&'t str>, finished: &Finished) -> Result<(), Error> {
        let Some(name) = name.filter(|_| self.keeps_anchors) else { return Ok(()) };
        // A copy within a copy could make the memory that anchors cost grow with their depth.
        if self.open.iter().any(|open| open.anchor.is_some()) {
            let fault = |message: String| Error::new(finished.node.line, finished.node.column(), message);
            self.budget.copy(finished.size).map_err(fault)?;
        }
        self.anchors.insert(name, Some((finished.node.clone(), finished.size)));
        Ok(())
    }

    fn alias(&mut self, name: &str, place: (u32, u32)) -> Result<Finished, Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        let (node, size) = match self.anchors.get(name) {
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
        node.move_to(place.0, place.1);
        Ok(Finished { node, size, alias: true, merge: false })
    }

    fn too_deep(&self) -> String {
        format!("collections are nested more than {} levels deep", self.budget.limits.depth)
    }

    fn start(&mut self, items: Items, flow: bool, anchor: Option<&'t str>, place: (u32, u32)) -> Result<(), Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        self.budget.node().map_err(fault)?;
        if self.open.len() >= self.budget.limits.depth {
            return Err(fault(self.too_deep()));
        }
        if let Some(name) = anchor.filter(|_| self.keeps_anchors) {
            self.anchors.insert(name, None);
        }
        let flow = flow || self.in_flow();
        self.open.push(Open { items, flow, anchor, place, size: Size { nodes: 1, bytes: 0, depth: 1 } });
        Ok(())
    }

    fn finish(&mut self, open: Open<'t>) -> Result<Finished, Error> {
        let data = match open.items {
            Items::Sequence(items) => Data::Sequence(items),
            Items::Mapping(entries, _) => Data::Mapping(merge::mapping(entries, self.schema)?),
        };
        let node = Node::new(data, open.place.0, open.place.1);
        let finished = Finished { node, size: open.size, alias: false, merge: false };
        self.anchor(open.anchor, &finished)?;
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

fn known(tag: &str) -> Tag<'_> {
    match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(name) => Tag::Core(name),
        None if tag == "!" => Tag::NonSpecific,
        None => Tag::Other,
    }
}
