//! From requests to decisions.

use std::collections::BTreeSet;

use super::automatic;
use super::gates::{self, Answers, Asked};
use super::rollback;
use super::{
    Action, Commit, Decision, Decisions, Environment, History, Input, Order, Promotion, Resolved, Unreadable, Verdict,
};
use crate::trailers::{self, PromotionRequest, PromotionResult, RequestKind};

/// Decides on every request of `input`.
///
/// # Errors
/// The first error of `history`; then nothing is decided.
pub fn decide<H: History>(input: &Input<'_>, history: &H) -> Result<Decisions, H::Error> {
    let log = Log::read(input.commits);
    let mut decisions = Vec::new();
    for environment in input.environments {
        if let Some(promotion) = &environment.promotion {
            decide_for(&Target { environment, promotion }, &log, input, history, &mut decisions)?;
        }
    }
    for (_, request) in log.requests.iter().rev() {
        let known = input.environments.iter().find(|environment| environment.name == request.environment);
        let why = match known {
            Some(Environment { promotion: Some(_), .. } | Environment { elsewhere: true, .. }) => continue,
            Some(_) => format!("{} follows the head of the branch: nothing is promoted to it", request.environment),
            None => unknown_environment(&request.environment, input.environments),
        };
        decisions.push(decision(request, Verdict::Refused { why }));
    }
    Ok(Decisions { requests: decisions, unreadable: log.unreadable })
}

/// What the branch says, each with its place in the history.
struct Log {
    requests: Vec<(usize, PromotionRequest)>,
    results: Vec<(usize, PromotionResult)>,
    /// Environments whose pin names a request since a commit.
    answers: Vec<(usize, String, String)>,
    /// Commits that a later one takes back.
    reverted: Vec<(usize, String)>,
    unreadable: Vec<Unreadable>,
}

impl Log {
    fn read(commits: &[Commit]) -> Self {
        let mut log = Self {
            requests: Vec::new(),
            results: Vec::new(),
            answers: Vec::new(),
            reverted: Vec::new(),
            unreadable: Vec::new(),
        };
        for (index, commit) in commits.iter().enumerate() {
            let read = trailers::requests(&commit.id, &commit.message).and_then(|requests| {
                log.requests.extend(requests.into_iter().map(|request| (index, request)));
                trailers::result(&commit.message)
            });
            match read {
                Ok(result) => log.results.extend(result.map(|result| (index, result))),
                Err(why) => log.unreadable.push(Unreadable { commit: commit.id.clone(), why }),
            }
            log.answers.extend(commit.answers.iter().map(|(name, request)| (index, name.clone(), request.clone())));
            log.reverted.extend(trailers::reverted(&commit.message).map(|id| (index, id.to_owned())));
            log.read_labels(index, commit);
        }
        log
    }

    /// What the labels of a merged pull request ask for, besides the trailers of its merge.
    fn read_labels(&mut self, index: usize, commit: &Commit) {
        for environment in &commit.labels {
            let known = |(at, request): &(usize, PromotionRequest)| *at == index && request.environment == *environment;
            if !self.requests.iter().any(known) {
                let (environment, commit) = (environment.clone(), commit.id.clone());
                let kind = RequestKind::Promote;
                self.requests.push((index, PromotionRequest { environment, kind, revision: None, commit }));
            }
        }
    }

    /// The promotion commit that followed a request.
    fn result_of(&self, index: usize, request: &PromotionRequest) -> Option<usize> {
        let named = |result: &PromotionResult| {
            result.to == request.environment && result.request.as_deref() == Some(request.commit.as_str())
        };
        let said = self.results.iter().find(|(at, result)| *at > index && named(result)).map(|(at, _)| *at);
        let pinned = |(at, name, asked): &&(usize, String, String)| {
            *at > index && *name == request.environment && *asked == request.commit
        };
        said.or_else(|| self.answers.iter().find(pinned).map(|(at, ..)| *at))
    }

    /// The commit that took a request back before anything answered it.
    fn withdrawn(&self, index: usize, request: &PromotionRequest) -> Option<usize> {
        let taken_back = |(at, id): &&(usize, String)| *at > index && *id == request.commit;
        self.reverted.iter().find(taken_back).map(|(at, _)| *at)
    }

    /// The last commit that moved the pin of `environment` without being the result of a request: somebody's own hand, or a revert.
    fn moved_by_hand(&self, environment: &str, commits: &[Commit]) -> Option<usize> {
        let asked = |index: usize| {
            commits[index].answers.contains_key(environment)
                || self.results.iter().any(|(at, result)| *at == index && answers(result, environment))
        };
        (0..commits.len()).rev().find(|index| commits[*index].pins.contains(environment) && !asked(*index))
    }
}

