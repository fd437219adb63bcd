//! Which promotions to make, from what the branch asks for and what is known of the environments.
//!
//! The decision is made anew each time from the history of the tracked branch and the state of the environments, and it
//! remembers nothing. So nothing is lost while the agent is down, and nothing happens twice: a promotion commit names the
//! commit that asked for it, and a request that is named is done.
//!
//! Of several requests for one environment only the newest counts, also while it waits at a gate and when it is refused:
//! it is the latest word of those who run the environment, and nothing happens there that this word does not say.

mod decide;
mod gates;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::Digest;
use crate::pin::Pin;
use crate::trailers::{self, PromotionResult};
pub use decide::decide;
pub use gates::{Gate, GateVerdict};
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
}

/// What runs in an environment, and what was proven there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// The revision that was applied last.
    pub revision: Option<String>,
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
    /// The time of the decision.
    pub now: Timestamp,
}

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
}

/// What to do about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The environment that the request names.
    pub environment: String,
    /// The full id of the labelled commit.
    pub request: String,
    /// The full id of the revision asked for, once it is known.
    pub revision: Option<String>,
    /// The upstreams of the environment.
    pub from: Vec<String>,
    /// All gates, when the request came as far as to be judged.
    pub gates: Vec<Gate>,
    /// What to do.
    pub verdict: Verdict,
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
        /// The full id of the newer request, or of the commit that moved the pin without a request.
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
            request: Some(self.request.clone()),
            gates: self.gates.iter().map(|gate| (gate.name.clone(), gate.verdict.to_string())).collect(),
        })
    }

    /// The pin that the promotion commit writes; `None` when there is nothing to commit.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        Some(Pin {
            revision: self.promoted()?.to_owned(),
            from: self.from.clone(),
            requested_by: Some(self.request.clone()),
            hold: None,
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
