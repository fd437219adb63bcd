//! Which kinds the cluster knows.
//!
//! Discovery is read once and again only when a kind is missing, so that a reconcile costs none of it.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use kube::{
    Client, Discovery,
    core::{ApiResource, discovery::v2::APIGroupDiscoveryList},
    discovery::verbs,
};
use plumb_delivery::{GroupKind, Scope};
use tokio::time::Instant;

use crate::{Cluster, Error};

/// The first pause after discovery was read without finding a missing kind; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A kind that the cluster serves.
#[derive(Clone, Debug)]
pub struct Kind {
    /// How it is asked for.
    pub resource: ApiResource,
    /// Where its objects live.
    pub scope: Scope,
    /// Whether the API server can list and watch it.
    pub watchable: bool,
}

impl Kind {
    /// Group and kind.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.resource.group.as_str().into(), kind: self.resource.kind.as_str().into() }
    }
}

/// What discovery said.
#[derive(Default)]
struct Known {
    kinds: HashMap<GroupKind, Vec<Kind>>,
    /// Groups of which the API server knows no more than that they exist, for the API behind them does not answer.
    unavailable: BTreeSet<String>,
}

pub(crate) struct Kinds {
    client: Client,
    known: RwLock<Arc<Known>>,
    reading: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
}

/// When discovery may be read again for kinds that are missing.
#[derive(Default)]
struct Pace {
    pause: Duration,
    next: Option<Instant>,
}

impl Kinds {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, known: RwLock::default(), reading: tokio::sync::Mutex::new(()), pace: Mutex::default() }
    }

    fn known(&self) -> Arc<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn refresh(&self) -> Result<(), Error> {
        let before = self.known();
        let _reading = self.reading.lock().await;
        // Whoever waited for another reader has its answer already.
        if !Arc::ptr_eq(&before, &self.known()) {
            return Ok(());
        }
        let known = match tokio::try_join!(
            self.client.list_core_api_versions_aggregated(),
            self.client.list_api_groups_aggregated()
        ) {
            Ok((core, groups)) if !groups.items.is_empty() => aggregated(&before, [core, groups]),
            // An API server of before 1.27 answers without the resources.
            _ => self.unaggregated().await?,
        };
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        Ok(())
    }

    async fn unaggregated(&self) -> Result<Known, Error> {
        let discovery = Discovery::new(self.client.clone()).run().await;
        let discovery = discovery.map_err(|error| Error::request("reading which kinds the cluster knows", error))?;
        let mut known = Known::default();
        for group in discovery.groups() {
            // The preferred version goes first: it is the one that a kind without a version means.
            let preferred = group.preferred_version_or_latest().to_owned();
            let versions =
                std::iter::once(preferred.as_str()).chain(group.versions().filter(|version| *version != preferred));
            for version in versions {
                for (resource, capabilities) in group.versioned_resources(version) {
                    let scope = match capabilities.scope {
                        kube::discovery::Scope::Cluster => Scope::Cluster,
                        kube::discovery::Scope::Namespaced => Scope::Namespaced,
                    };
                    let supports = |verb| capabilities.supports_operation(verb);
                    let kind = Kind { resource, scope, watchable: supports(verbs::LIST) && supports(verbs::WATCH) };
                    known.kinds.entry(kind.group_kind()).or_default().push(kind);
                }
            }
        }
        Ok(known)
    }

    /// Whether discovery may be read again for a kind that is missing.
    fn is_due(&self) -> bool {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if pace.next.is_some_and(|next| next > now) {
            return false;
        }
        // After a long rest a missing kind is a new one.
        if pace.next.is_some_and(|next| now.duration_since(next) > LONGEST_PAUSE * 2) {
            pace.pause = Duration::ZERO;
        }
        pace.pause = (pace.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        pace.next = Some(now + pace.pause);
        true
    }

    fn hurry(&self) {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = Pace::default();
    }
}

