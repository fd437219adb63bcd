//! `validators`: plugins that may look at the objects but must not change them.

use std::collections::HashSet;

use super::{Accumulated, Accumulator, Layer, Step};
use crate::error::Fault;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::{Map, Scalar, Tree};

/// The one thing that a validator may add.
const VALIDATED_BY: &str = "validated-by";

impl Accumulator<'_> {
    /// Runs the validators; a label that says so is all that they may leave behind.
    pub(super) fn validate(&mut self, layer: &Layer<'_>, accumulated: &mut Accumulated) {
        let validators = &layer.kustomization.validators;
        if validators.is_empty() {
            return;
        }
        for step in self.plugin_transformers(layer, validators) {
            let before = accumulated.resources.iter().cloned().collect::<Vec<_>>();
            let step = Step { by: None, ..step };
            if !self.step(layer, &step, &mut accumulated.resources) {
                return;
            }
            if let Err(fault) = unchanged(&before, &accumulated.resources) {
                let problem = step.action.problem(fault);
                let file = step.file.as_deref().unwrap_or(&layer.file);
                self.error(layer.chain, file, problem.line, problem.field, problem.fault);
            }
        }
    }
}

fn unchanged(before: &[Resource], after: &Resources) -> Result<(), Fault> {
    if before.len() != after.len() {
        return Err(Fault::conflict("a validator must not add or remove objects"));
    }
    // kustomize looks for each object among all: its bug where an earlier filter gave two of them one name.
    let mut seen = HashSet::new();
    if let Some(twice) = after.iter().map(Resource::id).find(|id| !seen.insert(id.clone())) {
        return Err(Fault::conflict(format!("a validator looks at objects by name, and {twice} is there twice")));
    }
    match before.iter().zip(after.iter()).find(|(before, after)| !is_same(before, after)) {
        Some((before, _)) => {
            Err(Fault::conflict(format!("a validator must not change objects, and it changes {}", before.id())))
        }
        None => Ok(()),
    }
}

/// Whether filters added the labels in the order of their keys.
fn labels_are_in_order(resource: &Resource) -> bool {
    let labels = resource.tree.get("metadata").and_then(|metadata| metadata.get("labels")).and_then(Tree::as_mapping);
    let group = |label: &Tree| match label {
        Tree::Scalar(Scalar { shared: Some(shared), .. }) => shared.group(),
        _ => 0,
    };
    labels.is_none_or(|labels| labels.values().map(group).is_sorted())
}

fn is_same(before: &Resource, after: &Resource) -> bool {
    let mut after = after.clone();
    if after.metadata_strings("labels").any(|(key, _)| key == VALIDATED_BY) {
        let others = after.metadata_strings("labels").filter(|(key, _)| *key != VALIDATED_BY);
        let others: Map = others.map(|(key, value)| (key.to_owned(), Tree::entry(value))).collect();
        // kustomize takes the label away by writing all labels anew, in order and after the other metadata, and sees a change unless filters left the others
        // like that: its bug.
        if !(others.is_empty() || before.metadata_order.labels_are_last() && labels_are_in_order(before)) {
            return false;
        }
        after.set_metadata_strings("labels", others);
    }
    // What was read and what a filter wrote in its place are never the same to kustomize: its bug.
    before.tree.is_same_node(&after.tree)
        && before.previous == after.previous
        && before.prefixes == after.prefixes
        && before.suffixes == after.suffixes
}
