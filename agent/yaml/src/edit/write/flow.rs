//! Collections in brackets and braces.

use super::emitter::Emitter;
use super::{After, Place};
use crate::edit::node::Node;

impl<'n> Emitter<'n> {
    pub(super) fn flow_sequence(&mut self, node: &'n Node, items: &'n [Node], place: Place, is_key: bool) {
        self.indicator("[", true, true, false);
        self.increase_indent(true, place, false);
        self.flow_level += 1;
        // A comment behind an item has its comma before it.
        let mut wants_comma = false;
        for item in items {
            self.begin(item, "", false);
            self.next_in_flow(wants_comma);
            wants_comma = !self.has_comment_behind();
            self.node(item, Place::FlowItem, After::Flow, false);
        }
        self.end(node, "", is_key);
        self.flow_level -= 1;
        self.decrease_indent();
        if self.column == 0 {
            self.start_line();
        }
        self.indicator("]", false, false, false);
        self.line_comment();
        self.foot_comment();
    }

    fn next_in_flow(&mut self, wants_comma: bool) {
        if wants_comma {
            self.indicator(",", false, false, false);
        }
        self.head_comment();
        if self.column == 0 {
            self.start_line();
        }
    }

    pub(super) fn flow_mapping(&mut self, node: &'n Node, entries: &'n [(Node, Node)], place: Place, is_key: bool) {
        self.indicator("{", true, true, false);
        self.increase_indent(true, place, false);
        self.flow_level += 1;
        let mut wants_comma = false;
        let mut tail = "";
        for (key, value) in entries {
            self.begin(key, tail, true);
            tail = key.foot_comment();
            self.next_in_flow(wants_comma);
            if self.is_simple_key(key) {
                self.node(key, Place::SimpleKey, After::Nothing, true);
                self.begin(value, "", false);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, false);
                self.node(key, Place::Entry, After::Nothing, true);
                self.begin(value, "", false);
                self.indicator(":", true, false, false);
            }
            wants_comma = !self.has_comment_behind();
            self.node(value, Place::Entry, After::Flow, false);
        }
        self.end(node, tail, is_key);
        let has_comment = !(self.head.is_empty() && self.foot.is_empty() && self.tail.is_empty());
        if wants_comma && has_comment {
            self.indicator(",", false, false, false);
        }
        self.head_comment();
        self.flow_level -= 1;
        self.decrease_indent();
        self.indicator("}", false, false, false);
        self.line_comment();
        self.foot_comment();
    }
}
