//! Where documents start and end.

use std::borrow::Cow;

use super::{Events, State};
use crate::event::{Event, What};
use crate::scan::{Kind, Mark, Scanned};

impl<'t> Events<'t> {
    pub(super) fn document_start(&mut self, implicit: bool) -> Scanned<Event<'t>> {
        if !implicit {
            while self.peek()?.kind == Kind::DocumentEnd {
                self.take()?;
            }
        }
        let token = self.peek()?;
        let mark = token.start;
        let is_explicit =
            matches!(token.kind, Kind::VersionDirective(_) | Kind::TagDirective(..) | Kind::DocumentStart);
        if token.kind == Kind::StreamEnd {
            self.state = State::End;
            self.take()?;
            return Ok(Self::event(What::StreamEnd, mark));
        }
        if implicit && !is_explicit {
            self.directives()?;
            self.states.push(State::DocumentEnd);
            self.state = State::BlockNode;
            let comments = self.waiting.split_document();
            return Ok(Event { comments, ..Self::event(What::DocumentStart, mark) });
        }
        self.directives()?;
        let token = self.peek()?;
        if token.kind != Kind::DocumentStart {
            return Self::fault(token.start, "a document must start with --- here, on a line of its own");
        }
        self.states.push(State::DocumentEnd);
        self.state = State::DocumentContent;
        self.take()?;
        Ok(Self::event(What::DocumentStart, mark))
    }

    pub(super) fn document_content(&mut self) -> Scanned<Event<'t>> {
        let token = self.peek()?;
        let mark = token.start;
        match token.kind {
            Kind::VersionDirective(_)
            | Kind::TagDirective(..)
            | Kind::DocumentStart
            | Kind::DocumentEnd
            | Kind::StreamEnd => {
                self.pop_state();
                Ok(Self::nothing(mark))
            }
            _ => self.node(true, false),
        }
    }

    pub(super) fn document_end(&mut self) -> Scanned<Event<'t>> {
        let token = self.peek()?;
        let mark = token.start;
        if token.kind == Kind::DocumentEnd {
            self.take()?;
        }
        self.tags.clear();
        self.state = State::Document;
        let mut comments = self.waiting.take();
        if let Some(comments) = &mut comments
            && comments.foot.is_empty()
        {
            comments.foot = std::mem::take(&mut comments.head);
        }
        Ok(Event { comments, ..Self::event(What::DocumentEnd, mark) })
    }

    fn directives(&mut self) -> Scanned<()> {
        let mut has_version = false;
        loop {
            let token = self.peek()?;
            let mark = token.start;
            match &token.kind {
                Kind::VersionDirective(_) if has_version => {
                    return Self::fault(mark, "there are two %YAML directives; remove one");
                }
                Kind::VersionDirective(false) => {
                    return Self::fault(mark, "the version in %YAML must be 1.1");
                }
                Kind::VersionDirective(true) => has_version = true,
                Kind::TagDirective(handle, prefix) => {
                    let (handle, prefix) = (*handle, prefix.clone());
                    self.tag_directive(handle, prefix, false, mark)?;
                }
                _ => {
                    self.tag_directive("!", Cow::Borrowed("!"), true, mark)?;
                    return self.tag_directive("!!", Cow::Borrowed("tag:yaml.org,2002:"), true, mark);
                }
            }
            self.take()?;
        }
    }

    fn tag_directive(&mut self, handle: &'t str, prefix: Cow<'t, str>, may_stand: bool, mark: Mark) -> Scanned<()> {
        if self.tags.iter().any(|(known, _)| *known == handle) {
            if may_stand {
                return Ok(());
            }
            return Self::fault(mark, "there are two %TAG directives for this handle; remove one");
        }
        self.tags.push((handle, prefix));
        Ok(())
    }
}
