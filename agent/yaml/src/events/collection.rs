//! Items of sequences and entries of mappings.

use super::{Events, State};
use crate::event::{Event, Properties, What};
use crate::scan::{Kind, Scanned};

impl<'t> Events<'t> {
    /// Takes a `-`, and turns the comments above it into those of a collection behind it.
    fn take_dash(&mut self) -> Scanned<()> {
        let length = self.waiting.head.len();
        self.take()?;
        if length > 0 && self.next_is(&[Kind::BlockSequenceStart, Kind::BlockMappingStart])? {
            self.waiting.split_stem(length);
        }
        Ok(())
    }

    pub(super) fn block_sequence(&mut self, first: bool) -> Scanned<Event<'t>> {
        if first {
            self.peek()?;
            self.take()?;
        }
        let token = self.peek()?;
        let (mark, end) = (token.start, token.end);
        match token.kind {
            Kind::BlockEntry => {
                self.take_dash()?;
                if self.next_is(&[Kind::BlockEntry, Kind::BlockEnd])? {
                    self.state = State::BlockSequence { first: false };
                    return Ok(Self::nothing(end));
                }
                self.states.push(State::BlockSequence { first: false });
                self.node(true, false)
            }
            Kind::BlockEnd => {
                self.pop_state();
                self.take()?;
                Ok(Self::event(What::SequenceEnd, mark))
            }
            _ => Self::fault(mark, "an item of the sequence should start with - here; look at the indentation"),
        }
    }

    /// A sequence that is not indented deeper than the key it belongs to.
    pub(super) fn indentless_sequence(&mut self) -> Scanned<Event<'t>> {
        let token = self.peek()?;
        let (mark, end) = (token.start, token.end);
        if token.kind != Kind::BlockEntry {
            self.pop_state();
            return Ok(Self::event(What::SequenceEnd, mark));
        }
        self.take_dash()?;
        if self.next_is(&[Kind::BlockEntry, Kind::Key, Kind::Value, Kind::BlockEnd])? {
            self.state = State::IndentlessSequence;
            return Ok(Self::nothing(end));
        }
        self.states.push(State::IndentlessSequence);
        self.node(true, false)
    }

    pub(super) fn block_mapping_key(&mut self, first: bool) -> Scanned<Event<'t>> {
        if first {
            self.peek()?;
            self.take()?;
        }
        let token = self.peek()?;
        let (mark, end) = (token.start, token.end);
        match token.kind {
            Kind::Key => {
                self.take()?;
                if self.next_is(&[Kind::Key, Kind::Value, Kind::BlockEnd])? {
                    self.state = State::BlockMappingValue;
                    return Ok(Self::nothing(end));
                }
                self.states.push(State::BlockMappingValue);
                self.node(true, true)
            }
            Kind::BlockEnd => {
                self.pop_state();
                let comments = self.waiting.take();
                self.take()?;
                Ok(Event { comments, ..Self::event(What::MappingEnd, mark) })
            }
            _ => Self::fault(mark, "there should be a key here; look at the indentation"),
        }
    }

    pub(super) fn block_mapping_value(&mut self) -> Scanned<Event<'t>> {
        let token = self.peek()?;
        let (mark, end) = (token.start, token.end);
        if token.kind != Kind::Value {
            self.state = State::BlockMappingKey { first: false };
            return Ok(Self::nothing(mark));
        }
        self.take()?;
        if self.next_is(&[Kind::Key, Kind::Value, Kind::BlockEnd])? {
            self.state = State::BlockMappingKey { first: false };
            return Ok(Self::nothing(end));
        }
        self.states.push(State::BlockMappingKey { first: false });
        self.node(true, true)
    }

    pub(super) fn flow_sequence(&mut self, first: bool) -> Scanned<Event<'t>> {
        if first {
            let mark = self.peek()?.start;
            self.brackets.push(mark);
            self.take()?;
        }
        if !self.next_is(&[Kind::FlowSequenceEnd])? {
            if !first {
                let token = self.peek()?;
                if token.kind != Kind::FlowEntry {
                    return self.unclosed("there should be a , or a ] here", "this [ is not closed");
                }
                self.take()?;
            }
            let token = self.peek()?;
            let mark = token.start;
            match token.kind {
                Kind::Key => {
                    self.state = State::PairKey;
                    self.take()?;
                    return Ok(Self::event(What::MappingStart(true, Properties::default()), mark));
                }
                Kind::FlowSequenceEnd => {}
                _ => {
                    self.states.push(State::FlowSequence { first: false });
                    return self.node(false, false);
                }
            }
        }
        self.end_flow(What::SequenceEnd)
    }

    /// Something else than a comma or the end stands in a collection in brackets or braces.
    pub(super) fn unclosed<T>(&mut self, message: &'static str, at_end: &'static str) -> Scanned<T> {
        let token = self.peek()?;
        let is_end = matches!(token.kind, Kind::StreamEnd | Kind::DocumentStart | Kind::DocumentEnd);
        let mark = token.start;
        match self.brackets.last() {
            Some(bracket) if is_end => Self::fault(*bracket, at_end),
            _ => Self::fault(mark, message),
        }
    }

    /// The end of a collection in brackets or braces.
    fn end_flow(&mut self, what: What<'t>) -> Scanned<Event<'t>> {
        self.pop_state();
        self.brackets.pop();
        let mark = self.peek()?.start;
        let comments = self.waiting.take();
        self.take()?;
        Ok(Event { comments, ..Self::event(what, mark) })
    }

    /// The key of a mapping of one entry that stands in a sequence without braces.
    pub(super) fn pair_key(&mut self) -> Scanned<Event<'t>> {
        if self.next_is(&[Kind::Value, Kind::FlowEntry, Kind::FlowSequenceEnd])? {
            let mark = self.take()?.end;
            self.state = State::PairValue;
            return Ok(Self::nothing(mark));
        }
        self.states.push(State::PairValue);
        self.node(false, false)
    }

    pub(super) fn pair_value(&mut self) -> Scanned<Event<'t>> {
        if self.next_is(&[Kind::Value])? {
            self.take()?;
            if !self.next_is(&[Kind::FlowEntry, Kind::FlowSequenceEnd])? {
                self.states.push(State::PairEnd);
                return self.node(false, false);
            }
        }
        self.state = State::PairEnd;
        Ok(Self::nothing(self.peek()?.start))
    }

    pub(super) fn pair_end(&mut self) -> Scanned<Event<'t>> {
        self.state = State::FlowSequence { first: false };
        Ok(Self::event(What::MappingEnd, self.peek()?.start))
    }

    pub(super) fn flow_mapping_key(&mut self, first: bool) -> Scanned<Event<'t>> {
        if first {
            let mark = self.peek()?.start;
            self.brackets.push(mark);
            self.take()?;
        }
        if !self.next_is(&[Kind::FlowMappingEnd])? {
            if !first {
                let token = self.peek()?;
                if token.kind != Kind::FlowEntry {
                    return self.unclosed("there should be a , or a } here", "this { is not closed");
                }
                self.take()?;
            }
            if self.next_is(&[Kind::Key])? {
                self.take()?;
                if !self.next_is(&[Kind::Value, Kind::FlowEntry, Kind::FlowMappingEnd])? {
                    self.states.push(State::FlowMappingValue);
                    return self.node(false, false);
                }
                self.state = State::FlowMappingValue;
                return Ok(Self::nothing(self.peek()?.start));
            }
            if !self.next_is(&[Kind::FlowMappingEnd])? {
                self.states.push(State::FlowMappingEmptyValue);
                return self.node(false, false);
            }
        }
        self.end_flow(What::MappingEnd)
    }

    pub(super) fn flow_mapping_value(&mut self) -> Scanned<Event<'t>> {
        if self.next_is(&[Kind::Value])? {
            self.take()?;
            if !self.next_is(&[Kind::FlowEntry, Kind::FlowMappingEnd])? {
                self.states.push(State::FlowMappingKey { first: false });
                return self.node(false, false);
            }
        }
        self.state = State::FlowMappingKey { first: false };
        Ok(Self::nothing(self.peek()?.start))
    }
}
