//! What the parts of the agent know of one another: heads of repositories and states of environments.
//!
//! Workers publish here and read from here; none calls another.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use kube::ResourceExt as _;
use plumb_api::Environment;
use plumb_git::CommitId;
use tokio::sync::{Notify, watch};

use super::environment::Inputs;
use super::forge::Exchange;

/// Namespace and name of a custom resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn of(resource: &impl kube::Resource) -> Self {
        Self { namespace: resource.namespace().unwrap_or_default(), name: resource.name_any() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The head of a tracked branch.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) git: Arc<plumb_git::Repository>,
    pub(crate) revision: CommitId,
    /// What differs from the head before.
    pub(crate) moved: Option<Arc<Moved>>,
}

/// What differs between two heads.
pub(crate) struct Moved {
    pub(crate) from: CommitId,
    pub(crate) paths: BTreeSet<String>,
}

impl Head {
    /// The files that differ from another revision, if they are known.
    pub(crate) fn changed_since(&self, revision: &CommitId) -> Option<&BTreeSet<String>> {
        self.moved.as_deref().filter(|moved| moved.from == *revision).map(|moved| &moved.paths)
    }
}

/// What is known of a repository.
#[derive(Clone)]
pub(crate) enum Tracked {
    /// Nothing yet: it is being fetched for the first time, or there is no such Repository.
    Unknown,
    /// It could not be fetched, and never was; this is why.
    Failed(String),
    /// The branch was fetched.
    At(Head),
}

impl Tracked {
    /// The head, if it is known.
    pub(crate) fn revision(&self) -> Option<&CommitId> {
        match self {
            Self::At(head) => Some(&head.revision),
            Self::Unknown | Self::Failed(_) => None,
        }
    }
}

#[derive(Default)]
pub(crate) struct Board {
    repositories: RwLock<BTreeMap<Key, Line>>,
    environments: RwLock<BTreeMap<Key, Arc<Environment>>>,
    inputs: RwLock<BTreeMap<Key, Inputs>>,
    changes: watch::Sender<u64>,
    shown: watch::Sender<u64>,
}

/// How one repository is spoken of: its head, the wish that it be fetched, and its pull requests.
struct Line {
    head: watch::Sender<Tracked>,
    fetch: Arc<Notify>,
    exchange: Arc<Exchange>,
}

impl Default for Line {
    fn default() -> Self {
        Self { head: watch::Sender::new(Tracked::Unknown), fetch: Arc::default(), exchange: Arc::default() }
    }
}

impl Board {
    /// The head of a repository, now and later; also of one that does not exist yet.
    pub(crate) fn head(&self, repository: &Key) -> watch::Receiver<Tracked> {
        self.line(repository, |line| line.head.subscribe())
    }

    /// Publishes the head of a repository.
    pub(crate) fn publish(&self, repository: &Key, tracked: Tracked) {
        self.line(repository, |line| line.head.send_replace(tracked));
    }

    /// Where the wish that a repository be fetched is heard.
    pub(crate) fn fetch_wish(&self, repository: &Key) -> Arc<Notify> {
        self.line(repository, |line| line.fetch.clone())
    }

    /// Where a repository's promotions and its forge meet.
    pub(crate) fn exchange(&self, repository: &Key) -> Arc<Exchange> {
        self.line(repository, |line| line.exchange.clone())
    }

    fn line<T>(&self, repository: &Key, read: impl FnOnce(&Line) -> T) -> T {
        let mut repositories = self.repositories.write().unwrap_or_else(PoisonError::into_inner);
        read(repositories.entry(repository.clone()).or_default())
    }

    /// Publishes an environment with its status as it is, also before it is written to the cluster.
    pub(crate) fn publish_environment(&self, environment: Arc<Environment>) {
        self.environments.write().unwrap_or_else(PoisonError::into_inner).insert(Key::of(&*environment), environment);
        self.changes.send_modify(|count| *count += 1);
        self.show();
    }

    /// Publishes what an environment's manifests depend on besides the files.
    pub(crate) fn publish_inputs(&self, key: &Key, inputs: Inputs) {
        self.inputs.write().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), inputs);
    }

    /// What an environment's manifests depend on besides the files; `None` before that is known.
    pub(crate) fn inputs(&self, key: &Key) -> Option<Inputs> {
        self.inputs.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Notes that something else changed that promotions depend on.
    pub(crate) fn touch(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Forgets an environment.
    pub(crate) fn forget_environment(&self, key: &Key) {
        self.inputs.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.environments.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        self.changes.send_modify(|count| *count += 1);
        self.show();
    }

    /// All environments.
    pub(crate) fn environments(&self) -> Vec<Arc<Environment>> {
        self.environments.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Notes that the page has something new to show.
    pub(crate) fn show(&self) {
        self.shown.send_modify(|count| *count += 1);
    }

    /// Counts the changes of what the page shows.
    pub(crate) fn shown(&self) -> watch::Receiver<u64> {
        self.shown.subscribe()
    }

    /// An environment with its status as it is.
    pub(crate) fn environment(&self, key: &Key) -> Option<Arc<Environment>> {
        self.environments.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Counts the changes of environments.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
