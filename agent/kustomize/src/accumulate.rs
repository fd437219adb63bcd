//! Works through kustomizations: resources, generators, components, then the filters, and the bases before the overlay.

use plumb_yaml::Schema;

use crate::error::{Error, ErrorKind, Fault};
use crate::filters::name_affix::Affix;
use crate::filters::patch_json6902::Operations;
use crate::filters::patch_strategic::Allow;
use crate::filters::target::Matcher;
use crate::filters::{
    annotations, images, labels, name_affix, namespace, patch_json6902, patch_strategic, replacements, replicas,
};
use crate::generate::generate;
use crate::kustomization::decode::{At, Problem};
use crate::kustomization::replacement::{self, Replacement, ReplacementEntry};
use crate::kustomization::{Kustomization, Patch};
use crate::load::{Found, Loader, display, is_below, is_remote};
use crate::object::Resource;
use crate::parse::{self, FileFault};
use crate::resources::Resources;

/// Gathers objects and everything that is wrong.
pub(crate) struct Accumulator<'a> {
    loader: &'a Loader<'a>,
    pub(crate) errors: Vec<Error>,
    kustomizations: usize,
}

/// A kustomization that is being worked on.
struct Layer<'l> {
    directory: &'l str,
    /// The path of the kustomization file.
    file: String,
    /// The directories of this and of all kustomizations around it, outermost first.
    chain: &'l [String],
    kustomization: Kustomization,
}

/// A patch that was read.
enum Loaded {
    Strategic(Vec<Resource>),
    Json(Operations),
}

/// The kustomization at the top, with the objects that it makes.
pub(crate) struct Top {
    pub(crate) kustomization: Kustomization,
    pub(crate) resources: Resources,
}

impl<'a> Accumulator<'a> {
    pub(crate) fn new(loader: &'a Loader<'a>) -> Self {
        Self { loader, errors: Vec::new(), kustomizations: 0 }
    }

    /// Works through the kustomization of a directory and all that it leads to.
    pub(crate) fn top(&mut self, directory: &str) -> Option<Top> {
        let chain = [directory.to_owned()];
        let layer = self.read(directory, &chain)?;
        let resources = self.layer(&layer, Resources::default())?;
        Some(Top { kustomization: layer.kustomization, resources })
    }

