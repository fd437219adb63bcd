//! How a string is written: bare, in quotes or as a block.

use crate::resolve::{Resolved, Schema, untagged};

use super::emitter::Emitter;

/// The ways to write a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What a text contains, as far as it rules out a style.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about the text")]
struct Facts {
    /// A character, or a place of one, that means something to YAML outside of quotes.
    indicator: bool,
    /// A character that must be escaped.
    unprintable: bool,
    line_break: bool,
    /// A blank or a line break at either end.
    open_end: bool,
    trailing_blank: bool,
    blank_after_break: bool,
    break_after_blank: bool,
}

/// Chooses the style for a string: a text of several lines becomes a block, and one that YAML 1.1 or 1.2 would read as something else
/// is put in double quotes.
pub(super) fn style(text: &str) -> Style {
    if let Some(style) = obvious_style(text) {
        return style;
    }
    let facts = Facts::of(text);
    if text.contains('\n') {
        let block = !facts.unprintable && !facts.trailing_blank && !facts.break_after_blank;
        return if block { Style::Literal } else { Style::DoubleQuoted };
    }
    if untagged(text, Schema::Yaml11) != Resolved::String || is_base_60(text) || facts.unprintable {
        return Style::DoubleQuoted;
    }
    let plain = !facts.indicator && !facts.open_end && !facts.line_break;
    let single = !facts.blank_after_break && !facts.break_after_blank;
    match (plain, single) {
        (true, true) => Style::Plain,
        (false, true) => Style::SingleQuoted,
        (_, false) => Style::DoubleQuoted,
    }
}

/// The style of the texts that most strings are, without a look at each place in them.
fn obvious_style(text: &str) -> Option<Style> {
    let bytes = text.as_bytes();
    let (first, last) = (*bytes.first()?, *bytes.last()?);
    if first.is_ascii_alphabetic()
        && last != b' '
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b':' | b'#'))
    {
        // The longest words of YAML 1.1 that start with a letter are `FALSE` and its like.
        let is_string = bytes.len() > 5 || untagged(text, Schema::Yaml11) == Resolved::String;
        return is_string.then_some(Style::Plain);
    }
    let is_block = bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) && bytes.contains(&b'\n');
    (is_block && last != b' ' && !bytes.windows(2).any(|pair| pair == b" \n")).then_some(Style::Literal)
}

/// How many bytes of a text, which does not start with a blank or a line break, can be written at once.
fn run(text: &str, ends_at_blank: bool) -> usize {
    let ends = |byte: &u8| (*byte == b' ' && ends_at_blank) || matches!(byte, b'\n' | b'\r' | 0x80..);
    match text.as_bytes().iter().position(ends) {
        // Among the characters beyond ASCII are line breaks too.
        Some(0) => text.chars().next().map_or(0, char::len_utf8),
        Some(length) => length,
        None => text.len(),
    }
}

