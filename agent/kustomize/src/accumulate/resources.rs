//! `resources` and `components`: what a kustomization builds on.

use super::{Accumulated, Accumulator, Layer};
use crate::error::{ErrorKind, Fault};
use crate::kustomization::decode::At;
use crate::load::{Found, display, is_below, is_remote, missing};
use crate::parse;

impl Accumulator<'_> {
    pub(super) fn resource(&mut self, layer: &Layer<'_>, entry: &At<String>, accumulated: &mut Accumulated) {
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
                let read = parse::resources(&bytes, &path, &self.loader.budget);
                let Some(read) = self.noted_objects(layer, &path, read) else { return };
                accumulated.resources.append_all(read)
            }
            Found::Directory { path } => {
                let Some(below) = self.below(layer, entry, &path, false, Accumulated::new(&self.loader.budget)) else {
                    return;
                };
                accumulated.merge(below)
            }
            Found::Missing { .. } if is_remote(&entry.value) => Err(remote(&entry.value)),
            Found::Missing { path } => {
                Err(missing(layer.directory, &entry.value, &path, "; expected a file or a directory"))
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

    pub(super) fn component(
        &mut self,
        layer: &Layer<'_>,
        entry: &At<String>,
        around: Accumulated,
    ) -> Option<Accumulated> {
        let found = match self.loader.find(layer.directory, &entry.value) {
            Ok(Found::Directory { path }) => Ok(path),
            Ok(Found::File { .. }) => Err(Fault::path("a component must be a directory, found a file")),
            Ok(Found::Missing { .. }) if is_remote(&entry.value) => Err(remote(&entry.value)),
            Ok(Found::Missing { path }) => Err(missing(layer.directory, &entry.value, &path, "; expected a directory")),
            Err(fault) => Err(fault),
        };
        let path = self.noted(layer, entry, found)?;
        let below = self.below(layer, entry, &path, true, around)?;
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
        directory: &str,
        is_component: bool,
        accumulated: Accumulated,
    ) -> Option<Accumulated> {
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
        self.layer(&below, accumulated)
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
        if layer.chain.len() >= self.loader.budget.options.max_depth {
            let message = format!("more than {} kustomizations are nested", self.loader.budget.options.max_depth);
            return Err(Fault::limit(message));
        }
        Ok(())
    }
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
