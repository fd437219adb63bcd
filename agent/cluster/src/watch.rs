//! One watch per kind for all environments.
//!
//! Only objects with an owner's label are watched, and only their metadata where the kind has no health of its own. Nothing is cached here: each event goes to
//! the environment that the labels name, which keeps a few bytes of it.

use std::{
    collections::{HashMap, HashSet},
    hash::{Hash as _, Hasher as _},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{Stream, StreamExt as _, stream::BoxStream};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
    core::{ApiResource, PartialObjectMeta},
    runtime::{WatchStreamExt as _, watcher, watcher::Event},
};
use plumb_delivery::{ENVIRONMENT_LABEL, GroupKind, Owner, Seen, WatchEvent, health};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::{
    Kind,
    observe::{observation, owner},
};

/// The watches that all environments share.
#[derive(Clone)]
pub struct Watches(Arc<Shared>);

struct Shared {
    client: Client,
    streaming: bool,
    kinds: Mutex<HashMap<GroupKind, UnboundedSender<Subscriber>>>,
}

struct Subscriber {
    owner: Owner,
    events: UnboundedSender<WatchEvent>,
    whole: bool,
}

/// An object as a watch brings it, whole or not.
pub(crate) struct Item {
    pub(crate) metadata: kube::core::ObjectMeta,
    pub(crate) object: Option<Value>,
}

impl Watches {
    pub(crate) fn new(client: Client, streaming: bool) -> Self {
        Self(Arc::new(Shared { client, streaming, kinds: Mutex::default() }))
    }

    /// Sends all events of a kind's objects that belong to `owner`, beginning with those that exist, until the receiver is dropped.
    ///
    /// `whole` asks for whole objects also of a kind whose metadata says all that its health rules read.
    pub fn subscribe(&self, kind: &Kind, owner: Owner, events: UnboundedSender<WatchEvent>, whole: bool) {
        let mut kinds = self.0.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let group_kind = kind.group_kind();
        let mut subscriber = Subscriber { owner, events, whole };
        if let Some(running) = kinds.get(&group_kind) {
            match running.send(subscriber) {
                Ok(()) => return,
                Err(refused) => subscriber = refused.0,
            }
        }
        let (sender, receiver) = unbounded_channel();
        kinds.insert(group_kind, sender);
        let task = KindWatch {
            client: self.0.client.clone(),
            resource: kind.resource.clone(),
            kind: kind.group_kind(),
            streaming: self.0.streaming,
            whole: whole || health::needs_status(&kind.resource.group, &kind.resource.kind),
            subscribers: HashMap::from([(subscriber.owner, subscriber.events)]),
            owners: HashMap::new(),
            names: HashSet::new(),
        };
        tokio::spawn(task.run(receiver));
    }
}

struct KindWatch {
    client: Client,
    resource: ApiResource,
    kind: GroupKind,
    streaming: bool,
    /// Whether whole objects are watched, or their metadata alone.
    whole: bool,
    subscribers: HashMap<Owner, UnboundedSender<WatchEvent>>,
    /// Whose each object was last, by the hash of its uid: the API server tells only whose it is now.
    owners: HashMap<u64, Arc<Owner>>,
    /// All owners of them, each kept once.
    names: HashSet<Arc<Owner>>,
}

