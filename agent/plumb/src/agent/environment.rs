//! Keeps one environment true: one task each, so that a slow or failing one delays nobody.

mod applying;
mod cluster;
mod deletion;
mod dependencies;
mod drift;
mod expressions;
mod hook_run;
mod inputs;
mod looking;
mod problems;
mod reconcile;
mod rehearsal;
mod render;
mod revision;
mod status;
mod untouched;
mod watching;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource as _;
use plumb_api::{Environment, EnvironmentStatus, Reason, condition_type};
use plumb_cluster::{Cluster, Notice, Recorder};
use plumb_delivery::{Inventory, ObjectId, Owner, Repairs, WatchEvent, Watched};
use plumb_git::CommitId;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Context,
    board::{Key, Tracked},
    remotes::Remote,
    retry::Retry,
};
pub(crate) use cluster::connection;
use expressions::Expressions;
pub(crate) use inputs::Inputs;
use inputs::Sources;
use reconcile::Outcome;
pub(crate) use reconcile::agrees_to_prune;
pub(crate) use rehearsal::refusals;
use render::Target;
pub(crate) use render::prepare;
use status::Weight;
pub(crate) use status::degraded;
pub(crate) use watching::field_rules;

/// A person asks for a reconcile by changing this annotation.
const RECONCILE_ANNOTATION: &str = "plumb.dev/reconcile-requested-at";
/// The first pause after a failed reconcile; it doubles up to `spec.retryInterval`.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// How long a Repository may take to be fetched for the first time before its absence is reported.
const FIRST_FETCH: Duration = Duration::from_secs(10);
/// How long a reconcile may go on when the worker is told to end.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// How long status changes of little weight, such as a count on its way up, are collected before they are written.
const STATUS_PAUSE: Duration = Duration::from_secs(1);

