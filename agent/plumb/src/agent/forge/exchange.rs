//! What the workers of one repository tell each other about pull requests.

use std::collections::{BTreeMap, BTreeSet};

use plumb_delivery::promotion::Decision;
use plumb_git::CommitId;
use tokio::sync::{Notify, watch};

/// Where the one who decides on promotions and the one who speaks to the forge meet.
#[derive(Default)]
pub(crate) struct Exchange {
    /// What pull requests there shall be, by the one who decides; `None` until it was decided once.
    pub(crate) proposals: watch::Sender<Option<Proposals>>,
    /// Environments that labels of merged pull requests ask to promote to, by the commit that the pull request became.
    pub(crate) labelled: watch::Sender<BTreeMap<String, BTreeSet<String>>>,
    /// The pull request of each environment.
    pub(crate) open: watch::Sender<BTreeMap<String, Open>>,
    /// Environments and requests whose pull request somebody closed.
    pub(crate) declined: watch::Sender<BTreeSet<(String, String)>>,
    /// Something happened on the forge.
    pub(crate) happened: Notify,
}

/// What pull requests there shall be.
#[derive(Clone, PartialEq)]
pub(crate) struct Proposals {
    /// The head of the branch for which this was decided.
    pub(crate) head: CommitId,
    /// By environment, for those whose promotions are pull requests and that were asked to take a revision.
    pub(crate) of: BTreeMap<String, Proposal>,
    /// All environments whose promotions are pull requests.
    pub(crate) environments: BTreeSet<String>,
}

/// A promotion that shall be a pull request.
#[derive(Clone, PartialEq)]
pub(crate) struct Proposal {
    /// What was decided, with all gates.
    pub(crate) decision: Decision,
    /// The revision that the environment is pinned to now.
    pub(crate) before: Option<String>,
}

/// A pull request, for people.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) url: String,
    /// What it waits for beyond its gates.
    pub(crate) waits_for: String,
}
