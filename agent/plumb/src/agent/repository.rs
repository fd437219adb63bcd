//! Keeps one repository fetched: at its interval, and at once when a webhook says so.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{Reason, Repository, RepositoryStatus, condition_type, keep_transition_times, set_condition};
use plumb_delivery::ledger::REFERENCES;
use plumb_git::{AllowedSigners, Class, CommitId, Credentials};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Context,
    board::{Head, Key, Moved, Tracked},
    credentials,
    ledger::{self, Standing},
    promotion::{self, Answer, Memory, Trust, requests},
    retry::Retry,
};

/// The first pause after a failed fetch; it doubles up to the interval.
const FIRST_RETRY: Duration = Duration::from_millis(500);

/// The shortest time between two looks at what environments say of themselves: a thousand of them speak one after another.
const GATHER: Duration = Duration::from_millis(20);

/// How many files may differ between two heads before each environment looks for itself.
const MOVED: usize = 1_000;

/// Runs until it is cancelled.
pub(crate) async fn run(cx: Context, key: Key, spec: watch::Receiver<Arc<Repository>>, stop: CancellationToken) {
    let standing = watch::Sender::default();
    let standings = standing.subscribe();
    let writer = ledger::run(cx.clone(), key.clone(), spec.clone(), standing, stop.clone());
    let memory: Arc<Memory> = Arc::default();
    let records = promotion::keep(cx.clone(), memory.clone(), key.namespace.clone(), stop.clone());
    let records = tokio::spawn(records);
    // What happens is written down beside the fetches, so that neither waits for the other.
    let writer = tokio::spawn(writer);
    follow(cx, key, memory, spec, standings, stop).await;
    for task in [writer, records] {
        if let Err(error) = task.await {
            tracing::error!(%error, "a task of a repository ended early");
        }
    }
}

/// Fetches and promotes until it is cancelled.
async fn follow(
    cx: Context,
    key: Key,
    memory: Arc<Memory>,
    mut spec: watch::Receiver<Arc<Repository>>,
    mut standings: watch::Receiver<Standing>,
    stop: CancellationToken,
) {
    let wish = cx.board.fetch_wish(&key);
    let mut worker = Worker {
        cx,
        key,
        memory,
        git: None,
        head: None,
        status: spec.borrow().status.clone().unwrap_or_default(),
        credentials: None,
        signers: None,
        standing: Standing::default(),
    };
    let mut environments = worker.cx.board.changes();
    let mut attempts = Retry::default();
    let mut pushes = Retry::default();
    let mut moved_from = None;
    loop {
        let repository = spec.borrow_and_update().clone();
        let span = tracing::info_span!("fetch", repository = %worker.key, reconcile = %super::correlation_id());
        let interval = Duration::from(repository.spec.interval);
        let fetched = tokio::select! {
            // A server that is slow to answer must not hold up the end of this worker.
            () = stop.cancelled() => return,
            fetched = worker.fetch(&repository).instrument(span) => fetched,
        };
        let next = if fetched.is_ok() {
            attempts.succeeded();
            interval
        } else {
            attempts.failed(FIRST_RETRY, interval)
        };
        let mut wake = Instant::now() + next;
        loop {
            let looked = Instant::now();
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = worker.promote(&repository) => answer,
            };
            match answer {
                // Our own push, or somebody else's, moved the head. A server that says so again and again at the same head is not hurried.
                Answer::Moved if moved_from != worker.status.revision => {
                    moved_from.clone_from(&worker.status.revision);
                    break;
                }
                Answer::Pushed(commit) => {
                    // Environments need not wait for the server to tell what it was just told.
                    worker.moved_to(commit).await;
                    break;
                }
                Answer::Moved => wake = wake.min(Instant::now() + pushes.failed(FIRST_RETRY, interval)),
                Answer::Nothing(Some(again)) => {
                    let left = Duration::try_from(again.duration_since(Timestamp::now())).unwrap_or_default();
                    wake = wake.min(Instant::now() + left);
                }
                Answer::Nothing(None) => pushes.succeeded(),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(wake) => break,
                () = wish.notified() => {
                    worker.memory.look_again();
                    break;
                }
                changed = spec.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let new = spec.borrow_and_update().clone();
                    if new.metadata.generation != repository.metadata.generation {
                        worker.git = None;
                        worker.head = None;
                        worker.credentials = None;
                        break;
                    }
                    if fetch_request(&new) != fetch_request(&repository) {
                        break;
                    }
                }
                // The health of an environment may open a gate.
                changed = environments.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep_until(looked + GATHER).await;
                    environments.mark_unchanged();
                }
                changed = standings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    worker.standing = standings.borrow_and_update().clone();
                    worker.report_ledger(&repository).await;
                }
            }
        }
    }
}

