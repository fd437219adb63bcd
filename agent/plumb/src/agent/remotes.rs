//! Connections to other clusters, each shared by all environments that name the same Secret.
//!
//! Each connection has a task of its own, so that one that hangs delays nobody but those who want it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt as _;
use plumb_cluster::{Class, Cluster, Error, SecretData, SecretEvent, watch_secret};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{board::Key, retry::Retry};

/// How long a connection may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// The pauses between attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a kubeconfig is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address {
    pub(crate) secret: Key,
    /// The key in the Secret's data.
    pub(crate) entry: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret {}, key {}", self.secret, self.entry)
    }
}

/// How a connection is.
#[derive(Clone)]
pub(crate) enum Link {
    /// Nothing is known yet.
    Connecting,
    /// It can't be used, and why.
    Down { why: String, transient: bool },
    /// The cluster answers, as far as is known.
    Up(Cluster),
}

/// One connection, as an environment holds it.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) link: watch::Receiver<Link>,
    doubt: Arc<Notify>,
}

impl Remote {
    /// Says that a watch broke, so that the connection is looked at.
    pub(crate) fn doubt(&self) {
        self.doubt.notify_one();
    }
}

/// All connections to other clusters.
pub(crate) struct Remotes {
    local: Cluster,
    lines: Mutex<BTreeMap<Address, Line>>,
}

#[derive(Clone)]
struct Line {
    link: watch::Sender<Link>,
    doubt: Arc<Notify>,
}

impl Remotes {
    pub(crate) fn new(local: Cluster) -> Self {
        Self { local, lines: Mutex::default() }
    }

    /// The connection that a Secret describes. It lives for as long as somebody holds it.
    pub(crate) fn connect(self: &Arc<Self>, address: &Address) -> Remote {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = lines.get(address) {
            return Remote { link: shared.link.subscribe(), doubt: shared.doubt.clone() };
        }
        let (link, receiver) = watch::channel(Link::Connecting);
        let shared = Line { link, doubt: Arc::default() };
        lines.insert(address.clone(), shared.clone());
        tokio::spawn(keep(self.clone(), address.clone(), shared.clone()));
        Remote { link: receiver, doubt: shared.doubt }
    }

    /// Forgets a connection that nobody holds any more; `false` when somebody came meanwhile.
    fn retire(&self, address: &Address, shared: &Line) -> bool {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = shared.link.is_closed();
        if unused {
            lines.remove(address);
        }
        unused
    }
}

/// Keeps a connection until nobody holds it any more.
async fn keep(remotes: Arc<Remotes>, address: Address, shared: Line) {
    let mut secrets = std::pin::pin!(watch_secret(&remotes.local, &address.secret.namespace, &address.secret.name));
    let mut kubeconfig: Option<String> = None;
    let mut attempts = Retry::default();
    let mut due: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shared.link.closed() => {
                if remotes.retire(&address, &shared) {
                    tracing::info!(%address, "nobody uses the connection any more");
                    return;
                }
            }
            Some(event) = secrets.next() => match event {
                SecretEvent::Found(secret) => {
                    let found = text(&secret, &address.entry);
                    if found.is_none() {
                        let why = format!("Secret {} has no key {} with a kubeconfig", address.secret, address.entry);
                        publish(&shared, Link::Down { why, transient: false });
                    }
                    if found != kubeconfig {
                        due = found.as_ref().map(|_| Instant::now());
                        kubeconfig = found;
                    }
                }
                SecretEvent::Missing => {
                    (kubeconfig, due) = (None, None);
                    let why = format!("Secret {} with the kubeconfig does not exist", address.secret);
                    publish(&shared, Link::Down { why, transient: false });
                }
                // What was read of it stays true.
                SecretEvent::Failed(why) if kubeconfig.is_none() => {
                    publish(&shared, Link::Down { why, transient: true });
                }
                SecretEvent::Failed(_) => {}
            },
            () = shared.doubt.notified() => {
                let link = shared.link.borrow().clone();
                if let Link::Up(cluster) = link
                    && let Err(why) = answers(&cluster).await
                {
                    tracing::warn!(%address, error = why, "the cluster does not answer");
                    publish(&shared, Link::Down { why, transient: true });
                    due = Some(Instant::now() + attempts.failed(FIRST_PAUSE, LONGEST_PAUSE));
                }
            }
            () = super::environment::sleep_until(due) => {
                due = None;
                let Some(kubeconfig) = &kubeconfig else { continue };
                let connected = tokio::time::timeout(PATIENCE, remotes.local.remote(kubeconfig)).await;
                let hopeless = matches!(connected, Ok(Err(Error::Kubeconfig(_))));
                let (why, transient) = match connected {
                    Ok(Ok(cluster)) => {
                        tracing::info!(%address, "connected");
                        attempts.succeeded();
                        publish(&shared, Link::Up(cluster));
                        continue;
                    }
                    Ok(Err(error)) => (error.to_string(), error.class() == Class::Transient),
                    Err(_) => (format!("the cluster did not answer within {} s", PATIENCE.as_secs()), true),
                };
                publish(&shared, Link::Down { why: format!("{address}: {why}"), transient });
                // What the text itself lacks only another text has; a right that is missing may be given over there, without a word here.
                due = (!hopeless).then(|| Instant::now() + attempts.failed(FIRST_PAUSE, LONGEST_PAUSE));
            }
        }
    }
}

/// Publishes what is new.
fn publish(shared: &Line, link: Link) {
    shared.link.send_if_modified(|before| {
        let same = match (&*before, &link) {
            (Link::Down { why: before, .. }, Link::Down { why, .. }) => before == why,
            _ => false,
        };
        *before = link;
        !same
    });
}

async fn answers(cluster: &Cluster) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, cluster.answers()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the cluster did not answer within {} s", PATIENCE.as_secs())),
    }
}

fn text(secret: &SecretData, entry: &str) -> Option<String> {
    secret.text(entry).filter(|text| !text.trim().is_empty())
}
