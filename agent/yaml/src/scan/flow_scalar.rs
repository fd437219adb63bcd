//! Scalars that may stand on the line of other things: plain ones and those in quotes.

use std::borrow::Cow;

use super::scanner::{Scanned, Scanner, column};
use super::token::{Kind, Style, Token};

/// What stands between two words of a scalar.
#[derive(Default)]
struct Gap {
    has_break: bool,
    first: &'static str,
    further: String,
}

impl Gap {
    /// Writes what stands for a gap with a line break: a blank for a single one.
    fn put(&self, out: &mut String) {
        match self.first {
            "\n" if self.further.is_empty() => out.push(' '),
            "\n" => {}
            first => out.push_str(first),
        }
        out.push_str(&self.further);
    }
}

impl<'t> Scanner<'t> {
    pub(super) fn scan_plain(&mut self) -> Scanned<Token<'t>> {
        let start = self.cursor.mark;
        let indent = self.indent + 1;
        let mut end = start;
        // The text is a piece of the source as long as it has no line break in it.
        let mut owned: Option<String> = None;
        let mut gap = Gap::default();
        while !self.cursor.is_document_indicator() && self.cursor.byte() != b'#' {
            let (bytes, characters) = self.plain_run();
            if bytes > 0 {
                let from = self.cursor.mark.index;
                if gap.has_break {
                    let text = owned.get_or_insert_with(|| self.cursor.slice(start.index, end.index).to_owned());
                    gap.put(text);
                } else if let Some(text) = &mut owned {
                    text.push_str(self.cursor.slice(end.index, from));
                }
                gap = Gap::default();
                if let Some(text) = &mut owned {
                    text.push_str(self.cursor.slice(from, from + bytes));
                }
                self.cursor.pass(bytes, characters);
                end = self.cursor.mark;
            }
            if !self.cursor.is_blank(0) && !self.cursor.is_break(0) {
                break;
            }
            gap = self.scan_gap(gap.has_break, indent)?;
            if self.flow_level == 0 && column(self.cursor.mark) < indent {
                break;
            }
        }
        if gap.has_break {
            self.simple_key_allowed = true;
        }
        let text = match owned {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(self.cursor.slice(start.index, end.index)),
        };
        Ok(Token { kind: Kind::Scalar(text, Style::Plain), start, end })
    }

    /// How far a plain scalar goes on before the next blank, in bytes and in characters.
    fn plain_run(&self) -> (usize, u32) {
        let in_flow = self.flow_level > 0;
        self.run(|bytes, byte| match byte {
            b':' => self.cursor.is_white_or_end(bytes + 1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => in_flow,
            _ => false,
        })
    }

    /// How far it is to a blank, a line break, the end or a byte that says so.
    fn run(&self, ends: impl Fn(usize, u8) -> bool) -> (usize, u32) {
        let mut bytes = 0;
        let mut characters = 0;
        loop {
            let byte = self.cursor.peek(bytes);
            match byte {
                0 | b' ' | b'\t' | b'\n' | b'\r' => break,
                0xC2 | 0xE2 if self.cursor.is_break(bytes) => break,
                _ if ends(bytes, byte) => break,
                _ => {}
            }
            bytes += 1;
            characters += u32::from(byte & 0xC0 != 0x80);
        }
        (bytes, characters)
    }

    /// Passes blanks and line breaks; `broken` when a line has ended before.
    fn scan_gap(&mut self, broken: bool, indent: i32) -> Scanned<Gap> {
        let mut gap = Gap { has_break: broken, ..Gap::default() };
        loop {
            if self.cursor.is_blank(0) {
                if gap.has_break && column(self.cursor.mark) < indent && self.cursor.byte() == b'\t' {
                    return self.fault("a tab cannot indent; use blanks");
                }
                self.cursor.skip();
            } else if self.cursor.is_break(0) {
                let text = self.cursor.read_break();
                if gap.has_break {
                    gap.further.push_str(text);
                } else {
                    gap.first = text;
                    gap.has_break = true;
                }
            } else {
                return Ok(gap);
            }
        }
    }

    pub(super) fn scan_quoted(&mut self, quote: u8) -> Scanned<Token<'t>> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let from = self.cursor.mark.index;
        // The text is a piece of the source as long as it has no escape and no line break in it.
        let mut owned: Option<String> = None;
        loop {
            if self.cursor.is_document_indicator() {
                return self.fault("the text in quotes is not closed before the next document");
            }
            if self.cursor.is_end() {
                return self.fault("the text in quotes is not closed");
            }
            let joined = self.scan_quoted_word(quote, from, &mut owned)?;
            if self.cursor.byte() == quote {
                break;
            }
            let white = self.cursor.mark.index;
            let gap = self.scan_gap(joined, -1)?;
            if gap.has_break {
                gap.put(owned.get_or_insert_with(|| self.cursor.slice(from, white).to_owned()));
            } else if let Some(text) = &mut owned {
                text.push_str(self.cursor.slice(white, self.cursor.mark.index));
            }
        }
        let to = self.cursor.mark.index;
        self.cursor.skip();
        let text = owned.map_or_else(|| Cow::Borrowed(self.cursor.slice(from, to)), Cow::Owned);
        let style = if quote == b'"' { Style::DoubleQuoted } else { Style::SingleQuoted };
        Ok(Token { kind: Kind::Scalar(text, style), start, end: self.cursor.mark })
    }

    /// Passes a word up to a blank, a line end or the closing quote; says whether an escaped line end joins it to the next.
    fn scan_quoted_word(&mut self, quote: u8, from: usize, owned: &mut Option<String>) -> Scanned<bool> {
        loop {
            let (bytes, characters) = self.run(|_, byte| byte == quote || (byte == b'\\' && quote == b'"'));
            let at = self.cursor.mark.index;
            if let Some(text) = owned {
                text.push_str(self.cursor.slice(at, at + bytes));
            }
            self.cursor.pass(bytes, characters);
            let so_far = self.cursor.slice(from, at + bytes);
            match self.cursor.byte() {
                b'\\' if quote == b'"' => {
                    let text = owned.get_or_insert_with(|| so_far.to_owned());
                    if self.cursor.is_break(1) {
                        self.cursor.skip();
                        self.cursor.read_break();
                        return Ok(true);
                    }
                    text.push(self.scan_escape()?);
                }
                b'\'' if quote == b'\'' && self.cursor.peek(1) == b'\'' => {
                    owned.get_or_insert_with(|| so_far.to_owned()).push('\'');
                    self.cursor.pass(2, 2);
                }
                _ => return Ok(false),
            }
        }
    }

    fn scan_escape(&mut self) -> Scanned<char> {
        let digits = match self.cursor.peek(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        let c = match self.cursor.peek(1) {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\u{B}',
            b'f' => '\u{C}',
            b'r' => '\r',
            b'e' => '\u{1B}',
            c @ (b' ' | b'"' | b'\'' | b'\\') => char::from(c),
            b'N' => '\u{85}',
            b'_' => '\u{A0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            _ if digits > 0 => {
                let mut code = 0u32;
                for at in 0..digits {
                    let Some(digit) = char::from(self.cursor.peek(2 + at)).to_digit(16) else {
                        return self.fault("an escape of a character has too few hexadecimal digits");
                    };
                    code = code << 4 | digit;
                }
                match char::from_u32(code) {
                    Some(c) => c,
                    None => return self.fault("the escape is not of a character that exists"),
                }
            }
            _ => return self.fault("unknown escape; write \\\\ for a backslash"),
        };
        let length = 2 + digits;
        self.cursor.pass(length, u32::try_from(length).unwrap_or(0));
        Ok(c)
    }
}
