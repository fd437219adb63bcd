//! `generators`, `transformers` and `validators`: plugins that objects configure.

use plumb_yaml::Schema;

use super::{Accumulated, Accumulator, Layer, Step};
use crate::build_metadata;
use crate::error::{ErrorKind, Fault};
use crate::filters::name_affix::Affix;
use crate::filters::patch_strategic::Allow;
use crate::generate::generate;
use crate::helm::inflate;
use crate::kustomization::Kustomization;
use crate::kustomization::decode::{At, Problem};
use crate::object::{Origin, Resource};
use crate::parse::{self, FileFault};
use crate::plugin::{self, Plugin};
use crate::transformer::Transformer;

impl Accumulator<'_> {
    /// Adds what the plugins of `generators` make.
    pub(super) fn plugin_generators(&mut self, layer: &Layer<'_>, accumulated: &mut Accumulated) {
        for config in self.plugin_configs(layer, &layer.kustomization.generator_plugins) {
            let Some(plugin) = self.plugin(layer, &config) else { continue };
            let by = match build_metadata::of_plugin(&config) {
                Ok(by) => by,
                Err(fault) => {
                    self.plugin_problem(layer, &config, at(&config, ()).problem(fault));
                    continue;
                }
            };
            let made = match plugin {
                Plugin::Generator(generator) => {
                    generate(self.loader, layer.directory, &config.origin.file, &at(&config, *generator))
                        .map(|resource| vec![resource])
                }
                Plugin::IamPolicyGenerator(policy) => {
                    let made = parse::resources(
                        policy.service_account().as_bytes(),
                        &config.origin.file,
                        &self.loader.schemas,
                        &self.loader.budget,
                    );
                    made.map_err(|faults| {
                        faults.into_iter().map(|fault| at(&config, ()).problem(fault.fault)).collect()
                    })
                }
                Plugin::HelmChartInflationGenerator(chart) => {
                    inflate(self.loader, layer.directory, &config.origin.file, &chart)
                        .map_err(|fault| vec![at(&config, ()).problem(fault)])
                }
                _ => Err(vec![at(&config, ()).problem(Fault::syntax("this plugin is not a generator"))]),
            };
            match made {
                Ok(resources) => {
                    for mut resource in resources {
                        resource.origin = config.origin.clone();
                        if let Some(by) = &by {
                            build_metadata::note_generator(&mut resource, by);
                        }
                        if let Err(fault) = accumulated.resources.absorb(resource) {
                            self.plugin_problem(layer, &config, at(&config, ()).problem(fault));
                        }
                    }
                }
                Err(problems) => problems.into_iter().for_each(|problem| self.plugin_problem(layer, &config, problem)),
            }
        }
    }

    /// The transformers of the plugins of `transformers` or `validators`.
    pub(super) fn plugin_transformers(&mut self, layer: &Layer<'_>, entries: &[At<String>]) -> Vec<Step> {
        let mut steps = Vec::new();
        for config in self.plugin_configs(layer, entries) {
            let Some(plugin) = self.plugin(layer, &config) else { continue };
            if plugin.is_generator() {
                let fault = Fault::syntax("this plugin is a generator; list it under generators");
                self.plugin_problem(layer, &config, at(&config, ()).problem(fault));
                continue;
            }
            // Paths in the configuration are relative to the kustomization that uses it, wherever the object comes from.
            let place = Layer {
                directory: layer.directory,
                file: config.origin.file.clone(),
                chain: layer.chain,
                kustomization: Kustomization::default(),
                from: None,
                helm_namespace: String::new(),
            };
            let by = build_metadata::of_plugin(&config);
            let Some(by) = self.noted(&place, &at(&config, ()), by) else { continue };
            if let Some(transformers) = self.plugin_transformer(&place, &config, plugin) {
                let file = Some(config.origin.file.clone());
                let last = transformers.len().saturating_sub(1);
                steps.extend(transformers.into_iter().enumerate().map(|(index, transformer)| Step {
                    transformer: at(&config, transformer),
                    file: file.clone(),
                    by: by.clone().filter(|_| index == last),
                }));
            }
        }
        steps
    }

    /// The objects that entries lead to. Those that stand in the kustomization itself come first, as in kustomize.
    fn plugin_configs(&mut self, layer: &Layer<'_>, entries: &[At<String>]) -> Vec<Resource> {
        let mut accumulated = Accumulated::new(&self.loader.budget);
        let mut paths = Vec::new();
        for entry in entries {
            match parse::resources(entry.value.as_bytes(), &layer.file, &self.loader.schemas, &self.loader.budget) {
                Ok(mut inline) => {
                    for resource in &mut inline {
                        resource.origin.line = Some(entry.line);
                        if let Some(from) = &layer.from {
                            build_metadata::note_inline(resource, &from.append(layer.file_name()));
                        }
                    }
                    let added = accumulated.resources.append_all(inline);
                    self.noted(layer, entry, added);
                }
                Err(faults) if is_inline(&entry.value) => {
                    for FileFault { line, fault } in faults {
                        let place = line.map(|line| format!("line {line} of the entry: ")).unwrap_or_default();
                        let message = format!("{place}{}", fault.message);
                        self.problem(layer, entry.problem(Fault { kind: fault.kind, message }));
                    }
                }
                Err(_) => paths.push(entry),
            }
        }
        for entry in paths {
            self.resource(layer, entry, &mut accumulated);
        }
        accumulated.resources.into_list()
    }

    fn plugin(&mut self, layer: &Layer<'_>, config: &Resource) -> Option<Plugin> {
        if !plugin::is_builtin(config) {
            let message = format!(
                "{} of {:?} is a plugin that is not built in, and only built-in plugins (apiVersion: builtin) are enabled",
                config.kind(),
                config.api_version()
            );
            let fault = Fault { kind: ErrorKind::Unsupported, message };
            self.plugin_problem(layer, config, at(config, ()).problem(fault));
            return None;
        }
        match Plugin::decode(config) {
            Ok(plugin) => Some(plugin),
            Err(problems) => {
                for problem in problems {
                    self.plugin_problem(layer, config, problem);
                }
                None
            }
        }
    }

    fn plugin_transformer(&mut self, place: &Layer<'_>, config: &Resource, plugin: Plugin) -> Option<Vec<Transformer>> {
        let transformer = match plugin {
            Plugin::Annotations { annotations, specs } => Transformer::Annotations { annotations, specs: specs.into() },
            Plugin::Label { labels, specs } => Transformer::Label { labels, specs: specs.into() },
            Plugin::ImageTag { image, specs } => Transformer::ImageTag { image, specs: specs.into() },
            Plugin::ReplicaCount { replica, specs } => Transformer::ReplicaCount { replica, specs: specs.into() },
            Plugin::Namespace { namespace, specs } => Transformer::Namespace { namespace, specs: specs.into() },
            Plugin::Hash => Transformer::Hash,
            Plugin::Affix { prefix, suffix, specs } => {
                let affix = |(affix, text)| Transformer::Affix { affix, text, specs: specs.clone().into() };
                return Some([(Affix::Prefix, prefix), (Affix::Suffix, suffix)].map(affix).into());
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
                    "" => place.directory.rsplit('/').next().unwrap_or_default().to_owned(),
                    value => value.to_owned(),
                };
                let wrong = if targets.is_empty() {
                    Some("at least one target is needed")
                } else if value.is_empty() {
                    Some("the root of the repository has no name that could be the value; set value")
                } else {
                    None
                };
                if let Some(message) = wrong {
                    self.problem(place, at(config, ()).problem(Fault::syntax(message)));
                    return None;
                }
                Transformer::ValueAdd { value, targets }
            }
            Plugin::Generator(_) | Plugin::HelmChartInflationGenerator(_) | Plugin::IamPolicyGenerator(_) => {
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

    /// Notes what is wrong with a plugin, in the file of its object.
    fn plugin_problem(&mut self, layer: &Layer<'_>, config: &Resource, problem: Problem) {
        let Problem { field, fault, .. } = problem;
        let Origin { file, line } = &config.origin;
        let name = plugin::describe(config);
        let field = match field {
            Some(field) if field.starts_with(&name) => field,
            Some(field) => format!("{name}: {field}"),
            None => name,
        };
        self.error(layer.chain, file, *line, Some(field), fault);
    }
}

/// Whether an entry is meant to be an object and not the path of one.
fn is_inline(entry: &str) -> bool {
    entry.contains('\n') || entry.trim_start().starts_with('{')
}

/// A value in the place of the object that configures it.
fn at<T>(config: &Resource, value: T) -> At<T> {
    At { line: config.origin.line.unwrap_or_default(), field: plugin::describe(config), value }
}

/// A part of the configuration in the place of the object.
fn inside<T>(config: &Resource, part: At<T>) -> At<T> {
    At { field: format!("{}: {}", plugin::describe(config), part.field), ..at(config, part.value) }
}
