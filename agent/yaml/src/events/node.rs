//! The start of a value.

use std::borrow::Cow;

use super::{Events, State};
use crate::event::{Event, Properties, What};
use crate::scan::{Kind, Mark, Scanned, Style, TagToken};

impl<'t> Events<'t> {
    pub(super) fn node(&mut self, block: bool, indentless_sequence: bool) -> Scanned<Event<'t>> {
        let mark = self.peek()?.start;
        if let Kind::Alias(name) = self.peek()?.kind {
            self.pop_state();
            let comments = self.waiting.take();
            self.take()?;
            return Ok(Event { comments, ..Self::event(What::Alias(name), mark) });
        }
        let properties = self.properties(mark)?;
        let token = self.peek()?;
        let content = token.start;
        let event = |what, comments| Ok(Event { what, mark, content, comments });
        let (what, state) = match &token.kind {
            Kind::BlockEntry if indentless_sequence => {
                self.state = State::IndentlessSequence;
                return event(What::SequenceStart(false, properties), None);
            }
            Kind::Scalar(..) => {
                self.pop_state();
                let comments = self.waiting.take();
                if let Kind::Scalar(text, style) = self.take()?.kind {
                    return event(What::Scalar(text, style, properties), comments);
                }
                return event(What::Scalar(Cow::Borrowed(""), Style::Plain, properties), comments);
            }
            Kind::FlowSequenceStart => (What::SequenceStart(true, properties), State::FlowSequence { first: true }),
            Kind::FlowMappingStart => (What::MappingStart(true, properties), State::FlowMappingKey { first: true }),
            Kind::BlockSequenceStart if block => {
                (What::SequenceStart(false, properties), State::BlockSequence { first: true })
            }
            Kind::BlockMappingStart if block => {
                (What::MappingStart(false, properties), State::BlockMappingKey { first: true })
            }
            _ if properties != Properties::default() => {
                self.pop_state();
                return event(What::Scalar(Cow::Borrowed(""), Style::Plain, properties), None);
            }
            _ => return self.unclosed("there should be a value here", "this bracket is not closed"),
        };
        self.state = state;
        let is_flow = matches!(what, What::SequenceStart(true, _) | What::MappingStart(true, _));
        let comments = if is_flow { self.waiting.take() } else { self.waiting.take_stem() };
        event(what, comments)
    }

    /// An anchor and a tag, in any order.
    fn properties(&mut self, mark: Mark) -> Scanned<Properties<'t>> {
        let mut properties = Properties::default();
        let mut tag: Option<(TagToken<'t>, Mark)> = None;
        for _ in 0..2 {
            match &self.peek()?.kind {
                Kind::Anchor(name) if properties.anchor.is_none() => properties.anchor = Some(*name),
                Kind::Tag(found) if tag.is_none() => tag = Some((found.clone(), mark)),
                _ => break,
            }
            self.take()?;
        }
        if let Some((tag, mark)) = tag {
            properties.tag = Some(self.resolve_tag(tag, mark)?);
        }
        properties.tag = properties.tag.filter(|tag| !tag.is_empty());
        Ok(properties)
    }

    fn resolve_tag(&self, tag: TagToken<'t>, mark: Mark) -> Scanned<Cow<'t, str>> {
        if tag.handle.is_empty() {
            return Ok(tag.suffix);
        }
        match self.tags.iter().find(|(handle, _)| *handle == tag.handle) {
            Some((_, prefix)) => Ok(Cow::Owned(format!("{prefix}{}", tag.suffix))),
            None => Self::fault(mark, "the handle of this tag is not known; a %TAG directive must declare it"),
        }
    }
}
