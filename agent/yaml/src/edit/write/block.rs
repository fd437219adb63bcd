//! Collections with an item on each line.

use super::emitter::Emitter;
use super::{After, Place};
use crate::edit::node::{Content, Node};

impl<'n> Emitter<'n> {
    pub(super) fn block_sequence(&mut self, node: &'n Node, items: &'n [Node], place: Place, is_key: bool) {
        let under_key = matches!(place, Place::Entry | Place::SimpleKey);
        let compact = under_key && (self.column == 0 || !self.indention);
        self.increase_indent(false, place, compact);
        for item in items {
            self.begin(item, "", false);
            self.head_comment();
            self.start_line();
            self.indicator("-", true, false, true);
            self.node(item, Place::BlockItem, After::Block, false);
        }
        self.end(node, "", is_key);
        self.decrease_indent();
    }

    pub(super) fn block_mapping(&mut self, node: &'n Node, entries: &'n [(Node, Node)], place: Place, is_key: bool) {
        self.increase_indent(false, place, false);
        // What stands below an entry is written when all of the entry is, which is before the next key.
        let mut tail = "";
        for (key, value) in entries {
            self.begin(key, tail, true);
            tail = key.foot_comment();
            self.head_comment();
            self.start_line();
            if !self.line.is_empty() {
                self.key_line = std::mem::take(&mut self.line);
            }
            if self.is_simple_key(key) {
                self.node(key, Place::SimpleKey, After::Nothing, true);
                self.begin(value, "", false);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, true);
                self.node(key, Place::Entry, After::Nothing, true);
                self.begin(value, "", false);
                self.start_line();
                self.indicator(":", true, false, true);
            }
            self.key_line_comment(value);
            self.node(value, Place::Entry, After::Block, false);
        }
        self.end(node, tail, is_key);
        self.head_comment();
        self.decrease_indent();
    }

    /// Writes the comment on the line of a key before a block, and leaves it to a scalar without one of its own.
    fn key_line_comment(&mut self, value: &Node) {
        if self.key_line.is_empty() {
            return;
        }
        match &value.content {
            Content::Scalar { .. } if self.line.is_empty() => self.line = std::mem::take(&mut self.key_line),
            Content::Sequence { flow: false, .. } | Content::Mapping { flow: false, .. } => {
                let line = std::mem::replace(&mut self.line, self.key_line);
                self.line_comment();
                self.key_line = "";
                self.line = line;
            }
            _ => {}
        }
    }
}
