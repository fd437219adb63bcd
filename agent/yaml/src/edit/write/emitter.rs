//! The text so far, and where on the line it stands.

use std::borrow::Cow;

use super::Place;
use super::scalar::Facts;
use crate::edit::node::{Content, Implied, Node};
use crate::edit::read::looks_like;
use crate::scan::Style;

/// How far each level is indented.
pub(super) const STEP: i32 = 2;
/// A longer key is written with `?` in front; with its anchor and tag, in bytes.
const LONGEST_KEY: usize = 128;

/// A text under construction.
#[derive(Debug)]
pub(super) struct Emitter<'n> {
    pub(super) out: String,
    pub(super) column: i32,
    pub(super) indent: i32,
    indents: Vec<i32>,
    /// The last thing written was a blank, or may stand for one.
    pub(super) whitespace: bool,
    /// Only indentation and indicators stand on the line.
    pub(super) indention: bool,
    /// A comment that ended at this indentation wants an empty line behind it; -1 for none.
    pub(super) foot_indent: i32,
    pub(super) flow_level: usize,
    pub(super) head: &'n str,
    pub(super) line: &'n str,
    pub(super) foot: &'n str,
    pub(super) tail: &'n str,
    pub(super) key_line: &'n str,
    /// Of the node whose comments were noted last.
    pub(super) facts: Facts,
    handle: &'static str,
    suffix: Cow<'n, str>,
}

impl Default for Emitter<'_> {
    fn default() -> Self {
        Self {
            out: String::new(),
            column: 0,
            indent: -1,
            indents: Vec::new(),
            whitespace: true,
            indention: true,
            foot_indent: -1,
            flow_level: 0,
            head: "",
            line: "",
            foot: "",
            tail: "",
            key_line: "",
            facts: Facts::default(),
            handle: "",
            suffix: Cow::Borrowed(""),
        }
    }
}

impl<'n> Emitter<'n> {
    /// Notes the comments, the tag and the text of a node before it is written. The foot comment of a key is
    /// written behind its value.
    pub(super) fn begin(&mut self, node: &'n Node, tail: &'n str, is_key: bool) {
        let keep = |place: &mut &'n str, text: &'n str| {
            if !text.is_empty() {
                *place = text;
            }
        };
        keep(&mut self.head, node.head_comment());
        match &node.content {
            Content::Scalar { .. } | Content::Alias(_) => {
                keep(&mut self.line, node.line_comment());
                if !is_key {
                    keep(&mut self.foot, node.foot_comment());
                }
                if matches!(node.content, Content::Scalar { .. }) {
                    keep(&mut self.tail, tail);
                }
            }
            Content::Mapping { .. } => keep(&mut self.tail, tail),
            // The library forgets the tail here.
            Content::Sequence { .. } => {}
        }
        self.note_tag(node);
        self.facts = node.text().map_or_else(Facts::default, Facts::of);
    }

    /// Notes the comments at the end of a collection.
    pub(super) fn end(&mut self, node: &'n Node, tail: &'n str, is_key: bool) {
        for (place, text) in [(&mut self.tail, tail), (&mut self.line, node.line_comment())] {
            if !text.is_empty() {
                *place = text;
            }
        }
        if !is_key && !node.foot_comment().is_empty() {
            self.foot = node.foot_comment();
        }
    }

    fn note_tag(&mut self, node: &'n Node) {
        self.handle = "";
        self.suffix = Cow::Borrowed("");
        let Some(tag) = tag(node) else { return };
        match (tag.strip_prefix('!'), tag.strip_prefix("tag:yaml.org,2002:")) {
            (Some(rest), _) => {
                self.handle = "!";
                self.suffix = Cow::Owned(rest.to_owned());
            }
            (_, Some(rest)) => {
                self.handle = "!!";
                self.suffix = Cow::Owned(rest.to_owned());
            }
            _ => self.suffix = tag,
        }
    }

    pub(super) fn tag(&mut self) {
        let suffix = std::mem::take(&mut self.suffix);
        match self.handle {
            "" if suffix.is_empty() => {}
            "" => {
                self.indicator("!<", true, false, false);
                self.tag_content(&suffix);
                self.indicator(">", false, false, false);
            }
            handle => {
                self.space();
                self.word(handle);
                self.tag_content(&suffix);
            }
        }
    }

