//! From characters to tokens.

use std::collections::VecDeque;

use super::comment::Comment;
use super::cursor::Cursor;
use super::token::{Kind, Mark, Token};

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) mark: Mark,
    pub(crate) message: &'static str,
}

pub(crate) type Scanned<T> = Result<T, Fault>;

/// A key without `?` is known by the colon behind it, at most this many characters later.
const LONGEST_SIMPLE_KEY: usize = 1024;

/// Cuts a text into tokens as the libraries of Go do, which follow libyaml.
#[derive(Debug)]
pub(crate) struct Scanner<'t> {
    pub(super) cursor: Cursor<'t>,
    /// Whether comments are kept; the scanner then reads two tokens ahead, as version 3 of the library does.
    pub(super) keeps_comments: bool,
    lookahead: usize,
    pub(crate) tokens: VecDeque<Token<'t>>,
    /// How many tokens were taken.
    taken: usize,
    pub(crate) comments: VecDeque<Comment<'t>>,
    /// The column of the innermost block collection; -1 outside of all.
    pub(super) indent: i32,
    indents: Vec<i32>,
    pub(super) flow_level: usize,
    pub(super) simple_key_allowed: bool,
    /// The place of a possible simple key for each flow level.
    simple_keys: Vec<SimpleKey>,
    is_started: bool,
}

