//! Comments, and what they belong to.

use std::borrow::Cow;

use super::scanner::{Scanner, column};
use super::token::{Kind, Mark, Token};

/// The scanner looks so far ahead for a comment, in bytes.
const LONGEST_GAP: usize = 512;

/// A comment that waits for the token it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comment<'t> {
    /// Where the scanner looked for comments.
    scanned_from: Mark,
    /// It belongs to the token that starts here, or to the next one.
    pub(crate) token: Mark,
    start: Mark,
    end: Mark,
    /// Stands before the token.
    pub(crate) head: Cow<'t, str>,
    /// Stands behind the token on its line.
    pub(crate) line: Cow<'t, str>,
    /// Stands below the token.
    pub(crate) foot: Cow<'t, str>,
}

impl Scanner<'_> {
    /// Reads a comment on the line of a token.
    pub(super) fn scan_line_comment(&mut self, token: Mark) {
        if self.cursor.newlines > 0 {
            return;
        }
        let Some(ahead) = (0..LONGEST_GAP).find(|ahead| !self.cursor.is_blank(*ahead)) else { return };
        if self.cursor.peek(ahead) != b'#' {
            return;
        }
        self.cursor.skip_blanks();
        let start = self.cursor.mark;
        let line = Cow::Borrowed(self.cursor.skip_to_break());
        self.comments.push_back(Comment { token, start, line, ..Comment::default() });
    }

    /// A comment behind the first `-` of a sequence is a header of what follows if that stands on a line of its own.
    pub(super) fn turn_line_comment_into_head(&mut self) {
        let count = self.tokens.len();
        let kind =
            |from_end: usize| count.checked_sub(from_end).and_then(|at| self.tokens.get(at)).map(|token| &token.kind);
        let after_first_dash = kind(1) == Some(&Kind::BlockEntry)
            && kind(2) == Some(&Kind::BlockSequenceStart)
            && !self.cursor.is_break(0);
        if let Some(comment) = self.comments.back_mut().filter(|comment| after_first_dash && !comment.line.is_empty()) {
            comment.head = std::mem::take(&mut comment.line);
            if comment.start.line + 1 == self.cursor.mark.line {
                comment.token = self.cursor.mark;
            }
        }
    }

    /// Where a block ends of which comments may stand behind the last line.
    pub(super) fn end_before_comments(&self, mark: Mark) -> Mark {
        let mut found = mark;
        let mut stop = mark.index;
        for comment in self.comments.iter().rev() {
            if comment.end.index < stop {
                break;
            }
            if column(comment.start) == self.indent + 1 {
                found = comment.start;
            }
            stop = comment.scanned_from.index;
        }
        found
    }

    /// Reads the comments before the next token and says of each whether it belongs there or to what stands before.
    pub(super) fn scan_comments(&mut self, scanned_from: Mark) {
        let mut block = Block::new(self, scanned_from);
        let mut ahead = 0;
        while ahead < LONGEST_GAP {
            block.column += 1;
            if self.cursor.is_blank(ahead) {
                ahead += 1;
                continue;
            }
            let byte = self.cursor.peek(ahead);
            let closes_flow = self.flow_level > 0 && matches!(byte, b']' | b'}');
            if closes_flow || self.cursor.is_break_or_end(ahead) {
                block.empty_line(self, ahead, closes_flow);
                if !self.cursor.is_break(ahead) {
                    break;
                }
                block.column = 0;
                block.line += 1;
                ahead += 1;
                continue;
            }
            if block.is_dedented() {
                block.foot(self, ahead);
            }
            if byte != b'#' {
                break;
            }
            if block.text.is_empty() {
                block.start = block.mark(self, ahead);
            } else {
                block.text.to_mut().push('\n');
            }
            block.after_empty = false;
            let target = self.cursor.mark.index + ahead;
            while self.cursor.mark.index < target {
                if self.cursor.is_break(0) {
                    self.cursor.read_break();
                } else {
                    self.cursor.skip();
                }
            }
            block.push(self.cursor.skip_to_break());
            // The line end of the comment is passed over.
            ahead = 1;
            block.column = 0;
            block.line = self.cursor.mark.line;
            block.indent = self.indent.max(0);
        }
        if !block.text.is_empty() {
            let end = Mark { index: self.cursor.mark.index + ahead - 1, line: block.line, column: block.column };
            self.comments.push_back(Comment {
                scanned_from: block.scanned_from,
                token: block.start,
                start: block.start,
                end,
                head: block.text,
                ..Comment::default()
            });
        }
    }
}