/// Another agent, or a person, asks for a fetch by changing this annotation.
pub(crate) const FETCH_ANNOTATION: &str = "plumb.dev/fetch-requested-at";

/// What differs between two heads. It spares every environment a look of its own at both trees; what can't be told costs no more than that.
fn moved(git: &plumb_git::Repository, from: CommitId, to: &CommitId) -> Option<Arc<Moved>> {
    let paths = git.changed_paths(&from, to).ok().filter(|paths| paths.len() <= MOVED)?;
    Some(Arc::new(Moved { from, paths }))
}

fn fetch_request(repository: &Repository) -> Option<&String> {
    repository.metadata.annotations.as_ref()?.get(FETCH_ANNOTATION)
}

struct Worker {
    cx: Context,
    key: Key,
    memory: Arc<Memory>,
    git: Option<Arc<plumb_git::Repository>>,
    /// What was fetched last.
    head: Option<Head>,
    credentials: Option<Credentials>,
    /// Whose signatures are trusted.
    signers: Option<Arc<AllowedSigners>>,
    /// Whether the ledger is written.
    standing: Standing,
    status: RepositoryStatus,
}

/// A fetch that failed: what to tell, and whether trying again may help.
#[derive(Debug)]
struct Failure {
    message: String,
    class: Class,
}

impl Worker {
    async fn fetch(&mut self, repository: &Repository) -> Result<(), ()> {
        let mut result = self.try_fetch(repository).await;
        if matches!(&result, Err(failure) if failure.class == Class::Config) && self.credentials.take().is_some() {
            // The Secret may have been replaced since it was read.
            self.git = None;
            result = self.try_fetch(repository).await;
        }
        let labels = |result| [self.key.namespace.as_str(), self.key.name.as_str(), result];
        let outcome = match result {
            Ok(head) => {
                self.cx.metrics.fetches.with_label_values(&labels("success")).inc();
                if self.status.revision.as_deref() != Some(head.revision.as_str()) {
                    tracing::info!(revision = %head.revision, branch = repository.spec.branch, "the branch moved");
                    self.status.fetched_at = Some(now());
                    self.status.revision = Some(head.revision.to_string());
                }
                let message = format!("branch {} is at {}", repository.spec.branch, head.revision);
                self.cx.board.publish(&self.key, Tracked::At(head));
                Ok(message)
            }
            Err(failure) => {
                self.cx.metrics.fetches.with_label_values(&labels("failure")).inc();
                tracing::warn!(error = failure.message, "the repository could not be fetched");
                if self.status.revision.is_none() {
                    self.cx.board.publish(&self.key, Tracked::Failed(failure.message.clone()));
                }
                Err(failure)
            }
        };
        self.report(repository, &outcome).await;
        outcome.map(drop).map_err(drop)
    }

    async fn try_fetch(&mut self, repository: &Repository) -> Result<Head, Failure> {
        if self.credentials.is_none() {
            let credentials = credentials::read(&self.cx.cluster, repository).await;
            self.credentials =
                Some(credentials.map_err(|error| Failure { message: error.to_string(), class: Class::Config })?);
        }
        let signing = match self.git {
            Some(_) => None,
            None => credentials::signing_key(&self.cx.cluster, repository)
                .await
                .map_err(|error| Failure { message: error.to_string(), class: Class::Config })?,
        };
        if self.git.is_none() {
            let signers = credentials::allowed_signers(&self.cx.cluster, repository).await;
            self.signers =
                signers.map_err(|error| Failure { message: error.to_string(), class: Class::Config })?.map(Arc::new);
        }
        let (git, directory) = (self.git.clone(), self.directory());
        let credentials = self.credentials.clone().unwrap_or(Credentials::None);
        let (url, branch) = (repository.spec.url.clone(), repository.spec.branch.clone());
        let before = self.head.clone();
        let fetched = tokio::task::spawn_blocking(move || {
            let git = if let Some(git) = git {
                git
            } else {
                let git = plumb_git::Repository::open(&directory, &url, credentials)?;
                Arc::new(match signing {
                    Some(key) => git.with_signing_key(key),
                    None => git,
                })
            };
            let fetched = git.fetch_with(&branch, &[REFERENCES, requests::TAGS])?;
            let revision = fetched.head;
            let moved = match before {
                Some(before) if before.revision == revision => before.moved,
                Some(Head { revision: from, .. }) => moved(&git, from, &revision),
                None => None,
            };
            Ok::<_, plumb_git::Error>(Head { git, revision, moved })
        })
        .await;
        match fetched {
            Ok(Ok(head)) => {
                self.git = Some(head.git.clone());
                self.head = Some(head.clone());
                Ok(head)
            }
            Ok(Err(error)) => Err(Failure { class: error.class(), message: error.to_string() }),
            Err(error) => Err(Failure { class: Class::Internal, message: format!("the fetch ended early: {error}") }),
        }
    }

