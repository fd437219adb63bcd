//! The fields that the transformers of a kustomization change.

use std::sync::Arc;

use super::{FieldSpec, merge_one};
use crate::error::Fault;
use crate::id::Gvk;

/// A kind that can be referred to by name, and the fields that do.
#[derive(Debug, Clone)]
pub(crate) struct NameReference {
    pub(crate) target: Gvk,
    pub(crate) referrers: Vec<FieldSpec>,
}

/// The field specs of each transformer: kustomize's `TransformerConfig`. A copy shares what it does not change.
#[derive(Debug, Clone)]
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
}

impl Config {
    /// Adds what another configuration has and this one has not.
    pub(crate) fn merge(self: &Arc<Self>, other: &Arc<Self>) -> Result<Arc<Self>, Fault> {
        if Arc::ptr_eq(self, other) {
            return Ok(Arc::clone(self));
        }
        Ok(Arc::new(Self {
            name_prefix: merge_all(&self.name_prefix, &other.name_prefix)?,
            name_suffix: merge_all(&self.name_suffix, &other.name_suffix)?,
            namespace: merge_all(&self.namespace, &other.namespace)?,
            common_labels: merge_all(&self.common_labels, &other.common_labels)?,
            labels: merge_all(&self.labels, &other.labels)?,
            template_labels: merge_all(&self.template_labels, &other.template_labels)?,
            claim_labels: merge_all(&self.claim_labels, &other.claim_labels)?,
            annotations: merge_all(&self.annotations, &other.annotations)?,
            images: merge_all(&self.images, &other.images)?,
            replicas: merge_all(&self.replicas, &other.replicas)?,
            name_references: merge_references(&self.name_references, &other.name_references)?,
        }))
    }
}

fn merge_all(own: &Arc<[FieldSpec]>, more: &Arc<[FieldSpec]>) -> Result<Arc<[FieldSpec]>, Fault> {
    if Arc::ptr_eq(own, more) {
        return Ok(Arc::clone(own));
    }
    let mut specs = own.to_vec();
    more.iter().try_for_each(|spec| merge_one(&mut specs, spec))?;
    Ok(specs.into())
}

fn merge_references(own: &Arc<[NameReference]>, more: &Arc<[NameReference]>) -> Result<Arc<[NameReference]>, Fault> {
    if Arc::ptr_eq(own, more) {
        return Ok(Arc::clone(own));
    }
    let mut references = own.to_vec();
    for reference in more.iter() {
        match references.iter_mut().find(|own| own.target == reference.target) {
            Some(own) => reference.referrers.iter().try_for_each(|spec| merge_one(&mut own.referrers, spec))?,
            None => references.push(reference.clone()),
        }
    }
    Ok(references.into())
}
