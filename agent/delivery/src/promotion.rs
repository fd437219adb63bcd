//! Which promotions to make, from what the branch asks for and what is known of the environments.
//!
//! The decision is made anew each time from the history of the tracked branch and the state of the environments, and it
//! remembers nothing. So nothing is lost while the agent is down, and nothing happens twice: a promotion commit names the
//! commit that asked for it, and a request that is named is done.
//!
//! Of several requests for one environment only the newest counts, also while it waits at a gate and when it is refused:
//! it is the latest word of those who run the environment, and nothing happens there that this word does not say.

mod automatic;
mod decide;
mod expressions;
mod gates;
mod rollback;
mod schedule;
mod statuses;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::Digest;
use crate::pin::{Hold, Pin};
use crate::trailers::{self, PromotionResult};
pub use automatic::compared;
pub use decide::{decide, short};
pub use expressions::Condition;
pub use gates::{Gate, GateVerdict, UNCHECKED};
pub use schedule::TimeWindow;
pub use statuses::{CommitStatus, statuses};
pub use window::Window;

/// A first-parent commit of the tracked branch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Its message.
    pub message: String,
    /// The environments whose pin file differs between this commit and its first parent.
    pub pins: BTreeSet<String>,
    /// Of these environments, the requests that their pins name since this commit and did not before: a promotion, also when its message
    /// says so no longer, as after the merge of a pull request.
    pub answers: BTreeMap<String, String>,
    /// The environments to which the labels of a pull request ask to promote, when the commit is its merge.
    pub labels: BTreeSet<String>,
}

/// What is known of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name, as requests write it.
    pub name: String,
    /// How revisions get there; `None` follows the head of the branch.
    pub promotion: Option<Promotion>,
    /// Whether another agent runs it, on another cluster: then that one answers requests for it, and all that is known here is what its
    /// ledger says.
    pub elsewhere: bool,
    /// Whether it is suspended: then its pin stays where it is.
    pub suspended: bool,
    /// The pin at the head of the branch; `None` when there is none yet, or none that can be read.
    pub pin: Option<Pin>,
    /// What runs there.
    pub state: State,
}

/// How revisions get to an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promotion {
    /// The environments that must be healthy at a revision first, all of them; when empty, [`Input::default_from`].
    pub from: Vec<String>,
    /// How long each of them must have been healthy at it.
    pub soak: SignedDuration,
    /// Whether the environment goes back by itself when what was promoted degrades within this time after it was applied.
    pub rollback_within: Option<SignedDuration>,
    /// Whether revisions that the upstreams proved come without being asked for.
    pub automatic: bool,
    /// Which of several revisions comes next.
    pub order: Order,
    /// When revisions may come.
    pub windows: Vec<TimeWindow>,
    /// Who may ask, by the names that their keys have; with any, a request must be signed by one of them. Everybody when empty.
    pub approvers: Vec<String>,
    /// Whether requests and revisions must be signed with a key that the repository trusts.
    pub signed: bool,
    /// Whether the edge looks at a revision before it comes, see [`Input::checks`].
    pub checked: bool,
    /// What else must be true.
    pub conditions: Vec<Condition>,
}

/// Which of several revisions comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The newest; those that it overtakes never come.
    #[default]
    Latest,
    /// The oldest that is newer than what runs, so that each comes that may.
    Queue,
}

/// By whom a commit is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// With a key that the repository trusts; these are the names that it has.
    By(Vec<String>),
    /// Not at all.
    Not,
    /// With a signature that proves nothing; this is why.
    Untrusted(String),
}

/// What runs in an environment, and what was proven there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The revision that was applied last; with the strategy `Fields` the one whose values were, and none when these are of no revision.
    pub revision: Option<String>,
    /// When it was applied.
    pub applied: Option<Timestamp>,
    /// When it degraded, while it is degraded.
    pub degraded: Option<Timestamp>,
    /// The revisions that proved healthy. One that degraded afterwards is not among them.
    pub healthy: Vec<Healthy>,
    /// Whether live objects differ from the revision that runs, in a way that the environment does not ignore.
    pub drifted: bool,
    /// The digest of the rendered manifests, for the revisions for which it is known.
    pub digests: BTreeMap<String, Digest>,
}

