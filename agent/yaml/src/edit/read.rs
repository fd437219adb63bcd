//! From events to nodes with their comments.

use std::collections::HashSet;

use super::Document;
use super::node::{Content, Implied, Node};
use crate::budget::Budget;
use crate::error::Error;
use crate::event::{Comments, Event, Properties, What};
use crate::events::Events;
use crate::number::Parsed;
use crate::resolve::{Resolved, Schema, untagged};
use crate::scan::{Mark, Scanned, Style};

/// Reads the first document; none when the text has none.
pub(super) fn document(text: &str, budget: &mut Budget) -> Result<Option<Document>, Error> {
    let mut reader = Reader { events: Events::with_comments(text), budget, anchors: HashSet::new(), depth: 0 };
    let start = reader.next()?;
    if start.what == What::StreamEnd {
        return Ok(None);
    }
    let first = reader.next()?;
    let root = reader.node(first)?;
    let end = reader.next()?;
    let head = start.comments.map(|comments| comments.head).unwrap_or_default();
    let foot = end.comments.map(|comments| comments.foot).unwrap_or_default();
    Ok(Some(Document { root, head, foot }))
}

struct Reader<'b, 't> {
    events: Events<'t>,
    budget: &'b mut Budget,
    anchors: HashSet<&'t str>,
    depth: usize,
}

fn scanned<T>(result: Scanned<T>) -> Result<T, Error> {
    result.map_err(|fault| error(fault.mark, fault.message))
}

fn error(mark: Mark, message: impl Into<String>) -> Error {
    Error::new(mark.line.saturating_add(1), mark.column.saturating_add(1), message)
}

impl<'t> Reader<'_, 't> {
    fn next(&mut self) -> Result<Event<'t>, Error> {
        scanned(self.events.next())
    }

    fn node(&mut self, event: Event<'t>) -> Result<Node, Error> {
        self.budget.node().map_err(|message| Error { is_limit: true, ..error(event.mark, message) })?;
        let mark = event.mark;
        let (content, implied, properties, mut comments) = match event.what {
            What::Alias(name) if !self.anchors.contains(name) => {
                return Err(error(mark, "the alias has no anchor before it in this document"));
            }
            What::Alias(name) => (Content::Alias(name.into()), Implied::Nothing, Properties::default(), event.comments),
            What::Scalar(text, style, properties) => {
                let text = text.into_owned();
                let implied = implied(&text, style);
                (Content::Scalar { text, style }, implied, properties, event.comments)
            }
            What::SequenceStart(flow, properties) => {
                self.open(properties.anchor, mark)?;
                let (items, end) = self.items()?;
                let comments = around(event.comments, end);
                (Content::Sequence { items, flow }, Implied::Nothing, properties, comments)
            }
            What::MappingStart(flow, properties) => {
                self.open(properties.anchor, mark)?;
                let (mut entries, end) = self.entries(flow)?;
                let mut comments = around(event.comments, end);
                // What stands below a block belongs to its last key.
                if let (false, Some((key, _)), Some(comments)) = (flow, entries.last_mut(), &mut comments)
                    && !comments.foot.is_empty()
                {
                    key.comments_mut().foot = std::mem::take(&mut comments.foot);
                }
                (Content::Mapping { entries, flow }, Implied::Nothing, properties, comments)
            }
            _ => return Err(error(mark, "there should be a value here")),
        };
        if let Some(anchor) = properties.anchor {
            self.anchors.insert(anchor);
        }
        comments = comments.filter(|comments| **comments != Comments::default());
        let tag = properties.tag.filter(|tag| tag != "!").map(|tag| tag.into_owned().into_boxed_str());
        Ok(Node { content, tag, implied, anchor: properties.anchor.map(Into::into), comments })
    }

    fn open(&mut self, anchor: Option<&'t str>, mark: Mark) -> Result<(), Error> {
        // A collection may contain an alias of itself.
        self.anchors.extend(anchor);
        self.depth += 1;
        if self.depth > self.budget.limits.depth {
            let limit = self.budget.limits.depth;
            let message = format!("collections are nested more than {limit} levels deep");
            return Err(Error { is_limit: true, ..error(mark, message) });
        }
        Ok(())
    }

    fn items(&mut self) -> Result<(Vec<Node>, Option<Box<Comments>>), Error> {
        let mut items = Vec::new();
        loop {
            let event = self.next()?;
            if event.what == What::SequenceEnd {
                self.depth -= 1;
                return Ok((items, event.comments));
            }
            items.push(self.node(event)?);
        }
    }

    #[allow(clippy::type_complexity, reason = "entries and what stands behind them")]
    fn entries(&mut self, flow: bool) -> Result<(Vec<(Node, Node)>, Option<Box<Comments>>), Error> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        loop {
            let event = self.next()?;
            if event.what == What::MappingEnd {
                self.depth -= 1;
                return Ok((entries, event.comments));
            }
            let mut key = self.node(event)?;
            // What stands below the entry before, and is not indented as deep, comes with the next key.
            if let (false, Some((before, _)), false) = (flow, entries.last_mut(), key.foot_comment().is_empty()) {
                before.comments_mut().foot = std::mem::take(&mut key.comments_mut().foot);
            }
            let event = self.next()?;
            let mut value = self.node(event)?;
            if key.foot_comment().is_empty() && !value.foot_comment().is_empty() {
                key.comments_mut().foot = std::mem::take(&mut value.comments_mut().foot);
            }
            entries.push((key, value));
        }
    }
}

/// The comments of a collection: the header from its start, the rest from its end.
fn around(start: Option<Box<Comments>>, end: Option<Box<Comments>>) -> Option<Box<Comments>> {
    if start.is_none() && end.is_none() {
        return None;
    }
    let mut comments = end.unwrap_or_default();
    comments.head = start.map(|start| start.head).unwrap_or_default();
    Some(comments)
}

/// What a scalar is by its text and style.
fn implied(text: &str, style: Style) -> Implied {
    match style {
        Style::Plain if text == "<<" => Implied::Merge,
        Style::Plain => looks_like(text),
        _ => Implied::String,
    }
}

/// What a text is in a scalar without quotes; the library does not look for `<<` here.
pub(super) fn looks_like(text: &str) -> Implied {
    match untagged(text, Schema::Resource) {
        Resolved::Null => Implied::Null,
        Resolved::Bool(_) => Implied::Bool,
        Resolved::Number(Parsed::Integer(_)) => Implied::Int,
        Resolved::Number(Parsed::Float(_)) => Implied::Float,
        Resolved::Timestamp(_) => Implied::Timestamp,
        Resolved::String => Implied::String,
    }
}
