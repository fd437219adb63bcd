//! Layout: where a node goes on the line.

use super::scalar;

/// How far each level is indented.
const STEP: usize = 2;
/// Behind this column a blank of a plain or quoted scalar becomes a line end.
const WIDTH: usize = 80;
/// A longer key, in bytes, is written with `?` in front.
const LONGEST_KEY: usize = 128;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Root,
    Item,
    Value,
}

/// The text so far and the state of the last line.
#[derive(Debug)]
pub(super) struct Emitter {
    out: String,
    column: usize,
    /// The indentation of each open collection.
    levels: Vec<usize>,
    /// The last thing written was blank, or opens a line.
    blank: bool,
    /// Nothing but indentation and the indicators `-`, `?` and `:` stand on the line.
    fresh: bool,
}

impl Default for Emitter {
    fn default() -> Self {
        Self { out: String::new(), column: 0, levels: Vec::new(), blank: true, fresh: true }
    }
}

impl Emitter {
    /// Opens a mapping.
    pub(super) fn indent(&mut self) {
        self.levels.push(self.levels.last().map_or(0, |level| level + STEP));
    }

    /// Opens a sequence, which stands no deeper than the key it belongs to.
    pub(super) fn indent_sequence(&mut self, context: Context) {
        if context == Context::Value && !self.fresh {
            self.levels.push(self.level());
        } else {
            self.indent();
        }
    }

    /// Closes a collection.
    pub(super) fn dedent(&mut self) {
        self.levels.pop();
    }

    /// Starts an item of a sequence.
    pub(super) fn item(&mut self) {
        self.line(self.level());
        self.indicator("-", true);
    }

    /// Writes a key and the colon behind it.
    pub(super) fn key(&mut self, text: &str) {
        self.line(self.level());
        if text.len() <= LONGEST_KEY && !text.contains(scalar::is_break) {
            self.scalar(text, scalar::style(text), false);
            self.put(":");
            self.blank = false;
            self.fresh = false;
        } else {
            self.indicator("?", true);
            self.string(text);
            self.line(self.level());
            self.indicator(":", true);
        }
    }

    /// Writes a text that needs no quotes: a number, a boolean, null or an empty collection.
    pub(super) fn plain(&mut self, text: &str) {
        self.indicator(text, false);
    }

    /// Writes a string.
    pub(super) fn string(&mut self, text: &str) {
        self.scalar(text, scalar::style(text), true);
    }

    /// Ends the document.
    pub(super) fn finish(mut self) -> String {
        self.line(0);
        self.out
    }

    fn level(&self) -> usize {
        self.levels.last().copied().unwrap_or(0)
    }

    /// The indentation of the lines of a scalar behind its first.
    pub(super) fn inner_level(&self) -> usize {
        self.levels.last().map_or(STEP, |level| level + STEP)
    }

    /// Starts a new line at an indentation, unless this one is still empty that far.
    pub(super) fn line(&mut self, level: usize) {
        if !self.fresh || self.column > level || (self.column == level && !self.blank) {
            self.out.push('\n');
            self.column = 0;
        }
        while self.column < level {
            self.put(" ");
        }
        self.blank = true;
        self.fresh = true;
    }

    /// Writes a line break that is part of a scalar.
    pub(super) fn put_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
        self.fresh = true;
    }

    /// Opens the first line of a block.
    pub(super) fn open_block(&mut self) {
        self.put_break('\n');
        self.blank = true;
    }

    /// Notes that a scalar put text on the line.
    pub(super) fn after_text(&mut self) {
        self.fresh = false;
    }

    /// Notes that a scalar of one line ended.
    pub(super) fn after_scalar(&mut self) {
        self.blank = false;
        self.fresh = false;
    }

    pub(super) fn is_behind_margin(&self) -> bool {
        self.column > WIDTH
    }

    pub(super) fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    pub(super) fn put_char(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    pub(super) fn space(&mut self) {
        if !self.blank {
            self.put(" ");
        }
    }

    /// Writes a token with a blank before it; `keeps_fresh` for those that only open a nested node.
    pub(super) fn indicator(&mut self, text: &str, keeps_fresh: bool) {
        self.space();
        self.put(text);
        self.blank = false;
        self.fresh = self.fresh && keeps_fresh;
    }
}