/// Runs until it is cancelled.
pub(crate) async fn run(cx: Context, key: Key, mut spec: watch::Receiver<Arc<Environment>>, stop: CancellationToken) {
    let environment = spec.borrow_and_update().clone();
    let (events_in, mut events) = mpsc::unbounded_channel();
    let (looked_in, mut looked) = mpsc::unbounded_channel();
    let mut head = cx.board.head(&repository_key(&environment));
    head.mark_changed();
    let promotions = cx.promotions(&key);
    let mut promotion_records = promotions.subscribe();
    let mut others = cx.board.changes();
    let status = environment.status.clone().unwrap_or_default();
    let expressions = Expressions::of(&environment.spec);
    let mut sources = Sources::default();
    sources.follow(&environment.spec, &key.namespace, &cx.references);
    let mut worker = Worker {
        owner: Owner { namespace: key.namespace.clone(), name: key.name.clone() },
        written: status.clone(),
        status,
        watched: Watched::new(watching::field_rules(&environment.spec), expressions.checks.clone()),
        expressions,
        sources,
        remote: cluster::address(&environment).map(|address| cx.remotes.connect(&address)),
        cluster: cx.cluster.clone(),
        environment,
        head,
        tracked: Tracked::Unknown,
        events_in,
        looked_in,
        target: None,
        pinned: None,
        passing: Vec::new(),
        inventory: None,
        repairs: Repairs::default(),
        recreating: BTreeSet::new(),
        meanwhile: Meanwhile::Quiet,
        unwatched: looking::Unwatched::default(),
        seeks_kinds: false,
        outcome: Outcome::Pending,
        published: None,
        unhealthy_since: None,
        deadline: None,
        waited_for: Vec::new(),
        hook_deadline: None,
        hooks_wait: false,
        cx,
        key,
    };
    let mut attempts = Retry::default();
    // Until the repository was fetched for the first time nothing is known that is worth telling.
    let mut retry = Some(Instant::now() + FIRST_FETCH);
    let mut write_status: Option<Instant> = None;
    let mut note: Option<Instant> = None;
    loop {
        let mut reconcile = false;
        let look = worker.next_look();
        tokio::select! {
            () = stop.cancelled() => break,
            changed = spec.changed() => {
                if changed.is_err() {
                    break;
                }
                let environment = spec.borrow_and_update().clone();
                reconcile = environment.metadata.generation != worker.environment.metadata.generation
                    || requests(&environment) != requests(&worker.environment);
                if repository_key(&environment) != repository_key(&worker.environment) {
                    worker.head = worker.cx.board.head(&repository_key(&environment));
                    worker.head.mark_changed();
                    // What the other repository was at says nothing of this one.
                    worker.tracked = Tracked::Unknown;
                    worker.pinned = None;
                    reconcile = false;
                    retry = Some(Instant::now() + FIRST_FETCH);
                }
                if environment.metadata.generation != worker.environment.metadata.generation {
                    worker.pinned = None;
                }
                // Others may read what it says of itself.
                if !says_the_same(&environment, &worker.environment) {
                    worker.published = None;
                }
                if cluster::address(&environment) != cluster::address(&worker.environment) {
                    worker.remote = cluster::address(&environment).map(|address| worker.cx.remotes.connect(&address));
                }
                worker.environment = environment;
                worker.expressions.read(&worker.environment.spec);
                worker.sources.follow(&worker.environment.spec, &worker.key.namespace, &worker.cx.references);
                let rules = watching::field_rules(&worker.environment.spec);
                let checks = &worker.expressions.checks;
                if rules != *worker.watched.rules() || checks != worker.watched.checks() {
                    // What is known was judged by the old rules, so it is learnt anew.
                    worker.watched = Watched::new(rules, checks.clone());
                    worker.unwatched = looking::Unwatched::default();
                    (worker.events_in, events) = mpsc::unbounded_channel();
                }
            }
            changed = worker.head.changed() => {
                if changed.is_err() {
                    break;
                }
                let tracked = worker.head.borrow_and_update().clone();
                // What is true at a head stays true there; only what failed may fare better now.
                let same = tracked.revision().is_some() && tracked.revision() == worker.tracked.revision();
                reconcile = !same || worker.outcome != Outcome::Applied;
                let passed = worker.is_passed_by(&tracked);
                reconcile &= !matches!(tracked, Tracked::Unknown) && !passed;
                worker.tracked = tracked;
                if passed {
                    // Whoever has something to apply for the same commit goes first.
                    note = note.or_else(|| Some(worker.cx.quiet_notes.turn(Instant::now())));
                    continue;
                }
            }
            Some(event) = events.recv() => {
                reconcile |= worker.absorb(event);
                while let Ok(event) = events.try_recv() {
                    reconcile |= worker.absorb(event);
                }
                // What is waited for may have come.
                reconcile |= matches!(worker.outcome, Outcome::Waiting(_)) || worker.hooks_wait;
            }
            Some(found) = looked.recv() => reconcile = worker.looked(&found),
            _ = promotion_records.changed() => worker.status.promotions.clone_from(&promotion_records.borrow_and_update()),
            () = worker.sources.changed() => reconcile = true,
            // What this environment depends on may be ready.
            Ok(()) = others.changed(), if worker.waits_for_others() => reconcile = worker.dependencies_changed(),
            () = sleep_until(look) => reconcile = worker.look().await,
            () = cluster::changed(&mut worker.remote) => reconcile = true,
            () = sleep_until(retry) => reconcile = true,
            () = sleep_until(note) => {}
            () = sleep_until(write_status) => {}
            () = sleep_until(worker.deadline) => {}
        }
        note = None;
        worker.note_passed();
        if reconcile {
            let span =
                tracing::info_span!("reconcile", environment = %worker.key, reconcile = %super::correlation_id());
            // What hangs must not hold up whoever waits for this worker's end. A restart finds out how far it came.
            let ended = async {
                stop.cancelled().await;
                tokio::time::sleep(LAST_REQUESTS).await;
            };
            tokio::select! {
                () = worker.reconcile(&mut events).instrument(span) => {}
                () = ended => break,
            }
            retry = worker.next_attempt(&mut attempts);
        }
        while let Ok(found) = looked.try_recv() {
            if worker.looked(&found) {
                retry = Some(Instant::now());
            }
        }
        write_status = worker.tell(write_status).await;
    }
    worker.cx.board.forget_environment(&worker.key);
    worker.cx.metrics.forget(&worker.key);
}

