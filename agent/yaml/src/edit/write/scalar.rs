//! Scalars in the style they have, or in one that their text allows.

use super::Place;
use super::emitter::{Emitter, STEP, must_quote};
use crate::edit::node::Node;
use crate::print::{escape, is_break, is_printable};
use crate::scan::Style;

/// What a text contains, as far as it rules out a style.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about the text")]
pub(super) struct Facts {
    pub(super) multiline: bool,
    no_flow_plain: bool,
    no_block_plain: bool,
    no_single_quoted: bool,
    no_block: bool,
}

impl Facts {
    pub(super) fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { no_flow_plain: true, no_block: true, ..Self::default() };
        }
        let mut facts = Self::default();
        let mut block_indicator = text.starts_with("---") || text.starts_with("...");
        let mut flow_indicator = block_indicator;
        let mut special = false;
        let mut tab = false;
        let mut blank_after_break = false;
        let mut break_after_blank = false;
        let mut before: Option<char> = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let blank_follows = chars.peek().is_none_or(|next| matches!(next, ' ' | '\t'));
            match (c, before) {
                (
                    '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`',
                    None,
                ) => {
                    flow_indicator = true;
                    block_indicator = true;
                }
                ('?', None) | (':', _) => {
                    flow_indicator = true;
                    block_indicator |= blank_follows;
                }
                ('-', None) if blank_follows => {
                    flow_indicator = true;
                    block_indicator = true;
                }
                (',' | '?' | '[' | ']' | '{' | '}', Some(_)) => flow_indicator = true,
                ('#', Some(before)) if matches!(before, ' ' | '\t' | '\0') || is_break(before) => {
                    flow_indicator = true;
                    block_indicator = true;
                }
                _ => {}
            }
            tab |= c == '\t';
            special |= c != '\t' && !is_printable(c);
            facts.multiline |= is_break(c);
            blank_after_break |= c == ' ' && before.is_some_and(is_break);
            break_after_blank |= is_break(c) && before == Some(' ');
            before = Some(c);
        }
        let open = |c: char| c == ' ' || is_break(c);
        let open_end = text.starts_with(open) || text.ends_with(open);
        let odd = blank_after_break || break_after_blank || tab || special;
        facts.no_single_quoted = odd;
        facts.no_block = text.ends_with(' ') || break_after_blank || special;
        facts.no_flow_plain = open_end || odd || facts.multiline || flow_indicator;
        facts.no_block_plain = open_end || odd || facts.multiline || block_indicator;
        facts
    }
}

impl Emitter<'_> {
    pub(super) fn scalar(&mut self, text: &str, node: &Node, place: Place) {
        let style = self.style(text, node, place);
        self.increase_indent(true, place, false);
        match style {
            Style::Plain => self.plain(text),
            Style::SingleQuoted => self.single_quoted(text),
            Style::DoubleQuoted => self.double_quoted(text),
            Style::Literal => self.literal(text),
            Style::Folded => self.folded(text),
        }
        self.decrease_indent();
    }

    fn style(&self, text: &str, node: &Node, place: Place) -> Style {
        let mut style = node.style();
        if style == Style::Plain {
            if text.contains('\n') {
                style = Style::Literal;
            } else if must_quote(node, text) {
                style = Style::DoubleQuoted;
            }
        }
        let facts = &self.facts;
        let is_simple_key = place == Place::SimpleKey;
        if is_simple_key && facts.multiline {
            style = Style::DoubleQuoted;
        }
        if style == Style::Plain {
            let forbidden = if self.flow_level > 0 { facts.no_flow_plain } else { facts.no_block_plain };
            if forbidden || (text.is_empty() && (self.flow_level > 0 || is_simple_key)) {
                style = Style::SingleQuoted;
            }
        }
        match style {
            Style::SingleQuoted if facts.no_single_quoted => Style::DoubleQuoted,
            Style::Literal | Style::Folded if facts.no_block || self.flow_level > 0 || is_simple_key => {
                Style::DoubleQuoted
            }
            style => style,
        }
    }

    fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            self.space();
        }
        self.words(text, false);
        if !text.is_empty() {
            self.whitespace = false;
        }
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str) {
        self.indicator("'", true, false, false);
        self.words(text, true);
        self.indicator("'", false, false, false);
    }

    /// Writes a text; its first line end becomes an empty line.
    fn words(&mut self, text: &str, quoted: bool) {
        let mut after_break = false;
        for c in text.chars() {
            if is_break(c) {
                if !after_break && c == '\n' {
                    self.put_break();
                }
                self.put_break_of(c);
                after_break = true;
                continue;
            }
            if after_break {
                self.start_line();
            }
            if quoted && c == '\'' {
                self.put_char('\'');
            }
            self.put_char(c);
            self.indention &= c == ' ';
            after_break &= c == ' ';
        }
    }

    fn double_quoted(&mut self, text: &str) {
        self.indicator("\"", true, false, false);
        // The library looks for the byte order mark at the start of the text wherever it is.
        let escape_all = text.starts_with('\u{FEFF}');
        for c in text.chars() {
            if escape_all || !is_printable(c) || is_break(c) || matches!(c, '"' | '\\') {
                self.put(&escape(c));
            } else {
                self.put_char(c);
            }
        }
        self.indicator("\"", false, false, false);
    }

    /// The digit and the sign behind `|` or `>`.
    fn block_hints(&mut self, text: &str) {
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator(&STEP.to_string(), false, false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next(), from_end.next()) {
            (Some(last), Some(before)) if is_break(last) && !is_break(before) => {}
            (Some(last), _) if is_break(last) => self.indicator("+", false, false, false),
            _ => self.indicator("-", false, false, false),
        }
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        self.block_hints(text);
        self.line_comment_or_break();
        self.whitespace = true;
        let mut after_break = true;
        for c in text.chars() {
            if is_break(c) {
                self.put_break_of(c);
                after_break = true;
            } else {
                if after_break {
                    self.start_line();
                }
                self.put_char(c);
                self.indention = false;
                after_break = false;
            }
        }
    }

    fn folded(&mut self, text: &str) {
        self.indicator(">", true, false, false);
        self.block_hints(text);
        self.line_comment_or_break();
        self.whitespace = true;
        // The library looks at the start of the whole text where it should look at the next line.
        let starts_blank = text.trim_start_matches(is_break).starts_with([' ', '\t']);
        let mut after_break = true;
        let mut indented_line = true;
        for c in text.chars() {
            if is_break(c) {
                if !after_break && !indented_line && c == '\n' && !starts_blank {
                    self.put_break();
                }
                self.put_break_of(c);
                after_break = true;
                continue;
            }
            if after_break {
                self.start_line();
                indented_line = matches!(c, ' ' | '\t');
            }
            self.put_char(c);
            self.indention = false;
            after_break = false;
        }
    }
}
