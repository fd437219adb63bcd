//! From nodes to text.
//!
//! The layout follows the emitter of `go.yaml.in/yaml/v3` step by step, because where a comment goes depends on the order of its steps.

mod block;
mod comment;
mod emitter;
mod flow;
mod scalar;

use super::Document;
use super::node::{Content, Node};
use emitter::Emitter;

/// Prints a document.
pub(super) fn document(document: &Document) -> String {
    let mut emitter = Emitter::default();
    emitter.document_start(&document.head);
    emitter.begin(&document.root, "", false);
    emitter.head_comment();
    emitter.node(&document.root, Place::Root, After::Block, false);
    emitter.document_end(&document.foot);
    emitter.out
}

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    BlockItem,
    FlowItem,
    /// The key or the value of a mapping.
    Entry,
    /// A key without `?`.
    SimpleKey,
}

/// What follows a scalar, or the start of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// Its comments.
    Block,
    /// Its comments, with the comma before them.
    Flow,
}

impl<'n> Emitter<'n> {
    /// Writes a node; its comments were noted before.
    fn node(&mut self, node: &'n Node, place: Place, after: After, is_key: bool) {
        if let Content::Alias(name) = &node.content {
            self.indicator("*", true, false, false);
            self.word(name);
            self.after(after);
            return;
        }
        if let Some(anchor) = &node.anchor {
            self.indicator("&", true, false, false);
            self.word(anchor);
        }
        self.tag();
        match &node.content {
            Content::Alias(_) => {}
            Content::Scalar { text, .. } => {
                self.scalar(text, node, place);
                self.after(after);
            }
            Content::Sequence { items, flow } => {
                self.after(after);
                if *flow || self.flow_level > 0 || items.is_empty() {
                    self.flow_sequence(node, items, place, is_key);
                } else {
                    self.block_sequence(node, items, place, is_key);
                }
            }
            Content::Mapping { entries, flow } => {
                self.after(after);
                if *flow || self.flow_level > 0 || entries.is_empty() {
                    self.flow_mapping(node, entries, place, is_key);
                } else {
                    self.block_mapping(node, entries, place, is_key);
                }
            }
        }
    }

    fn after(&mut self, after: After) {
        if after == After::Nothing {
            return;
        }
        if after == After::Flow && self.has_comment_behind() {
            self.indicator(",", false, false, false);
        }
        self.line_comment();
        self.foot_comment();
    }
}
