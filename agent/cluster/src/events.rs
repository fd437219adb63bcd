//! Kubernetes Events: what `kubectl describe` shows.
//!
//! The recorder of kube counts events of one reason as the same, whatever their notes say, so that the second object that drifts would not be named. Here only
//! those that say the same are counted together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use plumb_delivery::FIELD_MANAGER;
use serde_json::json;

use crate::{Cluster, Error};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1_024;
/// How long an event is counted on after it was published last; an API server forgets events after an hour.
const SERIES: Duration = Duration::from_mins(6);
/// So many events on one object are published in a row, and one more each [`REFILL`]; whoever wants all reads the log.
const BURST: u32 = 100;
const REFILL: Duration = Duration::from_secs(1);

/// What happened to a custom resource, for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Notice {
    /// Whether it is a problem.
    pub warning: bool,
    /// `CamelCase`, stable.
    pub reason: &'static str,
    /// What was done.
    pub action: &'static str,
    /// For people.
    pub message: String,
}

/// Publishes Events; like ones are counted instead of repeated.
#[derive(Clone)]
pub struct Recorder {
    client: Client,
    instance: String,
    published: Arc<Mutex<Published>>,
}

/// What was published lately.
#[derive(Default)]
struct Published {
    events: HashMap<(String, Notice), Known>,
    allowances: HashMap<String, (u32, Instant)>,
}

/// An event that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    name: String,
    count: i32,
    last: Instant,
}

/// What to do about a notice.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Create,
    Count(Known),
    Drop,
}

impl Published {
    fn turn(&mut self, about: &str, notice: &Notice, now: Instant) -> Turn {
        self.events.retain(|_, known| now.duration_since(known.last) < SERIES);
        self.allowances.retain(|_, (_, since)| now.duration_since(*since) < REFILL * BURST);
        let (left, since) = self.allowances.entry(about.to_owned()).or_insert((BURST, now));
        let gained = u32::try_from(now.duration_since(*since).as_secs() / REFILL.as_secs()).unwrap_or(BURST);
        if gained > 0 {
            (*left, *since) = (left.saturating_add(gained).min(BURST), now);
        }
        if *left == 0 {
            return Turn::Drop;
        }
        *left -= 1;
        match self.events.get_mut(&(about.to_owned(), notice.clone())) {
            None => Turn::Create,
            Some(known) => {
                known.count = known.count.saturating_add(1);
                known.last = now;
                Turn::Count(known.clone())
            }
        }
    }
}

impl Recorder {
    /// Reports as the controller `plumb`, with the name of this instance.
    #[must_use]
    pub fn new(cluster: &Cluster, instance: &str) -> Self {
        Self { client: cluster.client.clone(), instance: instance.to_owned(), published: Arc::default() }
    }

    /// Publishes one event on an object. Of very many in a row only the first are published.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn publish(&self, about: &ObjectReference, notice: &Notice) -> Result<(), Error> {
        let mut notice = notice.clone();
        notice.message.truncate(notice.message.floor_char_boundary(LONGEST_NOTE));
        let key = (about.uid.clone().unwrap_or_default(), notice);
        let turn = self.published().turn(&key.0, &key.1, Instant::now());
        let namespace = about.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let failed = |error| Error::request("publishing an event", error);
        let now = MicroTime(Timestamp::now());
        match turn {
            Turn::Drop => {
                tracing::debug!(reason = key.1.reason, message = key.1.message, "too many events: one is dropped");
                return Ok(());
            }
            Turn::Count(known) => {
                let series = EventSeries { count: known.count, last_observed_time: now.clone() };
                let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
                match api.patch(&known.name, &parameters, &Patch::Merge(json!({"series": series}))).await {
                    // The API server has forgotten it.
                    Err(kube::Error::Api(status)) if status.code == 404 => {}
                    other => return other.map(drop).map_err(failed),
                }
            }
            Turn::Create => {}
        }
        let event = self.event(about, &key.1, now);
        let created = api.create(&PostParams::default(), &event).await.map_err(failed)?;
        self.published().events.insert(key, Known { name: created.name_any(), count: 1, last: Instant::now() });
        Ok(())
    }

    fn published(&self) -> std::sync::MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, about: &ObjectReference, notice: &Notice, now: MicroTime) -> Event {
        Event {
            metadata: ObjectMeta {
                namespace: about.namespace.clone(),
                generate_name: Some(format!("{}-", about.name.as_deref().unwrap_or("plumb"))),
                ..ObjectMeta::default()
            },
            action: Some(notice.action.into()),
            event_time: Some(now),
            note: Some(notice.message.clone()),
            reason: Some(notice.reason.into()),
            regarding: Some(about.clone()),
            reporting_controller: Some("plumb.dev/agent".into()),
            // What follows may be longer than the API server allows.
            reporting_instance: Some(self.instance.chars().take(128).collect()),
            type_: Some(if notice.warning { "Warning" } else { "Normal" }.into()),
            ..Event::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(message: &str) -> Notice {
        Notice { warning: false, reason: "DriftDetected", action: "Observe", message: message.into() }
    }

    #[test]
    fn only_what_says_the_same_is_counted() {
        let (mut published, start) = (Published::default(), Instant::now());
        let known = Known { name: "dev.1".into(), count: 1, last: start };
        assert_eq!(published.turn("dev", &notice("a drifted"), start), Turn::Create);
        published.events.insert(("dev".into(), notice("a drifted")), known.clone());
        assert_eq!(published.turn("dev", &notice("b drifted"), start), Turn::Create);
        let later = start + Duration::from_mins(5);
        let turn = published.turn("dev", &notice("a drifted"), later);
        assert_eq!(turn, Turn::Count(Known { count: 2, last: later, ..known }));
        assert_eq!(published.turn("dev", &notice("a drifted"), later + SERIES), Turn::Create);
    }

    #[test]
    fn a_flood_is_cut_off_for_the_object_that_it_is_about() {
        let (mut published, start) = (Published::default(), Instant::now());
        for number in 0..BURST {
            assert_eq!(published.turn("dev", &notice(&number.to_string()), start), Turn::Create);
        }
        assert_eq!(published.turn("dev", &notice("one more"), start), Turn::Drop);
        assert_eq!(published.turn("prod", &notice("another"), start), Turn::Create);
        assert_eq!(published.turn("dev", &notice("later"), start + REFILL), Turn::Create);
    }
}