/// A time during which a revision was healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthy {
    /// The revision that ran.
    pub revision: String,
    /// Since when everything was healthy without a break.
    pub since: Timestamp,
    /// When another revision took its place; `None` while it runs and is healthy.
    pub until: Option<Timestamp>,
}

/// All that a decision depends on, besides the [`History`].
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// First-parent commits of the tracked branch, oldest first, up to its head; [`Window`] tells how far back.
    pub commits: &'a [Commit],
    /// All environments of the repository.
    pub environments: &'a [Environment],
    /// Upstreams of an environment whose promotion names none.
    pub default_from: &'a [String],
    /// Why the repository can't be written, if it can't be: nothing is promoted then.
    pub refused: Option<&'a str>,
    /// What the edge says of a revision on its way into an environment, by environment and revision: whether it renders, what the API server
    /// says to it, and whatever else the environment wants looked at. A revision that was not looked at yet waits for it.
    pub checks: &'a Checks,
    /// The time of the decision.
    pub now: Timestamp,
}

/// Gates that others have asked, by environment and revision.
pub type Checks = BTreeMap<(String, String), Vec<Gate>>;

/// What a revision in a request turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// One commit: its full id.
    Commit(String),
    /// More than one commit starts with these digits.
    Ambiguous,
    /// No commit starts with these digits.
    Unknown,
}

/// What a commit says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// The name of who wrote it.
    pub author: String,
    /// Their address.
    pub email: String,
    /// Its message.
    pub message: String,
    /// When it was made, by the committer's clock.
    pub time: Option<Timestamp>,
}

/// The questions that only the repository can answer.
pub trait History {
    /// Why it could not.
    type Error;

    /// The commit whose id is, or starts with, `revision` (7 to 40 lower-case hexadecimal digits).
    ///
    /// # Errors
    /// When the repository cannot be read; that there is no such commit is no error.
    fn resolve(&self, revision: &str) -> Result<Resolved, Self::Error>;

    /// Whether the commit `ancestor` is `descendant` or in its history. No for ids that name no commit.
    ///
    /// # Errors
    /// When the repository cannot be read.
    fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, Self::Error>;

    /// By whom a commit is signed.
    ///
    /// # Errors
    /// When the repository cannot be read.
    fn signed(&self, commit: &str) -> Result<Signed, Self::Error> {
        let _ = commit;
        Ok(Signed::Not)
    }

    /// What a commit says of itself; `None` when it is not there.
    ///
    /// # Errors
    /// When the repository cannot be read.
    fn described(&self, commit: &str) -> Result<Option<Described>, Self::Error> {
        let _ = commit;
        Ok(None)
    }

    /// The paths that differ between two commits, in order; of very many some.
    ///
    /// # Errors
    /// When the repository cannot be read.
    fn changed(&self, from: &str, to: &str) -> Result<Vec<String>, Self::Error> {
        let _ = (from, to);
        Ok(Vec::new())
    }
}

/// What to do about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The environment that the request names.
    pub environment: String,
    /// The full id of the labelled commit; `None` when nobody asked, and the environment goes back by itself.
    pub request: Option<String>,
    /// What is to be done with the pin.
    pub action: Action,
    /// The full id of the revision asked for, once it is known.
    pub revision: Option<String>,
    /// The upstreams of the environment.
    pub from: Vec<String>,
    /// All gates, when the request came as far as to be judged.
    pub gates: Vec<Gate>,
    /// What to do.
    pub verdict: Verdict,
}

