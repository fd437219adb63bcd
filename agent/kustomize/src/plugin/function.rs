//! KRM functions: programs that the configuration of a plugin names in an annotation. They read a `ResourceList` and print one
//! (`kyaml/fn/runtime` and `api/internal/plugins/fnplugin` of kustomize).

mod exchange;

use plumb_yaml::{Limits, Schema};

use crate::error::Fault;
use crate::fetch::FunctionCall;
use crate::kustomization::decode::{Decoder, Mode, dotted};
use crate::load::Loader;
use crate::object::{Behavior, Resource};
use crate::parse;
use crate::resources::Resources;
use crate::tree::Tree;

/// A program with the object that names it.
#[derive(Debug)]
pub(crate) struct Function {
    path: String,
    args: Vec<String>,
    env: Vec<(String, String)>,
    config: Resource,
}

/// The annotations that may name a function; of several the first counts.
const ANNOTATIONS: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// An older annotation that names the image of a container.
const CONTAINER: &str = "config.kubernetes.io/container";

const NEEDS_HASH: &str = "kustomize.config.k8s.io/needs-hash";
const BEHAVIOR: &str = "kustomize.config.k8s.io/behavior";

impl Function {
    /// The function that an object names, if it names any. One that runs in a container is refused.
    pub(crate) fn of(config: &Resource) -> Result<Option<Self>, Fault> {
        let annotation = |name: &str| {
            let mut annotations = config.metadata_strings("annotations").filter(|(_, value)| !value.is_empty());
            annotations.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        if let Some(text) = ANNOTATIONS.into_iter().find_map(annotation) {
            return Self::read(config, text).map(Some);
        }
        match config.tree.get("metadata").and_then(|metadata| metadata.get("configFn")) {
            Some(spec) if !spec.is_null() => {
                let text = plumb_yaml::print(&spec.clone().into_value());
                Self::read(config, &text).map(Some)
            }
            _ => annotation(CONTAINER).map_or(Ok(None), |image| Err(no_container(image))),
        }
    }

    fn read(config: &Resource, text: &str) -> Result<Self, Fault> {
        let wrong = |message: &str| Fault::syntax(format!("what is said of the function is not valid: {message}"));
        let documents = plumb_yaml::parse(text.as_bytes(), Schema::Yaml11, &Limits::default());
        let documents = documents.map_err(|error| wrong(&error.message))?;
        let node = documents.first().ok_or_else(|| wrong("it is empty"))?;
        let mut decoder = Decoder { mode: Mode::Lenient, problems: Vec::new() };
        let fields = decoder.fields(node, "", &["deferFailure", "container", "exec"]);
        if let Some(node) = fields.get("container") {
            let fields = decoder.fields(node, "container", &["image"]);
            let image = decoder.text_of(&fields, "container", "image");
            if !image.is_empty() {
                return Err(no_container(&image));
            }
        }
        let mut function = Self { path: String::new(), args: Vec::new(), env: Vec::new(), config: config.clone() };
        if let Some(node) = fields.get("exec") {
            let fields = decoder.fields(node, "exec", &["path", "args", "envs"]);
            function.path = decoder.text_of(&fields, "exec", "path");
            let mut list = |name: &str| {
                let items = decoder.strings(fields.get(name), &dotted("exec", name));
                items.into_iter().map(|item| item.value).collect::<Vec<_>>()
            };
            function.args = list("args");
            // Of a value with another equals sign in it nothing is left, as in kustomize.
            let pairs = list("envs");
            let mut pairs: Vec<_> = pairs.iter().filter_map(|pair| pair.split_once('=')).collect();
            pairs.retain(|(_, value)| !value.contains('='));
            function.env = pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        }
        match decoder.problems.into_iter().next() {
            Some(problem) => Err(wrong(&format!("{}: {}", problem.field.unwrap_or_default(), problem.fault.message))),
            None if function.path.is_empty() => Err(wrong("it names neither exec.path nor container.image")),
            None => Ok(function),
        }
    }

    /// What the function makes.
    pub(crate) fn generate(&self, loader: &Loader<'_>, directory: &str) -> Result<Vec<Resource>, Fault> {
        // Where there are no objects kustomize gives a function its own configuration, because it runs nothing without an object.
        let config = exchange::function_config(&self.config);
        let mut made = self.run(loader, directory, vec![config])?;
        for resource in &mut made {
            take_options(resource)?;
        }
        Ok(made)
    }

    /// Puts what the function makes of the objects in their place; what it does not print is gone.
    pub(crate) fn transform(
        &self,
        loader: &Loader<'_>,
        directory: &str,
        resources: &mut Resources,
    ) -> Result<(), Fault> {
        let mut input: Vec<_> = resources.iter().map(exchange::with_id).collect();
        if input.is_empty() {
            input.push(exchange::function_config(&self.config));
        }
        let printed = self.run(loader, directory, input)?;
        exchange::replace(resources, printed)
    }

    fn run(&self, loader: &Loader<'_>, directory: &str, input: Vec<Resource>) -> Result<Vec<Resource>, Fault> {
        let list = exchange::resource_list(input, &self.config);
        loader.budget.text(list.len());
        let call = FunctionCall {
            path: self.path.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            directory: directory.to_owned(),
            input: list.into_bytes(),
        };
        let printed = loader.function(&call)?;
        let file = &self.config.origin.file;
        let read = parse::resources(&printed, file, &loader.schemas, &loader.budget);
        let mut read = read.map_err(|faults| {
            let Some(first) = faults.into_iter().next() else { return Fault::syntax("the function prints no objects") };
            let place = first.line.map(|line| format!(" in line {line}")).unwrap_or_default();
            Fault { message: format!("what the function prints is wrong{place}: {}", first.fault), ..first.fault }
        })?;
        read.retain(|resource| resource.kind() != "ResourceList");
        for resource in &mut read {
            resource.origin = self.config.origin.clone();
            exchange::without_ids(resource)?;
        }
        Ok(read)
    }
}

/// A generated object says in annotations whether it wants a hash, and what to do where it is there already.
fn take_options(resource: &mut Resource) -> Result<(), Fault> {
    let annotation = |name: &str| {
        let mut annotations = resource.metadata_strings("annotations");
        annotations.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    };
    let needs_hash = match annotation(NEEDS_HASH).as_deref() {
        None | Some("0" | "f" | "F" | "false" | "False" | "FALSE") => false,
        Some("1" | "t" | "T" | "true" | "True" | "TRUE") => true,
        Some(other) => {
            let message = format!("{}: annotation {NEEDS_HASH} must be true or false, found {other:?}", resource.id());
            return Err(Fault::syntax(message));
        }
    };
    let behavior = match annotation(BEHAVIOR).as_deref() {
        Some("create") => Behavior::Create,
        Some("replace") => Behavior::Replace,
        Some("merge") => Behavior::Merge,
        _ => Behavior::Unspecified,
    };
    let left = resource.metadata_strings("annotations").filter(|(key, _)| ![NEEDS_HASH, BEHAVIOR].contains(key));
    let left = left.map(|(key, value)| (key.to_owned(), Tree::string(value))).collect();
    resource.set_metadata_strings("annotations", left);
    resource.needs_hash |= needs_hash;
    resource.behavior = behavior;
    Ok(())
}

fn no_container(image: &str) -> Fault {
    Fault::unsupported(format!(
        "the function runs in a container of {image}, and containers are not run here; use exec"
    ))
}
