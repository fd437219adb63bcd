//! Comments.

use super::emitter::Emitter;
use crate::print::is_break;

impl Emitter<'_> {
    pub(super) fn has_comment_behind(&self) -> bool {
        !(self.line.is_empty() && self.foot.is_empty() && self.tail.is_empty())
    }

    /// Writes what belongs to the entry before, then what stands above the next node.
    pub(super) fn head_comment(&mut self) {
        if !self.tail.is_empty() {
            self.start_line();
            self.comment(self.tail);
            self.tail = "";
            self.foot_indent = self.indent.max(0);
        }
        if !self.head.is_empty() {
            self.start_line();
            self.comment(self.head);
            self.head = "";
        }
    }

    pub(super) fn line_comment(&mut self) {
        if !self.line.is_empty() {
            self.space();
            self.comment(self.line);
            self.line = "";
        }
    }

    /// Ends the line that opens a block, with its comment if it has one.
    pub(super) fn line_comment_or_break(&mut self) {
        if self.line.is_empty() {
            self.put_break();
        } else {
            self.line_comment();
        }
    }

    pub(super) fn foot_comment(&mut self) {
        if !self.foot.is_empty() {
            self.start_line();
            self.comment(self.foot);
            self.foot = "";
            self.foot_indent = self.indent.max(0);
        }
    }

    fn comment(&mut self, text: &str) {
        let mut after_break = false;
        let mut has_sign = false;
        for c in text.chars() {
            if is_break(c) {
                self.put_break_of(c);
                after_break = true;
                has_sign = false;
                continue;
            }
            if after_break {
                self.start_line();
            }
            if !has_sign && c != '#' {
                self.put("# ");
            }
            has_sign = true;
            self.put_char(c);
            self.indention = false;
            after_break = false;
        }
        if !after_break {
            self.put_break();
        }
        self.whitespace = true;
    }
}