impl KindWatch {
    async fn run(mut self, mut joining: UnboundedReceiver<Subscriber>) {
        let mut events = self.stream();
        let mut synced = false;
        let mut waiting: Vec<Subscriber> = Vec::new();
        loop {
            tokio::select! {
                subscriber = joining.recv() => {
                    // Without the connection nobody can come any more, and whoever came has left.
                    let Some(subscriber) = subscriber else { return };
                    waiting.push(subscriber);
                    while let Ok(subscriber) = joining.try_recv() {
                        waiting.push(subscriber);
                    }
                    if !self.whole && waiting.iter().any(|subscriber| subscriber.whole) {
                        // A new stream lists for everybody.
                        self.whole = true;
                        events = self.stream();
                        synced = false;
                    }
                }
                Some(event) = events.next() => match event {
                    Ok(event) => {
                        // Whoever came before a list hears it from its beginning.
                        if matches!(event, Event::Init) {
                            self.subscribers.extend(waiting.drain(..).map(|waiting| (waiting.owner, waiting.events)));
                        }
                        synced = match &event { Event::Init => false, Event::InitDone => true, _ => synced };
                        self.dispatch(event);
                    }
                    Err(error) => {
                        let why = describe(&error);
                        if is_refused(&error) {
                            // It will not come by itself: whoever wants to know looks at the objects one by one.
                            joining.close();
                            while let Ok(subscriber) = joining.try_recv() {
                                waiting.push(subscriber);
                            }
                            self.subscribers.extend(waiting.drain(..).map(|waiting| (waiting.owner, waiting.events)));
                            self.broadcast(|kind| WatchEvent::Unwatchable(kind, why.clone()));
                            return;
                        }
                        for subscriber in &waiting {
                            let _ = subscriber.events.send(WatchEvent::Failed(self.kind.clone(), why.clone()));
                        }
                        self.broadcast(|kind| WatchEvent::Failed(kind, why.clone()));
                        if synced && is_final(&error) {
                            // The kind or the right to it is gone: whoever still wants it asks anew.
                            joining.close();
                            while let Ok(subscriber) = joining.try_recv() {
                                waiting.push(subscriber);
                            }
                            self.subscribers.extend(waiting.drain(..).map(|waiting| (waiting.owner, waiting.events)));
                            self.broadcast(WatchEvent::Lost);
                            return;
                        }
                    }
                },
                else => return,
            }
            // Whoever comes after the first list gets a list of its own, in between two events, so that no change is lost or seen twice.
            if synced && !waiting.is_empty() {
                let joined: Vec<_> = waiting
                    .drain(..)
                    .map(|subscriber| {
                        self.subscribers.insert(subscriber.owner.clone(), subscriber.events);
                        subscriber.owner
                    })
                    .collect();
                if !self.introduce(&joined).await {
                    // A new stream lists for everybody, and waits between attempts.
                    events = self.stream();
                    synced = false;
                }
            }
            self.subscribers.retain(|_, events| !events.is_closed());
        }
    }

    fn stream(&self) -> BoxStream<'static, watcher::Result<Event<Item>>> {
        let mut config = watcher::Config::default().labels(ENVIRONMENT_LABEL);
        if self.streaming {
            config = config.streaming_lists();
        }
        let backoff = backoff(Duration::from_millis(50));
        if self.whole {
            let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &self.resource);
            items(watcher(api, config).backoff(backoff), whole)
        } else {
            let api: Api<PartialObjectMeta<DynamicObject>> = Api::all_with(self.client.clone(), &self.resource);
            items(watcher(api, config).backoff(backoff), partial)
        }
    }

    fn dispatch(&mut self, event: Event<Item>) {
        match event {
            Event::Init => {
                let at = Instant::now();
                // What changed hands meanwhile is not in the list of the one who had it, which says the same.
                self.owners.clear();
                self.names.clear();
                self.broadcast(|kind| WatchEvent::Restarted(kind, at));
            }
            Event::InitDone => self.broadcast(WatchEvent::Synced),
            Event::InitApply(item) | Event::Apply(item) => self.seen(item, None),
            Event::Delete(item) => {
                if let Some(uid) = &item.metadata.uid {
                    self.owners.remove(&hash(uid));
                }
                let Some(events) = owner(&item.metadata).and_then(|owner| self.subscribers.get(&owner)) else { return };
                if let Some(observation) = observation(&self.kind, item.metadata) {
                    // A closed receiver is an environment that went away; it is forgotten right after.
                    let _ = events.send(WatchEvent::Gone(Box::new(observation)));
                }
            }
        }
    }

    fn seen(&mut self, item: Item, only: Option<&[Owner]>) {
        let Some(owner) = owner(&item.metadata) else { return };
        if only.is_some_and(|only| !only.contains(&owner)) {
            return;
        }
        let former = item.metadata.uid.as_ref().and_then(|uid| self.remember(hash(uid), &owner));
        let Some(observation) = observation(&self.kind, item.metadata) else { return };
        let seen = Box::new(Seen { observation, object: item.object });
        if let Some(events) = former.and_then(|former| self.subscribers.get(&*former)) {
            let _ = events.send(WatchEvent::Moved(seen.clone(), owner.clone()));
        }
        if let Some(events) = self.subscribers.get(&owner) {
            let _ = events.send(WatchEvent::Seen(seen));
        }
    }

    /// Notes whose an object is, and gives the one whose it was when that is another.
    fn remember(&mut self, object: u64, owner: &Owner) -> Option<Arc<Owner>> {
        if let Some(known) = self.owners.get_mut(&object) {
            return (**known != *owner).then(|| std::mem::replace(known, shared(&mut self.names, owner)));
        }
        let owner = shared(&mut self.names, owner);
        self.owners.insert(object, owner);
        None
    }

    fn broadcast(&self, event: impl Fn(GroupKind) -> WatchEvent) {
        for events in self.subscribers.values() {
            let _ = events.send(event(self.kind.clone()));
        }
    }

    async fn introduce(&mut self, joined: &[Owner]) -> bool {
        let senders: Vec<_> = joined.iter().filter_map(|owner| self.subscribers.get(owner)).cloned().collect();
        let send = |event: &dyn Fn() -> WatchEvent| {
            for events in &senders {
                let _ = events.send(event());
            }
        };
        let at = Instant::now();
        let parameters = match joined {
            [one] => ListParams::default().labels(&format!("{ENVIRONMENT_LABEL}={}", one.name)),
            _ => ListParams::default().labels(ENVIRONMENT_LABEL),
        };
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &self.resource);
        let listed = if self.whole {
            api.list(&parameters).await.map(|list| list.items.into_iter().map(whole).collect::<Vec<_>>())
        } else {
            api.list_metadata(&parameters).await.map(|list| list.items.into_iter().map(partial).collect())
        };
        match listed {
            Ok(items) => {
                send(&|| WatchEvent::Restarted(self.kind.clone(), at));
                for item in items {
                    self.seen(item, Some(joined));
                }
                send(&|| WatchEvent::Synced(self.kind.clone()));
                true
            }
            Err(error) => {
                let why = crate::Error::request("list", error).to_string();
                send(&|| WatchEvent::Failed(self.kind.clone(), why.clone()));
                false
            }
        }
    }
}