/// What is to be done with a pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It moves to a revision that the upstreams proved.
    Promote,
    /// It moves back to a revision that was healthy here, and stays there.
    Rollback {
        /// The full id of the revision that is left behind; empty until it is known.
        from: String,
        /// Why the environment stays there.
        hold: String,
    },
    /// Its hold ends.
    Release {
        /// The full id of the revision that a rollback left behind, if one wrote the pin: what it brought back is still not rolled back.
        rollback_of: Option<String>,
    },
}

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Move the pin: [`Decision::result`] and [`Decision::pin`] say what to commit.
    Promote,
    /// A gate is closed, and may open.
    Wait {
        /// The first closed gate.
        gate: String,
        /// What is missing.
        why: String,
        /// When to look again at the latest; `None` when only an event can open the gate.
        until: Option<Timestamp>,
    },
    /// It can not be done; asking anew takes another commit, or another configuration.
    Refused {
        /// Why, and what to do instead.
        why: String,
    },
    /// The latest word on this environment is another one.
    Superseded {
        /// The full id of the newer request, of the commit that took this one back, or of the one that moved the pin without a request.
        by: String,
    },
    /// The pin names the revision already.
    AlreadyThere,
    /// It was promoted before.
    Done {
        /// The full id of the promotion commit.
        result: String,
    },
}

/// A commit with trailers that mean something to Plumb, but nothing that it can act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The full id of the commit.
    pub commit: String,
    /// What is wrong with its message.
    pub why: trailers::Error,
}

/// The decisions on all requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// One per request: those of an environment together, the newest first, environments in the order of the input, and
    /// requests for what is no environment with promotion last.
    pub requests: Vec<Decision>,
    /// Commits that ask for nothing because of how they are written.
    pub unreadable: Vec<Unreadable>,
}

impl Decisions {
    /// The promotions to make now: at most one for each environment.
    pub fn promotions(&self) -> impl Iterator<Item = &Decision> {
        self.requests.iter().filter(|decision| decision.verdict == Verdict::Promote)
    }

    /// The revisions that all other gates let pass, and that the edge has not looked at yet: environment and revision.
    pub fn unchecked(&self) -> impl Iterator<Item = (&str, &str)> {
        let waits = |decision: &&Decision| {
            let mut closed = decision.gates.iter().filter(|gate| gate.verdict != GateVerdict::Pass);
            closed.next().is_some_and(|gate| gate.name == gates::UNCHECKED) && closed.next().is_none()
        };
        let found = self.requests.iter().filter(waits);
        found.filter_map(|decision| Some((decision.environment.as_str(), decision.revision.as_deref()?)))
    }

    /// When to decide again even if nothing happens: the earliest time at which a gate opens by itself.
    #[must_use]
    pub fn again_at(&self) -> Option<Timestamp> {
        self.requests
            .iter()
            .filter_map(|decision| match decision.verdict {
                Verdict::Wait { until, .. } => until,
                _ => None,
            })
            .min()
    }
}

impl Decision {
    /// What the promotion commit says; `None` when there is nothing to commit.
    #[must_use]
    pub fn result(&self) -> Option<PromotionResult> {
        Some(PromotionResult {
            to: self.environment.clone(),
            from: self.from.clone(),
            revision: self.promoted()?.to_owned(),
            rolled_back_from: match &self.action {
                Action::Rollback { from, .. } => Some(from.clone()),
                Action::Promote | Action::Release { .. } => None,
            },
            released: matches!(self.action, Action::Release { .. }),
            request: self.request.clone(),
            gates: self.gates.iter().map(|gate| (gate.name.clone(), gate.verdict.to_string())).collect(),
        })
    }

    /// The pin that the promotion commit writes; `None` when there is nothing to commit.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        let pin = Pin {
            from: self.from.clone(),
            requested_by: self.request.clone(),
            ..Pin::new(self.promoted()?.to_owned())
        };
        Some(match &self.action {
            Action::Promote => pin,
            Action::Release { rollback_of } => Pin { rollback_of: rollback_of.clone(), ..pin },
            Action::Rollback { from, hold } => {
                Pin { rollback_of: Some(from.clone()), hold: Some(Hold { reason: hold.clone() }), ..pin }
            }
        })
    }

    fn promoted(&self) -> Option<&str> {
        self.revision.as_deref().filter(|_| self.verdict == Verdict::Promote)
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
