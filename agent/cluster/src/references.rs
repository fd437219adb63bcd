//! ConfigMaps and Secrets that custom resources read from: each is followed once, however many read it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client,
    runtime::{WatchStreamExt as _, watcher::watch_object},
};
use tokio::sync::watch;

use crate::{Cluster, watch::backoff};

/// What is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceKind {
    /// A ConfigMap: its `data`.
    ConfigMap,
    /// A Secret: its `data` as far as it is text.
    Secret,
}

impl fmt::Display for ReferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        })
    }
}

/// What is known of a ConfigMap or Secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Referenced {
    /// Nothing yet.
    #[default]
    Unknown,
    /// It does not exist.
    Missing,
    /// Its texts by their keys.
    Found(Arc<BTreeMap<String, String>>),
    /// It can't be read, for this reason; it is tried again.
    Failed(String),
}

/// Says nothing of the texts.
impl fmt::Debug for Referenced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("Unknown"),
            Self::Missing => f.write_str("Missing"),
            Self::Found(texts) => f.debug_set().entries(texts.keys()).finish(),
            Self::Failed(why) => write!(f, "Failed({why})"),
        }
    }
}

type Place = (ReferenceKind, String, String);

/// The ConfigMaps and Secrets that are followed.
#[derive(Clone)]
pub struct References {
    client: Client,
    followed: Arc<Mutex<HashMap<Place, watch::Sender<Referenced>>>>,
}

impl References {
    /// None yet.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Self { client: cluster.client.clone(), followed: Arc::default() }
    }

    /// What an object holds, now and later. It is watched for as long as anybody holds a receiver.
    #[must_use]
    pub fn follow(&self, kind: ReferenceKind, namespace: &str, name: &str) -> watch::Receiver<Referenced> {
        let place = (kind, namespace.to_owned(), name.to_owned());
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = followed.get(&place) {
            return known.subscribe();
        }
        let (sender, receiver) = watch::channel(Referenced::Unknown);
        followed.insert(place.clone(), sender.clone());
        tokio::spawn(self.clone().keep(place, sender));
        receiver
    }

    async fn keep(self, place: Place, sender: watch::Sender<Referenced>) {
        let (kind, namespace, name) = &place;
        let client = self.client.clone();
        let pauses = backoff(Duration::from_millis(100));
        let mut states = match kind {
            ReferenceKind::ConfigMap => watch_object(Api::<ConfigMap>::namespaced(client, namespace), name)
                .backoff(pauses)
                .map_ok(|found| found.map(|map| map.data.unwrap_or_default()))
                .boxed(),
            ReferenceKind::Secret => watch_object(Api::<Secret>::namespaced(client, namespace), name)
                .backoff(pauses)
                .map_ok(|found| found.map(|secret| texts(secret.data.unwrap_or_default())))
                .boxed(),
        };
        loop {
            let state = tokio::select! {
                () = sender.closed() => {
                    let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
                    // Somebody may have come in between.
                    if sender.receiver_count() == 0 {
                        followed.remove(&place);
                        return;
                    }
                    continue;
                }
                Some(state) = states.next() => state,
                else => return,
            };
            let state = match state {
                Ok(Some(texts)) => Referenced::Found(Arc::new(texts)),
                Ok(None) => Referenced::Missing,
                // What is known stays true until the watch says otherwise.
                Err(_) if matches!(*sender.borrow(), Referenced::Found(_) | Referenced::Missing) => continue,
                Err(error) => Referenced::Failed(format!(
                    "{kind} {namespace}/{name} can't be read: {error}; the agent needs the verbs list and watch on it"
                )),
            };
            // Changes of metadata alone are none.
            sender.send_if_modified(|known| {
                let changed = *known != state;
                *known = state;
                changed
            });
        }
    }
}

fn texts(data: BTreeMap<String, k8s_openapi::ByteString>) -> BTreeMap<String, String> {
    data.into_iter().filter_map(|(key, value)| Some((key, String::from_utf8(value.0).ok()?))).collect()
}