/// Reads aggregated discovery (KEP-3352). Versions that are `Stale` keep what was known of them before, for the API behind them does not answer.
fn aggregated(before: &Known, lists: [APIGroupDiscoveryList; 2]) -> Known {
    let mut known = Known::default();
    for group in lists.into_iter().flat_map(|list| list.items) {
        let name = group.metadata.and_then(|metadata| metadata.name).unwrap_or_default();
        // Versions are in the order of preference.
        for version in group.versions {
            let Some(served) = version.version else { continue };
            let is_stale = version.freshness.as_deref() == Some("Stale");
            if is_stale {
                known.unavailable.insert(name.clone());
            }
            let mut found: Vec<Kind> = Vec::new();
            for resource in version.resources {
                let kind = resource.response_kind.and_then(|kind| kind.kind);
                let (Some(plural), Some(kind)) = (resource.resource, kind) else { continue };
                let scope =
                    if resource.scope.as_deref() == Some("Namespaced") { Scope::Namespaced } else { Scope::Cluster };
                let verbs = resource.verbs;
                let supports = |wanted: &str| verbs.iter().any(|verb| verb == wanted);
                let api_version = if name.is_empty() { served.clone() } else { format!("{name}/{served}") };
                found.push(Kind {
                    resource: ApiResource { group: name.clone(), version: served.clone(), api_version, kind, plural },
                    scope,
                    watchable: supports(verbs::LIST) && supports(verbs::WATCH),
                });
            }
            if is_stale && found.is_empty() {
                let old = before.kinds.values().flatten();
                found
                    .extend(old.filter(|kind| kind.resource.group == name && kind.resource.version == served).cloned());
            }
            for kind in found {
                let versions = known.kinds.entry(kind.group_kind()).or_default();
                // Several resources may answer with one kind; the first is the one that is named like it.
                if versions.iter().all(|known| known.resource.version != kind.resource.version) {
                    versions.push(kind);
                }
            }
        }
    }
    known
}

impl Cluster {
    /// The kind, if the cluster serves it: at `version`, or at the preferred one. Sends nothing.
    #[must_use]
    pub fn kind(&self, kind: &GroupKind, version: Option<&str>) -> Option<Kind> {
        let known = self.kinds.known();
        let versions = known.kinds.get(kind)?;
        match version {
            Some(version) => versions.iter().find(|kind| kind.resource.version == version).cloned(),
            None => versions.first().cloned(),
        }
    }

    /// Whether it is not known what a group serves, for the API behind it does not answer.
    #[must_use]
    pub fn is_unavailable(&self, group: &str) -> bool {
        self.kinds.known().unavailable.contains(group)
    }

    /// Reads from the API server which kinds it serves now.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn refresh_kinds(&self) -> Result<(), Error> {
        self.kinds.hurry();
        self.kinds.refresh().await
    }

    /// The same for kinds that are missing, at growing pauses: whoever asks too early gets what is known.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn seek_kinds(&self) -> Result<(), Error> {
        if self.kinds.is_due() { self.kinds.refresh().await } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn groups(value: &Value) -> [APIGroupDiscoveryList; 2] {
        [APIGroupDiscoveryList::default(), serde_json::from_value(json!({"items": value})).unwrap()]
    }

    fn widgets(freshness: &str, resources: &Value) -> Value {
        json!([{
            "metadata": {"name": "example.com"},
            "versions": [
                {"version": "v1", "freshness": freshness, "resources": resources},
                {"version": "v1beta1", "freshness": "Current", "resources": []},
            ],
        }])
    }

    fn served() -> Value {
        let kind = |kind: &str| json!({"group": "example.com", "version": "v1", "kind": kind});
        json!([
            {"resource": "widgets", "responseKind": kind("Widget"), "scope": "Namespaced", "verbs": ["get", "list", "watch", "patch"]},
            {"resource": "reviews", "responseKind": kind("Review"), "scope": "Cluster", "verbs": ["create"]},
        ])
    }

    fn widget() -> GroupKind {
        GroupKind { group: "example.com".into(), kind: "Widget".into() }
    }

    #[test]
    fn kinds_have_a_scope_and_verbs() {
        let known = aggregated(&Known::default(), groups(&widgets("Current", &served())));
        let kind = &known.kinds[&widget()][0];
        assert_eq!(kind.resource.api_version, "example.com/v1");
        assert!(kind.watchable && kind.scope == Scope::Namespaced && known.unavailable.is_empty());
        let review = GroupKind { group: "example.com".into(), kind: "Review".into() };
        assert!(!known.kinds[&review][0].watchable);
    }

    #[test]
    fn kinds_of_an_api_that_does_not_answer_are_remembered() {
        let before = aggregated(&Known::default(), groups(&widgets("Current", &served())));
        let known = aggregated(&before, groups(&widgets("Stale", &json!([]))));
        assert!(known.kinds.contains_key(&widget()) && known.unavailable.contains("example.com"));
        // Without the group there is no such kind any more.
        let gone = aggregated(&known, groups(&json!([])));
        assert!(gone.kinds.is_empty() && gone.unavailable.is_empty());
        // And what was never known is not made up.
        let fresh = aggregated(&Known::default(), groups(&widgets("Stale", &json!([]))));
        assert!(fresh.kinds.is_empty() && fresh.unavailable.contains("example.com"));
    }
}
