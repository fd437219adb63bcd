//! Which kinds the cluster knows.
//!
//! Discovery is read once and again only when a kind is missing, so that a reconcile costs none of it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use kube::{Client, Discovery, core::ApiResource};
use plumb_delivery::{GroupKind, Scope};

use crate::{Cluster, Error};

/// A kind that the cluster serves.
#[derive(Clone, Debug)]
pub struct Kind {
    /// How it is asked for.
    pub resource: ApiResource,
    /// Where its objects live.
    pub scope: Scope,
}

impl Kind {
    /// Group and kind.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.resource.group.clone(), kind: self.resource.kind.clone() }
    }
}

pub(crate) struct Kinds {
    client: Client,
    known: RwLock<Arc<HashMap<GroupKind, Vec<Kind>>>>,
    reading: tokio::sync::Mutex<()>,
}

impl Kinds {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, known: RwLock::default(), reading: tokio::sync::Mutex::new(()) }
    }

    fn known(&self) -> Arc<HashMap<GroupKind, Vec<Kind>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn refresh(&self) -> Result<(), Error> {
        let before = self.known();
        let _reading = self.reading.lock().await;
        // Whoever waited for another reader has its answer already.
        if !Arc::ptr_eq(&before, &self.known()) {
            return Ok(());
        }
        let discovery = match Discovery::new(self.client.clone()).run_aggregated().await {
            Ok(discovery) => discovery,
            Err(_) => Discovery::new(self.client.clone())
                .run()
                .await
                .map_err(|error| Error::request("reading which kinds the cluster knows", error))?,
        };
        let mut known: HashMap<GroupKind, Vec<Kind>> = HashMap::new();
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
                    let kind = Kind { resource, scope };
                    known.entry(kind.group_kind()).or_default().push(kind);
                }
            }
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        Ok(())
    }
}

impl Cluster {
    /// The kind, if the cluster serves it: at `version`, or at the preferred one. Sends nothing.
    #[must_use]
    pub fn kind(&self, kind: &GroupKind, version: Option<&str>) -> Option<Kind> {
        let known = self.kinds.known();
        let versions = known.get(kind)?;
        match version {
            Some(version) => versions.iter().find(|kind| kind.resource.version == version).cloned(),
            None => versions.first().cloned(),
        }
    }

    /// Reads from the API server which kinds it serves now.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn refresh_kinds(&self) -> Result<(), Error> {
        self.kinds.refresh().await
    }
}