/// The lines of a comment that are not given to a token yet.
struct Block<'t> {
    text: Cow<'t, str>,
    scanned_from: Mark,
    token: Mark,
    start: Mark,
    /// Where the scanner looks; the column counts from 1.
    line: u32,
    column: u32,
    indent: i32,
    /// An empty line stands directly before.
    after_empty: bool,
    /// There was no empty line yet.
    before_empty: bool,
    /// A comment that starts on this line is a foot of what stands before.
    foot_line: Option<u32>,
    after_value: bool,
}

impl<'t> Block<'t> {
    fn new(scanner: &Scanner<'t>, scanned_from: Mark) -> Self {
        let mut last = scanner.tokens.iter().rev();
        let mut token = last.next();
        if let (Some(Token { kind: Kind::FlowEntry, .. }), Some(before)) = (token, last.next()) {
            token = Some(before);
        }
        let cursor = &scanner.cursor;
        let foot_line = (scanned_from.line > 0).then(|| {
            let behind_text = cursor.newlines == 0 && cursor.mark.column > 1;
            (cursor.mark.line + 1 + u32::from(behind_text)).saturating_sub(cursor.newlines)
        });
        Self {
            text: Cow::Borrowed(""),
            scanned_from,
            token: token.map_or_else(Mark::default, |token| token.start),
            start: Mark::default(),
            line: cursor.mark.line,
            column: cursor.mark.column,
            indent: scanner.indent.max(0),
            after_empty: false,
            before_empty: cursor.newlines <= 1,
            foot_line,
            after_value: matches!(token, Some(Token { kind: Kind::Value, .. })),
        }
    }

    fn mark(&self, scanner: &Scanner<'t>, ahead: usize) -> Mark {
        Mark { index: scanner.cursor.mark.index + ahead, line: self.line, column: self.column }
    }

    fn push(&mut self, text: &'t str) {
        if self.text.is_empty() {
            self.text = Cow::Borrowed(text);
        } else {
            self.text.to_mut().push_str(text);
        }
    }

    /// Takes note of an empty line, of the end of a collection in brackets or of the end of the text.
    fn empty_line(&mut self, scanner: &mut Scanner<'t>, ahead: usize, closes_flow: bool) {
        if closes_flow || !self.after_empty {
            let dedented = column(self.start) - 1 < self.indent;
            let is_foot = Some(self.start.line) == self.foot_line && !self.after_value;
            if closes_flow || (self.before_empty && (is_foot || dedented)) {
                if !self.text.is_empty() {
                    if dedented {
                        self.token = self.start;
                    }
                    self.foot(scanner, ahead);
                }
            } else if !self.text.is_empty() && scanner.cursor.peek(ahead) != 0 {
                self.text.to_mut().push('\n');
            }
        }
        self.before_empty = false;
        self.after_empty = true;
    }

    /// Whether the next line is indented less than the block around it, and otherwise than the lines so far.
    fn is_dedented(&self) -> bool {
        let column = i32::try_from(self.column).unwrap_or(i32::MAX);
        !self.text.is_empty() && column - 1 < self.indent && self.column != self.start.column
    }

    /// Gives the lines so far to what stands before.
    fn foot(&mut self, scanner: &mut Scanner<'t>, ahead: usize) {
        let end = self.mark(scanner, ahead);
        scanner.comments.push_back(Comment {
            scanned_from: self.scanned_from,
            token: self.token,
            start: self.start,
            end,
            foot: std::mem::take(&mut self.text),
            ..Comment::default()
        });
        self.scanned_from = end;
        self.token = end;
    }
}
