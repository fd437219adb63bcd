//! Works through kustomizations: resources, generators, components, then the transformers, and the bases before the overlay.

mod configuration;
mod helm;
mod openapi;
mod overrides;
mod patches;
mod plugin_transformers;
mod plugins;
mod resources;
mod transformers;
mod validators;
mod vars;

use std::collections::BTreeMap;
use std::sync::Arc;

use plumb_yaml::Schema;

use crate::budget::Budget;
use crate::build_metadata::{self, Provenance};
use crate::error::{Error, Fault};
use crate::fieldspec::config::Config;
use crate::generate::generate;
use crate::kustomization::Kustomization;
use crate::kustomization::decode::{At, Problem};
use crate::kustomization::var::PlacedVar;
use crate::load::Loader;
use crate::object::Resource;
use crate::parse::{self, FileFault};
use crate::plugin::Function;
use crate::resources::Resources;
use crate::transformer::Transformer;

/// Gathers objects and everything that is wrong.
pub(crate) struct Accumulator<'a> {
    loader: &'a Loader<'a>,
    pub(crate) errors: Vec<Error>,
    kustomizations: usize,
    /// How many of the kustomizations that are being worked on have validators, which see in what order metadata came.
    validating: usize,
    /// The repositories that led here, outermost first.
    clones: Vec<resources::Reached>,
}

/// A kustomization that is being worked on.
struct Layer<'l> {
    directory: &'l str,
    /// The path of the kustomization file.
    file: String,
    /// The directories of this and of all kustomizations around it, outermost first.
    chain: &'l [String],
    kustomization: Kustomization,
    /// The namespace that the kustomizations around give to helm.
    helm_namespace: String,
    /// Where the kustomization is, when that is to be noted.
    from: Option<Provenance>,
}

impl Layer<'_> {
    /// What to note of a plugin that a field of the kustomization stands for.
    fn field(&self, plugin: &str) -> Option<Provenance> {
        self.from.as_ref().map(|from| from.field(self.file_name(), plugin))
    }

    fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or_default()
    }
}

/// What changes objects.
enum Action {
    Transformer(Box<At<Transformer>>),
    Function(Box<At<Function>>),
}

impl Action {
    fn problem(&self, fault: Fault) -> Problem {
        match self {
            Self::Transformer(at) => at.problem(fault),
            Self::Function(at) => at.problem(fault),
        }
    }
}

/// A change, and the file that asks for it when that is not the kustomization.
struct Step {
    action: Action,
    file: Option<String>,
    /// What to note of it.
    by: Option<Provenance>,
}

/// What the kustomizations so far make.
pub(crate) struct Accumulated {
    pub(crate) resources: Resources,
    /// The field specs of all kustomizations below, which their references by name need at the end.
    pub(crate) config: Arc<Config>,
    /// The vars of all kustomizations below by name.
    pub(crate) vars: BTreeMap<String, PlacedVar>,
}

impl Accumulated {
    fn new(budget: &Budget) -> Self {
        Self { resources: Resources::new(budget), config: Arc::clone(Config::empty()), vars: BTreeMap::new() }
    }

    /// Adds what a base makes.
    fn merge(&mut self, below: Accumulated) -> Result<(), Fault> {
        self.resources.append_all(below.resources.into_list())?;
        self.config = self.config.merge(&below.config, self.resources.budget())?;
        below.vars.into_values().try_for_each(|var| self.add_var(var))
    }
}

/// The kustomization at the top, with the objects that it makes.
pub(crate) struct Top {
    pub(crate) kustomization: Kustomization,
    pub(crate) accumulated: Accumulated,
}

impl<'a> Accumulator<'a> {
    pub(crate) fn new(loader: &'a Loader<'a>) -> Self {
        Self { loader, errors: Vec::new(), kustomizations: 0, validating: 0, clones: Vec::new() }
    }

