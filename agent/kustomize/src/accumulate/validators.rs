//! `validators`: plugins that may look at the objects but must not change them.

use super::{Accumulated, Accumulator, Layer, Step};
use crate::error::Fault;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::{Map, Tree};

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
    match before.iter().zip(after.iter()).find(|(before, after)| !is_same(before, after)) {
        Some((before, _)) => {
            Err(Fault::conflict(format!("a validator must not change objects, and it changes {}", before.id())))
        }
        None => Ok(()),
    }
}

fn is_same(before: &Resource, after: &Resource) -> bool {
    let mut after = after.clone();
    if after.metadata_strings("labels").any(|(key, _)| key == VALIDATED_BY) {
        // kustomize takes the label away by writing all labels anew, and sees a change where there were others before: its bug.
        if before.metadata_strings("labels").next().is_some() {
            return false;
        }
        let others = after.metadata_strings("labels").filter(|(key, _)| *key != VALIDATED_BY);
        let others: Map = others.map(|(key, value)| (key.to_owned(), Tree::string(value))).collect();
        after.set_metadata_strings("labels", others);
    }
    before.tree == after.tree
        && before.previous == after.previous
        && before.prefixes == after.prefixes
        && before.suffixes == after.suffixes
}
