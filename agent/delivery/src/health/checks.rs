//! Health by the expressions of an Environment, for kinds whose own rules do not say enough.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Health, HealthStatus, being_changed};
use crate::{
    GroupKind,
    cel::{EvaluationError, Expression, ExpressionError},
};

/// The expressions for one kind as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckSource {
    /// `Kind` or `Kind.group`.
    pub kind: String,
    /// When the object is as its manifest asks.
    pub current: String,
    /// When it is on its way.
    pub in_progress: Option<String>,
    /// When it failed.
    pub failed: Option<String>,
}

/// The expressions for some kinds, checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthChecks(BTreeMap<GroupKind, Check>);

#[derive(Clone, Debug, PartialEq)]
struct Check {
    current: Expression,
    in_progress: Option<Expression>,
    failed: Option<Expression>,
}

/// An expression that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("spec.healthChecks[{index}].{field}: {error}")]
pub struct CheckError {
    /// Which of them, from 0.
    pub index: usize,
    /// Which of its fields.
    pub field: &'static str,
    /// What is wrong.
    pub error: ExpressionError,
}

impl HealthChecks {
    /// Reads the expressions. The last for a kind counts.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn parse(sources: &[CheckSource]) -> Result<Self, Vec<CheckError>> {
        let mut checks = BTreeMap::new();
        let mut errors = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            let mut read = |field, text: &str| {
                Expression::parse(text, None).map_err(|error| errors.push(CheckError { index, field, error })).ok()
            };
            let current = read("current", &source.current);
            let in_progress = source.in_progress.as_deref().map(|text| read("inProgress", text));
            let failed = source.failed.as_deref().map(|text| read("failed", text));
            let (kind, group) = source.kind.split_once('.').unwrap_or((&source.kind, ""));
            let kind = GroupKind { group: group.into(), kind: kind.into() };
            if let Some(current) = current {
                checks.insert(kind, Check { current, in_progress: in_progress.flatten(), failed: failed.flatten() });
            }
        }
        if errors.is_empty() { Ok(Self(checks)) } else { Err(errors) }
    }

    /// Whether the health of a kind is decided here, for which the whole object is needed.
    #[must_use]
    pub fn cover(&self, kind: &GroupKind) -> bool {
        self.0.contains_key(kind)
    }

    /// How an object fares; `None` for a kind without expressions.
    ///
    /// As in Flux, the first that is true counts of `inProgress`, `failed` and `current`; when none is, the object is on its way. A field that is not there
    /// makes an expression false, since controllers write a status only after a while.
    #[must_use]
    pub fn assess(&self, kind: &GroupKind, object: &Value) -> Option<Health> {
        let check = self.0.get(kind)?;
        if let Some(health) = being_changed(object) {
            return Some(health);
        }
        let in_order = [
            (check.in_progress.as_ref(), "inProgress", Health::progressing("is in progress")),
            (check.failed.as_ref(), "failed", Health::degraded("has failed")),
            (Some(&check.current), "current", Health::healthy()),
        ];
        let mut missing = None;
        for (expression, field, health) in in_order {
            let Some(expression) = expression else { continue };
            let fields = object.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value));
            match expression.is_true(fields.chain([("self", object)])) {
                Ok(true) => return Some(health),
                Ok(false) => {}
                Err(EvaluationError::Missing(name)) => missing = Some(name),
                Err(error) => {
                    return Some(Health::new(
                        HealthStatus::Unknown,
                        format!("its health check {field} fails: {error}"),
                    ));
                }
            }
        }
        let why = missing.map_or_else(|| "is not current yet".into(), |name| format!("has no field {name} yet"));
        Some(Health::progressing(why))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn kind() -> GroupKind {
        GroupKind { group: "example.org".into(), kind: "Widget".into() }
    }

    fn checks() -> HealthChecks {
        let source = CheckSource {
            kind: "Widget.example.org".into(),
            current: "status.phase == 'Done' && status.ratio + 0.5 > 1.0".into(),
            in_progress: Some("status.phase == 'Busy'".into()),
            failed: Some("status.phase == 'Broken'".into()),
        };
        HealthChecks::parse(&[source]).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
    fn check(object: Value, expected: Expect) {
        let health = checks().assess(&kind(), &object).unwrap();
        expected.assert_eq(format!("{:?} {}", health.status, health.message).trim_end());
    }

    #[test]
    fn the_first_that_is_true_counts() {
        check(json!({"status": {"phase": "Busy"}}), expect!["Progressing is in progress"]);
        check(json!({"status": {"phase": "Broken"}}), expect!["Degraded has failed"]);
        check(json!({"status": {"phase": "Done", "ratio": 0.75}}), expect!["Healthy"]);
        check(json!({"status": {"phase": "Done", "ratio": 0.25}}), expect!["Progressing is not current yet"]);
        check(json!({"status": {"phase": "Done"}}), expect!["Progressing has no field ratio yet"]);
        check(json!({}), expect!["Progressing has no field status yet"]);
        check(
            json!({"status": {"phase": "Done", "ratio": "a lot"}}),
            expect!["Unknown its health check current fails: the types of its values do not fit together"],
        );
    }

    #[test]
    fn what_is_being_deleted_or_was_not_seen_is_on_its_way() {
        let done = json!({"phase": "Done", "ratio": 1.0, "observedGeneration": 1});
        check(
            json!({"metadata": {"generation": 2}, "status": done}),
            expect!["Progressing its controller has not seen the change yet"],
        );
        check(
            json!({"metadata": {"generation": 1, "deletionTimestamp": "2026-11-26T00:00:00Z"}, "status": done}),
            expect!["Progressing is being deleted"],
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let source = |current: &str, failed: Option<&str>| CheckSource {
            kind: "Widget.example.org".into(),
            current: current.into(),
            in_progress: None,
            failed: failed.map(str::to_owned),
        };
        let errors = HealthChecks::parse(&[source("true", None), source("", Some("now() > 1"))]).unwrap_err();
        let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
        expect![[r#"
            spec.healthChecks[1].current: line 1, column 1: it is empty, expected an expression
            spec.healthChecks[1].failed: line 1, column 1: there is no function now, or it is not allowed here"#]]
        .assert_eq(&text.join("\n"));
    }

    #[test]
    fn other_kinds_are_left_to_their_own_rules() {
        let other = GroupKind { group: "".into(), kind: "ConfigMap".into() };
        assert!(!checks().cover(&other) && checks().cover(&kind()));
        assert_eq!(checks().assess(&other, &json!({})), None);
    }
}
