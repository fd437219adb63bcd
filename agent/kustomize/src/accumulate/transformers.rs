//! The transformers that the fields of a kustomization stand for, in kustomize's order.

use std::collections::BTreeMap;

use super::{Accumulator, Action, Layer, Step};
use crate::error::Fault;
use crate::fieldspec::config::Config;
use crate::filters::labels;
use crate::filters::name_affix::Affix;
use crate::filters::namespace::Namespace;
use crate::filters::patch_strategic::Allow;
use crate::kustomization::decode::At;
use crate::kustomization::{Include, Kustomization, Labels};
use crate::transformer::Transformer;

impl Accumulator<'_> {
    /// Reads all patches and replacements before anything is applied.
    pub(super) fn transformers(&mut self, layer: &Layer<'_>, config: &Config) -> Option<Vec<Step>> {
        let before = self.errors.len();
        let kustomization = &layer.kustomization;
        let mut transformers = Vec::new();
        transformers.extend(self.strategic_patches(layer));
        for entry in &kustomization.patches {
            if !self.goes_on(layer, entry) {
                return None;
            }
            if let Some((patch, matcher)) = self.patch(layer, entry) {
                let allow =
                    Allow { name_change: entry.value.allow_name_change, kind_change: entry.value.allow_kind_change };
                transformers.push(entry.with(Transformer::Patch { patch, matcher, allow }));
            }
        }
        naming(kustomization, config, &mut transformers);
        for entry in &kustomization.labels {
            if !self.goes_on(layer, entry) {
                return None;
            }
            if let Some(specs) = self.noted(layer, entry, labels::specs(&entry.value, config)) {
                let labels = entry.value.pairs.clone();
                transformers.push(entry.with(Transformer::Label { labels, specs: specs.into() }));
            }
        }
        if let Some(first) = kustomization.labels.first().filter(|_| layer.from.is_some()) {
            let is_common = |entry: &At<Labels>| matches!(entry.value.include, Include::Common);
            if !kustomization.labels.iter().any(is_common) {
                // Beside any labels kustomize has a transformer for commonLabels even if there are none, and notes it.
                transformers.push(first.with(Transformer::Label { labels: BTreeMap::new(), specs: [].into() }));
            }
        }
        let annotations = &kustomization.common_annotations;
        if !annotations.value.is_empty() {
            transformers.push(annotations.with(Transformer::Annotations {
                annotations: annotations.value.clone(),
                specs: config.annotations.clone(),
            }));
        }
        for entry in &kustomization.patches_json6902 {
            if !self.goes_on(layer, entry) {
                return None;
            }
            if let Some((operations, matcher)) = self.json_patch(layer, entry) {
                transformers.push(entry.with(Transformer::PatchJson6902 { operations, matcher }));
            }
        }
        transformers.extend(kustomization.replicas.iter().map(|entry| {
            entry.with(Transformer::ReplicaCount { replica: entry.value.clone(), specs: config.replicas.clone() })
        }));
        transformers.extend(kustomization.images.iter().map(|entry| {
            entry.with(Transformer::ImageTag { image: entry.value.clone(), specs: config.images.clone() })
        }));
        let replacements: Vec<_> = kustomization
            .replacements
            .iter()
            .filter_map(|entry| Some(entry.with(self.replacements(layer, entry)?)))
            .collect();
        if let Some(first) = kustomization.replacements.first() {
            transformers.push(first.with(Transformer::Replacement(replacements)));
        }
        let mut steps: Vec<Step> = transformers
            .into_iter()
            .map(|transformer| Step {
                by: layer.field(transformer.value.plugin()),
                action: Action::Transformer(Box::new(transformer)),
                file: None,
            })
            .collect();
        steps.extend(self.plugin_transformers(layer, &kustomization.transformer_plugins));
        (self.errors.len() == before).then_some(steps)
    }

    fn strategic_patches(&mut self, layer: &Layer<'_>) -> Option<At<Transformer>> {
        let before = self.errors.len();
        let entries = &layer.kustomization.patches_strategic_merge;
        let first = entries.first()?;
        let patches: Vec<_> =
            entries.iter().filter_map(|entry| Some(entry.with(self.strategic_patch(layer, entry)?))).collect();
        if patches.iter().all(|entry| entry.value.is_empty()) && self.errors.len() == before {
            let message = "the patches are empty; remove the field or write a patch";
            self.problem(layer, first.problem(Fault::syntax(message)));
        }
        Some(first.with(Transformer::PatchStrategicMerge(patches)))
    }
}

/// Namespace, prefix and suffix.
fn naming(kustomization: &Kustomization, config: &Config, transformers: &mut Vec<At<Transformer>>) {
    let namespace = &kustomization.namespace;
    if !namespace.value.is_empty() {
        let value = Namespace { name: namespace.value.clone(), ..Namespace::default() };
        transformers.push(namespace.with(Transformer::Namespace { namespace: value, specs: config.namespace.clone() }));
    }
    for (affix, text, specs) in [
        (Affix::Prefix, &kustomization.name_prefix, &config.name_prefix),
        (Affix::Suffix, &kustomization.name_suffix, &config.name_suffix),
    ] {
        if !text.value.is_empty() {
            transformers.push(text.with(Transformer::Affix { affix, text: text.value.clone(), specs: specs.clone() }));
        }
    }
}