    fn tag_content(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_;/?:@&=+$,.~*'()[]".contains(&byte) {
                self.put_char(char::from(byte));
            } else {
                self.put(&format!("%{byte:02X}"));
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    /// Whether a key can be written without `?`.
    pub(super) fn is_simple_key(&self, key: &Node) -> bool {
        let length = match &key.content {
            Content::Alias(name) => name.len(),
            Content::Scalar { .. } if self.facts.multiline => return false,
            Content::Scalar { text, .. } => text.len() + self.properties(key),
            Content::Sequence { items, .. } if items.is_empty() => self.properties(key),
            Content::Mapping { entries, .. } if entries.is_empty() => self.properties(key),
            _ => return false,
        };
        length <= LONGEST_KEY
    }

    fn properties(&self, node: &Node) -> usize {
        node.anchor.as_ref().map_or(0, |anchor| anchor.len()) + self.handle.len() + self.suffix.len()
    }

    pub(super) fn increase_indent(&mut self, flow: bool, place: Place, compact: bool) {
        self.indents.push(self.indent);
        self.indent = if self.indent < 0 {
            if flow { STEP } else { 0 }
        } else if place == Place::BlockItem {
            self.indent + 2
        } else {
            STEP * ((self.indent + STEP) / STEP) - if compact { 2 } else { 0 }
        };
    }

    pub(super) fn decrease_indent(&mut self) {
        self.indent = self.indents.pop().unwrap_or(-1);
    }

    pub(super) fn document_start(&mut self, head: &'n str) {
        self.head = head;
        if !head.is_empty() {
            self.head_comment();
            self.put_break();
        }
    }

    pub(super) fn document_end(&mut self, foot: &'n str) {
        if !foot.is_empty() {
            self.foot = foot;
        }
        // The comment stands apart.
        self.foot_indent = 0;
        self.foot_comment();
        self.foot_indent = -1;
        self.start_line();
    }

    /// Starts a line at the indentation, unless this one is still empty that far.
    pub(super) fn start_line(&mut self) {
        let indent = self.indent.max(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        if self.foot_indent == indent {
            self.put_break();
        }
        while self.column < indent {
            self.put_char(' ');
        }
        self.whitespace = true;
        self.foot_indent = -1;
    }

    /// Writes a token; `wants_space` for one that needs a blank before it, `is_space` for one that needs none behind it.
    pub(super) fn indicator(&mut self, text: &str, wants_space: bool, is_space: bool, is_indention: bool) {
        if wants_space {
            self.space();
        }
        self.put(text);
        self.whitespace = is_space;
        self.indention = self.indention && is_indention;
    }

    /// Writes a text without blanks.
    pub(super) fn word(&mut self, text: &str) {
        self.put(text);
        self.whitespace = false;
        self.indention = false;
    }

    pub(super) fn space(&mut self) {
        if !self.whitespace {
            self.put_char(' ');
        }
    }

    pub(super) fn put(&mut self, text: &str) {
        text.chars().for_each(|c| self.put_char(c));
    }

    pub(super) fn put_char(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    pub(super) fn put_break(&mut self) {
        self.put_break_of('\n');
    }

    /// Writes a line break that is part of a text.
    pub(super) fn put_break_of(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
        self.indention = true;
    }
}

/// The tag to write: one that was written, or that of what the scalar was if its text looks like something else.
fn tag(node: &Node) -> Option<Cow<'_, str>> {
    if let Some(tag) = node.tag.as_deref() {
        return Some(match tag.strip_prefix("!!") {
            Some(name) => Cow::Owned(format!("tag:yaml.org,2002:{name}")),
            None => Cow::Borrowed(tag),
        });
    }
    let text = node.text()?;
    let name = match node.implied {
        Implied::Nothing | Implied::String => return None,
        Implied::Null => "null",
        Implied::Bool => "bool",
        Implied::Int => "int",
        Implied::Float => "float",
        Implied::Timestamp => "timestamp",
        Implied::Merge => "merge",
    };
    (looks_like(text) != node.implied).then(|| Cow::Owned(format!("tag:yaml.org,2002:{name}")))
}

/// Whether a string must be put in quotes because its text looks like something else.
pub(super) fn must_quote(node: &Node, text: &str) -> bool {
    node.tag.is_none()
        && node.implied == Implied::String
        && node.style() == Style::Plain
        && looks_like(text) != Implied::String
}
