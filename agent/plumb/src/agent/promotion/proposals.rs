//! Which promotions shall be pull requests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use plumb_api::{Environment, PromotionMode, Supersede};
use plumb_delivery::promotion::{self, Action, Decision, Decisions, Input, Verdict};
use plumb_git::Error as GitError;

use super::Facts;
use crate::agent::{
    board::Key,
    forge::{Proposal, Proposals},
};

/// Whether a decision is carried out by a pull request: the way back does not wait for a review.
pub(super) fn is_proposed(environment: &Environment, decision: &Decision) -> bool {
    by_pull_request(environment) && decision.action == Action::Promote
}

/// Whether promotions to an environment are pull requests.
pub(super) fn by_pull_request(environment: &Environment) -> bool {
    environment.spec.promotion.as_ref().is_some_and(|promotion| promotion.mode == PromotionMode::PullRequest)
}

impl Facts<'_> {
    /// The pull requests that there shall be for what was decided.
    pub(super) fn proposals(
        &self,
        environments: &[Arc<Environment>],
        decisions: &Decisions,
    ) -> Result<Proposals, GitError> {
        let mut proposals = Proposals { head: self.head.clone(), of: BTreeMap::new(), environments: BTreeSet::new() };
        for environment in environments.iter().filter(|environment| by_pull_request(environment)) {
            let name = Key::of(&**environment).name;
            proposals.environments.insert(name.clone());
            let policy = environment.spec.promotion.as_ref().map(|it| it.pull_request.supersede).unwrap_or_default();
            let queued = match policy {
                Supersede::Latest => None,
                Supersede::Queue => self.oldest(&name, environments, decisions)?,
            };
            let promotes = |decision: &&Decision| decision.environment == name && decision.action == Action::Promote;
            let latest = || decisions.requests.iter().find(promotes).cloned();
            let Some(decision) = queued.or_else(latest).filter(is_shown) else { continue };
            let before =
                self.pin(environment)?.map(|pin| pin.revision).filter(|revision| revision.bytes().any(|b| b != b'0'));
            proposals.of.insert(name, Proposal { decision, before });
        }
        Ok(proposals)
    }

    /// The oldest request for an environment that newer ones superseded and nothing answered, judged as if they had not been made. One that
    /// can't become a pull request, or whose pull request was closed, gives way to the next.
    fn oldest(
        &self,
        name: &str,
        environments: &[Arc<Environment>],
        decisions: &Decisions,
    ) -> Result<Option<Decision>, GitError> {
        // The newest goes first, and what is older than an answer is past.
        let promotes = |decision: &&Decision| decision.environment == name && decision.action == Action::Promote;
        let of: Vec<_> = decisions.requests.iter().filter(promotes).collect();
        let answered = |decision: &&Decision| matches!(decision.verdict, Verdict::Done { .. } | Verdict::AlreadyThere);
        let end = of.iter().position(answered).unwrap_or(of.len());
        for place in (1..end).rev() {
            let (Some(wanted), Some(newer)) = (&of[place].request, &of[place - 1].request) else { continue };
            let superseded = matches!(&of[place].verdict, Verdict::Superseded { by } if of.iter().any(|it| it.request.as_ref() == Some(by)));
            if !superseded || self.declined.contains(&(name.to_owned(), wanted.clone())) {
                continue;
            }
            let (commits, known) = self.known(environments)?;
            let end = commits.iter().position(|commit| commit.id == *newer).unwrap_or(commits.len());
            let checks = self.memory.checks(environments, self.head);
            let input = Input {
                commits: &commits[..end],
                environments: &known,
                default_from: &[],
                refused: self.refused,
                checks: &checks,
                now: Timestamp::now(),
            };
            let decided = promotion::decide(&input, self)?.requests;
            let judged = decided
                .into_iter()
                .find(|decision| decision.environment == name && decision.request.as_ref() == Some(wanted));
            if let Some(decision) = judged.filter(is_shown) {
                return Ok(Some(decision));
            }
        }
        Ok(None)
    }
}

/// Whether a decision is worth a pull request: what was refused before a gate was asked is nothing to show; what a gate refuses is.
fn is_shown(decision: &Decision) -> bool {
    let open = matches!(decision.verdict, Verdict::Promote | Verdict::Wait { .. } | Verdict::Refused { .. });
    open && decision.revision.is_some() && !decision.gates.is_empty()
}
