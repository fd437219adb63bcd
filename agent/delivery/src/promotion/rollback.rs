//! The way back: to a revision that was healthy here before.
//!
//! No upstream is asked, for the environment itself proved the revision. The pin carries a hold, so that what was left behind does not come
//! again with the next promotion.

use super::decide::{Target, decision, resolve, short};
use super::gates::{self, Answers};
use super::{Action, Decision, Environment, History, Input, Verdict};
use crate::pin::Pin;
use crate::trailers::PromotionRequest;

/// Judges a request to go back.
pub(super) fn judge<H: History>(
    target: &Target<'_>,
    request: &PromotionRequest,
    hold: Option<&str>,
    input: &Input<'_>,
    history: &H,
) -> Result<Decision, H::Error> {
    let environment = target.environment;
    let name = &environment.name;
    let refused = |why: String| Ok(decision(request, Verdict::Refused { why }));
    let Some(pin) = &environment.pin else {
        return refused(format!("{name} has no pin yet, so there is nothing to go back from"));
    };
    let revision = match &request.revision {
        Some(text) => match resolve(text, history)? {
            Ok(id) => id,
            Err(why) => return refused(why),
        },
        None => match before(environment, pin, history)? {
            Some(revision) => revision,
            None => {
                return refused(format!(
                    "nothing that {name} remembers was healthy there before {}: name a revision with Rollback-To",
                    short(&pin.revision)
                ));
            }
        },
    };
    if revision == pin.revision {
        return Ok(Decision { revision: Some(revision), ..decision(request, Verdict::AlreadyThere) });
    }
    if !history.is_ancestor(&revision, &pin.revision)? {
        let (wanted, runs) = (short(&revision), short(&pin.revision));
        return refused(format!(
            "{wanted} does not come before {runs}, to which {name} is pinned: ask for a promotion"
        ));
    }
    if !environment.state.healthy.iter().any(|healthy| healthy.revision == revision) {
        let wanted = short(&revision);
        return refused(format!(
            "nothing shows that {name} was healthy at {wanted}: to go there all the same, commit a pin that names it"
        ));
    }
    let hold = hold.map_or_else(|| format!("rolled back from {}", short(&pin.revision)), str::to_owned);
    Ok(back(environment, pin, Some(&request.commit), revision, hold, input))
}

/// What was promoted degraded in time: the environment goes back by itself, once. `None` when there is nothing to do.
pub(super) fn by_itself<H: History>(
    target: &Target<'_>,
    input: &Input<'_>,
    history: &H,
) -> Result<Option<Decision>, H::Error> {
    let environment = target.environment;
    let state = &environment.state;
    let (Some(within), Some(pin)) = (target.promotion.rollback_within, &environment.pin) else { return Ok(None) };
    let (Some(applied), Some(degraded)) = (state.applied, state.degraded) else { return Ok(None) };
    let runs = state.revision.as_ref() == Some(&pin.revision);
    // A rollback is never rolled back, and a hold is the word of a person.
    if !runs || pin.rollback_of.is_some() || pin.hold.is_some() || degraded.duration_since(applied) > within {
        return Ok(None);
    }
    let Some(revision) = before(environment, pin, history)? else { return Ok(None) };
    let hold = format!("{} degraded {within:#} or less after it was promoted", short(&pin.revision));
    Ok(Some(back(environment, pin, None, revision, hold, input)))
}

/// Judges a request to end a hold.
pub(super) fn release(target: &Target<'_>, request: &PromotionRequest, input: &Input<'_>) -> Decision {
    let Some(pin) = target.environment.pin.as_ref().filter(|pin| pin.hold.is_some()) else {
        return decision(request, Verdict::AlreadyThere);
    };
    let Answers { gates, verdict } = gates::ask_back(target.environment, input);
    let (revision, action) = (Some(pin.revision.clone()), Action::Release { rollback_of: pin.rollback_of.clone() });
    Decision { revision, from: pin.from.clone(), gates, action, ..decision(request, verdict) }
}

fn back(
    environment: &Environment,
    pin: &Pin,
    request: Option<&String>,
    revision: String,
    hold: String,
    input: &Input<'_>,
) -> Decision {
    let Answers { gates, verdict } = gates::ask_back(environment, input);
    Decision {
        environment: environment.name.clone(),
        request: request.cloned(),
        action: Action::Rollback { from: pin.revision.clone(), hold },
        revision: Some(revision),
        from: Vec::new(),
        gates,
        verdict,
    }
}

/// The last revision before the pin's that was healthy here and had other manifests.
fn before<H: History>(environment: &Environment, pin: &Pin, history: &H) -> Result<Option<String>, H::Error> {
    let state = &environment.state;
    let current = state.digests.get(&pin.revision);
    let mut healthy: Vec<_> = state.healthy.iter().collect();
    healthy.sort_by_key(|healthy| std::cmp::Reverse(healthy.until.unwrap_or(jiff::Timestamp::MAX)));
    for healthy in healthy {
        let revision = &healthy.revision;
        let same = current.is_some() && state.digests.get(revision) == current;
        if *revision != pin.revision && !same && history.is_ancestor(revision, &pin.revision)? {
            return Ok(Some(revision.clone()));
        }
    }
    Ok(None)
}
