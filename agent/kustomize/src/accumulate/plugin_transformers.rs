//! The transformers of plugins, with the patches and replacements that they name.

use plumb_yaml::Schema;

use super::plugins::{at, inside};
use super::{Accumulator, Layer};
use crate::error::Fault;
use crate::filters::name_affix::Affix;
use crate::filters::patch_strategic::Allow;
use crate::kustomization::decode::{At, Problem};
use crate::object::Resource;
use crate::parse::{self, FileFault};
use crate::plugin::{self, Plugin};
use crate::transformer::Transformer;

impl Accumulator<'_> {
    /// What a plugin does; nothing when it is no transformer.
    pub(super) fn plugin_transformer(
        &mut self,
        place: &Layer<'_>,
        config: &Resource,
        plugin: Plugin,
    ) -> Option<Vec<Transformer>> {
        let transformer = match plugin {
            Plugin::Annotations { annotations, specs } => Transformer::Annotations { annotations, specs: specs.into() },
            Plugin::Label { labels, specs } => Transformer::Label { labels, specs: specs.into() },
            Plugin::ImageTag { image, specs } => Transformer::ImageTag { image, specs: specs.into() },
            Plugin::ReplicaCount { replica, specs } => Transformer::ReplicaCount { replica, specs: specs.into() },
            Plugin::Namespace { namespace, specs } => Transformer::Namespace { namespace, specs: specs.into() },
            Plugin::Hash => Transformer::Hash,
            Plugin::Affix { prefix, suffix, specs } => {
                let affix = |(affix, text): (Affix, Option<String>)| {
                    text.map(|text| Transformer::Affix { affix, text, specs: specs.clone().into() })
                };
                return Some(
                    [(Affix::Prefix, prefix), (Affix::Suffix, suffix)].into_iter().filter_map(affix).collect(),
                );
            }
            Plugin::Patch(patch) => {
                let allow = Allow { name_change: patch.allow_name_change, kind_change: patch.allow_kind_change };
                let (patch, matcher) = self.patch(place, &at(config, *patch))?;
                Transformer::Patch { patch, matcher, allow }
            }
            Plugin::PatchJson6902(patch) => {
                let (operations, matcher) = self.json_patch(place, &at(config, *patch))?;
                Transformer::PatchJson6902 { operations, matcher }
            }
            Plugin::PatchStrategicMerge { paths, patches } => self.strategic_plugin(place, config, paths, &patches)?,
            Plugin::Replacement(entries) => {
                let read = entries.into_iter().map(|entry| {
                    let entry = inside(config, entry);
                    let replacements = self.replacements(place, &entry)?;
                    Some(entry.with(replacements))
                });
                Transformer::Replacement(read.collect::<Option<_>>()?)
            }
            Plugin::ValueAdd { value, targets, target_file } => {
                let mut targets = targets;
                if !target_file.is_empty() {
                    let read = self.loader.file(place.directory, &target_file);
                    let (path, bytes) = self.noted(place, &at(config, ()), read)?;
                    let documents = parse::documents(&bytes, Schema::Yaml11, &self.loader.budget);
                    let documents = self.noted_file(place, &path, documents)?;
                    match documents.first().map_or(Ok(Vec::new()), plugin::value_add_targets) {
                        Ok(more) => targets.extend(more),
                        Err(problems) => {
                            for Problem { line, field, fault } in problems {
                                self.error(place.chain, &path, line, field, fault);
                            }
                            return None;
                        }
                    }
                }
                let value = match value.trim() {
                    "" => self.loader.name_of(place.directory),
                    value => value.to_owned(),
                };
                let wrong = if targets.is_empty() {
                    Some("at least one target is needed")
                } else if value.is_empty() {
                    Some("the root of the tree has no name that could be the value; set value")
                } else {
                    None
                };
                if let Some(message) = wrong {
                    self.problem(place, at(config, ()).problem(Fault::syntax(message)));
                    return None;
                }
                Transformer::ValueAdd { value, targets }
            }
            Plugin::Function(_)
            | Plugin::Generator(_)
            | Plugin::HelmChartInflationGenerator(_)
            | Plugin::IamPolicyGenerator(_) => {
                return None;
            }
        };
        Some(vec![transformer])
    }

    fn strategic_plugin(
        &mut self,
        place: &Layer<'_>,
        config: &Resource,
        paths: Vec<At<String>>,
        patches: &str,
    ) -> Option<Transformer> {
        let mut entries = Vec::new();
        for path in paths {
            let entry = inside(config, path);
            let patches = self.strategic_patch(place, &entry)?;
            entries.push(entry.with(patches));
        }
        let inline = parse::resources(patches.as_bytes(), &place.file, &self.loader.schemas, &self.loader.budget);
        let inline = match inline {
            Ok(inline) => inline,
            Err(faults) => {
                for FileFault { fault, .. } in faults {
                    self.problem(place, at(config, ()).problem(fault));
                }
                return None;
            }
        };
        entries.push(at(config, inline));
        if entries.iter().all(|entry| entry.value.is_empty()) {
            let message = "there are no patches; set paths or patches";
            self.problem(place, at(config, ()).problem(Fault::syntax(message)));
            return None;
        }
        Some(Transformer::PatchStrategicMerge(entries))
    }
}
