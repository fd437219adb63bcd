//! Writes down what happens to the environments of one repository, in its git notes.
//!
//! What happened is collected as it happens and pushed for all environments at once, so a thousand of them do not push a thousand times.
//! Nobody waits for it: reconciles and promotions go on while a push is under way, or fails.

mod observe;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use plumb_api::{Environment, PromotionMode, Repository};
use plumb_delivery::ledger::{self, Account, Entry, FourKeys};
use plumb_git::{Class, CommitId, Error as GitError, NoteLines, Signature};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Context,
    board::{Head, Key, Tracked},
    fields::neighbours,
    retry::Retry,
};

/// What happens within this time is looked at together: a thousand environments that take up a new head.
const GATHER: Duration = Duration::from_millis(50);
/// What was written down within this time is pushed together.
const BATCH: Duration = Duration::from_secs(1);
/// Revisions that changed nothing are pushed when no new head has come for this time: with a thousand environments they would keep a server busy with every commit.
const CALM: Duration = Duration::from_secs(10);
/// The longest time that such a revision waits for calm.
const LONGEST_CALM: Duration = Duration::from_mins(1);
/// Pauses after a push that failed.
const FIRST_RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_mins(5);
/// How long a server that refused a push is left alone.
const AFTER_REFUSAL: Duration = Duration::from_mins(10);
/// Lines beyond this number are not held while the server does not answer; what the environments remember is written later.
const MOST_PENDING: usize = 100_000;
/// How many runs of an environment are held in memory.
const RUNS: usize = 32;

/// Whether the ledger is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing was pushed yet.
    #[default]
    Unknown,
    /// All of it.
    Written,
    /// The server does not take it, for this reason.
    Refused(String),
}

/// Runs until it is cancelled.
pub(crate) async fn run(
    cx: Context,
    key: Key,
    spec: watch::Receiver<Arc<Repository>>,
    standing: watch::Sender<Standing>,
    stop: CancellationToken,
) {
    let mut head = cx.board.head(&key);
    let mut states = cx.board.changes();
    let mut generation = spec.borrow().metadata.generation;
    let mut writer = Writer {
        cx,
        key,
        spec,
        standing,
        books: BTreeMap::new(),
        pending: BTreeMap::new(),
        quiet: BTreeMap::new(),
        quiet_since: None,
    };
    let mut look = Some(Instant::now());
    let mut due: Option<Instant> = None;
    let mut calm: Option<Instant> = None;
    let mut not_before = Instant::now();
    let mut retry = Retry::default();
    let mut push: Option<JoinHandle<Result<Lines, (Lines, GitError)>>> = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = head.changed() => {
                if changed.is_err() {
                    return;
                }
                look = look.or(Some(Instant::now() + GATHER));
                calm = writer.calm(Instant::now());
                // Other credentials, or another repository, may take what was refused.
                let now = writer.spec.borrow().metadata.generation;
                if now != generation {
                    generation = now;
                    writer.start_anew();
                    writer.stands(Standing::Unknown);
                    due = None;
                    not_before = Instant::now();
                }
            }
            changed = states.changed() => {
                if changed.is_err() {
                    return;
                }
                look = look.or(Some(Instant::now() + GATHER));
            }
            () = until(look) => {
                look = None;
                let Tracked::At(head) = head.borrow_and_update().clone() else { continue };
                writer.look(head).await;
                calm = calm.or_else(|| writer.calm(Instant::now()));
                if !writer.pending.is_empty() && push.is_none() {
                    due = due.or(Some(not_before.max(Instant::now() + BATCH)));
                }
            }
            () = until(calm) => {
                calm = None;
                let all: Vec<_> = writer.quiet.keys().cloned().collect();
                writer.take_quiet(all);
                if !writer.pending.is_empty() && push.is_none() {
                    due = due.or(Some(not_before.max(Instant::now())));
                }
            }
            () = until(due), if push.is_none() => {
                due = None;
                let Tracked::At(head) = head.borrow().clone() else { continue };
                push = writer.push(&head);
            }
            pushed = async { match &mut push { Some(push) => push.await, None => std::future::pending().await } } => {
                push = None;
                let pause = match pushed {
                    Ok(Ok(lines)) => {
                        tracing::debug!(repository = %writer.key, environments = lines.len(), "the ledger was pushed");
                        writer.stands(Standing::Written);
                        retry.succeeded();
                        BATCH
                    }
                    Ok(Err((lines, error))) => writer.failed(lines, &error, &mut retry),
                    Err(error) => {
                        tracing::error!(repository = %writer.key, %error, "writing the ledger ended early");
                        writer.start_anew();
                        retry.failed(FIRST_RETRY, LONGEST_RETRY)
                    }
                };
                not_before = Instant::now() + pause;
                due = (!writer.pending.is_empty()).then_some(not_before);
                // What was forgotten, or not looked at, is found out again.
                look = look.or(Some(Instant::now() + GATHER));
            }
        }
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Lines that are not pushed yet, by environment and revision.
type Lines = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One environment's ledger, and what was seen of the environment last.
struct Book {
    account: Account,
    seen: Arc<Environment>,
    /// The head whose pin was looked at.
    head: CommitId,
}

