//! The ledger of an environment: what ran there, since when, and how it fared.
//!
//! It is kept in git notes, `refs/notes/plumb/<environment>`: the note on a revision holds one line for each thing that happened to the
//! environment while it ran that revision. `git log --notes='plumb/*'` shows it, and whoever has a clone can read it without a cluster.
//!
//! ```text
//! 2026-11-26T08:15:02.120Z applied digest=9b1c… path=overlays/prod objects=12 agent=0.1.0
//! 2026-11-26T08:15:09.004Z healthy objects=12 healthy=12 agent=0.1.0
//! ```
//!
//! A line is never changed and never taken away, and each stands for itself, so two versions of a note are merged by taking the lines of
//! both (`cat_sort_uniq` of git-notes(1)). Lines of one environment have times that only grow, so sorted lines are lines in order.
//!
//! What is read was perhaps written by somebody else: what is no line of the ledger is passed over, and sizes are bounded.

mod account;
mod four_keys;
mod text;
mod transitions;

pub use account::{Account, Run};
pub use four_keys::{FourKeys, percentile};
pub use text::{LONGEST_NOTE, Note, merge, parse, print};
pub use transitions::{Observed, Ran, change_nothing, transitions};

use jiff::Timestamp;

use crate::Digest;

/// What is written where no promotion copied the values that an overlay has.
pub const NO_VALUES: &str = "none";

/// Where the ledgers are: the name of the environment follows.
pub const REFERENCES: &str = "refs/notes/plumb/";

/// The reference that holds the ledger of an environment.
#[must_use]
pub fn reference(environment: &str) -> String {
    format!("{REFERENCES}{environment}")
}

/// What happened to an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// The manifests of the revision are in the cluster.
    Applied,
    /// All objects are healthy.
    Healthy,
    /// Objects that were healthy are on their way again.
    Progressing,
    /// Objects failed, or did not become healthy in time.
    Degraded,
    /// Somebody else changed objects, and they were not put back.
    Drifted,
    /// All objects are as git says again.
    InSync,
    /// A hold on the pin stops promotions.
    Held,
    /// The hold is gone.
    Released,
    /// Another revision took its place because of it.
    RolledBack,
}

impl Event {
    const ALL: [Self; 9] = [
        Self::Applied,
        Self::Healthy,
        Self::Progressing,
        Self::Degraded,
        Self::Drifted,
        Self::InSync,
        Self::Held,
        Self::Released,
        Self::RolledBack,
    ];

    /// The word that stands for it in a line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Degraded => "degraded",
            Self::Drifted => "drifted",
            Self::InSync => "in-sync",
            Self::Held => "held",
            Self::Released => "released",
            Self::RolledBack => "rolled-back",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == word)
    }
}

/// How many objects an environment has, and how they fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Objects {
    /// All of them.
    pub total: u32,
    /// Those that are healthy.
    pub healthy: u32,
    /// Those that are on their way.
    pub progressing: u32,
    /// Those that failed.
    pub degraded: u32,
}

/// One line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was written down: later than every other line of the environment, to the millisecond.
    pub time: Timestamp,
    /// What happened.
    pub event: Event,
    /// When it began, if that was before it was written down; to the second.
    pub since: Option<Timestamp>,
    /// The digest of the manifests.
    pub digest: Option<Digest>,
    /// The directory of the overlay.
    pub path: Option<String>,
    /// Where values are copied into the overlay: the full id of the revision whose values it had, or [`NO_VALUES`]. The environment proves
    /// that one to those downstream, and not the revision that it ran.
    pub promoted: Option<String>,
    /// How the objects fared.
    pub objects: Option<Objects>,
    /// The full id of the commit that asked for the revision.
    pub request: Option<String>,
    /// What the gates said when a pull request that somebody else merged moved the pin: names and verdicts.
    pub gates: Vec<(String, String)>,
    /// The version of the agent that wrote the line.
    pub agent: Option<String>,
    /// Why, for people. It names objects and never holds a value of theirs.
    pub reason: Option<String>,
}

impl Entry {
    /// A line that says nothing but what happened and when.
    #[must_use]
    pub fn new(time: Timestamp, event: Event) -> Self {
        Self {
            time,
            event,
            since: None,
            digest: None,
            path: None,
            promoted: None,
            objects: None,
            request: None,
            gates: Vec::new(),
            agent: None,
            reason: None,
        }
    }

    /// When it began.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.since.unwrap_or(self.time)
    }
}

#[cfg(test)]
mod tests;
