//! Speaks to the forge of one repository: promotions as pull requests, requests by label, and what open pull requests would change.
//!
//! It decides on no promotion and pushes nothing to the tracked branch: what pull requests there shall be, and what labels ask for, goes
//! through the [`Exchange`] on the board.

mod branch;
mod comparison;
mod credentials;
mod exchange;
mod preview;
mod promotion;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use plumb_api::{Environment, Repository};
use plumb_cluster::Notice;
use plumb_delivery::{promotion::CommitStatus, pull_request};
use plumb_forge::{Class, Forge, StatusState};
use plumb_git::{CommitId, Signature};
use tokio::{
    sync::watch,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

use super::{
    Context,
    board::{Head, Key, Tracked},
    retry::Retry,
};
pub(crate) use exchange::{Exchange, Proposal, Proposals};

/// How often the forge is asked when no webhook arrives, at most.
const POLL: Duration = Duration::from_mins(1);
/// The first pause after a failure; it doubles up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(5);

/// Why something did not work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Forge(#[from] plumb_forge::Error),
    #[error(transparent)]
    Git(#[from] plumb_git::Error),
    #[error(transparent)]
    Credentials(#[from] credentials::Error),
    #[error("{0}")]
    Internal(String),
}

impl Failure {
    fn is_config(&self) -> bool {
        match self {
            Self::Forge(error) => error.class() == Class::Config,
            Self::Git(error) => error.class() == plumb_git::Class::Config,
            Self::Credentials(_) => true,
            Self::Internal(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Forge(error) => error.retry_after(),
            _ => None,
        }
    }
}

/// What others report of a commit.
///
/// # Errors
/// Why that can't be told, for people.
pub(crate) async fn statuses(cx: &Context, repository: &Repository, commit: &str) -> Result<Vec<CommitStatus>, String> {
    let Some(settings) = &repository.spec.forge else {
        return Err("the Repository has no spec.forge, so nobody tells which statuses a commit has".into());
    };
    let asked = async {
        let address = credentials::address(repository, settings)?;
        let credentials = credentials::read(&cx.cluster, repository, settings).await?;
        let (forge, commit) = (plumb_forge::connect(&address, credentials)?, commit.to_owned());
        blocking(move || Ok(forge.statuses(&commit)?)).await
    };
    let found: Vec<plumb_forge::Status> = asked.await.map_err(|failure: Failure| failure.to_string())?;
    let status = |it: plumb_forge::Status| CommitStatus {
        name: it.name,
        good: match it.state {
            StatusState::Pending => None,
            StatusState::Success => Some(true),
            StatusState::Failure => Some(false),
        },
        why: it.description,
    };
    Ok(found.into_iter().map(status).collect())
}

/// Runs until it is cancelled.
pub(crate) async fn run(cx: Context, key: Key, mut spec: watch::Receiver<Arc<Repository>>, stop: CancellationToken) {
    let exchange = cx.board.exchange(&key);
    let mut proposals = exchange.proposals.subscribe();
    let mut head = cx.board.head(&key);
    head.mark_changed();
    let mut worker = Worker::new(cx, key);
    let mut attempts = Retry::default();
    // The forge is asked for its lists only when something may have happened there.
    let mut ask = true;
    let mut next = Instant::now();
    loop {
        let repository = spec.borrow_and_update().clone();
        if repository.spec.forge.is_some() {
            let _ = proposals.borrow_and_update();
            let tracked = head.borrow_and_update().clone();
            if let Tracked::At(head) = tracked {
                let looked = tokio::select! {
                    () = stop.cancelled() => return,
                    looked = worker.look(&repository, &head, ask) => looked,
                };
                next = Instant::now()
                    + match looked {
                        Ok(again) => {
                            attempts.succeeded();
                            worker.told.clear();
                            ask = false;
                            let poll = Duration::from(repository.spec.interval).max(POLL);
                            again.map_or(poll, |again| again.min(poll))
                        }
                        Err(failure) => {
                            let pause = attempts.failed(FIRST_RETRY, LONGEST_RETRY);
                            worker.report(&repository, &failure).await;
                            failure.retry_after().map_or(pause, |wait| wait.max(pause))
                        }
                    };
            } else {
                next = Instant::now() + POLL;
            }
        }
        let sleeps = repository.spec.forge.is_some();
        tokio::select! {
            () = stop.cancelled() => return,
            changed = spec.changed() => {
                if changed.is_err() {
                    return;
                }
                let new = spec.borrow().clone();
                if new.metadata.generation != repository.metadata.generation {
                    worker = Worker::new(worker.cx, worker.key);
                }
                // Another agent passes webhooks on with an annotation.
                ask = true;
            }
            () = exchange.happened.notified() => ask = true,
            _ = proposals.changed(), if sleeps => {}
            _ = head.changed(), if sleeps => ask = true,
            () = tokio::time::sleep_until(next), if sleeps => ask = true,
        }
        // Events come in bursts: a merge is a push, a closed pull request and a deleted branch.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

struct Worker {
    cx: Context,
    key: Key,
    exchange: Arc<Exchange>,
    forge: Option<Arc<dyn Forge>>,
    /// The open pull requests, as the forge told last.
    pulls: Vec<plumb_forge::PullRequest>,
    known: BTreeMap<String, promotion::Known>,
    previews: preview::Memory,
    /// Failures that were told already.
    told: BTreeSet<String>,
}

impl Worker {
    fn new(cx: Context, key: Key) -> Self {
        let exchange = cx.board.exchange(&key);
        Self {
            cx,
            key,
            exchange,
            forge: None,
            pulls: Vec::new(),
            known: BTreeMap::new(),
            previews: preview::Memory::default(),
            told: BTreeSet::new(),
        }
    }

    /// Brings everything up to date, and says when to look again. What fails with one pull request keeps no other from it.
    async fn look(&mut self, repository: &Repository, head: &Head, ask: bool) -> Result<Option<Duration>, Failure> {
        let Some(settings) = &repository.spec.forge else { return Ok(None) };
        let forge = if let Some(forge) = &self.forge {
            forge.clone()
        } else {
            let address = credentials::address(repository, settings)?;
            let credentials = credentials::read(&self.cx.cluster, repository, settings).await?;
            self.forge.insert(plumb_forge::connect(&address, credentials)?).clone()
        };
        let environments = self.environments();
        let proposals = self.exchange.proposals.borrow().clone();
        let look = Look {
            cx: &self.cx,
            key: &self.key,
            repository,
            forge,
            git: head.git.clone(),
            head: head.revision.clone(),
            is_current: proposals.as_ref().is_some_and(|proposals| proposals.head == head.revision),
        };
        let base = repository.spec.branch.clone();
        if ask {
            if environments.iter().any(|environment| environment.spec.promotion.is_some()) {
                self.read_labels(&look).await?;
            }
            self.pulls = look.forge(move |forge| forge.open(&base)).await?;
        }
        let mut again: Option<Duration> = None;
        let mut failed = None;
        if let Some(proposals) = proposals {
            let mut open = BTreeMap::new();
            let mut declined = self.exchange.declined.borrow().clone();
            for environment in &environments {
                let name = Key::of(&**environment).name;
                if !proposals.environments.contains(&name) {
                    continue;
                }
                let branch = pull_request::branch(&name);
                let pull = self.pulls.iter().find(|pull| pull.head == branch && !pull.from_fork).cloned();
                let known = self.known.entry(name.clone()).or_default();
                match promotion::sync(&look, known, environment, proposals.of.get(&name), pull).await {
                    Ok(outcome) => {
                        // The list of the forge is older than what was done since.
                        self.pulls.retain(|pull| pull.head != branch || pull.from_fork);
                        self.pulls.extend(outcome.pull);
                        again = again.into_iter().chain(outcome.again).min();
                        if let (true, Some(proposal)) = (outcome.declined, proposals.of.get(&name)) {
                            declined.insert((name.clone(), proposal.decision.request.clone().unwrap_or_default()));
                        }
                        open.extend(outcome.open.map(|it| (name, it)));
                    }
                    Err(failure) => failed = Some(failure),
                }
            }
            let told = replace(&self.exchange.open, open);
            if replace(&self.exchange.declined, declined) || told {
                // Who decides tells it in the status of the environment, and goes on to the next request where there is a queue.
                self.cx.board.fetch_wish(&self.key).notify_one();
            }
        }
        if let Err(failure) =
            preview::write(&look, settings.preview, &environments, &self.pulls, &mut self.previews).await
        {
            failed = Some(failure);
        }
        match failed {
            Some(failure) => Err(failure),
            None => Ok(again),
        }
    }

    /// Publishes what labels of merged pull requests ask for.
    async fn read_labels(&self, look: &Look<'_>) -> Result<(), Failure> {
        if !look.forge.capabilities().labels {
            return Ok(());
        }
        let base = look.repository.spec.branch.clone();
        let merged = look.forge(move |forge| forge.merged(&base)).await?;
        let asks = |pull: plumb_forge::PullRequest| {
            let labels = pull.labels.iter().filter_map(|label| pull_request::asks_for(label));
            let environments: BTreeSet<String> = labels.map(str::to_owned).collect();
            Some((pull.merge_commit?, environments)).filter(|(_, environments)| !environments.is_empty())
        };
        let labelled: BTreeMap<_, _> = merged.into_iter().filter_map(asks).collect();
        let changed = self.exchange.labelled.send_if_modified(|current| {
            // What scrolled out of the forge's list still stands.
            let before = current.len();
            let mut changed = false;
            for (commit, environments) in labelled {
                changed |= current.get(&commit) != Some(&environments);
                current.insert(commit, environments);
            }
            changed || current.len() != before
        });
        if changed {
            self.cx.board.fetch_wish(&self.key).notify_one();
        }
        Ok(())
    }

    /// The environments of the repository, with their state.
    fn environments(&self) -> Vec<Arc<Environment>> {
        let all = self.cx.environments.all().into_iter();
        all.filter(|(owner, it)| owner.namespace == self.key.namespace && it.spec.repository.name == self.key.name)
            .map(|(owner, listed)| self.cx.board.environment(&owner).unwrap_or(listed))
            .collect()
    }

    async fn report(&mut self, repository: &Repository, failure: &Failure) {
        let message = failure.to_string();
        if failure.is_config() {
            // The Secret may have been replaced since it was read.
            self.forge = None;
        }
        if self.told.insert(message.clone()) {
            tracing::warn!(repository = %self.key, error = message, "the forge could not be brought up to date");
            notice(&self.cx, repository, message).await;
        }
    }
}

/// Publishes a value if it says something new.
fn replace<T: PartialEq>(sender: &watch::Sender<T>, value: T) -> bool {
    sender.send_if_modified(|current| {
        let changed = *current != value;
        *current = value;
        changed
    })
}

async fn notice(cx: &Context, repository: &Repository, message: String) {
    let notice = Notice { warning: true, reason: "ForgeFailed", action: "PullRequest", message };
    if let Err(error) = cx.recorder.publish(&kube::Resource::object_ref(repository, &()), &notice).await {
        tracing::warn!(%error, "an event could not be published");
    }
}

/// What one look at the forge needs.
struct Look<'a> {
    cx: &'a Context,
    key: &'a Key,
    repository: &'a Repository,
    forge: Arc<dyn Forge>,
    git: Arc<plumb_git::Repository>,
    /// The head of the tracked branch.
    head: CommitId,
    /// Whether the proposals were decided for that head.
    is_current: bool,
}

impl Look<'_> {
    /// Asks the forge. Its calls block.
    async fn forge<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Forge) -> Result<T, plumb_forge::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let forge = self.forge.clone();
        blocking(move || Ok(call(&*forge)?)).await
    }

    async fn is_approved(&self, number: u64) -> Result<bool, Failure> {
        let reviews = self.forge(move |forge| forge.reviews(number)).await?;
        Ok(reviews.iter().any(promotion::approves))
    }

    /// Closes a pull request and says why.
    async fn close(&self, number: u64, why: String) -> Result<(), Failure> {
        tracing::info!(repository = %self.key, number, why, "a pull request is closed");
        self.forge(move |forge| {
            forge.comment(number, &why)?;
            forge.close(number)
        })
        .await
    }

    fn author(&self) -> Signature {
        let author = &self.repository.spec.author;
        Signature { name: author.name.clone(), email: author.email.clone() }
    }

    async fn warn(&self, message: String) {
        tracing::warn!(repository = %self.key, message);
        notice(self.cx, self.repository, message).await;
    }
}

/// Runs what blocks.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::Internal(format!("the work ended early: {error}")))?
}
