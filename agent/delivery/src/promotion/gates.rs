//! The gates that a revision passes on its way into an environment.
//!
//! Every gate is asked every time, so that all that is missing is shown at once.

use std::fmt;

use jiff::Timestamp;

use super::decide::{Target, short};
use super::{Decision, Environment, Healthy, History, Input, Signed, Verdict, expressions, schedule};

/// A gate and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Its name, such as `upstream/dev`.
    pub name: String,
    /// What it says.
    pub verdict: GateVerdict,
    /// Why, for people.
    pub why: String,
}

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateVerdict {
    /// The revision may pass.
    Pass,
    /// Not now.
    Wait {
        /// When the gate opens by itself; `None` when it takes an event.
        until: Option<Timestamp>,
    },
    /// Never.
    Fail,
}

impl fmt::Display for GateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Wait { .. } => "wait",
            Self::Fail => "fail",
        })
    }
}

/// What all gates say, and what follows from it.
pub(super) struct Answers {
    pub(super) gates: Vec<Gate>,
    pub(super) verdict: Verdict,
}

/// What the gates are asked about.
pub(super) struct Asked<'a> {
    /// The upstreams.
    pub(super) from: &'a [String],
    pub(super) revision: &'a str,
    /// The labelled commit; `None` when nobody asked.
    pub(super) request: Option<&'a String>,
}

/// The gate that waits for what the edge looks at.
pub const UNCHECKED: &str = "checks";

/// Asks all gates of `target`.
pub(super) fn ask<H: History>(
    target: &Target<'_>,
    asked: &Asked<'_>,
    input: &Input<'_>,
    history: &H,
) -> Result<Answers, H::Error> {
    let (environment, promotion, revision) = (target.environment, target.promotion, asked.revision);
    let mut gates = vec![hold(environment), suspended(environment), drift(environment)];
    gates.extend(refused(input));
    if asked.request.is_none() {
        gates.push(at_rest(environment));
    }
    if !promotion.windows.is_empty() {
        gates.push(schedule::gate(&promotion.windows, input.now));
    }
    gates.extend(signatures(target, asked, history)?);
    for name in asked.from {
        let gate = match input.environments.iter().find(|environment| environment.name == *name) {
            Some(upstream) => healthy_upstream(upstream, target, revision, input.now, history)?,
            None => Gate {
                name: upstream_gate(name),
                verdict: GateVerdict::Wait { until: None },
                why: format!(
                    "there is no environment {name} here, and no ledger of it: create it, or correct spec.promotion.from"
                ),
            },
        };
        gates.push(gate);
    }
    gates.extend(expressions::gates(target, asked, input, history)?);
    gates.extend(checks(target, revision, input));
    let verdict = conclude(&gates);
    Ok(Answers { gates, verdict })
}

/// Nothing comes by itself while what came last has not proved itself here. Whoever asks may bring the very revision that mends it.
fn at_rest(target: &Environment) -> Gate {
    let name = &target.name;
    let healthy = |pin: &crate::pin::Pin| {
        target.state.healthy.iter().any(|healthy| healthy.revision == pin.revision && healthy.until.is_none())
    };
    let closed = target.pin.as_ref().filter(|pin| !healthy(pin));
    let closed = closed.map(|pin| format!("{name} is not healthy at {} yet", short(&pin.revision)));
    open_or_wait("healthy", closed, format!("{name} is healthy"))
}

/// Whether the request and the revision are signed by those who may.
fn signatures<H: History>(target: &Target<'_>, asked: &Asked<'_>, history: &H) -> Result<Vec<Gate>, H::Error> {
    let promotion = target.promotion;
    let mut gates = Vec::new();
    let gate = |name: &str, answer: Result<String, String>| {
        let verdict = if answer.is_ok() { GateVerdict::Pass } else { GateVerdict::Fail };
        Gate { name: name.to_owned(), verdict, why: answer.unwrap_or_else(|why| why) }
    };
    if promotion.signed {
        gates.push(gate(
            "signature",
            signer(asked.revision, history)?
                .map(|names| format!("{} is signed by {}", short(asked.revision), names.join(", "))),
        ));
    }
    if let Some(request) = asked.request.filter(|_| promotion.signed || !promotion.approvers.is_empty()) {
        let approvers = &promotion.approvers;
        let answer = signer(request, history)?.and_then(|names| {
            let by = || format!("{} is signed by {}", short(request), names.join(", "));
            if approvers.is_empty() || names.iter().any(|name| approvers.contains(name)) {
                return Ok(by());
            }
            Err(format!("{}, and {} lets {} ask", by(), target.environment.name, approvers.join(", ")))
        });
        gates.push(gate("approval", answer));
    }
    Ok(gates)
}

