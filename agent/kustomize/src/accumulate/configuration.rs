//! `configurations` and `crds`: the field specs that the transformers of a layer use, and those of all layers around it.

use std::sync::Arc;

use plumb_yaml::Schema;

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
        let mut config = match kustomization.configurations.first().or(kustomization.resources.first()) {
            Some(entry) => self.noted(layer, entry, merged)?,
            None => merged.ok()?,
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
        let documents = parse::documents(&bytes, Schema::Yaml11, &self.loader.budget);
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
