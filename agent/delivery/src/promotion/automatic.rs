//! Revisions that come without being asked for, once the upstreams proved them.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::decide::{self, Target};
use super::gates::{self, Answers, Asked};
use super::{Action, Decision, Environment, GateVerdict, History, Input, Order, Verdict};
use crate::pin::Pin;

/// The promotion that is due without a request; `None` when there is nothing new, or nobody wants it.
pub(super) fn by_itself<H: History>(
    target: &Target<'_>,
    input: &Input<'_>,
    history: &H,
) -> Result<Option<Decision>, H::Error> {
    let from = decide::upstreams(target.promotion, input);
    if !target.promotion.automatic || from.is_empty() || decide::circle(&target.environment.name, input).is_some() {
        return Ok(None);
    }
    let mut waits = None;
    for revision in candidates(target, &from[0], input, history)? {
        let Answers { gates, verdict } =
            gates::ask(target, &Asked { from, revision: &revision, request: None }, input, history)?;
        let decision = Decision {
            environment: target.environment.name.clone(),
            request: None,
            action: Action::Promote,
            revision: Some(revision),
            from: from.to_vec(),
            gates,
            verdict,
        };
        // What no upstream will ever prove is passed over; all else is waited for, in a queue the first and else the newest.
        let hopeless = decision.gates.iter().any(|gate| gate.verdict == GateVerdict::Fail)
            || gates::passed_by(&decision, input, history)?;
        if decision.verdict == Verdict::Promote || (target.promotion.order == Order::Queue && !hopeless) {
            return Ok(Some(decision));
        }
        if waits.is_none() && !hopeless {
            waits = Some(decision);
        }
    }
    Ok(waits)
}

/// What may come: revisions that are healthy at the first upstream, that are newer than the pin, and that change something here. In a queue
/// the oldest goes first, and else the newest.
fn candidates<H: History>(
    target: &Target<'_>,
    upstream: &str,
    input: &Input<'_>,
    history: &H,
) -> Result<Vec<String>, H::Error> {
    let environment = target.environment;
    let Some(upstream) = input.environments.iter().find(|environment| environment.name == *upstream) else {
        return Ok(Vec::new());
    };
    let mut healthy: Vec<_> = upstream.state.healthy.iter().collect();
    healthy.sort_by_key(|healthy| Reverse((healthy.until.unwrap_or(Timestamp::MAX), healthy.since)));
    if target.promotion.order == Order::Queue {
        healthy.reverse();
    }
    let head = input.commits.last().map(|commit| commit.id.as_str());
    let mut found: Vec<String> = Vec::new();
    for healthy in healthy {
        let revision = &healthy.revision;
        let on_branch = head.map_or(Ok(false), |head| history.is_ancestor(revision, head))?;
        let newer = match &environment.pin {
            None => true,
            Some(pin) => *revision != pin.revision && history.is_ancestor(&pin.revision, revision)?,
        };
        let changes = environment.pin.as_ref().is_none_or(|pin| changes(environment, pin, revision));
        if on_branch && newer && changes && !found.contains(revision) {
            found.push(revision.clone());
        }
    }
    Ok(found)
}

/// Whether a revision brings anything new to an environment. Each promotion is a commit, and so a revision that changes nothing; going after
/// those would never end. What is not rendered yet is no reason either: the renders of candidates are among the facts.
fn changes(environment: &Environment, pin: &Pin, revision: &str) -> bool {
    let digest = |revision: &str| environment.state.digests.get(revision);
    match (digest(&pin.revision), digest(revision)) {
        (Some(before), Some(after)) => before != after,
        _ => false,
    }
}

/// The revisions whose renders an automatic decision compares, by environment: what is healthy upstream, and what the pin names.
#[must_use]
pub fn compared<'a>(
    environment: &'a Environment,
    environments: &'a [Environment],
    default_from: &'a [String],
) -> Vec<&'a str> {
    let Some(promotion) = environment.promotion.as_ref().filter(|promotion| promotion.automatic) else {
        return Vec::new();
    };
    let from = if promotion.from.is_empty() { default_from } else { &promotion.from };
    let upstream = from.first().and_then(|name| environments.iter().find(|environment| environment.name == *name));
    let healthy =
        upstream.into_iter().flat_map(|upstream| &upstream.state.healthy).map(|healthy| healthy.revision.as_str());
    let Some(pin) = &environment.pin else { return Vec::new() };
    healthy.chain([pin.revision.as_str()]).collect()
}
