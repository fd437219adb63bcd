//! Scalars as blocks: `|` and `>`.

use std::borrow::Cow;

use super::scanner::{Scanned, Scanner, column};
use super::token::{Kind, Style, Token};

/// What becomes of the line ends behind the last line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl<'t> Scanner<'t> {
    pub(super) fn scan_block_scalar(&mut self, literal: bool) -> Scanned<Token<'t>> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let (chomping, increment) = self.scan_block_header()?;
        self.cursor.skip_blanks();
        if self.cursor.byte() == b'#' {
            if self.keeps_comments {
                self.scan_line_comment(start);
            }
            self.cursor.skip_to_break();
        }
        if !self.cursor.is_break_or_end(0) {
            return self.fault("only a comment may stand behind | and >");
        }
        self.cursor.read_break();
        let mut end = self.cursor.mark;
        let mut indent = if increment > 0 { self.indent.max(0) + increment } else { 0 };
        let mut text = String::new();
        let mut line_end = "";
        let mut empty_lines = String::new();
        self.scan_block_breaks(&mut indent, &mut empty_lines, &mut end)?;
        let mut after_blank = false;
        while column(self.cursor.mark) == indent && !self.cursor.is_end() {
            let starts_blank = self.cursor.is_blank(0);
            if !literal && line_end == "\n" && !after_blank && !starts_blank {
                if empty_lines.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(line_end);
            }
            text.push_str(&empty_lines);
            empty_lines.clear();
            after_blank = starts_blank;
            text.push_str(self.cursor.skip_to_break());
            line_end = self.cursor.read_break();
            self.scan_block_breaks(&mut indent, &mut empty_lines, &mut end)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(line_end);
        }
        if chomping == Chomping::Keep {
            text.push_str(&empty_lines);
        }
        let style = if literal { Style::Literal } else { Style::Folded };
        Ok(Token { kind: Kind::Scalar(Cow::Owned(text), style), start, end })
    }

    /// How the end is chomped, and how deep the block stands if that is written.
    fn scan_block_header(&mut self) -> Scanned<(Chomping, i32)> {
        let mut chomping = Chomping::Clip;
        let mut increment = 0;
        let mut has_chomping = false;
        for _ in 0..2 {
            match self.cursor.byte() {
                sign @ (b'+' | b'-') if !has_chomping => {
                    has_chomping = true;
                    chomping = if sign == b'+' { Chomping::Keep } else { Chomping::Strip };
                }
                b'0' if increment == 0 => return self.fault("the indentation of a block must be 1 or more"),
                digit @ b'1'..=b'9' if increment == 0 => increment = i32::from(digit - b'0'),
                _ => break,
            }
            self.cursor.skip();
        }
        Ok((chomping, increment))
    }

    /// Passes empty lines and the indentation of the next line, which sets that of the block if it is not known.
    fn scan_block_breaks(&mut self, indent: &mut i32, breaks: &mut String, end: &mut super::Mark) -> Scanned<()> {
        *end = self.cursor.mark;
        let mut deepest = 0;
        loop {
            while (*indent == 0 || column(self.cursor.mark) < *indent) && self.cursor.byte() == b' ' {
                self.cursor.skip();
            }
            deepest = deepest.max(column(self.cursor.mark));
            if (*indent == 0 || column(self.cursor.mark) < *indent) && self.cursor.byte() == b'\t' {
                return self.fault("a tab cannot indent a block; use blanks");
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push_str(self.cursor.read_break());
            *end = self.cursor.mark;
        }
        if *indent == 0 {
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}
