//! `helmCharts`: objects that helm makes.

use super::{Accumulated, Accumulator, Layer};
use crate::build_metadata;
use crate::helm::inflate;

impl Layer<'_> {
    /// The namespace that charts get: that of the nearest kustomization that sets one.
    pub(super) fn namespace_for_helm(&self) -> &str {
        let own = self.kustomization.namespace.value.as_str();
        if own.is_empty() { &self.helm_namespace } else { own }
    }
}

impl Accumulator<'_> {
    pub(super) fn helm_charts(&mut self, layer: &Layer<'_>, accumulated: &mut Accumulated) {
        for entry in &layer.kustomization.helm_charts {
            if self.gives_up() {
                return;
            }
            let mut chart = entry.value.clone();
            if chart.namespace.is_empty() {
                layer.namespace_for_helm().clone_into(&mut chart.namespace);
            }
            let made = inflate(self.loader, layer.directory, &layer.file, &chart);
            for mut resource in self.noted(layer, entry, made).into_iter().flatten() {
                if let Some(by) = layer.field("HelmChartInflationGenerator") {
                    build_metadata::note_generator(&mut resource, &by);
                }
                let result = accumulated.resources.absorb(resource);
                self.noted(layer, entry, result);
            }
        }
    }
}
