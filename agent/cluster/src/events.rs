//! Kubernetes Events: what `kubectl describe` shows.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Reporter};

use crate::{Cluster, Error};

/// The longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1_024;

/// What happened to a custom resource, for people.
#[derive(Clone, Debug)]
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
pub struct Recorder(kube::runtime::events::Recorder);

impl Recorder {
    /// Reports as the controller `plumb`, with the name of this instance.
    #[must_use]
    pub fn new(cluster: &Cluster, instance: &str) -> Self {
        let reporter = Reporter { controller: "plumb.dev/agent".into(), instance: Some(instance.to_owned()) };
        Self(kube::runtime::events::Recorder::new(cluster.client.clone(), reporter))
    }

    /// Publishes one event on an object.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn publish(&self, about: &ObjectReference, notice: &Notice) -> Result<(), Error> {
        let mut end = notice.message.len().min(LONGEST_NOTE);
        while !notice.message.is_char_boundary(end) {
            end -= 1;
        }
        let event = Event {
            type_: if notice.warning { EventType::Warning } else { EventType::Normal },
            reason: notice.reason.into(),
            note: Some(notice.message[..end].to_owned()),
            action: notice.action.into(),
            secondary: None,
        };
        self.0.publish(&event, about).await.map_err(|error| Error::request("publishing an event", error))
    }
}
