//! Gates that an environment words itself, as CEL expressions.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};
use serde_json::{Value, json};

use super::decide::{Target, short};
use super::gates::{Asked, Gate, GateVerdict};
use super::{Described, History, Input};
use crate::cel::Expression;

/// The names that an expression may use.
const VARIABLES: [&str; 6] = ["environment", "revision", "request", "upstreams", "changes", "now"];

/// A gate that an environment words itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its name; the gate is `cel/<name>`.
    name: String,
    /// What must be true, or why it can't be read.
    expression: Result<Expression, String>,
    /// What people are told while it is false.
    message: Option<String>,
}

impl Condition {
    /// Reads an expression. One that is wrong is a gate that fails, and says why.
    #[must_use]
    pub fn new(name: &str, expression: &str, message: Option<&str>) -> Self {
        let expression = Expression::parse(expression, Some(&VARIABLES)).map_err(|error| error.to_string());
        Self { name: name.to_owned(), expression, message: message.map(str::to_owned) }
    }

    fn says(&self, facts: &[(&str, Value)], now: Timestamp) -> (GateVerdict, String) {
        let wrong = |why: &dyn std::fmt::Display| {
            (GateVerdict::Fail, format!("{why}: correct spec.promotion.expressions, {}", self.name))
        };
        let expression = match &self.expression {
            Ok(expression) => expression,
            Err(why) => return wrong(why),
        };
        match expression.is_true(facts.iter().map(|(name, value)| (*name, value))) {
            Ok(true) => (GateVerdict::Pass, format!("`{}` is true", expression.source())),
            Ok(false) => {
                let why = self.message.clone().unwrap_or_else(|| format!("`{}` is false", expression.source()));
                (GateVerdict::Wait { until: again(expression, now) }, why)
            }
            Err(why) => wrong(&why),
        }
    }
}

/// Only time changes by itself; it is asked again when the next minute begins, so that the answer is the same until then.
fn again(expression: &Expression, now: Timestamp) -> Option<Timestamp> {
    let begun = now.round(TimestampRound::new().smallest(Unit::Minute).mode(RoundMode::Floor)).ok()?;
    let next = begun.checked_add(SignedDuration::from_mins(1)).ok()?;
    expression.mentions("now").then_some(next)
}

/// Asks all of them.
pub(super) fn gates<H: History>(
    target: &Target<'_>,
    asked: &Asked<'_>,
    input: &Input<'_>,
    history: &H,
) -> Result<Vec<Gate>, H::Error> {
    let conditions = &target.promotion.conditions;
    if conditions.is_empty() {
        return Ok(Vec::new());
    }
    let facts = facts(target, asked, input, history)?;
    let gate = |condition: &Condition| {
        let (verdict, why) = condition.says(&facts, input.now);
        Gate { name: format!("cel/{}", condition.name), verdict, why }
    };
    Ok(conditions.iter().map(gate).collect())
}

/// What an expression can know.
fn facts<H: History>(
    target: &Target<'_>,
    asked: &Asked<'_>,
    input: &Input<'_>,
    history: &H,
) -> Result<[(&'static str, Value); 6], H::Error> {
    let environment = target.environment;
    let pinned = environment.pin.as_ref().map(|pin| pin.revision.as_str());
    let runs = |state: &super::State| {
        let healthy = |it: &super::Healthy| it.until.is_none() && Some(&it.revision) == state.revision.as_ref();
        json!({
            "revision": state.revision.clone().unwrap_or_default(),
            "healthy": state.healthy.iter().any(healthy),
            "drifted": state.drifted,
        })
    };
    let upstreams = input.environments.iter().filter(|upstream| asked.from.contains(&upstream.name));
    let upstreams: serde_json::Map<_, _> =
        upstreams.map(|upstream| (upstream.name.clone(), runs(&upstream.state))).collect();
    let mut own = runs(&environment.state);
    own["name"] = environment.name.clone().into();
    own["pinned"] = pinned.unwrap_or_default().into();
    let named = target.promotion.conditions.iter().filter_map(|condition| condition.expression.as_ref().ok());
    let changes = match pinned.filter(|_| named.into_iter().any(|expression| expression.mentions("changes"))) {
        Some(pinned) => history.changed(pinned, asked.revision)?,
        None => Vec::new(),
    };
    let request = match asked.request {
        Some(request) => commit(request, history)?,
        None => Value::Null,
    };
    Ok([
        ("environment", own),
        ("revision", commit(asked.revision, history)?),
        ("request", request),
        ("upstreams", upstreams.into()),
        ("changes", changes.into()),
        ("now", input.now.round(Unit::Second).unwrap_or(input.now).to_string().into()),
    ])
}

fn commit<H: History>(id: &str, history: &H) -> Result<Value, H::Error> {
    let Described { author, email, message, time } = history.described(id)?.unwrap_or_default();
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    Ok(json!({"id": id, "short": short(id), "author": author, "email": email, "message": message, "time": time}))
}
