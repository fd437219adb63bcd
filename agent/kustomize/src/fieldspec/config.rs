//! The fields that the transformers of a kustomization change.

use std::sync::{Arc, OnceLock};

use super::builtin::builtin;
use super::{FieldSpec, merge_one};
use crate::budget::Budget;
use crate::error::Fault;
use crate::id::Gvk;
use crate::order;

/// A kind that can be referred to by name, and the fields that do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameReference {
    pub(crate) target: Gvk,
    pub(crate) referrers: Vec<FieldSpec>,
}

/// The field specs of each transformer: kustomize's `TransformerConfig`. A copy shares what it does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) name_prefix: Arc<[FieldSpec]>,
    pub(crate) name_suffix: Arc<[FieldSpec]>,
    pub(crate) namespace: Arc<[FieldSpec]>,
    pub(crate) common_labels: Arc<[FieldSpec]>,
    /// For entries of `labels`, besides those that the entry's options stand for.
    pub(crate) labels: Arc<[FieldSpec]>,
    pub(crate) template_labels: Arc<[FieldSpec]>,
    pub(crate) claim_labels: Arc<[FieldSpec]>,
    pub(crate) annotations: Arc<[FieldSpec]>,
    pub(crate) images: Arc<[FieldSpec]>,
    pub(crate) replicas: Arc<[FieldSpec]>,
    pub(crate) name_references: Arc<[NameReference]>,
    pub(crate) var_references: Arc<[FieldSpec]>,
}

/// How many field specs a list may have: a comparison of all with all must stay cheap.
pub(crate) const MAX_SPECS: usize = 5000;

impl Config {
    /// No field at all, which is where kustomize starts.
    pub(crate) fn empty() -> &'static Arc<Self> {
        static EMPTY: OnceLock<Arc<Config>> = OnceLock::new();
        EMPTY.get_or_init(Arc::default)
    }

    /// Adds what another configuration has and this one has not.
    pub(crate) fn merge(self: &Arc<Self>, other: &Arc<Self>, budget: &Budget) -> Result<Arc<Self>, Fault> {
        let known = builtin();
        // The built-in field specs merged with themselves are the built-in ones: nearly every layer ends here.
        if Arc::ptr_eq(other, known) && (Arc::ptr_eq(self, known) || Arc::ptr_eq(self, Self::empty())) {
            return Ok(Arc::clone(known));
        }
        Ok(Arc::new(Self {
            name_prefix: merge_all(&self.name_prefix, &other.name_prefix, &known.name_prefix, budget)?,
            name_suffix: merge_all(&self.name_suffix, &other.name_suffix, &known.name_suffix, budget)?,
            namespace: merge_all(&self.namespace, &other.namespace, &known.namespace, budget)?,
            common_labels: merge_all(&self.common_labels, &other.common_labels, &known.common_labels, budget)?,
            labels: merge_all(&self.labels, &other.labels, &known.labels, budget)?,
            template_labels: merge_all(&self.template_labels, &other.template_labels, &known.template_labels, budget)?,
            claim_labels: merge_all(&self.claim_labels, &other.claim_labels, &known.claim_labels, budget)?,
            annotations: merge_all(&self.annotations, &other.annotations, &known.annotations, budget)?,
            images: merge_all(&self.images, &other.images, &known.images, budget)?,
            replicas: merge_all(&self.replicas, &other.replicas, &known.replicas, budget)?,
            name_references: merge_references(
                &self.name_references,
                &other.name_references,
                &known.name_references,
                budget,
            )?,
            var_references: merge_all(&self.var_references, &other.var_references, &known.var_references, budget)?,
        }))
    }
}

/// Merges lists of field specs and sorts them by kind. The order matters: which of two field specs for the same field stays, and
/// whether they are a conflict, depends on which comes first.
fn merge_all(
    own: &Arc<[FieldSpec]>,
    more: &Arc<[FieldSpec]>,
    known: &Arc<[FieldSpec]>,
    budget: &Budget,
) -> Result<Arc<[FieldSpec]>, Fault> {
    if more.is_empty() || Arc::ptr_eq(own, known) && Arc::ptr_eq(more, known) {
        return Ok(Arc::clone(own));
    }
    if own.is_empty() && Arc::ptr_eq(more, known) {
        return Ok(Arc::clone(more));
    }
    let mut specs = own.to_vec();
    merge_specs(&mut specs, more, budget)?;
    sort(&mut specs);
    Ok(specs.into())
}

fn merge_specs(specs: &mut Vec<FieldSpec>, more: &[FieldSpec], budget: &Budget) -> Result<(), Fault> {
    for spec in more {
        budget.work(specs.len());
        budget.check()?;
        merge_one(specs, spec)?;
        if specs.len() > MAX_SPECS {
            return Err(Fault::limit(format!("there are more than {MAX_SPECS} field specs of one sort")));
        }
    }
    Ok(())
}

/// Sorts as kustomize does before each merge.
pub(crate) fn sort(specs: &mut [FieldSpec]) {
    specs.sort_by_cached_key(|spec| order::of_kind(&spec.selector));
}

/// Sorts by the kinds that are referred to; the referring fields keep their order.
pub(crate) fn sort_references(references: &mut [NameReference]) {
    references.sort_by_cached_key(|reference| order::of_kind(&reference.target));
}

fn merge_references(
    own: &Arc<[NameReference]>,
    more: &Arc<[NameReference]>,
    known: &Arc<[NameReference]>,
    budget: &Budget,
) -> Result<Arc<[NameReference]>, Fault> {
    if more.is_empty() || Arc::ptr_eq(own, known) && Arc::ptr_eq(more, known) {
        return Ok(Arc::clone(own));
    }
    if own.is_empty() && Arc::ptr_eq(more, known) {
        return Ok(Arc::clone(more));
    }
    let mut references = own.to_vec();
    if references.len() + more.len() > MAX_SPECS {
        return Err(Fault::limit(format!("there are more than {MAX_SPECS} kinds of name references")));
    }
    for reference in more.iter() {
        budget.work(references.len());
        budget.check()?;
        match references.iter_mut().find(|own| own.target == reference.target) {
            Some(own) => merge_specs(&mut own.referrers, &reference.referrers, budget)?,
            None => references.push(reference.clone()),
        }
    }
    sort_references(&mut references);
    Ok(references.into())
}
