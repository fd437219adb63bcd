//! Which field of its metadata an object got last.
//!
//! Fields are sorted here, while kustomize appends those that filters add and compares what a validator left behind with their order.

use crate::object::{Behavior, Resource};
use crate::tree::{Map, Tree};

/// What of the metadata was there when somebody looked last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MetadataOrder {
    seen: bool,
    labels: bool,
    others: usize,
    labels_are_last: bool,
}

impl MetadataOrder {
    /// Whether a filter added the labels after all other fields.
    pub(crate) fn labels_are_last(self) -> bool {
        self.labels_are_last
    }

    /// Notes that all labels, or all annotations, were written anew, and so behind the other fields.
    pub(crate) fn wrote(&mut self, field: &str) {
        self.labels_are_last = field == "labels";
    }
}

impl Resource {
    /// Looks at the metadata after a filter.
    pub(crate) fn note_metadata(&mut self) {
        let before = self.metadata_order;
        let metadata = self.tree.get("metadata").and_then(Tree::as_mapping);
        let has = |field| metadata.is_some_and(|metadata| metadata.contains_key(field));
        let (labels, annotations) = (has("labels"), has("annotations"));
        // kustomize keeps what it knows of an object in annotations.
        let internal = self.behavior != Behavior::None
            || self.needs_hash
            || !(self.previous.is_empty() && self.prefixes.is_empty() && self.suffixes.is_empty());
        let fields = metadata.map_or(0, Map::len);
        let others = fields - usize::from(labels) + usize::from(internal && !annotations);
        let labels_are_last = match (before.labels, labels) {
            (_, false) => false,
            (false, true) => before.seen,
            (true, true) => before.labels_are_last && others <= before.others,
        };
        self.metadata_order = MetadataOrder { seen: true, labels, others, labels_are_last };
    }
}