/// Whether this is the result of a request for `environment`.
pub(super) fn answers(result: &PromotionResult, environment: &str) -> bool {
    result.to == environment && result.request.is_some()
}

/// An environment to which revisions are promoted.
pub(super) struct Target<'a> {
    pub(super) environment: &'a Environment,
    pub(super) promotion: &'a Promotion,
}

/// The environments that must prove a revision.
pub(super) fn upstreams<'a>(promotion: &'a Promotion, input: &Input<'a>) -> &'a [String] {
    if promotion.from.is_empty() { input.default_from } else { &promotion.from }
}

fn decide_for<H: History>(
    target: &Target<'_>,
    log: &Log,
    input: &Input<'_>,
    history: &H,
    decisions: &mut Vec<Decision>,
) -> Result<(), H::Error> {
    let name = &target.environment.name;
    let by_hand = log.moved_by_hand(name, input.commits);
    // The end of a hold is one word, and which revision runs is another: neither takes the place of the other.
    let (mut latest, mut released, mut rolled_back): (Option<&str>, Option<&str>, Option<&str>) = (None, None, None);
    let first = decisions.len();
    let mut queue = Vec::new();
    for (index, request) in log.requests.iter().rev().filter(|(_, request)| request.environment == *name) {
        let latest = match request.kind {
            RequestKind::Release => {
                // Whoever asks to go back wants the hold that comes with it.
                released = released.or(rolled_back);
                &mut released
            }
            RequestKind::Rollback { .. } => {
                rolled_back = rolled_back.or(Some(&request.commit));
                &mut latest
            }
            RequestKind::Promote => &mut latest,
        };
        let queued = target.promotion.order == Order::Queue && request.kind == RequestKind::Promote;
        let decided = if let Some(result) = log.result_of(*index, request) {
            decision(request, Verdict::Done { result: input.commits[result].id.clone() })
        } else if let Some(by) = log.withdrawn(*index, request) {
            decision(request, Verdict::Superseded { by: input.commits[by].id.clone() })
        } else if let Some(by) = rolled_back.filter(|_| queued) {
            decision(request, Verdict::Superseded { by: by.to_owned() })
        } else if let Some(by) = (*latest).filter(|_| !queued) {
            decision(request, Verdict::Superseded { by: by.to_owned() })
        } else if let Some(hand) = by_hand.filter(|hand| hand > index) {
            decision(request, Verdict::Superseded { by: input.commits[hand].id.clone() })
        } else {
            match &request.kind {
                RequestKind::Promote if queued => {
                    queue.push((decisions.len(), request));
                    decision(request, Verdict::AlreadyThere)
                }
                RequestKind::Promote => judge(target, request, input, history)?,
                RequestKind::Rollback { hold } => rollback::judge(target, request, hold.as_deref(), input, history)?,
                RequestKind::Release => rollback::release(target, request, input),
            }
        };
        *latest = latest.or(Some(&request.commit));
        decisions.push(decided);
    }
    in_turn(target, queue.into_iter().rev(), input, history, decisions)?;
    back_first(&mut decisions[first..]);
    // What somebody decided goes before what happens by itself.
    let moves = |decision: &Decision| decision.verdict == Verdict::Promote;
    let waits = |decision: &Decision| matches!(decision.verdict, Verdict::Wait { .. });
    if !decisions[first..].iter().any(moves) {
        let back = rollback::by_itself(target, input, history)?;
        let free = back.is_none() && !decisions[first..].iter().any(waits);
        decisions.extend(back);
        if free {
            decisions.extend(automatic::by_itself(target, input, history)?);
        }
    }
    Ok(())
}

/// Who asks to go back and then for the end of the hold gets both, in this order: else the hold of the way back would stay.
fn back_first(decisions: &mut [Decision]) {
    let back =
        decisions.iter().find(|it| matches!(it.action, Action::Rollback { .. }) && it.verdict == Verdict::Promote);
    let Some(request) = back.and_then(|back| back.request.clone()) else { return };
    for release in decisions.iter_mut().filter(|it| matches!(it.action, Action::Release { .. })) {
        if release.verdict == Verdict::Promote {
            let why = format!("{} goes back first, as {} asked", release.environment, short(&request));
            release.verdict = Verdict::Wait { gate: "rollback".into(), why, until: None };
        }
    }
}

/// Judges the requests of a queue, the oldest first: the first that may still come is the one whose turn it is.
fn in_turn<'r, H: History>(
    target: &Target<'_>,
    queue: impl Iterator<Item = (usize, &'r PromotionRequest)>,
    input: &Input<'_>,
    history: &H,
    decisions: &mut [Decision],
) -> Result<(), H::Error> {
    let mut turn: Option<String> = None;
    for (place, request) in queue {
        let mut judged = judge(target, request, input, history)?;
        if let Some(first) = &turn {
            if matches!(judged.verdict, Verdict::Promote | Verdict::Wait { .. }) {
                let why = format!("{} goes first, for {} visits each in order", short(first), request.environment);
                judged.verdict = Verdict::Wait { gate: "queue".into(), why, until: None };
            }
        } else if matches!(judged.verdict, Verdict::Promote | Verdict::Wait { .. })
            && !gates::passed_by(&judged, input, history)?
        {
            turn = Some(request.commit.clone());
        }
        decisions[place] = judged;
    }
    Ok(())
}