    /// Publishes a commit that was pushed as the head, before the next fetch finds it there.
    async fn moved_to(&mut self, commit: CommitId) {
        let Some(Head { git, revision: from, .. }) = self.head.clone() else { return };
        let (of, to) = (git.clone(), commit.clone());
        let moved = tokio::task::spawn_blocking(move || moved(&of, from, &to)).await.ok().flatten();
        let head = Head { git, revision: commit, moved };
        self.head = Some(head.clone());
        self.cx.board.publish(&self.key, Tracked::At(head));
    }

    fn directory(&self) -> PathBuf {
        self.cx.data_directory.join("repositories").join(&self.key.namespace).join(&self.key.name)
    }

    /// Writes the status if it says something new.
    async fn report(&mut self, repository: &Repository, outcome: &Result<String, Failure>) {
        let before = self.status.clone();
        let generation = repository.metadata.generation;
        self.status.observed_generation = generation;
        let conditions = &mut self.status.conditions;
        conditions.retain(|condition| {
            condition.type_ != condition_type::STALLED && condition.type_ != condition_type::RECONCILING
        });
        let time = now();
        match outcome {
            Ok(message) => set_condition(
                conditions,
                condition_type::READY,
                Some(true),
                Reason::Succeeded,
                message,
                generation,
                &time,
            ),
            Err(failure) => {
                set_condition(
                    conditions,
                    condition_type::READY,
                    Some(false),
                    Reason::FetchFailed,
                    &failure.message,
                    generation,
                    &time,
                );
                let kind =
                    if failure.class == Class::Config { condition_type::STALLED } else { condition_type::RECONCILING };
                let message =
                    if failure.class == Class::Config { "something must be changed" } else { "it is tried again" };
                set_condition(conditions, kind, Some(true), Reason::FetchFailed, message, generation, &time);
                keep_transition_times(conditions, &before.conditions);
            }
        }
        self.write(repository, before).await;
    }

    /// Tells whether the ledger is written.
    async fn report_ledger(&mut self, repository: &Repository) {
        let before = self.status.clone();
        let (written, reason, message) = match &self.standing {
            Standing::Unknown => {
                self.status.conditions.retain(|condition| condition.type_ != condition_type::LEDGER);
                self.write(repository, before).await;
                return;
            }
            Standing::Written => (true, Reason::Succeeded, format!("what happens is written to {REFERENCES}*")),
            Standing::Refused(why) => (
                false,
                Reason::PushRefused,
                format!(
                    "what happens is told in the status of the Environments only, and nothing is promoted, for the repository can't be written: {why}"
                ),
            ),
        };
        let generation = repository.metadata.generation;
        let conditions = &mut self.status.conditions;
        set_condition(conditions, condition_type::LEDGER, Some(written), reason, &message, generation, &now());
        self.write(repository, before).await;
    }

    /// Writes the status if it is another one than before.
    async fn write(&mut self, repository: &Repository, before: RepositoryStatus) {
        if self.status != before
            && let Err(error) = self.cx.cluster.write_status(repository, &self.status).await
        {
            tracing::warn!(%error, "the status could not be written; it is tried again with the next fetch");
            self.status.conditions = before.conditions;
        }
    }

    /// Answers promotion requests.
    async fn promote(&mut self, repository: &Repository) -> Answer {
        let revision = self.status.revision.as_deref().and_then(|revision| CommitId::parse(revision).ok());
        let (Some(git), Some(revision)) = (&self.git, revision) else {
            return Answer::Nothing(None);
        };
        let refused = match &self.standing {
            Standing::Refused(why) => Some(why.as_str()),
            Standing::Unknown | Standing::Written => None,
        };
        let trust = Trust { refused, signers: self.signers.as_ref() };
        promotion::answer(&self.cx, &self.memory, &self.key, repository, git, &revision, trust).await
    }
}

fn now() -> Time {
    Time(Timestamp::now())
}