/// A place where a key may have begun.
#[derive(Debug, Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    /// Whether the token waits in the queue until it is known whether it is a key.
    holds: bool,
    token: usize,
    mark: Mark,
}

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str, lookahead: usize, keeps_comments: bool) -> Self {
        Self {
            cursor: Cursor::new(text),
            keeps_comments,
            lookahead,
            tokens: VecDeque::new(),
            taken: 0,
            comments: VecDeque::new(),
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            is_started: false,
        }
    }

    /// The next token, which stays in the queue.
    pub(crate) fn peek(&mut self) -> Scanned<&Token<'t>> {
        while self.needs_more()? {
            self.fetch()?;
        }
        self.tokens.front().ok_or(Fault { mark: self.cursor.mark, message: "the text ends too early" })
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Scanned<Token<'t>> {
        self.peek()?;
        self.taken += 1;
        self.tokens.pop_front().ok_or(Fault { mark: self.cursor.mark, message: "the text ends too early" })
    }

    pub(super) fn fault<T>(&self, message: &'static str) -> Scanned<T> {
        Err(Fault { mark: self.cursor.mark, message })
    }

    fn needs_more(&mut self) -> Scanned<bool> {
        if self.tokens.len() <= self.lookahead {
            return Ok(true);
        }
        // What looks like a scalar may turn out to be a key, which has tokens before it.
        let head = self.taken;
        match self.simple_keys.iter().position(|key| key.possible && key.holds && key.token == head) {
            Some(level) => self.is_simple_key_valid(level),
            None => Ok(false),
        }
    }

    fn fetch(&mut self) -> Scanned<()> {
        if !self.is_started {
            self.is_started = true;
            self.push(Kind::StreamStart, self.cursor.mark);
            return Ok(());
        }
        let scanned_from = self.cursor.mark;
        self.scan_to_next_token()?;
        self.unroll_indent(column(self.cursor.mark), scanned_from);
        let cursor = &self.cursor;
        if cursor.is_end() {
            return self.fetch_stream_end();
        }
        if cursor.mark.column == 0 && cursor.byte() == b'%' {
            return self.fetch_directive();
        }
        if cursor.is_document_indicator() {
            let kind = if cursor.byte() == b'-' { Kind::DocumentStart } else { Kind::DocumentEnd };
            return self.fetch_document_indicator(kind);
        }
        let separator = if self.flow_level == 0 { b':' } else { b',' };
        let mark = match self.tokens.back() {
            // What is written behind a separator belongs to what stands before it.
            Some(last) if cursor.byte() == separator => last.start,
            _ => cursor.mark,
        };
        self.fetch_content()?;
        // A lone `-` has no comment of its own: it belongs to what follows.
        if self.keeps_comments && !matches!(self.tokens.back(), Some(Token { kind: Kind::BlockEntry, .. })) {
            self.scan_line_comment(mark);
        }
        Ok(())
    }

    fn fetch_content(&mut self) -> Scanned<()> {
        let cursor = &self.cursor;
        let in_flow = self.flow_level > 0;
        let white_follows = cursor.is_white_or_end(1);
        match cursor.byte() {
            b'[' => self.fetch_flow_start(Kind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(Kind::FlowMappingStart),
            b']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if white_follows => self.fetch_block_entry(),
            b'?' if in_flow || white_follows => self.fetch_key(),
            b':' if in_flow || white_follows => self.fetch_value(),
            b'*' | b'&' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_anchor()?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'!' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_tag()?;
                self.tokens.push_back(token);
                Ok(())
            }
            indicator @ (b'|' | b'>') if !in_flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.scan_block_scalar(indicator == b'|')?;
                self.tokens.push_back(token);
                Ok(())
            }
            quote @ (b'\'' | b'"') => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.scan_quoted(quote)?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => {
                self.fault("a value cannot start with this character; put it in quotes")
            }
            b'\t' => self.fault("a tab cannot indent; use blanks"),
            _ => self.fetch_plain(),
        }
    }

    fn fetch_plain(&mut self) -> Scanned<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_plain()?;
        self.tokens.push_back(token);
        Ok(())
    }

    pub(super) fn push(&mut self, kind: Kind<'t>, start: Mark) {
        self.tokens.push_back(Token { kind, start, end: self.cursor.mark });
    }

    /// Passes an indicator of one character and puts its token into the queue.
    pub(super) fn push_indicator(&mut self, kind: Kind<'t>) {
        let start = self.cursor.mark;
        self.cursor.skip();
        self.push(kind, start);
    }

    fn is_simple_key_valid(&mut self, level: usize) -> Scanned<bool> {
        let key = self.simple_keys[level];
        if !key.possible {
            return Ok(false);
        }
        let mark = self.cursor.mark;
        // Only a span of so many bytes can have so many characters.
        let too_long = mark.index - key.mark.index > LONGEST_SIMPLE_KEY
            && self.cursor.characters_since(key.mark.index) > LONGEST_SIMPLE_KEY;
        if key.mark.line == mark.line && !too_long {
            return Ok(true);
        }
        if key.required {
            return Err(Fault { mark: key.mark, message: "there is no : behind this key" });
        }
        self.simple_keys[level].possible = false;
        Ok(false)
    }

    /// Notes that a key may begin here.
    fn save_simple_key(&mut self) -> Scanned<()> {
        if self.simple_key_allowed {
            let required = self.flow_level == 0 && self.indent == column(self.cursor.mark);
            let token = self.taken + self.tokens.len();
            self.remove_simple_key()?;
            if let Some(key) = self.simple_keys.last_mut() {
                *key = SimpleKey { possible: true, required, holds: true, token, mark: self.cursor.mark };
            }
        }
        Ok(())
    }

    pub(super) fn remove_simple_key(&mut self) -> Scanned<()> {
        match self.simple_keys.last_mut() {
            Some(SimpleKey { possible: true, required: true, mark, .. }) => {
                Err(Fault { mark: *mark, message: "there is no : behind this key" })
            }
            Some(key) => {
                key.possible = false;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The simple key that ends here, if there is one; it is none any more then.
    ///
    /// The place in the queue where its token is comes with it, unless the token was taken before.
    pub(super) fn take_simple_key(&mut self) -> Scanned<Option<(Option<usize>, Mark)>> {
        let level = self.simple_keys.len() - 1;
        if !self.is_simple_key_valid(level)? {
            return Ok(None);
        }
        let key = &mut self.simple_keys[level];
        key.possible = false;
        Ok(Some((key.token.checked_sub(self.taken), key.mark)))
    }

    pub(super) fn open_flow(&mut self) -> Scanned<()> {
        self.save_simple_key()?;
        let token = self.taken + self.tokens.len();
        self.simple_keys.push(SimpleKey { token, ..SimpleKey::default() });
        self.flow_level += 1;
        Ok(())
    }

    pub(super) fn close_flow(&mut self) {
        if self.flow_level > 0 {
            self.flow_level -= 1;
            let closed = self.simple_keys.pop();
            // The library forgets that an empty collection may be a key, which is its bug.
            for key in self.simple_keys.iter_mut().filter(|key| closed.is_some_and(|closed| closed.token == key.token))
            {
                key.holds = false;
            }
        }
    }

    /// Opens a block collection if the column is deeper than the open ones; its token goes to a place of the queue.
    pub(super) fn roll_indent(&mut self, mark: Mark, place: Option<usize>, kind: Kind<'t>) {
        if self.flow_level > 0 || self.indent >= column(mark) {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column(mark);
        self.insert(place, Token { kind, start: mark, end: mark });
    }

    pub(super) fn insert(&mut self, place: Option<usize>, token: Token<'t>) {
        match place {
            Some(place) => self.tokens.insert(place, token),
            None => self.tokens.push_back(token),
        }
    }

    /// Closes the block collections that are deeper than a column.
    pub(super) fn unroll_indent(&mut self, column: i32, scanned_from: Mark) {
        if self.flow_level > 0 {
            return;
        }
        let mut mark = if self.keeps_comments {
            Mark { index: scanned_from.index.saturating_sub(1), ..scanned_from }
        } else {
            self.cursor.mark
        };
        while self.indent > column {
            if self.keeps_comments {
                mark = self.end_before_comments(mark);
            }
            self.tokens.push_back(Token { kind: Kind::BlockEnd, start: mark, end: mark });
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn scan_to_next_token(&mut self) -> Scanned<()> {
        let scanned_from = self.cursor.mark;
        loop {
            while self.cursor.byte() == b' '
                || (self.cursor.byte() == b'\t' && (self.flow_level > 0 || !self.simple_key_allowed))
            {
                self.cursor.skip();
            }
            if self.keeps_comments {
                self.turn_line_comment_into_head();
            }
            if self.cursor.byte() == b'#' {
                if self.keeps_comments {
                    self.scan_comments(scanned_from);
                } else {
                    self.cursor.skip_to_break();
                }
            }
            if !self.cursor.is_break(0) {
                return Ok(());
            }
            self.cursor.read_break();
            if self.flow_level == 0 {
                self.simple_key_allowed = true;
            }
        }
    }
}

/// A column as a level of indentation.
pub(super) fn column(mark: Mark) -> i32 {
    i32::try_from(mark.column).unwrap_or(i32::MAX)
}
