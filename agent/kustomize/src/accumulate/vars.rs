//! `vars`: which objects they take their values from. What they replace is decided at the very end.

use super::{Accumulated, Accumulator, Layer};
use crate::error::Fault;
use crate::id::Id;
use crate::kustomization::var::{PlacedVar, Var};
use crate::object::Resource;

impl Accumulator<'_> {
    /// Notes on each object the vars of the layer that are for it.
    pub(super) fn vars(&mut self, layer: &Layer<'_>, accumulated: &mut Accumulated) {
        for entry in &layer.kustomization.vars {
            let within = self.loader.budget.check();
            if self.noted(layer, entry, within).is_none() {
                return;
            }
            let fits = |resource: &Resource| names(&entry.value, resource);
            let found: Vec<usize> =
                (0..).zip(accumulated.resources.iter()).filter(|(_, r)| fits(r)).map(|(at, _)| at).collect();
            let result = match found[..] {
                [] => Ok(()),
                [index] => {
                    accumulated.resources.change(index, |resource| resource.vars.push(entry.value.name.clone()));
                    Ok(())
                }
                _ => Err(Fault::conflict(format!(
                    "{} objects match the var {}; name a namespace in objref",
                    found.len(),
                    entry.value.name
                ))),
            };
            let added =
                result.and_then(|()| accumulated.add_var(PlacedVar { file: layer.file.clone(), at: entry.clone() }));
            self.noted(layer, entry, added);
        }
    }
}

impl Accumulated {
    pub(super) fn add_var(&mut self, var: PlacedVar) -> Result<(), Fault> {
        let name = var.at.value.name.clone();
        match self.vars.insert(name.clone(), var) {
            None => Ok(()),
            Some(_) => {
                Err(Fault::conflict(format!("the var {name} is there already; give one of the two another name")))
            }
        }
    }
}

/// Whether an object has, or had, the name that a var gives.
fn names(var: &Var, resource: &Resource) -> bool {
    let is_named = |id: &Id| {
        id.name == var.object_name && id.gvk == var.gvk && (var.namespace.is_empty() || id.namespace == var.namespace)
    };
    is_named(&resource.id()) || resource.previous_ids().any(|id| is_named(&id))
}