    /// Works through the kustomization of a directory and all that it leads to; `url` is where its repository came from.
    pub(crate) fn top(&mut self, directory: &str, url: Option<&str>) -> Option<Top> {
        self.clones.extend(url.map(|url| resources::Reached { url: url.to_owned(), depth: 0 }));
        let chain = [directory.to_owned()];
        let mut layer = self.read(directory, &chain)?;
        layer.from = layer.kustomization.build_metadata.is_noted().then(Provenance::default);
        let accumulated = self.layer(&layer, Accumulated::new(&self.loader.budget))?;
        Some(Top { kustomization: layer.kustomization, accumulated })
    }

    fn error(&mut self, chain: &[String], file: &str, line: Option<u32>, field: Option<String>, fault: Fault) {
        if !self.gives_up() {
            let Fault { kind, message } = fault;
            let (message, field) = (shortened(message), field.map(shortened));
            self.errors.push(Error { kind, file: file.to_owned(), line, field, bases: chain.to_vec(), message });
        }
    }

    /// Whether there are so many errors that nobody wants more.
    fn gives_up(&self) -> bool {
        self.errors.len() >= self.loader.budget.options.max_errors
    }

    /// Whether there is still something to be done, and to be told.
    fn goes_on<T>(&mut self, layer: &Layer<'_>, at: &At<T>) -> bool {
        let within = self.loader.budget.check();
        !self.gives_up() && self.noted(layer, at, within).is_some()
    }

    fn problem(&mut self, layer: &Layer<'_>, problem: Problem) {
        self.error(layer.chain, &layer.file, problem.line, problem.field, problem.fault);
    }

    /// Notes what is wrong with a result; the value otherwise.
    fn noted<T, U>(&mut self, layer: &Layer<'_>, at: &At<U>, result: Result<T, Fault>) -> Option<T> {
        result.map_err(|fault| self.problem(layer, at.problem(fault))).ok()
    }

    fn noted_file<T>(&mut self, layer: &Layer<'_>, file: &str, result: Result<T, FileFault>) -> Option<T> {
        result.map_err(|FileFault { line, fault }| self.error(layer.chain, file, line, None, fault)).ok()
    }

    fn noted_objects(
        &mut self,
        layer: &Layer<'_>,
        file: &str,
        result: Result<Vec<Resource>, Vec<FileFault>>,
    ) -> Option<Vec<Resource>> {
        result
            .map_err(|faults| {
                for FileFault { line, fault } in faults {
                    self.error(layer.chain, file, line, None, fault);
                }
            })
            .ok()
    }

    /// Reads the kustomization file of a directory.
    fn read<'l>(&mut self, directory: &'l str, chain: &'l [String]) -> Option<Layer<'l>> {
        let budget = &self.loader.budget;
        self.kustomizations += 1;
        if self.kustomizations > budget.options.max_kustomizations {
            let fault = Fault::limit(format!(
                "the render needs more than {} kustomizations",
                budget.options.max_kustomizations
            ));
            self.error(chain, directory, None, None, fault);
            return None;
        }
        let (file, bytes) = match self.loader.kustomization(directory) {
            Ok(found) => found,
            Err(fault) => {
                self.error(chain, directory, None, None, fault);
                return None;
            }
        };
        let empty = FileFault {
            line: None,
            fault: Fault::syntax("the kustomization file is empty; it needs at least one field, such as resources"),
        };
        // Only the first document counts, as in kustomize.
        let document = parse::documents(&bytes, Schema::Yaml11, budget)
            .and_then(|documents| documents.into_iter().next().ok_or(empty));
        let decoded = match document {
            Ok(document) => Kustomization::decode(&document),
            Err(FileFault { line, fault }) => Err(vec![Problem { line, field: None, fault }]),
        };
        match decoded {
            Ok(kustomization) => {
                let layer = Layer { directory, file, chain, kustomization, helm_namespace: String::new(), from: None };
                self.openapi(&layer).map(|()| layer)
            }
            Err(problems) => {
                for Problem { line, field, fault } in problems {
                    self.error(chain, &file, line, field, fault);
                }
                None
            }
        }
    }

