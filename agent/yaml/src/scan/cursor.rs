//! The place in the text where the scanner stands.

use super::token::Mark;

/// A text and a place in it. Behind the end there are zero bytes.
#[derive(Debug)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    pub(super) mark: Mark,
    /// Line breaks since the last character that was no blank.
    pub(super) newlines: u32,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, mark: Mark::default(), newlines: 0 }
    }

    pub(super) fn byte(&self) -> u8 {
        self.peek(0)
    }

    /// The byte some bytes ahead.
    pub(super) fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.mark.index + ahead).copied().unwrap_or(0)
    }

    pub(super) fn slice(&self, from: usize, to: usize) -> &'t str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        self.text.as_bytes()[self.mark.index..].starts_with(prefix.as_bytes())
    }

    /// How many characters lie between an index and the cursor.
    pub(super) fn characters_since(&self, index: usize) -> usize {
        self.slice(index, self.mark.index).chars().count()
    }

    pub(super) fn is_end(&self) -> bool {
        self.mark.index >= self.text.len()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), b' ' | b'\t')
    }

    /// How many bytes a single line break has here; 0 when there is none.
    pub(super) fn break_width(&self, ahead: usize) -> usize {
        match self.peek(ahead) {
            b'\r' | b'\n' => 1,
            0xC2 if self.peek(ahead + 1) == 0x85 => 2,
            0xE2 if self.peek(ahead + 1) == 0x80 && matches!(self.peek(ahead + 2), 0xA8 | 0xA9) => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self, ahead: usize) -> bool {
        self.break_width(ahead) > 0
    }

    /// A line break or the end of the text.
    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.peek(ahead) == 0 || self.is_break(ahead)
    }

    /// A blank, a line break or the end of the text.
    pub(super) fn is_white_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// `---` or `...` that stands alone at the start of a line.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.mark.column == 0 && (self.starts_with("---") || self.starts_with("...")) && self.is_white_or_end(3)
    }

    /// Passes one character that is no line break.
    pub(super) fn skip(&mut self) {
        if !self.is_blank(0) {
            self.newlines = 0;
        }
        self.mark.index = (self.mark.index + width(self.byte())).min(self.text.len());
        self.mark.column += 1;
    }

    /// Passes blanks and returns how many.
    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Passes the characters up to the end of the line.
    pub(super) fn skip_to_break(&mut self) -> &'t str {
        let from = self.mark.index;
        let bytes = self.text.as_bytes();
        let mut at = from;
        let mut characters = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'\n' | b'\r' => break,
                0xC2 if bytes.get(at + 1) == Some(&0x85) => break,
                0xE2 if bytes.get(at + 1) == Some(&0x80) && matches!(bytes.get(at + 2), Some(0xA8 | 0xA9)) => break,
                _ => {}
            }
            at += 1;
            // Every byte but those inside of a character counts.
            characters += u32::from(byte & 0xC0 != 0x80);
        }
        let passed = self.slice(from, at);
        if !passed.bytes().all(|byte| matches!(byte, b' ' | b'\t')) {
            self.newlines = 0;
        }
        self.mark.index = at;
        self.mark.column += characters;
        passed
    }

    /// Passes a run of `bytes` ASCII characters or whole characters, of which `characters` are counted.
    pub(super) fn pass(&mut self, bytes: usize, characters: u32) {
        if bytes > 0 {
            self.newlines = 0;
        }
        self.mark.index += bytes;
        self.mark.column += characters;
    }

    /// Passes a line break, if there is one, and returns the text it stands for.
    pub(super) fn read_break(&mut self) -> &'static str {
        let (bytes, text) = match self.byte() {
            b'\r' if self.peek(1) == b'\n' => (2, "\n"),
            b'\r' | b'\n' => (1, "\n"),
            0xC2 if self.peek(1) == 0x85 => (2, "\n"),
            0xE2 if self.break_width(0) == 3 => (3, if self.peek(2) == 0xA8 { "\u{2028}" } else { "\u{2029}" }),
            _ => return "",
        };
        self.mark.index += bytes;
        self.mark.column = 0;
        self.mark.line += 1;
        self.newlines += 1;
        text
    }
}

/// How many bytes a character has that starts with this one.
fn width(first: u8) -> usize {
    match first {
        0..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}

/// A letter, a digit, `_` or `-` of ASCII.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
