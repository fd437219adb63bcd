//! Anchors, aliases, tags and directives.

use std::borrow::Cow;

use super::cursor::is_word;
use super::scanner::{Scanned, Scanner};
use super::token::{Kind, TagToken, Token};

impl<'t> Scanner<'t> {
    fn scan_word(&mut self) -> &'t str {
        let from = self.cursor.mark.index;
        while is_word(self.cursor.byte()) {
            self.cursor.skip();
        }
        self.cursor.slice(from, self.cursor.mark.index)
    }

    /// An anchor or an alias.
    pub(super) fn scan_anchor(&mut self) -> Scanned<Token<'t>> {
        let start = self.cursor.mark;
        let is_alias = self.cursor.byte() == b'*';
        self.cursor.skip();
        let name = self.scan_word();
        let ends = self.cursor.is_white_or_end(0)
            || matches!(self.cursor.byte(), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return self.fault("the name of an anchor or an alias may have only letters, digits, - and _");
        }
        let kind = if is_alias { Kind::Alias(name) } else { Kind::Anchor(name) };
        Ok(Token { kind, start, end: self.cursor.mark })
    }

    pub(super) fn scan_tag(&mut self) -> Scanned<Token<'t>> {
        let start = self.cursor.mark;
        let tag = if self.cursor.peek(1) == b'<' {
            self.cursor.pass(2, 2);
            let suffix = self.scan_uri("", false)?;
            if self.cursor.byte() != b'>' {
                return self.fault("a tag that starts with !< must end with >");
            }
            self.cursor.skip();
            TagToken { handle: "", suffix }
        } else {
            let handle = self.scan_handle();
            if handle.len() > 1 && handle.ends_with('!') {
                TagToken { handle, suffix: self.scan_uri("", false)? }
            } else {
                match self.scan_uri(handle.get(1..).unwrap_or_default(), true)? {
                    Cow::Borrowed("") => TagToken { handle: "", suffix: Cow::Borrowed("!") },
                    suffix => TagToken { handle: "!", suffix },
                }
            }
        };
        if !self.cursor.is_white_or_end(0) {
            return self.fault("a blank or a line end must stand behind a tag");
        }
        Ok(Token { kind: Kind::Tag(tag), start, end: self.cursor.mark })
    }

    /// `!`, then a word and another `!` if they are there.
    fn scan_handle(&mut self) -> &'t str {
        let from = self.cursor.mark.index;
        self.cursor.skip();
        self.scan_word();
        if self.cursor.byte() == b'!' {
            self.cursor.skip();
        }
        self.cursor.slice(from, self.cursor.mark.index)
    }

    fn scan_uri(&mut self, head: &'t str, may_be_empty: bool) -> Scanned<Cow<'t, str>> {
        let from = self.cursor.mark.index;
        let mut escaped: Option<Vec<u8>> = None;
        while is_word(self.cursor.byte()) || b";/?:@&=+$,.!~*'()[]%".contains(&self.cursor.byte()) {
            if self.cursor.byte() == b'%' {
                let so_far = self.cursor.slice(from, self.cursor.mark.index);
                let bytes = escaped.get_or_insert_with(|| [head, so_far].concat().into_bytes());
                let octets = octets(&self.cursor);
                let Some(octets) = octets else {
                    return self.fault("a % in a tag must start the escape of a character");
                };
                bytes.extend(&octets);
                let length = octets.len() * 3;
                self.cursor.pass(length, u32::try_from(length).unwrap_or(0));
            } else {
                if let Some(bytes) = &mut escaped {
                    bytes.push(self.cursor.byte());
                }
                self.cursor.skip();
            }
        }
        let to = self.cursor.mark.index;
        if from == to && !may_be_empty {
            return self.fault("a tag needs a name behind its handle");
        }
        Ok(match escaped {
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
            // The head stands directly before.
            None => Cow::Borrowed(self.cursor.slice(from - head.len(), to)),
        })
    }

    /// `%YAML 1.1` or `%TAG ! prefix`.
    pub(super) fn scan_directive(&mut self) -> Scanned<Token<'t>> {
        let start = self.cursor.mark;
        self.cursor.skip();
        let name = self.scan_word();
        if !self.cursor.is_white_or_end(0) {
            return self.fault("the name of a directive may have only letters, digits, - and _");
        }
        self.cursor.skip_blanks();
        let kind = match name {
            "YAML" => {
                let major = self.scan_version()?;
                if self.cursor.byte() != b'.' {
                    return self.fault("the version in %YAML must be two numbers with a . between them");
                }
                self.cursor.skip();
                let minor = self.scan_version()?;
                Kind::VersionDirective((major, minor) == (1, 1))
            }
            "TAG" => self.scan_tag_directive()?,
            _ => return self.fault("the only directives are %YAML and %TAG"),
        };
        let end = self.cursor.mark;
        self.cursor.skip_blanks();
        if self.cursor.byte() == b'#' {
            self.cursor.skip_to_break();
        }
        if !self.cursor.is_break_or_end(0) {
            return self.fault("only a comment may stand behind a directive");
        }
        self.cursor.read_break();
        Ok(Token { kind, start, end })
    }

    fn scan_version(&mut self) -> Scanned<u32> {
        let mut value = 0;
        let mut length = 0;
        while self.cursor.byte().is_ascii_digit() {
            value = value * 10 + u32::from(self.cursor.byte() - b'0');
            length += 1;
            if length > 2 {
                return self.fault("the numbers of the version in %YAML have at most two digits");
            }
            self.cursor.skip();
        }
        if length == 0 {
            return self.fault("the version in %YAML must be two numbers with a . between them");
        }
        Ok(value)
    }

    fn scan_tag_directive(&mut self) -> Scanned<Kind<'t>> {
        if self.cursor.byte() != b'!' {
            return self.fault("the handle in %TAG must start with !");
        }
        let handle = self.scan_handle();
        if handle != "!" && !handle.ends_with('!') {
            return self.fault("the handle in %TAG must end with !");
        }
        if !self.cursor.is_blank(0) {
            return self.fault("a blank must stand behind the handle in %TAG");
        }
        self.cursor.skip_blanks();
        let prefix = self.scan_uri("", false)?;
        if !self.cursor.is_white_or_end(0) {
            return self.fault("a blank or a line end must stand behind the prefix in %TAG");
        }
        Ok(Kind::TagDirective(handle, prefix))
    }
}

/// The bytes of one character that is written as `%XX%XX`.
fn octets(cursor: &super::cursor::Cursor<'_>) -> Option<Vec<u8>> {
    let octet = |at: usize| {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let (high, low) = (digit(cursor.peek(at + 1))?, digit(cursor.peek(at + 2))?);
        (cursor.peek(at) == b'%').then_some(high << 4 | low)
    };
    let first = octet(0)?;
    let width = match first {
        0..0x80 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..0xF8 => 4,
        _ => return None,
    };
    let mut found = vec![first];
    for n in 1..width {
        found.push(octet(n * 3).filter(|octet| octet & 0xC0 == 0x80)?);
    }
    Some(found)
}
