//! Starts a worker for each Repository and each Environment, hands them changes of their resource, and stops them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use futures::{Stream, StreamExt as _};
use kube::Resource;
use plumb_api::{Environment, Repository};
use plumb_cluster::{ResourceEvent, watch_resources};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Context, board::Key, environment, repository};

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
        |cx, key, spec, stop| tokio::spawn(repository::run(cx, key, spec, stop)),
    );
    let environments = supervise(
        cx.clone(),
        watch_resources::<Environment>(&cx.cluster, namespace.as_deref()),
        cx.environments.clone(),
        leads,
        stop,
        |cx, key, spec, stop| tokio::spawn(environment::run(cx, key, spec, stop)),
    );
    tokio::join!(repositories, environments);
}

struct Worker<K> {
    spec: watch::Sender<Arc<K>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn supervise<K, S>(
    cx: Context,
    events: S,
    catalog: Arc<Catalog<K>>,
    mut leads: watch::Receiver<bool>,
    stop: CancellationToken,
    start: impl Fn(Context, Key, watch::Receiver<Arc<K>>, CancellationToken) -> JoinHandle<()>,
) where
    K: Resource<DynamicType = ()> + fmt::Debug + 'static,
    S: Stream<Item = ResourceEvent<K>>,
{
    let mut events = std::pin::pin!(events);
    let mut workers: BTreeMap<Key, Worker<K>> = BTreeMap::new();
    let mut listed: Option<BTreeSet<Key>> = None;
    let begin = |key: &Key, resource: Arc<K>| {
        let (spec, receiver) = watch::channel(resource);
        let stop = stop.child_token();
        let task = start(cx.clone(), key.clone(), receiver, stop.clone());
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
                        workers.entry(key.clone()).or_insert_with(|| begin(&key, resource));
                    }
                } else {
                    end(std::mem::take(&mut workers)).await;
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
                                end(BTreeMap::from([(key.clone(), old)])).await;
                            }
                            if *leads.borrow() {
                                workers.insert(key.clone(), begin(&key, resource));
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
                        end(BTreeMap::from([(key, worker)])).await;
                    }
                }
                ResourceEvent::Synced => {
                    if let Some(listed) = listed.take() {
                        catalog.change(|all| all.retain(|key, _| listed.contains(key)));
                        let gone: Vec<_> = workers.keys().filter(|key| !listed.contains(key)).cloned().collect();
                        for key in gone {
                            if let Some(worker) = workers.remove(&key) {
                                end(BTreeMap::from([(key, worker)])).await;
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
    end(workers).await;
}

/// Stops workers, and waits until what they have under way is done.
async fn end<K>(workers: BTreeMap<Key, Worker<K>>) {
    for worker in workers.values() {
        worker.stop.cancel();
    }
    for (key, worker) in workers {
        if let Err(error) = worker.task.await {
            tracing::error!(worker = %key, %error, "a worker ended early");
        }
    }
}