/// Judges the latest request for an environment.
fn judge<H: History>(
    target: &Target<'_>,
    request: &PromotionRequest,
    input: &Input<'_>,
    history: &H,
) -> Result<Decision, H::Error> {
    let refused = |why: String| Ok(decision(request, Verdict::Refused { why }));
    let name = &request.environment;
    let revision = match &request.revision {
        None => request.commit.clone(),
        Some(text) => match resolve(text, history)? {
            Ok(id) => id,
            Err(why) => return refused(why),
        },
    };
    let head = input.commits.last().map_or(request.commit.as_str(), |commit| commit.id.as_str());
    if !history.is_ancestor(&revision, head)? {
        return refused(format!("{} is not on the tracked branch: merge it first", short(&revision)));
    }
    if let Some(pin) = &target.environment.pin {
        if pin.revision == revision {
            return Ok(Decision { revision: Some(revision), ..decision(request, Verdict::AlreadyThere) });
        }
        if history.is_ancestor(&revision, &pin.revision)? {
            let (wanted, runs) = (short(&revision), short(&pin.revision));
            return refused(format!(
                "{wanted} is older than {runs}, to which {name} is pinned: to go back, use `plumb rollback {name} --to {wanted}`"
            ));
        }
    }
    let from = upstreams(target.promotion, input);
    if from.is_empty() {
        return refused(format!("{name} has nothing to promote from: name an environment in spec.promotion.from"));
    }
    if let Some(circle) = circle(name, input) {
        return refused(format!("{circle} is a circle: take one of them out of spec.promotion.from"));
    }
    let asked = Asked { from, revision: &revision, request: Some(&request.commit) };
    let Answers { gates, verdict } = gates::ask(target, &asked, input, history)?;
    let from = from.to_vec();
    Ok(Decision { revision: Some(revision), from, gates, ..decision(request, verdict) })
}

/// The commit that a request names, or why it names none.
pub(super) fn resolve<H: History>(text: &str, history: &H) -> Result<Result<String, String>, H::Error> {
    Ok(match history.resolve(text)? {
        Resolved::Commit(id) => Ok(id),
        Resolved::Ambiguous => Err(format!("more than one commit starts with {text}: write more digits of it")),
        Resolved::Unknown => Err(format!("no commit starts with {text}: has it been pushed?")),
    })
}

/// The way from an environment through its upstreams back to itself, if there is one.
pub(super) fn circle(name: &str, input: &Input<'_>) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![name]];
    while let Some(way) = ways.pop() {
        let last = way.last().copied().unwrap_or(name);
        let environment = input.environments.iter().find(|environment| environment.name == last);
        let Some(promotion) = environment.and_then(|environment| environment.promotion.as_ref()) else {
            continue;
        };
        for upstream in upstreams(promotion, input) {
            let way: Vec<&str> = way.iter().copied().chain([upstream.as_str()]).collect();
            if upstream == name {
                return Some(way.join(" ← "));
            }
            if seen.insert(upstream.as_str()) {
                ways.push(way);
            }
        }
    }
    None
}

fn unknown_environment(name: &str, environments: &[Environment]) -> String {
    let targets: Vec<&str> = environments
        .iter()
        .filter(|environment| environment.promotion.is_some())
        .map(|environment| environment.name.as_str())
        .collect();
    let known = if targets.is_empty() {
        "no environment of this repository has spec.promotion".to_owned()
    } else {
        format!("revisions are promoted to {}", targets.join(", "))
    };
    let hint = if name.contains([',', ' ']) { "; write one Promote-To for each environment" } else { "" };
    format!("there is no environment {name}: {known}{hint}")
}

pub(super) fn decision(request: &PromotionRequest, verdict: Verdict) -> Decision {
    Decision {
        environment: request.environment.clone(),
        request: Some(request.commit.clone()),
        action: match &request.kind {
            RequestKind::Promote => Action::Promote,
            RequestKind::Rollback { hold } => {
                Action::Rollback { from: String::new(), hold: hold.clone().unwrap_or_default() }
            }
            RequestKind::Release => Action::Release { rollback_of: None },
        },
        revision: None,
        from: Vec::new(),
        gates: Vec::new(),
        verdict,
    }
}

/// The first digits of a commit id, enough for people.
#[must_use]
pub fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