/// What one environment's task knows.
struct Worker {
    cx: Context,
    key: Key,
    owner: Owner,
    /// The cluster that the environment is kept true on.
    cluster: Cluster,
    /// The connection to it, when it is not the one that the agent runs in.
    remote: Option<Remote>,
    environment: Arc<Environment>,
    /// What the repository says.
    head: watch::Receiver<Tracked>,
    /// What of it was taken in.
    tracked: Tracked,
    events_in: mpsc::UnboundedSender<WatchEvent>,
    looked_in: mpsc::UnboundedSender<drift::Looked>,
    watched: Watched,
    expressions: Expressions,
    sources: Sources,
    target: Option<Target>,
    /// A head, the revision that ran there, by its pin or the head itself, and why it is held there.
    pinned: Option<(CommitId, CommitId, Option<String>)>,
    /// Revisions that changed nothing here and are not noted yet.
    passing: Vec<CommitId>,
    inventory: Option<Inventory>,
    repairs: Repairs,
    /// Objects that we deleted to create them anew.
    recreating: BTreeSet<ObjectId>,
    /// What the watches said while the last reconcile was under way.
    meanwhile: Meanwhile,
    /// Kinds that can't be watched.
    unwatched: looking::Unwatched,
    /// Whether the inventory lists objects of kinds that the cluster does not know now.
    seeks_kinds: bool,
    outcome: Outcome,
    unhealthy_since: Option<Instant>,
    /// When objects that are on their way count as degraded.
    deadline: Option<Instant>,
    /// What the environment depends on, as it was last seen.
    waited_for: Vec<Option<Arc<Environment>>>,
    /// Whether hooks for a failure have not ended.
    hooks_wait: bool,
    /// When a hook that runs takes too long.
    hook_deadline: Option<Timestamp>,
    status: EnvironmentStatus,
    written: EnvironmentStatus,
    /// What the rest of the agent knows of this environment.
    published: Option<EnvironmentStatus>,
}

/// What the watches said while a reconcile was under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Meanwhile {
    #[default]
    Quiet,
    /// Something that may have been waited for.
    Said,
    /// There is something to repair.
    Drifted,
}

type Events = mpsc::UnboundedReceiver<WatchEvent>;

impl Worker {
    /// Brings the status up to date and writes it: at once when it matters, soon when it doesn't. Returns when to write it.
    async fn tell(&mut self, pending: Option<Instant>) -> Option<Instant> {
        if self.outcome == Outcome::Pending {
            return None;
        }
        let before = self.status.clone();
        self.assess(Timestamp::now());
        if let Some((reason, message)) = status::turn(&before, &self.status) {
            let (warning, message) = (reason != Reason::Succeeded, message.to_owned());
            self.notify(warning, if warning { reason.as_str() } else { "Healthy" }, "Health", message).await;
        }
        if self.published.as_ref() != Some(&self.status) {
            self.published = Some(self.status.clone());
            self.publish();
        }
        if self.status == self.written {
            return None;
        }
        let now = Instant::now();
        let due = match status::weight(&self.written, &self.status) {
            Weight::Urgent => now,
            Weight::Light => pending.map_or(now + STATUS_PAUSE, |due| due.min(now + STATUS_PAUSE)),
            Weight::Quiet => pending.unwrap_or_else(|| self.cx.quiet_writes.turn(now)),
        };
        if due > now {
            return Some(due);
        }
        match self.cx.cluster.write_status(&*self.environment, &self.status).await {
            Ok(()) => {
                self.written = self.status.clone();
                None
            }
            Err(error) => {
                tracing::warn!(environment = %self.key, %error, "the status could not be written; it is tried again");
                Some(Instant::now() + STATUS_PAUSE)
            }
        }
    }

