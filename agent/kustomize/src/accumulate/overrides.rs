//! Changes from outside of the files, in the order in which a kustomization makes them.

use super::{Accumulated, Accumulator, Action, Layer, Step};
use crate::error::Fault;
use crate::fieldspec::FieldSpec;
use crate::id::Gvk;
use crate::kustomization::decode::At;
use crate::kustomization::{Image, Kustomization, Labels};
use crate::overrides::{ImageOverride, Overrides};
use crate::transformer::Transformer;

impl Accumulator<'_> {
    /// Changes what the kustomization in a directory has made, as one around it would.
    pub(crate) fn override_with(
        &mut self,
        directory: &str,
        overrides: &Overrides,
        mut accumulated: Accumulated,
    ) -> Option<Accumulated> {
        let images = overrides.images.iter().map(|image| at("images", image_of(image)));
        let labels = Labels { pairs: overrides.labels.clone(), ..Labels::default() };
        let kustomization = Kustomization {
            namespace: at("namespace", overrides.namespace.clone()),
            labels: if labels.pairs.is_empty() { Vec::new() } else { vec![at("labels", labels)] },
            images: images.collect(),
            ..Kustomization::default()
        };
        let chain = [directory.to_owned()];
        let file = directory.to_owned();
        let layer = Layer { directory, file, chain: &chain, kustomization, helm_namespace: String::new(), from: None };
        let Some(config) = self.configured(&layer, &accumulated.config) else {
            if self.errors.is_empty() {
                let fault =
                    Fault::limit("the field specs of the overlay can't be merged with the built-in ones".to_owned());
                self.error(&chain, directory, None, None, fault);
            }
            return None;
        };
        accumulated.config = config;
        let mut steps = self.transformers(&layer, &accumulated.config)?;
        if !overrides.annotations.is_empty() {
            let annotations = overrides.annotations.clone();
            let spec = FieldSpec { selector: Gvk::default(), path: "metadata/annotations".to_owned(), create: true };
            let transformer = Transformer::Annotations { annotations, specs: [spec].into() };
            let action = Action::Transformer(Box::new(at("annotations", transformer)));
            steps.push(Step { action, file: None, by: None });
        }
        for step in steps {
            if !self.step(&layer, &step, &mut accumulated.resources) {
                return None;
            }
        }
        Some(accumulated)
    }
}

/// There is no file, and so no line.
fn at<T>(field: &str, value: T) -> At<T> {
    At { line: 0, field: field.to_owned(), value }
}

fn image_of(image: &ImageOverride) -> Image {
    Image {
        name: image.name.clone(),
        new_name: image.new_name.clone(),
        new_tag: image.new_tag.clone(),
        tag_suffix: String::new(),
        digest: image.digest.clone(),
    }
}