    /// Does what a kustomization says; `accumulated` is what the kustomization around a component has made.
    fn layer(&mut self, layer: &Layer<'_>, accumulated: Accumulated) -> Option<Accumulated> {
        let validates = usize::from(!layer.kustomization.validators.is_empty());
        self.validating += validates;
        let made = self.make(layer, accumulated);
        self.validating -= validates;
        made
    }

    fn make(&mut self, layer: &Layer<'_>, mut accumulated: Accumulated) -> Option<Accumulated> {
        let before = self.errors.len();
        for entry in &layer.kustomization.resources {
            if !self.goes_on(layer, entry) {
                return None;
            }
            self.resource(layer, entry, &mut accumulated);
        }
        accumulated.config = self.configured(layer, &accumulated.config)?;
        for generator in &layer.kustomization.generators {
            if !self.goes_on(layer, generator) {
                return None;
            }
            match generate(self.loader, layer.directory, &layer.file, generator) {
                Ok(mut resource) => {
                    if let Some(by) =
                        layer.field(if generator.value.is_secret { "SecretGenerator" } else { "ConfigMapGenerator" })
                    {
                        build_metadata::note_generator(&mut resource, &by);
                    }
                    let result = accumulated.resources.absorb(resource);
                    self.noted(layer, generator, result);
                }
                Err(problems) => problems.into_iter().for_each(|problem| self.problem(layer, problem)),
            }
        }
        self.helm_charts(layer, &mut accumulated);
        self.plugin_generators(layer, &mut accumulated);
        for entry in &layer.kustomization.components {
            if !self.goes_on(layer, entry) {
                return None;
            }
            accumulated = self.component(layer, entry, accumulated)?;
        }
        let steps = self.transformers(layer, &accumulated.config);
        if self.errors.len() > before {
            return None;
        }
        for step in steps? {
            if !self.step(layer, &step, &mut accumulated.resources) {
                return None;
            }
        }
        if self.errors.len() == before {
            self.validate(layer, &mut accumulated);
        }
        self.vars(layer, &mut accumulated);
        (self.errors.len() == before).then_some(accumulated)
    }

    /// Changes the objects, and says whether there may be another step.
    fn step(&mut self, layer: &Layer<'_>, step: &Step, resources: &mut Resources) -> bool {
        let mut problems = match &step.action {
            Action::Transformer(transformer) => transformer.apply(resources, &self.loader.budget),
            Action::Function(at) => {
                let changed = at.value.transform(self.loader, layer.directory, resources);
                changed.err().map(|fault| at.problem(fault)).into_iter().collect()
            }
        };
        if self.validating > 0 {
            resources.note_metadata();
        }
        if let Some(by) = &step.by {
            let noted = build_metadata::note_transformer(resources, by);
            problems.extend(noted.err().map(|fault| step.action.problem(fault)));
        }
        let within = self.loader.budget.check();
        let goes_on = within.is_ok();
        if problems.is_empty() {
            problems.extend(within.err().map(|fault| step.action.problem(fault)));
        }
        for problem in problems {
            let file = step.file.as_deref().unwrap_or(&layer.file);
            // Lines begin with 1: what has none is in no file.
            self.error(layer.chain, file, problem.line.filter(|line| *line > 0), problem.field, problem.fault);
        }
        goes_on && !self.gives_up()
    }
}

/// A message that a person can read: what it quotes may be as long as a file. What is wrong stands at its end.
fn shortened(text: String) -> String {
    const LONGEST: usize = 2048;
    if text.len() <= 2 * LONGEST {
        return text;
    }
    let (start, _) = text.split_at(text.floor_char_boundary(LONGEST));
    let (_, end) = text.split_at(text.ceil_char_boundary(text.len() - LONGEST));
    format!("{start}…{end}")
}
