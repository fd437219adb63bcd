//! Starts a worker for each Repository and each Environment, hands them changes of their resource, and stops them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use futures::{Stream, StreamExt as _};
use kube::Resource;
use plumb_api::{Environment, PromotionRequest, Repository};
use plumb_cluster::{ResourceEvent, watch_resources};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Context, board::Key, environment, forge, promotion::requests, repository};

/// All resources of one kind, as the API server last told.
pub(crate) struct Catalog<K> {
    resources: RwLock<BTreeMap<Key, Arc<K>>>,
    changes: watch::Sender<u64>,
}

impl<K> Default for Catalog<K> {
    fn default() -> Self {
        Self { resources: RwLock::default(), changes: watch::Sender::default() }
    }
}

impl<K> Catalog<K> {
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn all(&self) -> BTreeMap<Key, Arc<K>> {
        self.resources.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts the changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<Key, Arc<K>>)) {
        change(&mut self.resources.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|count| *count += 1);
    }
}

/// Follows the custom resources for as long as the process lives, and runs their workers while this agent leads.
pub(crate) async fn run(cx: Context, namespace: Option<String>, leads: watch::Receiver<bool>, stop: CancellationToken) {
    let repositories = supervise(
        cx.clone(),
        watch_resources::<Repository>(&cx.cluster, namespace.as_deref()),
        cx.repositories.clone(),
        leads.clone(),
        stop.clone(),
        |cx, key, spec, stop| {
            let forge = forge::run(cx.clone(), key.clone(), spec.clone(), stop.clone());
            tokio::spawn(async move {
                tokio::join!(repository::run(cx, key, spec, stop), forge);
            })
        },
    );
    let environments = supervise(
        cx.clone(),
        watch_resources::<Environment>(&cx.cluster, namespace.as_deref()),
        cx.environments.clone(),
        leads.clone(),
        stop.clone(),
        |cx, key, spec, stop| tokio::spawn(environment::run(cx, key, spec, stop)),
    );
    let requests = supervise(
        cx.clone(),
        watch_resources::<PromotionRequest>(&cx.cluster, namespace.as_deref()),
        cx.requests.clone(),
        leads,
        stop,
        |cx, _, spec, stop| tokio::spawn(requests::follow(cx, spec, stop)),
    );
    tokio::join!(repositories, environments, requests);
}

struct Worker<K> {
    spec: watch::Sender<Arc<K>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Workers that were told to stop and finish what they have under way, which may take a minute: nobody waits for them but who takes their place.
#[derive(Default)]
struct Ending(BTreeMap<Key, JoinHandle<()>>);

impl Ending {
    /// Tells a worker to stop.
    fn stop<K>(&mut self, key: Key, worker: Worker<K>) {
        worker.stop.cancel();
        self.0.retain(|_, task| !task.is_finished());
        self.0.insert(key, worker.task);
    }

    /// Waits until all have stopped.
    async fn all(&mut self) {
        for (key, task) in std::mem::take(&mut self.0) {
            ended(&key, task).await;
        }
    }
}

async fn ended(key: &Key, task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::error!(worker = %key, %error, "a worker ended early");
    }
}

async fn supervise<K, S>(
    cx: Context,
    events: S,
    catalog: Arc<Catalog<K>>,
    mut leads: watch::Receiver<bool>,
    stop: CancellationToken,
    start: impl Fn(Context, Key, watch::Receiver<Arc<K>>, CancellationToken) -> JoinHandle<()> + Send + Sync + 'static,
) where
    K: Resource<DynamicType = ()> + fmt::Debug + Send + Sync + 'static,
    S: Stream<Item = ResourceEvent<K>>,
{
    let mut events = std::pin::pin!(events);
    let mut workers: BTreeMap<Key, Worker<K>> = BTreeMap::new();
    let mut listed: Option<BTreeSet<Key>> = None;
    let mut ending = Ending::default();
    let start = Arc::new(start);
    let begin = |key: &Key, resource: Arc<K>, predecessor: Option<JoinHandle<()>>| {
        let (spec, receiver) = watch::channel(resource);
        let stop = stop.child_token();
        let (cx, key, start, stopped) = (cx.clone(), key.clone(), start.clone(), stop.clone());
        let task = tokio::spawn(async move {
            if let Some(predecessor) = predecessor {
                ended(&key, predecessor).await;
            }
            let task = start(cx, key.clone(), receiver, stopped);
            ended(&key, task).await;
        });
        Worker { spec, stop, task }
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = leads.changed() => {
                if changed.is_err() {
                    break;
                }
                if *leads.borrow_and_update() {
                    for (key, resource) in catalog.all() {
                        let predecessor = ending.0.remove(&key);
                        workers.entry(key.clone()).or_insert_with(|| begin(&key, resource, predecessor));
                    }
                } else {
                    stop_all(&mut workers, &mut ending).await;
                }
            }
            Some(event) = events.next() => match event {
                ResourceEvent::Restarted => listed = Some(BTreeSet::new()),
                ResourceEvent::Changed(resource) => {
                    let key = Key::of(&*resource);
                    if let Some(listed) = &mut listed {
                        listed.insert(key.clone());
                    }
                    let resource: Arc<K> = Arc::from(resource);
                    catalog.change(|all| drop(all.insert(key.clone(), resource.clone())));
                    cx.board.show();
                    match workers.get(&key) {
                        // A resource that was deleted and made anew is another one.
                        Some(worker) if worker.spec.borrow().meta().uid == resource.meta().uid => {
                            worker.spec.send_replace(resource);
                        }
                        _ => {
                            if let Some(old) = workers.remove(&key) {
                                ending.stop(key.clone(), old);
                            }
                            if *leads.borrow() {
                                let predecessor = ending.0.remove(&key);
                                workers.insert(key.clone(), begin(&key, resource, predecessor));
                            }
                        }
                    }
                }
                ResourceEvent::Deleted(resource) => {
                    let key = Key::of(&*resource);
                    catalog.change(|all| drop(all.remove(&key)));
                    cx.board.show();
                    if let Some(worker) = workers.remove(&key) {
                        tracing::info!(kind = %K::kind(&()), name = %key, "is gone; what it applied stays");
                        ending.stop(key, worker);
                    }
                }
                ResourceEvent::Synced => {
                    if let Some(listed) = listed.take() {
                        catalog.change(|all| all.retain(|key, _| listed.contains(key)));
                        let gone: Vec<_> = workers.keys().filter(|key| !listed.contains(key)).cloned().collect();
                        for key in gone {
                            if let Some(worker) = workers.remove(&key) {
                                ending.stop(key, worker);
                            }
                        }
                    }
                    cx.synced.send_modify(|synced| {
                        synced.insert(K::plural(&()).into_owned());
                    });
                }
                ResourceEvent::Failed(why) => tracing::warn!(error = why, "custom resources can't be watched; it is tried again"),
            },
        }
    }
    stop_all(&mut workers, &mut ending).await;
}

/// Stops all workers, and waits until what they have under way is done.
async fn stop_all<K>(workers: &mut BTreeMap<Key, Worker<K>>, ending: &mut Ending) {
    for (key, worker) in std::mem::take(workers) {
        ending.stop(key, worker);
    }
    ending.all().await;
}
