//! `configurations` and `crds`: the field specs that the transformers of a layer use, and those of all layers around it.

use std::collections::HashSet;
use std::sync::Arc;

use plumb_yaml::edit::Document;
use plumb_yaml::{Limits, Schema};

use super::{Accumulator, Layer};
use crate::error::Fault;
use crate::fieldspec::builtin::builtin;
use crate::fieldspec::config::Config;
use crate::fieldspec::crds;
use crate::kustomization::configuration;
use crate::kustomization::decode::{At, Problem};
use crate::parse::{self, FileFault};
use crate::schema::definition;

impl Accumulator<'_> {
    /// Adds to the field specs of the layers below the built-in ones and those that the layer's own files hold.
    pub(super) fn configured(&mut self, layer: &Layer<'_>, below: &Arc<Config>) -> Option<Arc<Config>> {
        let kustomization = &layer.kustomization;
        let budget = &self.loader.budget;
        let mut config = Arc::clone(builtin());
        if let Some(first) = kustomization.configurations.first() {
            let mut own = Arc::clone(Config::empty());
            for entry in &kustomization.configurations {
                let file = self.configuration(layer, entry)?;
                own = self.noted(layer, entry, own.merge(&Arc::new(file), budget))?;
            }
            config = self.noted(layer, first, config.merge(&own, budget))?;
        }
        let merged = below.merge(&config, budget);
        let mut config = match (kustomization.configurations.first().or(kustomization.resources.first()), merged) {
            (Some(entry), merged) => self.noted(layer, entry, merged)?,
            (None, Ok(merged)) => merged,
            // A component with neither is in conflict with the kustomization around it.
            (None, Err(fault)) => {
                self.error(layer.chain, &layer.file, None, None, fault);
                return None;
            }
        };
        let mut own = Arc::clone(Config::empty());
        for entry in &kustomization.crds {
            let crds = self.crds(layer, entry)?;
            own = self.noted(layer, entry, own.merge(&Arc::new(crds), budget))?;
        }
        if let Some(first) = kustomization.crds.first() {
            config = self.noted(layer, first, config.merge(&own, budget))?;
        }
        Some(config)
    }

    fn crds(&mut self, layer: &Layer<'_>, entry: &At<String>) -> Option<Config> {
        let read = self.loader.file(layer.directory, &entry.value);
        let (path, bytes) = self.noted(layer, entry, read)?;
        let content = if bytes.is_empty() {
            Err(FileFault::from(Fault::syntax("the file is empty; expected OpenAPI definitions by name")))
        } else {
            definition::read(&bytes, &self.loader.budget)
        };
        let config = content.and_then(|content| crds::decode(&content).map_err(FileFault::from));
        self.noted_file(layer, &path, config)
    }

    fn configuration(&mut self, layer: &Layer<'_>, entry: &At<String>) -> Option<Config> {
        let read = self.loader.file(layer.directory, &entry.value);
        let (path, bytes) = self.noted(layer, entry, read)?;
        let documents = unique(&bytes).and_then(|()| parse::documents(&bytes, Schema::Yaml11, &self.loader.budget));
        // Only the first document counts, and a file may be empty.
        let Some(document) = self.noted_file(layer, &path, documents)?.into_iter().next() else {
            return Some(Config::default());
        };
        match configuration::decode(&document) {
            Ok(config) => Some(config),
            Err(problems) => {
                for Problem { line, field, fault } in problems {
                    self.error(layer.chain, &path, line, field, fault);
                }
                None
            }
        }
    }
}

/// Finds a key that is there twice in a map, which these files may not have, other than a kustomization.
fn unique(bytes: &[u8]) -> Result<(), FileFault> {
    let text = String::from_utf8_lossy(bytes);
    // What is wrong with the text otherwise is found by those who read it.
    let Ok(Some(document)) = Document::parse(&text, &Limits::default()) else { return Ok(()) };
    let mut nodes = vec![document.root()];
    while let Some(node) = nodes.pop() {
        let mut seen = HashSet::new();
        for (key, value) in node.entries().unwrap_or_default() {
            if let Some(name) = key.text().filter(|name| !seen.insert(*name)) {
                return Err(Fault::syntax(format!("the key {name:?} is there twice in one map; remove one")).into());
            }
            nodes.push(value);
        }
        nodes.extend(node.items().unwrap_or_default());
    }
    Ok(())
}
