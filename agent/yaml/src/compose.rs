//! From parser events to nodes.

use std::collections::HashMap;

use crate::budget::{Budget, Size};
use crate::edit;
use crate::error::Error;
use crate::event::{Event, Properties, What};
use crate::events::Events;
use crate::key::{self, Key};
use crate::merge::{self, Entry};
use crate::node::{Data, Node, Trait};
use crate::number;
use crate::resolve::{self, Resolved, Schema, Tag};
use crate::rewrite;
use crate::scan::{Fault, Mark, Style};

const MERGE: &str = "tag:yaml.org,2002:merge";
const STR: &str = "tag:yaml.org,2002:str";
const FLOAT: &str = "tag:yaml.org,2002:float";

/// Reads the first document of a text that starts on the given line of its file; none when there is no document.
pub(crate) fn compose(text: &str, line: u32, schema: Schema, budget: &mut Budget) -> Result<Option<Node>, Error> {
    let Some((mut root, kept)) = read(text, line, schema, budget)? else { return Ok(None) };
    if schema == Schema::Resource {
        if kept && text.contains('#') {
            written_and_read(text, &mut root, budget);
        } else {
            rewrite::settle(&mut root, false);
        }
    }
    key::fault(&root).map_or(Ok(Some(root)), Err)
}

/// Does what kustomize does before it prints, where a comment may add a line end to the block before it.
fn written_and_read(text: &str, root: &mut Node, budget: &mut Budget) {
    let Ok(Some(document)) = edit::read(text, budget) else { return };
    if let Ok(Some((mut new, _))) = read(&document.to_string(), 1, Schema::Resource, budget) {
        rewrite::keep_places(&mut new, root);
        *root = new;
    }
}

/// Reads the first document, and says whether the line ends behind a block are kept somewhere.
fn read(text: &str, line: u32, schema: Schema, budget: &mut Budget) -> Result<Option<(Node, bool)>, Error> {
    let mut events = match schema {
        Schema::Resource => Events::without_comments(text),
        Schema::Yaml11 => Events::without_lookahead(text),
    };
    let mut composer = Composer {
        line,
        schema,
        budget,
        open: Vec::new(),
        anchors: HashMap::new(),
        keeps_anchors: text.contains('*'),
        kept: false,
    };
    loop {
        let event = events.next().map_err(|fault| composer.syntax(&fault))?;
        if event.what == What::StreamEnd {
            return Ok(None);
        }
        if let Some(root) = composer.event(event)? {
            events.next().map_err(|fault| composer.syntax(&fault))?;
            return Ok(Some((root, composer.kept)));
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
    /// A block keeps the line ends behind it.
    kept: bool,
}

/// A collection whose end has not come yet.
struct Open<'t> {
    items: Items,
    /// It is written in brackets or braces.
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
        self.budget.node().map_err(|message| Error::limit(place.0, place.1, message))?;
        let quoted = style != Style::Plain;
        let is_key = self.expects_key();
        self.kept |= matches!(style, Style::Literal | Style::Folded) && (text == "\n" || text.ends_with("\n\n"));
        let is_resource = self.schema == Schema::Resource;
        // The version 3 library resolves what asks for no resolution.
        let tag = tag.filter(|tag| !(is_resource && *tag == "!"));
        let merge = match tag {
            None => !quoted && text == "<<",
            Some(MERGE) if text == "<<" => true,
            Some(MERGE) if is_key && is_resource => {
                return Err(fault("only << can have the tag !!merge".to_owned()));
            }
            Some(_) => false,
        };
        // A key with any other tag is no string for the library.
        let mut broken = is_key && is_resource && !matches!(tag, None | Some(STR | MERGE));
        let size = Size { nodes: 1, bytes: text.len(), depth: 0 };
        let mut float = tag == Some(FLOAT);
        // None for the text itself, which most scalars are.
        let data = match tag {
            None if quoted => None,
            // kyaml writes nothing as '' where it needs a key.
            None if text.is_empty() && is_resource && is_key => None,
            None => match resolve::untagged(&text, self.schema) {
                Resolved::String => None,
                // As a key even infinity has a text.
                Resolved::Number(number::Parsed::Float(value)) if !value.is_finite() && is_key => {
                    broken = is_resource;
                    (!is_resource).then(|| Data::String(number::print_key(value)))
                }
                resolved => {
                    float = matches!(resolved, Resolved::Number(number::Parsed::Float(_)));
                    Some(resolved.into_data(&text, self.schema).unwrap_or_else(|| {
                        broken = true;
                        Data::Null
                    }))
                }
            },
            Some(tag) => Some(resolve::tagged(&text, known(tag), quoted, self.schema).map_err(fault)?),
        };
        let node = match data {
            None => Node::string(text, style, place.0, place.1),
            Some(data) => Node::scalar(data, text, style, place.0, place.1),
        };
        let node = node.with(Trait::Broken, broken).with(Trait::Tagged, tag.is_some()).with(Trait::Float, float);
        Ok(Finished { node, size, alias: false, merge })
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Mapping(_, None), .. }))
    }

    fn anchor(&mut self, name: Option<&'t str>, finished: &Finished) -> Result<(), Error> {
        let Some(name) = name.filter(|_| self.keeps_anchors) else { return Ok(()) };
        // A copy within a copy could make the memory that anchors cost grow with their depth.
        if self.open.iter().any(|open| open.anchor.is_some()) {
            let limit = |message: String| Error::limit(finished.node.line, finished.node.column(), message);
            self.budget.copy(finished.size).map_err(limit)?;
        }
        self.anchors.insert(name, Some((finished.node.clone(), finished.size)));
        Ok(())
    }

    fn alias(&mut self, name: &str, place: (u32, u32)) -> Result<Finished, Error> {
        let fault = |message: String| Error::new(place.0, place.1, message);
        let limit = |message: String| Error::limit(place.0, place.1, message);
        let (node, size) = match self.anchors.get(name) {
            Some(Some(found)) => found,
            Some(None) => return Err(fault("the value of the anchor contains an alias of itself".to_owned())),
            None => return Err(fault("the alias has no anchor before it in this document".to_owned())),
        };
        let size = *size;
        self.budget.copy(size).map_err(limit)?;
        if self.open.len() + size.depth > self.budget.limits.depth {
            return Err(limit(self.too_deep()));
        }
        let mut node = node.clone();
        node.move_to(place.0, place.1);
        Ok(Finished { node, size, alias: true, merge: false })
    }

    fn too_deep(&self) -> String {
        format!("collections are nested more than {} levels deep", self.budget.limits.depth)
    }

    fn start(&mut self, items: Items, flow: bool, anchor: Option<&'t str>, place: (u32, u32)) -> Result<(), Error> {
        let limit = |message: String| Error::limit(place.0, place.1, message);
        self.budget.node().map_err(limit)?;
        if self.open.len() >= self.budget.limits.depth {
            return Err(limit(self.too_deep()));
        }
        if let Some(name) = anchor.filter(|_| self.keeps_anchors) {
            self.anchors.insert(name, None);
        }
        self.open.push(Open { items, flow, anchor, place, size: Size { nodes: 1, bytes: 0, depth: 1 } });
        Ok(())
    }

    fn finish(&mut self, open: Open<'t>) -> Result<Finished, Error> {
        let data = match open.items {
            Items::Sequence(items) => Data::Sequence(items),
            Items::Mapping(entries, _) => Data::Mapping(merge::mapping(entries, self.schema)?),
        };
        let node = Node::new(data, open.place.0, open.place.1).with(Trait::Flow, open.flow);
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
