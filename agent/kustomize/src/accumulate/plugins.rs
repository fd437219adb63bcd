//! `generators`, `transformers` and `validators`: plugins that objects configure.

use super::{Accumulated, Accumulator, Action, Layer, Step};
use crate::build_metadata;
use crate::error::Fault;
use crate::generate::generate;
use crate::helm::inflate;
use crate::kustomization::Kustomization;
use crate::kustomization::decode::{At, Problem};
use crate::object::{Origin, Resource};
use crate::parse::{self, FileFault};
use crate::plugin::{self, Function, Plugin};

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
                Plugin::Function(function) => function
                    .generate(self.loader, layer.directory)
                    .map_err(|fault| vec![at(&config, ()).problem(fault)]),
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
            let actions = match plugin {
                Plugin::Function(function) => vec![Action::Function(Box::new(at(&config, *function)))],
                plugin => match self.plugin_transformer(&place, &config, plugin) {
                    Some(transformers) => transformers
                        .into_iter()
                        .map(|transformer| Action::Transformer(Box::new(at(&config, transformer))))
                        .collect(),
                    None => continue,
                },
            };
            let last = actions.len().saturating_sub(1);
            steps.extend(actions.into_iter().enumerate().map(|(index, action)| Step {
                action,
                file: Some(config.origin.file.clone()),
                by: by.clone().filter(|_| index == last),
            }));
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
            let function = Function::of(config).and_then(|function| {
                let message = "this plugin is not built in (apiVersion: builtin), and names no function; others can not be run here";
                let function = function.ok_or_else(|| Fault::unsupported(message))?;
                self.loader.functions_enabled()?;
                Ok(Plugin::Function(Box::new(function)))
            });
            return match function {
                Ok(function) => Some(function),
                Err(fault) => {
                    self.plugin_problem(layer, config, at(config, ()).problem(fault));
                    None
                }
            };
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
pub(super) fn at<T>(config: &Resource, value: T) -> At<T> {
    At { line: config.origin.line.unwrap_or_default(), field: plugin::describe(config), value }
}

/// A part of the configuration in the place of the object.
pub(super) fn inside<T>(config: &Resource, part: At<T>) -> At<T> {
    At { field: format!("{}: {}", plugin::describe(config), part.field), ..at(config, part.value) }
}
