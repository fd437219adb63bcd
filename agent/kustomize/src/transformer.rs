//! Transformers with their configuration: what a field of a kustomization asks for, ready to be applied.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::Fault;
use crate::fieldspec::FieldSpec;
use crate::filters::name_affix::Affix;
use crate::filters::namespace::Namespace;
use crate::filters::patch_json6902::Operations;
use crate::filters::patch_strategic::Allow;
use crate::filters::target::Matcher;
use crate::filters::{
    annotations, hash, images, labels, name_affix, namespace, patch_json6902, patch_strategic, replacements, replicas,
    value_add,
};
use crate::kustomization::decode::{At, Problem};
use crate::kustomization::replacement::Replacement;
use crate::kustomization::{Image, Replica};
use crate::object::Resource;
use crate::resources::Resources;
use crate::shared;

/// One of kustomize's transformers; each is named as there.
pub(crate) enum Transformer {
    PatchStrategicMerge(Vec<At<Vec<Resource>>>),
    Patch { patch: Patch, matcher: Option<Matcher>, allow: Allow },
    Namespace { namespace: Namespace, specs: Arc<[FieldSpec]> },
    Affix { affix: Affix, text: String, specs: Arc<[FieldSpec]> },
    Label { labels: BTreeMap<String, String>, specs: Arc<[FieldSpec]> },
    Annotations { annotations: BTreeMap<String, String>, specs: Arc<[FieldSpec]> },
    PatchJson6902 { operations: Operations, matcher: Matcher },
    ReplicaCount { replica: Replica, specs: Arc<[FieldSpec]> },
    ImageTag { image: Image, specs: Arc<[FieldSpec]> },
    Replacement(Vec<At<Vec<Replacement>>>),
    Hash,
    ValueAdd { value: String, targets: Vec<value_add::Target> },
}

/// A patch that was read.
pub(crate) enum Patch {
    Strategic(Vec<Resource>),
    Json(Operations),
}

impl At<Transformer> {
    /// Changes the objects; says everything that is wrong.
    pub(crate) fn apply(&self, resources: &mut Resources, budget: &Budget) -> Vec<Problem> {
        let looks = resources.len().saturating_mul(self.value.specs());
        budget.work(looks.saturating_mul(STEPS_OF_A_SPEC));
        if let Err(fault) = budget.check() {
            return vec![self.problem(fault)];
        }
        let problems = self.change(resources, budget);
        for resource in resources.iter_mut().filter(|resource| resource.sharing.any) {
            shared::settle(&mut resource.tree);
        }
        problems
    }

    fn change(&self, resources: &mut Resources, budget: &Budget) -> Vec<Problem> {
        let result = match &self.value {
            Transformer::PatchStrategicMerge(entries) => {
                return each(entries, budget, |patch| patch_strategic::apply_of_old_field(resources, patch));
            }
            Transformer::Replacement(entries) => {
                return each(entries, budget, |replacement| replacements::apply(resources, replacement, budget));
            }
            Transformer::Patch { patch: Patch::Strategic(patches), matcher, allow } => {
                let results = patches.iter().map(|patch| match matcher {
                    Some(matcher) => patch_strategic::apply_to_target(resources, matcher, patch, *allow),
                    None => patch_strategic::apply_by_name(resources, patch, *allow),
                });
                return results.filter_map(Result::err).map(|fault| self.problem(fault)).collect();
            }
            Transformer::Patch { patch: Patch::Json(operations), matcher: Some(matcher), .. } => {
                patch_json6902::apply(resources, matcher, operations, true)
            }
            // Only an empty JSON patch comes without a target.
            Transformer::Patch { patch: Patch::Json(_), matcher: None, .. } => Ok(()),
            Transformer::Namespace { namespace, specs } => namespace::apply(resources, namespace, specs),
            Transformer::Affix { affix, text, specs } => name_affix::apply(resources, *affix, text, specs),
            Transformer::Label { labels, specs } => labels::set_entries(resources, labels, specs),
            Transformer::Annotations { annotations, specs } => annotations::apply(resources, annotations, specs),
            Transformer::PatchJson6902 { operations, matcher } => {
                patch_json6902::apply(resources, matcher, operations, false)
            }
            Transformer::Hash => hash::apply(resources),
            Transformer::ValueAdd { value, targets } => value_add::apply(resources, value, targets, budget),
            Transformer::ReplicaCount { replica, specs } => replicas::apply(resources, replica, specs),
            Transformer::ImageTag { image, specs } => images::apply(resources, image, specs, budget),
        };
        result.and_then(|()| budget.check()).err().map(|fault| self.problem(fault)).into_iter().collect()
    }
}

/// Steps to see whether a field spec is for an object, and to find its field.
const STEPS_OF_A_SPEC: usize = 8;

impl Transformer {
    /// The kind under which an object configures the transformer.
    pub(crate) fn plugin(&self) -> &'static str {
        match self {
            Self::PatchStrategicMerge(_) => "PatchStrategicMergeTransformer",
            Self::Patch { .. } => "PatchTransformer",
            Self::Namespace { .. } => "NamespaceTransformer",
            Self::Affix { affix: Affix::Prefix, .. } => "PrefixTransformer",
            Self::Affix { affix: Affix::Suffix, .. } => "SuffixTransformer",
            Self::Label { .. } => "LabelTransformer",
            Self::Annotations { .. } => "AnnotationsTransformer",
            Self::PatchJson6902 { .. } => "PatchJson6902Transformer",
            Self::ReplicaCount { .. } => "ReplicaCountTransformer",
            Self::ImageTag { .. } => "ImageTagTransformer",
            Self::Replacement(_) => "ReplacementTransformer",
            Self::Hash => "HashTransformer",
            Self::ValueAdd { .. } => "ValueAddTransformer",
        }
    }

    /// How many field specs are tried on each object.
    fn specs(&self) -> usize {
        match self {
            Self::Namespace { specs, .. }
            | Self::Affix { specs, .. }
            | Self::Label { specs, .. }
            | Self::Annotations { specs, .. }
            | Self::ReplicaCount { specs, .. }
            | Self::ImageTag { specs, .. } => specs.len(),
            Self::PatchStrategicMerge(_)
            | Self::Patch { .. }
            | Self::PatchJson6902 { .. }
            | Self::Replacement(_)
            | Self::Hash => 0,
            Self::ValueAdd { targets, .. } => targets.len(),
        }
    }
}

fn each<T>(entries: &[At<Vec<T>>], budget: &Budget, mut apply: impl FnMut(&T) -> Result<(), Fault>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for entry in entries {
        let faults = entry.value.iter().filter_map(|value| apply(value).err());
        problems.extend(faults.map(|fault| entry.problem(fault)));
        if let Err(fault) = budget.check() {
            problems.push(entry.problem(fault));
            return problems;
        }
    }
    problems
}
