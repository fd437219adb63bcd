//! `dependsOn`: what must be ready elsewhere before a revision is applied here.

use std::{collections::BTreeSet, sync::Arc};

use plumb_api::{Dependency, Environment, NameReference, Reason, condition_type};
use plumb_delivery::cel::{EvaluationError, Expression};
use plumb_git::CommitId;

use super::{Worker, reconcile::Outcome};
use crate::agent::board::Key;

impl Worker {
    /// Whether all that the environment depends on is ready for a revision.
    pub(super) fn dependencies(&self, revision: &CommitId) -> Result<(), Outcome> {
        let spec = &self.environment.spec;
        if spec.depends_on.is_empty() || self.target.as_ref().is_some_and(|target| target.revision == *revision) {
            return Ok(());
        }
        if let Some(way) = self.cycle() {
            let message = format!("spec.dependsOn leads back here: {way}; take one of them out");
            return Err(Outcome::config(Reason::ReferenceInvalid, message));
        }
        let waits: Vec<_> =
            spec.depends_on.iter().filter_map(|reference| self.waits_for(&reference.name, revision)).collect();
        if waits.is_empty() { Ok(()) } else { Err(Outcome::Waiting(waits.join("; "))) }
    }

    /// Whether any of what the environment depends on is another than when this was asked before. A thousand environments that wait for one another would
    /// else all look again whenever one of them moves.
    pub(super) fn dependencies_changed(&mut self) -> bool {
        let spec = &self.environment.spec;
        let now: Vec<_> = spec.depends_on.iter().map(|reference| self.dependency(&reference.name)).collect();
        let same = |(one, other): (&Option<Arc<Environment>>, &Option<Arc<Environment>>)| match (one, other) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        };
        let changed = now.len() != self.waited_for.len() || !now.iter().zip(&self.waited_for).all(same);
        self.waited_for = now;
        changed
    }

    /// Why a dependency is not there yet.
    fn waits_for(&self, name: &str, revision: &CommitId) -> Option<String> {
        let Some(dependency) = self.dependency(name) else {
            return Some(format!("waits for Environment {name}, which does not exist"));
        };
        if let Some(expression) = self.expressions.ready.get(name) {
            return self.unready(expression, &dependency);
        }
        let status = dependency.status.clone().unwrap_or_default();
        let ready = status.conditions.iter().find(|condition| condition.type_ == condition_type::READY);
        if ready.is_none_or(|ready| ready.status != "True") {
            let why = ready.map_or("nothing is known of it yet", |ready| ready.message.as_str());
            return Some(format!("waits for Environment {name} to be ready: {why}"));
        }
        // Two environments that follow one branch come to the same revision, one after the other.
        let together = branch(&dependency).is_some() && branch(&dependency) == branch(&self.environment);
        (together && status.revision.as_deref() != Some(revision.as_str()))
            .then(|| format!("waits for Environment {name} to be ready at {}", revision.short()))
    }

    /// Why a dependency is not ready, by its expression.
    fn unready(&self, expression: &Expression, dependency: &Environment) -> Option<String> {
        let name = dependency.metadata.name.as_deref().unwrap_or_default();
        let mut this = Environment::clone(&self.environment);
        this.status = Some(self.status.clone());
        let json = |environment: &Environment| serde_json::to_value(environment).unwrap_or_default();
        let (this, dependency) = (json(&this), json(dependency));
        let why = match expression.is_true([("self", &this), ("dep", &dependency)]) {
            Ok(true) => return None,
            Ok(false) => "its readyExpr is not true yet".to_owned(),
            Err(EvaluationError::Missing(field)) => format!("its readyExpr is not true yet: there is no field {field}"),
            Err(error) => format!("its readyExpr fails: {error}"),
        };
        Some(format!("waits for Environment {name} to be ready: {why}"))
    }

    fn dependency(&self, name: &str) -> Option<Arc<Environment>> {
        self.cx.board.environment(&Key { namespace: self.key.namespace.clone(), name: name.to_owned() })
    }

    /// The way from this environment back to itself.
    fn cycle(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        let first = |reference: &Dependency| vec![reference.name.clone()];
        let mut ways: Vec<Vec<String>> = self.environment.spec.depends_on.iter().map(first).collect();
        while let Some(way) = ways.pop() {
            let last = way.last()?;
            if *last == self.key.name {
                return Some(format!("{} -> {}", self.key.name, way.join(" -> ")));
            }
            if seen.insert(last.clone())
                && let Some(environment) = self.dependency(last)
            {
                let next = |reference: &Dependency| [way.as_slice(), std::slice::from_ref(&reference.name)].concat();
                ways.extend(environment.spec.depends_on.iter().map(next));
            }
        }
        None
    }
}

/// The repository whose branch an environment follows, without a pin in between.
fn branch(environment: &Environment) -> Option<&NameReference> {
    let pinned = environment.spec.promotion.as_ref().is_some_and(plumb_api::Promotion::is_pinned);
    (!pinned).then_some(&environment.spec.repository)
}