pub(crate) fn whole(mut object: DynamicObject) -> Item {
    let managed_fields = object.metadata.managed_fields.take();
    let value = serde_json::to_value(&object).ok();
    // The health rules read the object, and not who owns which of its fields.
    object.metadata.managed_fields = managed_fields;
    Item { metadata: object.metadata, object: value }
}

/// An object of which only the metadata was asked for.
fn partial(object: PartialObjectMeta<DynamicObject>) -> Item {
    Item { metadata: object.metadata, object: None }
}

/// Pauses between attempts to watch, from `first` to ten seconds.
pub(crate) fn backoff(first: Duration) -> watcher::ExponentialBackoff {
    let pauses = backon::ExponentialBuilder::default().with_min_delay(first).with_max_delay(Duration::from_secs(10));
    pauses.with_jitter().without_max_times().into()
}

fn items<K: Send + 'static>(
    stream: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    item: impl Fn(K) -> Item + Send + 'static,
) -> BoxStream<'static, watcher::Result<Event<Item>>> {
    stream
        .map(move |event| {
            event.map(|event| match event {
                Event::Apply(object) => Event::Apply(item(object)),
                Event::Delete(object) => Event::Delete(item(object)),
                Event::InitApply(object) => Event::InitApply(item(object)),
                Event::Init => Event::Init,
                Event::InitDone => Event::InitDone,
            })
        })
        .boxed()
}

fn shared(names: &mut HashSet<Arc<Owner>>, owner: &Owner) -> Arc<Owner> {
    if let Some(known) = names.get(owner) {
        return known.clone();
    }
    let owner = Arc::new(owner.clone());
    names.insert(owner.clone());
    owner
}

/// A few bytes that stand for a uid.
fn hash(uid: &str) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
}

/// Whether the API server said that there is no such kind.
fn is_final(error: &watcher::Error) -> bool {
    code(error) == Some(404)
}

/// Whether the API server said that there is no right to watch it, or that it can't be watched.
fn is_refused(error: &watcher::Error) -> bool {
    matches!(code(error), Some(403 | 405))
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status)
        | watcher::Error::WatchFailed(kube::Error::Api(status)) => Some(status.code),
        _ => None,
    }
}

fn describe(error: &watcher::Error) -> String {
    let source: &dyn std::error::Error = error;
    std::iter::successors(Some(source), |error| error.source()).last().map(ToString::to_string).unwrap_or_default()
}