struct Writer {
    cx: Context,
    key: Key,
    spec: watch::Receiver<Arc<Repository>>,
    standing: watch::Sender<Standing>,
    books: BTreeMap<String, Book>,
    pending: Lines,
    /// What is pushed when there is calm, and since when something waits for that.
    quiet: Lines,
    quiet_since: Option<Instant>,
}

impl Writer {
    /// When what is quiet may be pushed, if no other head comes until then.
    fn calm(&self, now: Instant) -> Option<Instant> {
        self.quiet_since.map(|since| (now + CALM).min(since + LONGEST_CALM))
    }

    /// Lets what is quiet be pushed of these environments.
    fn take_quiet(&mut self, names: impl IntoIterator<Item = String>) {
        for name in names {
            if let Some(notes) = self.quiet.remove(&name) {
                self.put_before(name, notes);
            }
        }
        if self.quiet.is_empty() {
            self.quiet_since = None;
        }
    }

    /// Puts lines before those of an environment that came later.
    fn put_before(&mut self, name: String, notes: BTreeMap<String, Vec<String>>) {
        let pending = self.pending.entry(name).or_default();
        for (revision, mut lines) in notes {
            let newer = pending.entry(revision).or_default();
            lines.append(newer);
            *newer = lines;
        }
    }

    /// Writes down what turned since the last look.
    async fn look(&mut self, head: Head) {
        // What the server refuses would only pile up; the environments remember the last revisions themselves.
        if matches!(*self.standing.borrow(), Standing::Refused(_)) && !self.pending.is_empty() {
            return;
        }
        let ours = |environment: &Arc<Environment>| {
            Key::of(&**environment).namespace == self.key.namespace && environment.spec.repository.name == self.key.name
        };
        let environments: Vec<_> = self.cx.board.environments().into_iter().filter(ours).collect();
        let there = |name: &String| environments.iter().any(|environment| Key::of(&**environment).name == *name);
        if self.books.len() > environments.len() {
            self.books.retain(|name, _| there(name));
        }
        let mut turned = Vec::new();
        for environment in environments {
            let name = Key::of(&*environment).name;
            let book = self.books.get(&name);
            let same = book.is_some_and(|book| {
                Arc::ptr_eq(&book.seen, &environment)
                    && (environment.spec.promotion.is_none() || book.head == head.revision)
            });
            if !same {
                let gates = self.gates(&environment);
                turned.push((name, book.map(|book| book.account.clone()), environment, gates));
            }
        }
        if turned.is_empty() {
            return;
        }
        let at = head.revision.clone();
        let (values, all) = (self.cx.values.clone(), neighbours(&self.cx, &self.key));
        let seen = tokio::task::spawn_blocking(move || {
            let others = observe::Others { environments: &all, values: &values };
            let look =
                |(name, account, environment, gates)| observe::look(&head, name, account, environment, &gates, &others);
            turned.into_iter().map(look).collect::<Vec<_>>()
        });
        // Environments whose quiet lines wait no longer: what proved a revision must be there with the promotion of it.
        let mut told = BTreeSet::new();
        for seen in seen.await.unwrap_or_default() {
            match seen {
                Ok(observe::Turned { name, mut account, environment, lines, keys, quiet }) => {
                    self.count(&environment, &lines, &keys);
                    if !quiet {
                        told.insert(name.clone());
                        told.extend(environment.spec.promotion.iter().flat_map(|promotion| promotion.from.clone()));
                    } else if !lines.is_empty() {
                        self.quiet_since.get_or_insert_with(Instant::now);
                    }
                    for (revision, entry) in &lines {
                        let book = if quiet { &mut self.quiet } else { &mut self.pending };
                        let notes = book.entry(name.clone()).or_default();
                        notes.entry(revision.clone()).or_default().push(ledger::print(entry));
                    }
                    account.keep(RUNS);
                    self.books.insert(name, Book { account, seen: environment, head: at.clone() });
                }
                Err(error) => {
                    tracing::warn!(repository = %self.key, %error, "a ledger could not be read; it is tried again");
                }
            }
        }
        self.take_quiet(told);
    }

