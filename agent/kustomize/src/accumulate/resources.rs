//! `resources` and `components`: what a kustomization builds on.

use super::{Accumulated, Accumulator, Layer};
use crate::build_metadata;
use crate::error::{ErrorKind, Fault};
use crate::fetch::FetchErrorKind;
use crate::kustomization::decode::At;
use crate::load::{Found, display, is_below, missing};
use crate::object::Resource;
use crate::parse;
use crate::remote::{RepoSpec, is_remote_file, shown};

/// What an entry of `resources` leads to.
enum Base {
    Objects(Vec<Resource>),
    Directory {
        path: String,
        /// The URL that leads there, when it is one.
        url: Option<String>,
    },
}

/// A directory that is about to be worked through.
struct Entering<'e> {
    path: &'e str,
    url: Option<&'e str>,
    is_component: bool,
}

/// A repository that is being worked through.
pub(super) struct Reached {
    /// As it is written.
    pub(super) url: String,
    /// How many kustomizations are around it.
    pub(super) depth: usize,
}

impl Accumulator<'_> {
    /// An entry of `resources`: a file, and if there is none, a directory or repository.
    pub(super) fn resource(&mut self, layer: &Layer<'_>, entry: &At<String>, accumulated: &mut Accumulated) {
        let added = match self.find_resource(layer, entry) {
            None => return,
            Some(Base::Objects(mut read)) => {
                let believed = read.iter_mut().try_for_each(Resource::believe_internal_annotations);
                self.noted(layer, entry, believed);
                if let Some(from) = &layer.from {
                    let noted = build_metadata::note_file(&mut read, &from.append(&entry.value));
                    self.noted(layer, entry, noted);
                }
                accumulated.resources.append_all(read)
            }
            Some(Base::Directory { path, url }) => {
                let entering = Entering { path: &path, url: url.as_deref(), is_component: false };
                let Some(below) = self.below(layer, entry, &entering, Accumulated::new(&self.loader.budget)) else {
                    return;
                };
                accumulated.merge(below)
            }
        };
        let within = |()| {
            let max = self.loader.budget.options.max_objects;
            if accumulated.resources.len() > max {
                Err(Fault::limit(parse::too_many(&self.loader.budget)))
            } else {
                Ok(())
            }
        };
        let added = added.and_then(within);
        self.noted(layer, entry, added);
    }

    fn find_resource(&mut self, layer: &Layer<'_>, entry: &At<String>) -> Option<Base> {
        let written = &entry.value;
        if is_remote_file(written) {
            return self.find_remote(layer, entry);
        }
        let spec = RepoSpec::parse(written);
        let found = match (self.loader.find(layer.directory, written), &spec) {
            (Ok(Found::File { path, .. }), _) => Ok(path),
            (_, Some(spec)) => return self.repository(layer, entry, spec),
            (Ok(Found::Directory { path }), None) => return Some(Base::Directory { path, url: None }),
            (Ok(Found::Missing { path }), None) => {
                Err(missing(layer.directory, written, &path, "; expected a file or a directory"))
            }
            (Err(fault), None) => Err(fault),
        };
        let path = self.noted(layer, entry, found)?;
        let read = self.loader.file(layer.directory, written);
        let (_, bytes) = self.noted(layer, entry, read)?;
        let read = parse::resources(&bytes, &path, &self.loader.schemas, &self.loader.budget);
        self.noted_objects(layer, &path, read).map(Base::Objects)
    }

    /// What an `http` or `https` URL leads to: a file, and if that is not to be had or holds no objects, a repository.
    fn find_remote(&mut self, layer: &Layer<'_>, entry: &At<String>) -> Option<Base> {
        let spec = RepoSpec::parse(&entry.value);
        let fault = match self.loader.remote_file(&entry.value) {
            Ok((shown, bytes)) => {
                match (parse::resources(&bytes, &shown, &self.loader.schemas, &self.loader.budget), &spec) {
                    (Err(_), Some(_)) => format!("{shown} is a file without objects"),
                    (read, _) => return self.noted_objects(layer, &shown, read).map(Base::Objects),
                }
            }
            Err(error) if error.kind != FetchErrorKind::Disabled && spec.is_some() => Fault::from(error).message,
            Err(error) => {
                self.problem(layer, entry.problem(error.into()));
                return None;
            }
        };
        let before = self.errors.len();
        let found = self.repository(layer, entry, spec.as_ref()?);
        for error in self.errors.iter_mut().skip(before) {
            error.message = format!("{}; before that, {fault}", error.message);
        }
        found
    }

    fn repository(&mut self, layer: &Layer<'_>, entry: &At<String>, spec: &RepoSpec) -> Option<Base> {
        let path = self.may_clone(&entry.value).and_then(|()| self.loader.repository(spec));
        let path = self.noted(layer, entry, path)?;
        Some(Base::Directory { path, url: Some(entry.value.clone()) })
    }

    pub(super) fn component(
        &mut self,
        layer: &Layer<'_>,
        entry: &At<String>,
        around: Accumulated,
    ) -> Option<Accumulated> {
        let (path, url) = if let Some(spec) = RepoSpec::parse(&entry.value) {
            let Base::Directory { path, url } = self.repository(layer, entry, &spec)? else { return None };
            (path, url)
        } else {
            let found = self.loader.find(layer.directory, &entry.value).and_then(|found| match found {
                Found::Directory { path } => Ok(path),
                Found::File { .. } => Err(Fault::path("a component must be a directory, found a file")),
                Found::Missing { path } => Err(missing(layer.directory, &entry.value, &path, "; expected a directory")),
            });
            (self.noted(layer, entry, found)?, None)
        };
        let entering = Entering { path: &path, url: url.as_deref(), is_component: true };
        let below = self.below(layer, entry, &entering, around)?;
        let mut accumulated = Accumulated::new(&self.loader.budget);
        let added = accumulated.merge(below);
        self.noted(layer, entry, added)?;
        Some(accumulated)
    }

    /// Works through a base or component.
    fn below(
        &mut self,
        layer: &Layer<'_>,
        entry: &At<String>,
        entering: &Entering<'_>,
        accumulated: Accumulated,
    ) -> Option<Accumulated> {
        let Entering { path: directory, url, is_component } = *entering;
        let allowed = match url {
            Some(_) => Ok(()),
            None => self.may_enter(layer, &entry.value, directory),
        };
        let allowed = allowed.and_then(|()| self.may_nest(layer));
        self.noted(layer, entry, allowed)?;
        let chain: Vec<String> = layer.chain.iter().cloned().chain([directory.to_owned()]).collect();
        let mut below = self.read(directory, &chain)?;
        below.from = layer.from.as_ref().map(|from| from.append(&entry.value));
        layer.namespace_for_helm().clone_into(&mut below.helm_namespace);
        if below.kustomization.is_component != is_component {
            let message = if is_component {
                format!("{} must have kind: Component to be used under components", below.file)
            } else {
                format!("{} has kind: Component, so it belongs under components, not under resources", below.file)
            };
            self.problem(layer, entry.problem(Fault::conflict(message)));
            return None;
        }
        let Some(url) = url else { return self.layer(&below, accumulated) };
        self.clones.push(Reached { url: url.to_owned(), depth: layer.chain.len() });
        let accumulated = self.layer(&below, accumulated);
        self.clones.pop();
        accumulated
    }

    /// Whether a repository may be entered: not from one that was itself reached by the same URL or a longer one.
    fn may_clone(&self, url: &str) -> Result<(), Fault> {
        match self.clones.iter().find(|around| around.url.starts_with(url)) {
            Some(around) => {
                let (url, around) = (shown(url), shown(&around.url));
                Err(Fault::path(format!("this is a cycle: {url} is reached through {around}")))
            }
            None => Ok(()),
        }
    }

    fn may_nest(&self, layer: &Layer<'_>) -> Result<(), Fault> {
        if layer.chain.len() >= self.loader.budget.options.max_depth {
            let message = format!("more than {} kustomizations are nested", self.loader.budget.options.max_depth);
            return Err(Fault::limit(message));
        }
        Ok(())
    }

    fn may_enter(&self, layer: &Layer<'_>, written: &str, directory: &str) -> Result<(), Fault> {
        if written.starts_with('/') {
            let message =
                format!("{written} is the absolute path of a directory; name it as seen from the kustomization");
            return Err(Fault::path(message));
        }
        // Two entries of a list that run together for want of indentation make such a path.
        if written.split('/').any(|part| part != ".." && part.contains("..")) {
            return Err(Fault::path(format!("{written:?} is ambiguous; check the indentation of the list")));
        }
        // Another clone is another place, even when it is one of the same repository.
        let here = self.clones.last().map_or(0, |clone| clone.depth);
        if let Some(around) = layer.chain.iter().skip(here).find(|around| is_below(around, directory)) {
            let what = if around == directory { "is being worked on already" } else { "contains" };
            let around = if around == directory { String::new() } else { format!(" {around}, which leads to it") };
            return Err(Fault {
                kind: ErrorKind::Path,
                message: format!("this is a cycle: {} {what}{around}", display(directory)),
            });
        }
        Ok(())
    }
}