    fn error(&mut self, chain: &[String], file: &str, line: Option<u32>, field: Option<String>, fault: Fault) {
        let Fault { kind, message } = fault;
        self.errors.push(Error { kind, file: file.to_owned(), line, field, bases: chain.to_vec(), message });
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

    /// Reads the kustomization file of a directory.
    fn read<'l>(&mut self, directory: &'l str, chain: &'l [String]) -> Option<Layer<'l>> {
        let options = self.loader.options;
        self.kustomizations += 1;
        if self.kustomizations > options.max_kustomizations {
            let fault =
                Fault::limit(format!("the render needs more than {} kustomizations", options.max_kustomizations));
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
        let empty = FileFault { line: None, fault: Fault::syntax("the kustomization file is empty") };
        // Only the first document counts, as in kustomize.
        let document = parse::documents(&bytes, Schema::Yaml11, options)
            .and_then(|documents| documents.into_iter().next().ok_or(empty));
        let decoded = match document {
            Ok(document) => Kustomization::decode(&document),
            Err(FileFault { line, fault }) => Err(vec![Problem { line, field: None, fault }]),
        };
        match decoded {
            Ok(kustomization) => Some(Layer { directory, file, chain, kustomization }),
            Err(problems) => {
                for Problem { line, field, fault } in problems {
                    self.error(chain, &file, line, field, fault);
                }
                None
            }
        }
    }

    /// Does what a kustomization says; `resources` are those of the kustomization around a component.
    fn layer(&mut self, layer: &Layer<'_>, mut resources: Resources) -> Option<Resources> {
        let before = self.errors.len();
        for entry in &layer.kustomization.resources {
            self.resource(layer, entry, &mut resources);
        }
        for generator in &layer.kustomization.generators {
            match generate(self.loader, layer.directory, &layer.file, generator) {
                Ok(resource) => {
                    let result = resources.absorb(resource);
                    self.noted(layer, generator, result);
                }
                Err(problems) => problems.into_iter().for_each(|problem| self.problem(layer, problem)),
            }
        }
        for entry in &layer.kustomization.components {
            resources = self.component(layer, entry, resources)?;
        }
        let patches = self.patches(layer);
        if self.errors.len() > before {
            return None;
        }
        self.filters(layer, &patches?, &mut resources);
        (self.errors.len() == before).then_some(resources)
    }

    fn resource(&mut self, layer: &Layer<'_>, entry: &At<String>, resources: &mut Resources) {
        let found = if entry.value.contains("://") {
            Err(remote(&entry.value))
        } else {
            self.loader.find(layer.directory, &entry.value)
        };
        let Some(found) = self.noted(layer, entry, found) else { return };
        let added = match found {
            Found::File { path, .. } => {
                let read = self.loader.file(layer.directory, &entry.value);
                let Some((_, bytes)) = self.noted(layer, entry, read) else { return };
                let read = parse::resources(&bytes, &path, self.loader.options);
                let Some(read) = self.noted_file(layer, &path, read) else { return };
                resources.append_all(read)
            }
            Found::Directory { path } => {
                let Some(below) = self.below(layer, entry, &path, false, Resources::default()) else { return };
                resources.append_all(below.into_list())
            }
            Found::Missing { .. } if is_remote(&entry.value) => Err(remote(&entry.value)),
            Found::Missing { path } => {
                Err(Fault::path(format!("{path} does not exist; expected a file or a directory")))
            }
        };
        let within = |()| {
            let max = self.loader.options.max_objects;
            if resources.len() > max { Err(Fault::limit(parse::too_many(self.loader.options))) } else { Ok(()) }
        };
        let added = added.and_then(within);
        self.noted(layer, entry, added);
    }

    fn component(&mut self, layer: &Layer<'_>, entry: &At<String>, resources: Resources) -> Option<Resources> {
        let found = match self.loader.find(layer.directory, &entry.value) {
            Ok(Found::Directory { path }) => Ok(path),
            Ok(Found::File { .. }) => Err(Fault::path("a component must be a directory, found a file")),
            Ok(Found::Missing { .. }) if is_remote(&entry.value) => Err(remote(&entry.value)),
            Ok(Found::Missing { path }) => Err(Fault::path(format!("{path} does not exist; expected a directory"))),
            Err(fault) => Err(fault),
        };
        let path = self.noted(layer, entry, found)?;
        let below = self.below(layer, entry, &path, true, resources)?;
        let mut resources = Resources::default();
        let added = resources.append_all(below.into_list());
        self.noted(layer, entry, added)?;
        Some(resources)
    }

    /// Works through a base or component.
    fn below(
        &mut self,
        layer: &Layer<'_>,
        entry: &At<String>,
        directory: &str,
        is_component: bool,
        resources: Resources,
    ) -> Option<Resources> {
        let allowed = self.may_enter(layer, &entry.value, directory);
        self.noted(layer, entry, allowed)?;
        let chain: Vec<String> = layer.chain.iter().cloned().chain([directory.to_owned()]).collect();
        let below = self.read(directory, &chain)?;
        if below.kustomization.is_component != is_component {
            let message = if is_component {
                format!("{} must have kind: Component to be used under components", below.file)
            } else {
                format!("{} has kind: Component, so it belongs under components, not under resources", below.file)
            };
            self.problem(layer, entry.problem(Fault::conflict(message)));
            return None;
        }
        self.layer(&below, resources)
    }

    fn may_enter(&self, layer: &Layer<'_>, written: &str, directory: &str) -> Result<(), Fault> {
        // Two entries of a list that run together for want of indentation make such a path.
        if written.split('/').any(|part| part != ".." && part.contains("..")) {
            return Err(Fault::path(format!("{written:?} is ambiguous; check the indentation of the list")));
        }
        if let Some(around) = layer.chain.iter().find(|around| is_below(around, directory)) {
            let what = if around == directory { "is being worked on already" } else { "contains" };
            let around = if around == directory { String::new() } else { format!(" {around}, which leads to it") };
            return Err(Fault {
                kind: ErrorKind::Path,
                message: format!("this is a cycle: {} {what}{around}", display(directory)),
            });
        }
        if layer.chain.len() >= self.loader.options.max_depth {
            let message = format!("more than {} kustomizations are nested", self.loader.options.max_depth);
            return Err(Fault::limit(message));
        }
        Ok(())
    }

    /// Reads all patches before any is applied.
    fn patches(&mut self, layer: &Layer<'_>) -> Option<Patches> {
        let before = self.errors.len();
        let Kustomization { patches_strategic_merge, patches, patches_json6902, .. } = &layer.kustomization;
        let mut read = Patches::default();
        for entry in patches_strategic_merge {
            read.strategic.push(self.strategic_patch(layer, entry).unwrap_or_default());
        }
        if !read.strategic.is_empty() && read.strategic.iter().all(Vec::is_empty) && self.errors.len() == before {
            let message = "the patches are empty; remove the field or write a patch";
            if let Some(entry) = patches_strategic_merge.first() {
                self.problem(layer, entry.problem(Fault::syntax(message)));
            }
        }
        for entry in patches {
            read.mixed.extend(self.patch(layer, entry));
        }
        for entry in patches_json6902 {
            read.json.extend(self.json_patch(layer, entry));
        }
        for entry in &layer.kustomization.replacements {
            read.replacements.push(self.replacements(layer, entry).unwrap_or_default());
        }
        (self.errors.len() == before).then_some(read)
    }

    /// The replacements of an entry, which may stand in a file.
    fn replacements(&mut self, layer: &Layer<'_>, entry: &At<ReplacementEntry>) -> Option<Vec<Replacement>> {
        let path = match &entry.value {
            ReplacementEntry::Inline(replacement) => return Some(vec![Replacement::clone(replacement)]),
            ReplacementEntry::Path(path) => path,
        };
        let read = self.loader.file(layer.directory, path);
        let (path, bytes) = self.noted(layer, entry, read)?;
        let documents = parse::documents(&bytes, Schema::Yaml11, self.loader.options);
        let documents = self.noted_file(layer, &path, documents)?;
        let empty = || Fault::syntax("the file has no replacement");
        let document = self.noted_file(layer, &path, documents.first().ok_or_else(|| FileFault::from(empty())))?;
        match replacement::decode(document) {
            Ok(replacements) => Some(replacements),
            Err(problems) => {
                for Problem { line, field, fault } in problems {
                    self.error(layer.chain, &path, line, field, fault);
                }
                None
            }
        }
    }

    /// An entry of `patchesStrategicMerge` is a patch, or else the path of one.
    fn strategic_patch(&mut self, layer: &Layer<'_>, entry: &At<String>) -> Option<Vec<Resource>> {
        if let Ok(inline) = parse::resources(entry.value.as_bytes(), &layer.file, self.loader.options) {
            return Some(inline);
        }
        let read = self.loader.file(layer.directory, &entry.value);
        let (path, bytes) = self.noted(layer, entry, read)?;
        let patches = parse::resources(&bytes, &path, self.loader.options);
        self.noted_file(layer, &path, patches)
    }

    /// The text of a patch, and its file.
    fn patch_text(&mut self, layer: &Layer<'_>, entry: &At<Patch>) -> Option<(Vec<u8>, Option<String>)> {
        let (inline, path) = (entry.value.text.trim(), &entry.value.path);
        let read = match (inline.is_empty(), path.is_empty()) {
            (true, true) => Err(Fault::syntax("the entry needs patch or path")),
            (false, false) => Err(Fault::syntax("the entry has both patch and path; keep one")),
            (false, true) => Ok((inline.as_bytes().to_vec(), None)),
            (true, false) => self.loader.file(layer.directory, path).map(|(path, bytes)| (bytes.to_vec(), Some(path))),
        };
        self.noted(layer, entry, read)
    }

    fn patch(&mut self, layer: &Layer<'_>, entry: &At<Patch>) -> Option<(Loaded, Option<Matcher>)> {
        let (text, path) = self.patch_text(layer, entry)?;
        let matcher = match &entry.value.target {
            Some(target) => {
                let matcher = Matcher::new(target, self.loader.options.max_regex_bytes);
                Some(self.noted(layer, entry, matcher)?)
            }
            None => None,
        };
        let file = path.as_deref().unwrap_or(&layer.file);
        let json = || match std::str::from_utf8(&text) {
            Ok(text) => patch_json6902::parse(text),
            Err(_) => Err(Fault::syntax("the patch is not valid UTF-8")),
        };
        let loaded = match parse::resources(&text, file, self.loader.options) {
            Ok(patches) => Loaded::Strategic(patches),
            Err(strategic) => match json() {
                Ok(operations) => Loaded::Json(operations),
                Err(fault) => {
                    // What starts like a list is a JSON patch to the reader, whatever it is to the parser.
                    let is_list = text.trim_ascii_start().first().is_some_and(|first| matches!(first, b'-' | b'['))
                        && !text.starts_with(b"---");
                    let FileFault { line, fault } = if is_list { FileFault { line: None, fault } } else { strategic };
                    if let Some(path) = path {
                        self.error(layer.chain, &path, line, None, fault);
                    } else {
                        let place = line.map(|line| format!("line {line} of the patch: ")).unwrap_or_default();
                        let message = format!("{place}{}", fault.message);
                        self.problem(layer, entry.problem(Fault { kind: fault.kind, message }));
                    }
                    return None;
                }
            },
        };
        let wrong = match (&loaded, &matcher) {
            (Loaded::Strategic(patches), Some(_)) if patches.len() > 1 => {
                Some("several patches in one entry can not have a target; make an entry of each")
            }
            (Loaded::Json(operations), None) if !operations.is_empty() => {
                Some("a JSON patch needs a target; add target with kind and name")
            }
            _ => None,
        };
        if let Some(message) = wrong {
            self.problem(layer, entry.problem(Fault::conflict(message)));
            return None;
        }
        Some((loaded, matcher))
    }

    fn json_patch(&mut self, layer: &Layer<'_>, entry: &At<Patch>) -> Option<(Operations, Matcher)> {
        let target = entry.value.target.as_ref().filter(|target| !target.name.is_empty());
        let target = target.ok_or_else(|| Fault::syntax("the entry needs a target with a name"));
        let matcher = target.and_then(|target| Matcher::new(target, self.loader.options.max_regex_bytes));
        let matcher = self.noted(layer, entry, matcher)?;
        let (text, path) = self.patch_text(layer, entry)?;
        let text = String::from_utf8(text).map_err(|_| Fault::syntax("the patch is not valid UTF-8"));
        let operations = text.and_then(|text| patch_json6902::parse(&text)).and_then(|operations| {
            if operations.is_empty() { Err(Fault::syntax("the patch is empty")) } else { Ok(operations) }
        });
        match path {
            Some(path) => self.noted_file(layer, &path, operations.map_err(FileFault::from)),
            None => self.noted(layer, entry, operations),
        }
        .map(|operations| (operations, matcher))
    }

    /// The filters in kustomize's order.
    fn filters(&mut self, layer: &Layer<'_>, patches: &Patches, resources: &mut Resources) {
        let kustomization = &layer.kustomization;
        let max_regex_bytes = self.loader.options.max_regex_bytes;
        for (entry, patches) in kustomization.patches_strategic_merge.iter().zip(&patches.strategic) {
            for patch in patches {
                let result = patch_strategic::apply_by_name(resources, patch, Allow::default());
                self.noted(layer, entry, result);
            }
        }
        for (entry, (loaded, matcher)) in kustomization.patches.iter().zip(&patches.mixed) {
            let allow =
                Allow { name_change: entry.value.allow_name_change, kind_change: entry.value.allow_kind_change };
            match (loaded, matcher) {
                (Loaded::Json(operations), Some(matcher)) => {
                    let result = patch_json6902::apply(resources, matcher, operations, true);
                    self.noted(layer, entry, result);
                }
                (Loaded::Json(_), None) => {}
                (Loaded::Strategic(patches), matcher) => {
                    for patch in patches {
                        let result = match matcher {
                            Some(matcher) => patch_strategic::apply_to_target(resources, matcher, patch, allow),
                            None => patch_strategic::apply_by_name(resources, patch, allow),
                        };
                        self.noted(layer, entry, result);
                    }
                }
            }
        }
        let result = namespace::apply(resources, &kustomization.namespace.value);
        self.noted(layer, &kustomization.namespace, result);
        name_affix::apply(resources, Affix::Prefix, &kustomization.name_prefix.value);
        name_affix::apply(resources, Affix::Suffix, &kustomization.name_suffix.value);
        for entry in &kustomization.labels {
            let result = labels::apply(resources, &entry.value);
            self.noted(layer, entry, result);
        }
        let result = annotations::apply(resources, &kustomization.common_annotations.value);
        self.noted(layer, &kustomization.common_annotations, result);
        for (entry, (operations, matcher)) in kustomization.patches_json6902.iter().zip(&patches.json) {
            let result = patch_json6902::apply(resources, matcher, operations, false);
            self.noted(layer, entry, result);
        }
        for entry in &kustomization.replicas {
            let result = replicas::apply(resources, &entry.value);
            self.noted(layer, entry, result);
        }
        for entry in &kustomization.images {
            let result = images::apply(resources, &entry.value, max_regex_bytes);
            self.noted(layer, entry, result);
        }
        for (entry, replacements) in kustomization.replacements.iter().zip(&patches.replacements) {
            for replacement in replacements {
                let result = replacements::apply(resources, replacement, max_regex_bytes);
                self.noted(layer, entry, result);
            }
        }
    }
}

/// The patches and replacements of a kustomization, each in the place of its entry.
#[derive(Default)]
struct Patches {
    strategic: Vec<Vec<Resource>>,
    mixed: Vec<(Loaded, Option<Matcher>)>,
    json: Vec<(Operations, Matcher)>,
    replacements: Vec<Vec<Replacement>>,
}

fn remote(path: &str) -> Fault {
    let path = without_credentials(path);
    Fault::unsupported(format!(
        "{path} is a remote resource, and remote bases are not supported yet; copy it into the repository"
    ))
}

/// A URL without what stands before its host, which may be a password.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split(['/', '?']).next().unwrap_or_default();
            let skip = host.rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", rest.get(skip..).unwrap_or_default())
        }
        None => url.to_owned(),
    }
}