impl Facts {
    fn of(text: &str) -> Self {
        let mut facts = Self {
            indicator: text.starts_with("---") || text.starts_with("..."),
            trailing_blank: text.ends_with(' '),
            open_end: text.starts_with(|c| c == ' ' || is_break(c)) || text.ends_with(|c| c == ' ' || is_break(c)),
            ..Self::default()
        };
        let mut before: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            facts.indicator |= match (c, before) {
                (
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`',
                    None,
                ) => true,
                ('?' | '-', None) | (':', _) => blank_follows,
                ('#', Some(before)) => matches!(before, ' ' | '\t' | '\0') || is_break(before),
                _ => false,
            };
            facts.unprintable |= !is_printable(c);
            facts.line_break |= is_break(c);
            facts.blank_after_break |= c == ' ' && before.is_some_and(is_break);
            facts.break_after_blank |= is_break(c) && before == Some(' ');
            before = Some(c);
        }
        facts
    }
}

/// The line breaks of YAML 1.1.
pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What stands unescaped; the library takes no character beyond the basic plane, hence no emoji.
pub(crate) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}')
}

/// Whether YAML 1.1 would read the text as a number in base 60, such as `1:30`.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let digits_and_underscores = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !first.starts_with(|c: char| c.is_ascii_digit()) || !digits_and_underscores(first) {
        return false;
    }
    let mut rest: Vec<&str> = parts.collect();
    let Some(last) = rest.pop() else { return false };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    let sixty = |text: &&str| match text.as_bytes() {
        [units] => units.is_ascii_digit(),
        [tens, units] => matches!(tens, b'0'..=b'5') && units.is_ascii_digit(),
        _ => false,
    };
    digits_and_underscores(fraction) && rest.iter().all(sixty) && sixty(&last)
}

impl Emitter {
    pub(super) fn scalar(&mut self, text: &str, style: Style, fold: bool) {
        match style {
            Style::Plain => {
                self.space();
                self.words(text, fold);
                self.after_scalar();
            }
            Style::SingleQuoted => {
                self.indicator("'", false);
                self.words(&text.replace('\'', "''"), fold);
                self.put("'");
                self.after_scalar();
            }
            Style::DoubleQuoted => self.double_quoted(text, fold),
            Style::Literal => self.literal(text),
        }
    }

    /// Writes a text of one line; a lone blank behind the margin becomes a line end.
    fn words(&mut self, text: &str, fold: bool) {
        let mut before: Option<char> = None;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let mut length = c.len_utf8();
            if c == ' ' {
                let next = rest.chars().nth(1);
                let lone = before.is_some_and(|before| before != ' ') && next.is_some_and(|next| next != ' ');
                if fold && lone && self.is_behind_margin() {
                    self.line(self.inner_level());
                } else {
                    self.put_char(c);
                }
            } else if is_break(c) {
                self.put_break(c);
            } else {
                if before.is_some_and(is_break) {
                    self.line(self.inner_level());
                }
                length = run(rest, true);
                self.put(rest.get(..length).unwrap_or_default());
                self.after_text();
            }
            before = Some(c);
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    fn double_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("\"", false);
        // The library looks for the byte order mark at the start of the text wherever it is.
        let escape_all = text.starts_with('\u{FEFF}');
        let mut before: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.put(&escape(c));
                before = Some('\\');
                continue;
            }
            let next = chars.peek().copied();
            if c == ' '
                && fold
                && before.is_some_and(|before| before != ' ')
                && next.is_some()
                && self.is_behind_margin()
            {
                self.line(self.inner_level());
                if next == Some(' ') {
                    self.put("\\");
                }
            } else {
                self.put_char(c);
            }
            before = Some(c);
        }
        self.put("\"");
        self.after_scalar();
    }

    fn literal(&mut self, text: &str) {
        let indentation = if text.starts_with(|c| c == ' ' || is_break(c)) { "2" } else { "" };
        let mut from_end = text.chars().rev();
        let chomp = match (from_end.next().is_some_and(is_break), from_end.next()) {
            (false, _) => "-",
            (true, Some(before)) if !is_break(before) => "",
            (true, _) => "+",
        };
        self.indicator("|", false);
        self.put(indentation);
        self.put(chomp);
        self.open_block();
        let mut line_start = true;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let mut length = c.len_utf8();
            if is_break(c) {
                self.put_break(c);
                line_start = true;
            } else {
                if line_start {
                    self.line(self.inner_level());
                }
                length = run(rest, false);
                self.put(rest.get(..length).unwrap_or_default());
                self.after_text();
                line_start = false;
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// A character as it is written in double quotes.
pub(crate) fn escape(c: char) -> String {
    let letter = match c {
        '\0' => '0',
        '\u{07}' => 'a',
        '\u{08}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{0B}' => 'v',
        '\u{0C}' => 'f',
        '\r' => 'r',
        '\u{1B}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{A0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match u32::from(c) {
                code @ ..=0xFF => format!("\\x{code:02X}"),
                code @ ..=0xFFFF => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{letter}")
}