/// The names of those who signed a commit, or why nobody did.
fn signer<H: History>(commit: &str, history: &H) -> Result<Result<Vec<String>, String>, H::Error> {
    Ok(match history.signed(commit)? {
        Signed::By(names) => Ok(names),
        Signed::Not => Err(format!(
            "{} is not signed: sign it with a key that spec.verify of the Repository trusts",
            short(commit)
        )),
        Signed::Untrusted(why) => Err(format!("the signature of {} proves nothing: {why}", short(commit))),
    })
}

/// What the edge said, or that it has not looked yet.
fn checks(target: &Target<'_>, revision: &str, input: &Input<'_>) -> Vec<Gate> {
    if !target.promotion.checked {
        return Vec::new();
    }
    let place = (target.environment.name.clone(), revision.to_owned());
    input.checks.get(&place).cloned().unwrap_or_else(|| {
        let why = format!("{} is not looked at yet", short(revision));
        vec![Gate { name: UNCHECKED.into(), verdict: GateVerdict::Wait { until: None }, why }]
    })
}

/// Whether an upstream went past a revision without proving it, so that it never will.
pub(super) fn passed_by<H: History>(decision: &Decision, input: &Input<'_>, history: &H) -> Result<bool, H::Error> {
    let Some(revision) = &decision.revision else { return Ok(false) };
    for name in &decision.from {
        let closed = |gate: &&Gate| gate.name == upstream_gate(name) && gate.verdict != GateVerdict::Pass;
        let Some(upstream) = input.environments.iter().find(|environment| environment.name == *name) else { continue };
        let soaks = |gate: &&Gate| matches!(gate.verdict, GateVerdict::Wait { until: Some(_) });
        if decision.gates.iter().find(closed).is_some_and(|gate| !soaks(&gate))
            && let Some(runs) = &upstream.state.revision
            && runs != revision
            && history.is_ancestor(revision, runs)?
            && !upstream.state.drifted
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One failed gate refuses, one closed gate waits, and only when all are open the revision passes.
fn conclude(gates: &[Gate]) -> Verdict {
    if let Some(gate) = gates.iter().find(|gate| gate.verdict == GateVerdict::Fail) {
        return Verdict::Refused { why: gate.why.clone() };
    }
    let closed = gates.iter().find(|gate| matches!(gate.verdict, GateVerdict::Wait { .. }));
    match closed {
        Some(gate) => {
            // Any gate may say something else by then, and what it says is shown.
            let until = gates.iter().filter_map(|gate| match gate.verdict {
                GateVerdict::Wait { until } => until,
                GateVerdict::Pass | GateVerdict::Fail => None,
            });
            let until = until.min();
            Verdict::Wait { gate: gate.name.clone(), why: gate.why.clone(), until }
        }
        None => Verdict::Promote,
    }
}

/// Asks the gates that also the way back has.
pub(super) fn ask_back(target: &Environment, input: &Input<'_>) -> Answers {
    let gates: Vec<Gate> = [suspended(target)].into_iter().chain(refused(input)).collect();
    let verdict = conclude(&gates);
    Answers { gates, verdict }
}

/// Closed while the repository can't be written; there is no such gate otherwise.
fn refused(input: &Input<'_>) -> Option<Gate> {
    let why = format!("the repository can't be written, so nothing is promoted: {}", input.refused?);
    Some(Gate { name: "repository".into(), verdict: GateVerdict::Wait { until: None }, why })
}

fn upstream_gate(name: &str) -> String {
    format!("upstream/{name}")
}

fn open_or_wait(name: &str, closed: Option<String>, open: String) -> Gate {
    match closed {
        Some(why) => Gate { name: name.to_owned(), verdict: GateVerdict::Wait { until: None }, why },
        None => Gate { name: name.to_owned(), verdict: GateVerdict::Pass, why: open },
    }
}

fn hold(target: &Environment) -> Gate {
    let hold = target.pin.as_ref().and_then(|pin| pin.hold.as_ref());
    let closed = hold.map(|hold| format!("{} is held: {}", target.name, hold.reason));
    open_or_wait("hold", closed, format!("{} is not held", target.name))
}

fn suspended(target: &Environment) -> Gate {
    let closed = target.suspended.then(|| format!("{} is suspended: set spec.suspend to false", target.name));
    open_or_wait("suspended", closed, format!("{} is not suspended", target.name))
}

fn drift(target: &Environment) -> Gate {
    let closed = target.state.drifted.then(|| format!("{} has drifted from the revision that runs there", target.name));
    open_or_wait("drift", closed, format!("{} has not drifted", target.name))
}

/// Whether an upstream proved a revision, or another one with the very same manifests.
fn healthy_upstream<H: History>(
    upstream: &Environment,
    target: &Target<'_>,
    revision: &str,
    now: Timestamp,
    history: &H,
) -> Result<Gate, H::Error> {
    let soak = target.promotion.soak;
    let proofs = upstream.state.healthy.iter().filter(|healthy| proves(upstream, healthy, revision));
    // What drifted is no proof of what was rendered; what ran before the drift still is.
    let (drifted, sound): (Vec<_>, Vec<_>) = proofs.partition(|it| upstream.state.drifted && it.until.is_none());
    let opens = |healthy: &Healthy| {
        // A clock that was set back makes a time to come of when it became healthy. That it is healthy stays true, and nothing has soaked by it.
        let since = healthy.since.min(healthy.until.unwrap_or(now)).min(now);
        let time = since.saturating_add(soak).unwrap_or(Timestamp::MAX);
        healthy.until.is_none_or(|until| time <= until).then_some(time)
    };
    let earliest = sound.iter().filter_map(|healthy| Some((opens(healthy)?, *healthy))).min_by_key(|(time, _)| *time);
    let (verdict, why) = match earliest {
        Some((time, healthy)) if time <= now => (GateVerdict::Pass, proof(upstream, healthy, revision)),
        Some((time, healthy)) => (
            GateVerdict::Wait { until: Some(time) },
            format!("{}, and must stay so until {time}", proof(upstream, healthy, revision)),
        ),
        None => (
            GateVerdict::Wait { until: None },
            if !drifted.is_empty() {
                format!("{} has drifted from {}", upstream.name, short(revision))
            } else if let Some(healthy) = sound.first() {
                format!("{}, but another revision took its place too soon", proof(upstream, healthy, revision))
            } else {
                missing(upstream, revision, history)?
            },
        ),
    };
    Ok(Gate { name: upstream_gate(&upstream.name), verdict, why })
}

fn proves(upstream: &Environment, healthy: &Healthy, revision: &str) -> bool {
    let digests = &upstream.state.digests;
    healthy.revision == revision
        || digests.get(revision).is_some_and(|digest| digests.get(&healthy.revision) == Some(digest))
}

fn proof(upstream: &Environment, healthy: &Healthy, revision: &str) -> String {
    let tense = if healthy.until.is_none() { "is" } else { "was" };
    let text = format!("{} {tense} healthy at {} since {}", upstream.name, short(&healthy.revision), healthy.since);
    if healthy.revision == revision {
        return text;
    }
    format!("{text}, whose manifests are those of {}", short(revision))
}

/// Why there is no proof.
fn missing<H: History>(upstream: &Environment, revision: &str, history: &H) -> Result<String, H::Error> {
    let (name, wanted) = (&upstream.name, short(revision));
    Ok(match upstream.state.revision.as_deref() {
        None if upstream.state.applied.is_some() => format!(
            "{name} has the values of no revision: nothing was promoted to it yet, or somebody changed its overlay or its pin by hand"
        ),
        None => format!("{name} runs nothing yet"),
        Some(runs) if runs == revision => format!("{name} runs {wanted} and is not healthy yet"),
        Some(runs) if history.is_ancestor(revision, runs)? => format!(
            "{name} was never healthy at {wanted} and runs the newer {} now: ask for that one, or for one with the same manifests",
            short(runs)
        ),
        Some(runs) => format!("{name} runs {}, not {wanted} yet", short(runs)),
    })
}