    /// When the next reconcile is due by itself, after one has ended.
    fn next_attempt(&mut self, attempts: &mut Retry) -> Option<Instant> {
        let mut retry = None;
        if self.outcome.may_go_away() {
            let longest = Duration::from(self.environment.spec.retry_interval);
            retry = Some(Instant::now() + attempts.failed(FIRST_RETRY, longest));
        } else {
            attempts.succeeded();
        }
        let seek = self.seeks_kinds.then(|| Instant::now() + looking::SEEK_KINDS);
        let awaits = matches!(self.outcome, Outcome::Waiting(_)) || self.hooks_wait;
        let again = match std::mem::take(&mut self.meanwhile) {
            Meanwhile::Quiet => false,
            Meanwhile::Said => awaits,
            Meanwhile::Drifted => true,
        };
        let again = again.then(Instant::now);
        // What is fought over gets its next repair in time.
        for due in [seek, again, self.next_repair(), self.next_hook_deadline()].into_iter().flatten() {
            retry = Some(retry.map_or(due, |retry| retry.min(due)));
        }
        retry
    }

    fn waits_for_others(&self) -> bool {
        self.outcome != Outcome::Applied && !self.environment.spec.depends_on.is_empty()
    }

    /// Shows the state to the rest of the agent.
    fn publish(&self) {
        let mut environment = Environment::clone(&self.environment);
        environment.status = Some(self.status.clone());
        self.cx.board.publish_environment(Arc::new(environment));
        let (namespace, name) = (self.key.namespace.as_str(), self.key.name.as_str());
        for type_ in condition_type::ALL {
            let condition = self.status.conditions.iter().find(|condition| condition.type_ == *type_);
            // Conditions such as Stalled are there only while they are true.
            let value = match condition.map_or("False", |condition| condition.status.as_str()) {
                "True" => 1,
                "False" => 0,
                _ => -1,
            };
            self.cx.metrics.conditions.with_label_values(&[namespace, name, type_]).set(value);
        }
        if let Some(objects) = self.status.objects {
            for (health, count) in
                [("healthy", objects.healthy), ("progressing", objects.progressing), ("degraded", objects.degraded)]
            {
                self.cx.metrics.objects.with_label_values(&[namespace, name, health]).set(count.into());
            }
        }
    }

    /// Tells it on the Environment, where `kubectl describe` shows it. An event that can't be published is only logged.
    async fn notify(&self, warning: bool, reason: &'static str, action: &'static str, message: String) {
        self.notifier().notify(warning, reason, action, message).await;
    }

    fn notifier(&self) -> Notifier {
        Notifier { recorder: self.cx.recorder.clone(), about: self.environment.object_ref(&()) }
    }
}

/// Publishes events on one Environment.
struct Notifier {
    recorder: Recorder,
    about: ObjectReference,
}

impl Notifier {
    async fn notify(&self, warning: bool, reason: &'static str, action: &'static str, message: String) {
        let notice = Notice { warning, reason, action, message };
        if let Err(error) = self.recorder.publish(&self.about, &notice).await {
            let (namespace, name) = (self.about.namespace.as_deref(), self.about.name.as_deref());
            tracing::warn!(namespace, name, %error, "an event could not be published");
        }
    }
}

pub(super) async fn sleep_until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// What annotations on an Environment ask for.
fn requests(environment: &Environment) -> [Option<&String>; 2] {
    [RECONCILE_ANNOTATION, reconcile::ALLOW_PRUNE_ANNOTATION]
        .map(|name| environment.metadata.annotations.as_ref()?.get(name))
}

/// Whether two states of an Environment differ at most in what the agent writes.
fn says_the_same(one: &Environment, other: &Environment) -> bool {
    let (one, other) = (&one.metadata, &other.metadata);
    one.generation == other.generation && one.labels == other.labels && one.annotations == other.annotations
}

fn repository_key(environment: &Environment) -> Key {
    Key { namespace: Key::of(environment).namespace, name: environment.spec.repository.name.clone() }
}