    /// What gates said last to requests for an environment whose pin moves with pull requests: whoever merges one writes no trailers.
    fn gates(&self, environment: &Environment) -> observe::Gates {
        let mode = environment.spec.promotion.as_ref().map(|promotion| promotion.mode);
        if mode != Some(PromotionMode::PullRequest) {
            return observe::Gates::new();
        }
        let key = Key::of(environment);
        let said = self.cx.requests.all().into_iter().filter_map(|(owner, resource)| {
            let here = owner.namespace == key.namespace && resource.spec.environment == key.name;
            let status = resource.status.as_ref().filter(|_| here)?;
            let gates = status.gates.iter().map(|gate| (gate.name.clone(), gate.verdict.clone()));
            Some((status.request.clone()?, gates.collect()))
        });
        said.collect()
    }

    fn count(&self, environment: &Environment, lines: &[(String, Entry)], keys: &FourKeys) {
        let key = Key::of(environment);
        self.cx.metrics.delivered(&key, keys);
        for (_, entry) in lines {
            let labels = [key.namespace.as_str(), key.name.as_str(), entry.event.as_str()];
            self.cx.metrics.transitions.with_label_values(&labels).inc();
        }
    }

    /// Begins to push what is pending.
    fn push(&mut self, head: &Head) -> Option<JoinHandle<Result<Lines, (Lines, GitError)>>> {
        // Git does not know who leads, so nobody but this process can hold the push back.
        if self.pending.is_empty() || !self.cx.cluster.may_write() {
            return None;
        }
        let lines = std::mem::take(&mut self.pending);
        let author = &self.spec.borrow().spec.author;
        let author = Signature { name: author.name.clone(), email: author.email.clone() };
        let git = head.git.clone();
        Some(tokio::task::spawn_blocking(move || {
            let mut additions = Vec::new();
            for (name, notes) in &lines {
                for (revision, lines) in notes {
                    let Ok(revision) = CommitId::parse(revision) else { continue };
                    additions.push(NoteLines { reference: ledger::reference(name), revision, lines: lines.clone() });
                }
            }
            let message = concat!("ledger, by plumb ", env!("CARGO_PKG_VERSION"), "\n");
            match git.add_to_notes(&additions, ledger::merge, message, &author) {
                Ok(()) => Ok(lines),
                Err(error) => Err((lines, error)),
            }
        }))
    }

    /// Keeps what could not be pushed, and tells how long to wait.
    fn failed(&mut self, lines: Lines, error: &GitError, retry: &mut Retry) -> Duration {
        tracing::warn!(repository = %self.key, %error, "the ledger could not be pushed");
        if error.class() == Class::Config {
            self.stands(Standing::Refused(error.to_string()));
            self.start_anew();
            return AFTER_REFUSAL;
        }
        for (name, notes) in lines {
            self.put_before(name, notes);
        }
        let notes = self.pending.values().chain(self.quiet.values()).flat_map(BTreeMap::values);
        let count: usize = notes.map(Vec::len).sum();
        if count > MOST_PENDING {
            self.start_anew();
        }
        retry.failed(FIRST_RETRY, LONGEST_RETRY)
    }

    /// Forgets all that was not pushed: it is found out again from what git has and what the environments remember.
    fn start_anew(&mut self) {
        self.books.clear();
        self.pending.clear();
        self.quiet.clear();
        self.quiet_since = None;
    }

    fn stands(&self, standing: Standing) {
        self.standing.send_if_modified(|known| {
            let changed = *known != standing;
            *known = standing;
            changed
        });
    }
}
