//! From tokens to events.

mod collection;
mod comments;
mod document;
mod node;

use std::borrow::Cow;

use crate::event::{Event, Properties, What};
use crate::scan::{Fault, Kind, Mark, Scanned, Scanner, Style, Token};
use comments::Waiting;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    ImplicitDocument,
    Document,
    DocumentContent,
    DocumentEnd,
    End,
    BlockNode,
    BlockSequence { first: bool },
    IndentlessSequence,
    BlockMappingKey { first: bool },
    BlockMappingValue,
    FlowSequence { first: bool },
    PairKey,
    PairValue,
    PairEnd,
    FlowMappingKey { first: bool },
    FlowMappingValue,
    FlowMappingEmptyValue,
}

/// Reads the events of a text.
#[derive(Debug)]
pub(crate) struct Events<'t> {
    scanner: Scanner<'t>,
    state: State,
    states: Vec<State>,
    /// Where the open brackets and braces stand.
    brackets: Vec<Mark>,
    tags: Vec<(&'t str, Cow<'t, str>)>,
    waiting: Waiting,
    is_started: bool,
}

impl<'t> Events<'t> {
    /// Events as version 2 of the library gives them, which knows no comments.
    pub(crate) fn without_lookahead(text: &'t str) -> Self {
        Self::new(Scanner::new(text, 0, false))
    }

    /// Events as version 3 of the library gives them, without comments.
    pub(crate) fn without_comments(text: &'t str) -> Self {
        Self::new(Scanner::new(text, 2, false))
    }

    /// Events as version 3 of the library gives them.
    pub(crate) fn with_comments(text: &'t str) -> Self {
        Self::new(Scanner::new(text, 2, true))
    }

    fn new(scanner: Scanner<'t>) -> Self {
        Self {
            scanner,
            state: State::ImplicitDocument,
            states: Vec::new(),
            brackets: Vec::new(),
            tags: Vec::new(),
            waiting: Waiting::default(),
            is_started: false,
        }
    }

    /// The next event; the end of the stream comes again and again.
    pub(crate) fn next(&mut self) -> Scanned<Event<'t>> {
        if !self.is_started {
            self.is_started = true;
            self.peek()?;
            self.scanner.take()?;
        }
        match self.state {
            State::ImplicitDocument => self.document_start(true),
            State::Document => self.document_start(false),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::End => Ok(Self::event(What::StreamEnd, Mark::default())),
            State::BlockNode => self.node(true, false),
            State::BlockSequence { first } => self.block_sequence(first),
            State::IndentlessSequence => self.indentless_sequence(),
            State::BlockMappingKey { first } => self.block_mapping_key(first),
            State::BlockMappingValue => self.block_mapping_value(),
            State::FlowSequence { first } => self.flow_sequence(first),
            State::PairKey => self.pair_key(),
            State::PairValue => self.pair_value(),
            State::PairEnd => self.pair_end(),
            State::FlowMappingKey { first } => self.flow_mapping_key(first),
            State::FlowMappingValue => self.flow_mapping_value(),
            State::FlowMappingEmptyValue => {
                let mark = self.peek()?.start;
                self.state = State::FlowMappingKey { first: false };
                Ok(Self::nothing(mark))
            }
        }
    }

    /// The next token. Comments up to it wait for the next event from then on.
    fn peek(&mut self) -> Scanned<&Token<'t>> {
        self.scanner.peek()?;
        self.waiting.collect(&mut self.scanner);
        self.scanner.peek()
    }

    /// Takes the token that was seen last.
    fn take(&mut self) -> Scanned<Token<'t>> {
        self.scanner.take()
    }

    fn event(what: What<'t>, mark: Mark) -> Event<'t> {
        Event { what, mark, content: mark, comments: None }
    }

    /// A value where nothing is written.
    fn nothing(mark: Mark) -> Event<'t> {
        Self::event(What::Scalar(Cow::Borrowed(""), Style::Plain, Properties::default()), mark)
    }

    fn pop_state(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    fn fault<T>(mark: Mark, message: &'static str) -> Scanned<T> {
        Err(Fault { mark, message })
    }

    fn next_is(&mut self, kinds: &[Kind<'static>]) -> Scanned<bool> {
        let token = self.peek()?;
        Ok(kinds.contains(&token.kind))
    }
}
