//! The CEL expressions of an Environment, read when it changes.

use std::collections::BTreeMap;

use plumb_api::{EnvironmentSpec, Reason};
use plumb_delivery::{
    cel::Expression,
    health::{CheckSource, HealthChecks},
};

use super::reconcile::Outcome;

/// The expressions of an Environment.
#[derive(Default)]
pub(super) struct Expressions {
    pub(super) checks: HealthChecks,
    /// When what is depended on is ready, by its name.
    pub(super) ready: BTreeMap<String, Expression>,
    faults: Vec<String>,
}

impl Expressions {
    /// Those of a spec, as far as none is wrong.
    pub(super) fn of(spec: &EnvironmentSpec) -> Self {
        let mut expressions = Self::default();
        expressions.read(spec);
        expressions
    }

    /// Reads those of a spec. When any is wrong, all stay as they were, and that is told.
    pub(super) fn read(&mut self, spec: &EnvironmentSpec) {
        let sources: Vec<_> = spec
            .health_checks
            .iter()
            .map(|check| CheckSource {
                kind: check.kind.clone(),
                current: check.current.clone(),
                in_progress: check.in_progress.clone(),
                failed: check.failed.clone(),
            })
            .collect();
        let mut faults = Vec::new();
        let checks = HealthChecks::parse(&sources)
            .map_err(|errors| faults.extend(errors.iter().map(ToString::to_string)))
            .unwrap_or_default();
        let mut ready = BTreeMap::new();
        for (index, dependency) in spec.depends_on.iter().enumerate() {
            let Some(source) = &dependency.ready_expr else { continue };
            match Expression::parse(source, Some(&["dep", "self"])) {
                Ok(expression) => drop(ready.insert(dependency.name.clone(), expression)),
                Err(error) => faults.push(format!("spec.dependsOn[{index}].readyExpr: {error}")),
            }
        }
        *self =
            if faults.is_empty() { Self { checks, ready, faults } } else { Self { faults, ..std::mem::take(self) } };
    }

    /// That an expression is wrong.
    pub(super) fn fault(&self) -> Option<Outcome> {
        if self.faults.is_empty() {
            return None;
        }
        let message = format!("{}; what runs stays as it is", self.faults.join("\n"));
        Some(Outcome::config(Reason::SpecInvalid, message))
    }
}
