//! `openapi`: the schema that a build knows kinds by.

use super::{Accumulator, Layer};
use crate::error::Fault;
use crate::parse::FileFault;
use crate::schema::{Custom, definition};

impl Accumulator<'_> {
    /// Takes the schema that a kustomization asks for, as soon as the kustomization is read.
    pub(super) fn openapi(&mut self, layer: &Layer<'_>) -> Option<()> {
        let Some(openapi) = &layer.kustomization.openapi else { return Some(()) };
        let mut schema = None;
        // The file must be there even when another schema counts already.
        if let Some(path) = openapi.value.get("path") {
            let read = self.loader.file(layer.directory, path);
            let (path, bytes) = self.noted(layer, openapi, read)?;
            if !self.loader.schemas.is_chosen() {
                let read = if bytes.is_empty() {
                    Err(Fault::syntax("the schema is empty; expected an OpenAPI document with definitions").into())
                } else {
                    definition::read(&bytes, &self.loader.budget)
                };
                let custom = read.and_then(|value| Custom::decode(&value).map_err(FileFault::from));
                schema = Some((path, custom));
            }
        }
        let set = self.loader.schemas.set(&openapi.value, schema);
        self.noted(layer, openapi, set)
    }
}
