//! The agent: what runs in the cluster.

mod board;
mod credentials;
mod environment;
mod fields;
mod forge;
mod hooks;
mod ledger;
mod metrics;
mod promotion;
mod quota;
mod remotes;
mod repository;
mod retry;
mod supervisor;
mod web;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use plumb_api::{Environment, PromotionRecord, PromotionRequest, Repository};
use plumb_cluster::{Cluster, Recorder, References};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use board::{Board, Key};
pub(crate) use environment::{Inputs, field_rules};
use fields::Values;
use hooks::HookTokens;
use metrics::Metrics;
use quota::Quota;
use remotes::Remotes;
use supervisor::Catalog;

/// How far apart writes of statuses are that say little.
const QUIET_WRITE: Duration = Duration::from_millis(50);
/// How far apart environments note that a revision changed nothing there.
const QUIET_NOTE: Duration = Duration::from_micros(500);
/// How many of either may go at once.
const QUIET_BURST: u32 = 20;

/// How the agent is run.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Address for webhooks, metrics, probes and the status page
    #[arg(long, default_value = "0.0.0.0:8080", env = "PLUMB_LISTEN")]
    listen: SocketAddr,
    /// Directory for the caches of repositories; it may be lost at any time
    #[arg(long, default_value = "/var/lib/plumb", env = "PLUMB_DATA_DIR")]
    data_dir: PathBuf,
    /// Namespace of the agent: of its Lease, and of the Repositories that /hooks/<repository> means
    #[arg(long, default_value = "plumb-system", env = "PLUMB_NAMESPACE")]
    namespace: String,
    /// Follow only Repositories and Environments of this namespace, instead of all
    #[arg(long, env = "PLUMB_WATCH_NAMESPACE")]
    watch_namespace: Option<String>,
    /// Name of the Lease by which one of several agents leads
    #[arg(long, default_value = "plumb")]
    lease_name: String,
    /// Name of this agent among several
    #[arg(long, env = "HOSTNAME", default_value = "plumb")]
    identity: String,
}

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Context {
    /// The cluster that the agent runs in.
    cluster: Cluster,
    /// The others that environments name.
    remotes: Arc<Remotes>,
    board: Arc<Board>,
    recorder: Recorder,
    metrics: Metrics,
    /// How many overlays may be rendered at once. Whoever waits goes in turn.
    renders: Arc<Semaphore>,
    /// What variables come from.
    references: References,
    /// For writes of statuses that say little: that a revision changed nothing here.
    quiet_writes: Arc<Quota>,
    /// For noting such revisions at all.
    quiet_notes: Arc<Quota>,
    data_directory: PathBuf,
    repositories: Arc<Catalog<Repository>>,
    environments: Arc<Catalog<Environment>>,
    requests: Arc<Catalog<PromotionRequest>>,
    hook_tokens: Arc<HookTokens>,
    values: Arc<Values>,
    /// Plurals of the custom resources whose first list is in.
    synced: watch::Sender<BTreeSet<String>>,
    promotions: Arc<Mutex<BTreeMap<Key, watch::Sender<Vec<PromotionRecord>>>>>,
}

impl Context {
    /// Where the promotion requests that an environment has not answered yet are published.
    fn promotions(&self, environment: &Key) -> watch::Sender<Vec<PromotionRecord>> {
        self.promotions.lock().unwrap_or_else(PoisonError::into_inner).entry(environment.clone()).or_default().clone()
    }
}

/// Runs until the process is told to end.
///
/// # Errors
/// When the cluster can't be reached at the start, the address can't be listened on, or the lease can't be taken part in.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    tokio::spawn(end_on_signal(stop.clone()));
    let cluster = Cluster::connect().await?;
    cluster.refresh_kinds().await?;
    let identity = format!("{}-{}", options.identity, std::process::id());
    let context = Context {
        renders: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(2, |cores| cores.get() + 1))),
        references: References::new(&cluster),
        recorder: Recorder::new(&cluster, &identity),
        metrics: Metrics::new().context("the metrics could not be registered")?,
        quiet_writes: Arc::new(Quota::new(QUIET_WRITE, QUIET_BURST)),
        quiet_notes: Arc::new(Quota::new(QUIET_NOTE, QUIET_BURST)),
        board: Arc::default(),
        data_directory: options.data_dir,
        repositories: Arc::default(),
        environments: Arc::default(),
        requests: Arc::default(),
        hook_tokens: Arc::default(),
        values: Arc::default(),
        synced: watch::Sender::default(),
        promotions: Arc::default(),
        remotes: Arc::new(Remotes::new(cluster.clone())),
        cluster,
    };
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("{} can't be listened on", options.listen))?;
    tracing::info!(address = %listener.local_addr()?, identity, version = env!("CARGO_PKG_VERSION"), "the agent starts");

    let leadership = plumb_cluster::lead(&context.cluster, &options.namespace, &options.lease_name, &identity).await?;
    let leads = leadership.leads.clone();
    let workers = CancellationToken::new();
    let supervisor =
        tokio::spawn(supervisor::run(context.clone(), options.watch_namespace, leads.clone(), workers.clone()));
    tokio::spawn(hooks::keep(context.clone(), stop.clone()));
    let server = tokio::spawn(web::serve(context, options.namespace, leads, listener, stop.clone()));

    let mut supervisor = supervisor;
    tokio::select! {
        () = stop.cancelled() => {}
        ended = &mut supervisor => {
            ended.context("the supervisor ended early")?;
            anyhow::bail!("the supervisor ended early");
        }
    }
    tracing::info!("the agent stops: finishing what is under way");
    workers.cancel();
    supervisor.await.context("the supervisor ended early")?;
    leadership.release().await;
    server.await.context("the web server ended early")??;
    tracing::info!("the agent has stopped");
    Ok(())
}

async fn end_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals can't be received; stop the agent with SIGKILL");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
}

/// An id that all log lines of one reconcile share.
fn correlation_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:x}-{count:x}", std::process::id())
}
