//! Our own custom resources and the Secrets that they name.

use std::{collections::BTreeMap, fmt, time::Duration};

use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt as _, watcher, watcher::Event},
};
use plumb_api::{Environment, Repository};
use plumb_delivery::FIELD_MANAGER;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{Cluster, Error, error::chain, watch::backoff};

/// What a watch of custom resources says.
#[derive(Debug)]
pub enum ResourceEvent<K> {
    /// The watch starts anew: what is not named before [`ResourceEvent::Synced`] is gone.
    Restarted,
    /// It is there, or changed.
    Changed(Box<K>),
    /// It is gone.
    Deleted(Box<K>),
    /// All that exists has been named.
    Synced,
    /// The watch failed, and is tried again.
    Failed(String),
}

/// Watches the custom resources of a kind, in one namespace or in all, for ever.
pub fn watch_resources<K>(
    cluster: &Cluster,
    namespace: Option<&str>,
) -> impl Stream<Item = ResourceEvent<K>> + Send + use<K>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + fmt::Debug
        + Send
        + 'static,
{
    let client = cluster.client.clone();
    let api: Api<K> =
        namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace));
    watcher(api, watcher::Config::default()).backoff(backoff(Duration::from_millis(100))).map(|event| match event {
        Ok(Event::Init) => ResourceEvent::Restarted,
        Ok(Event::Apply(resource) | Event::InitApply(resource)) => ResourceEvent::Changed(Box::new(resource)),
        Ok(Event::Delete(resource)) => ResourceEvent::Deleted(Box::new(resource)),
        Ok(Event::InitDone) => ResourceEvent::Synced,
        Err(error) => ResourceEvent::Failed(format!("watching {}: {error}", K::plural(&()))),
    })
}

/// What a watch of one Secret says.
#[derive(Debug)]
pub enum SecretEvent {
    /// It is there, or changed.
    Found(SecretData),
    /// It is not there.
    Missing,
    /// It can't be watched, and is tried again.
    Failed(String),
}

/// Watches one Secret, for ever.
pub fn watch_secret(cluster: &Cluster, namespace: &str, name: &str) -> impl Stream<Item = SecretEvent> + Send + use<> {
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let what = format!("Secret {namespace}/{name} can't be watched");
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let data = |secret: Secret| SecretEvent::Found(SecretData::of(secret));
    let mut found = false;
    watcher(api, config).backoff(backoff(Duration::from_millis(100))).filter_map(move |event| {
        let event = match event {
            Ok(Event::Init) => {
                found = false;
                None
            }
            Ok(Event::Apply(secret)) => Some(data(secret)),
            Ok(Event::InitApply(secret)) => {
                found = true;
                Some(data(secret))
            }
            Ok(Event::InitDone) => (!found).then_some(SecretEvent::Missing),
            Ok(Event::Delete(_)) => Some(SecretEvent::Missing),
            Err(error) => Some(SecretEvent::Failed(format!("{what}: {}", chain(&error)))),
        };
        std::future::ready(event)
    })
}

/// The data of a Secret; never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretData(BTreeMap<String, Vec<u8>>);

impl SecretData {
    fn of(secret: Secret) -> Self {
        Self(secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect())
    }

    /// The names of all entries.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The bytes under a key.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// The text under a key, without the line break that editors leave at the end.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        let text = std::str::from_utf8(self.bytes(key)?).ok()?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Cluster {
    /// Reads a Secret.
    ///
    /// # Errors
    /// When it isn't there or may not be read.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<SecretData, Error> {
        let secret = Api::<Secret>::namespaced(self.client.clone(), namespace)
            .get(name)
            .await
            .map_err(|error| Error::request(format!("reading Secret {namespace}/{name}"), error))?;
        Ok(SecretData(secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, value.0)).collect()))
    }

    /// Marks a Repository with the time in an annotation, for another agent to see.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn annotate_repository(&self, namespace: &str, name: &str, annotation: &str) -> Result<(), Error> {
        let api: Api<Repository> = Api::namespaced(self.unfenced.clone(), namespace);
        let body = json!({"metadata": {"annotations": {annotation: jiff::Timestamp::now().to_string()}}});
        let marked = api.patch(name, &PatchParams::default(), &Patch::Merge(&body)).await;
        marked.map(drop).map_err(|error| Error::request(format!("marking Repository {namespace}/{name}"), error))
    }

    /// Makes a custom resource. That there is one of this name already is no error.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn create<K>(&self, resource: &K) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + Serialize
            + DeserializeOwned
            + fmt::Debug,
    {
        let (namespace, name) = (resource.namespace().unwrap_or_default(), resource.name_any());
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match api.create(&parameters, resource).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(Error::request(format!("making {} {namespace}/{name}", K::kind(&())), error)),
        }
    }

    /// Deletes a custom resource. That it is gone already is no error.
    ///
    /// # Errors
    /// When the API server refuses or does not answer.
    pub async fn remove<K>(&self, resource: &K) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + fmt::Debug,
    {
        let (namespace, name) = (resource.namespace().unwrap_or_default(), resource.name_any());
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        match api.delete(&name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(Error::request(format!("deleting {} {namespace}/{name}", K::kind(&())), error)),
        }
    }

    /// Adds the finalizer to an Environment, or takes it away. Those of others stay.
    ///
    /// # Errors
    /// When the API server refuses or does not answer, or the Environment changed meanwhile. That it is gone is no error.
    pub async fn set_finalizer(&self, environment: &Environment, finalizer: &str, present: bool) -> Result<(), Error> {
        let mut finalizers = environment.finalizers().to_vec();
        finalizers.retain(|other| other != finalizer);
        if present {
            finalizers.push(finalizer.to_owned());
        }
        let (namespace, name) = (environment.namespace().unwrap_or_default(), environment.name_any());
        let api: Api<Environment> = Api::namespaced(self.client.clone(), &namespace);
        // With the version the API server refuses to overwrite a list that another has changed.
        let body = json!({"metadata": {"finalizers": finalizers, "resourceVersion": environment.resource_version()}});
        match api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(&body)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => {
                Err(Error::request(format!("setting the finalizer of Environment {namespace}/{name}"), error))
            }
        }
    }

    /// Writes the status of one of our custom resources: what is left out goes.
    ///
    /// # Errors
    /// When the API server refuses or does not answer. That the resource is gone is no error.
    pub async fn write_status<K, S>(&self, resource: &K, status: &S) -> Result<(), Error>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + fmt::Debug,
        S: Serialize,
    {
        let namespace = resource.namespace().unwrap_or_default();
        let api: Api<K> = Api::namespaced(self.client.clone(), &namespace);
        // With the uid the API server refuses to make a new resource of what was deleted meanwhile.
        let body = json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()),
            "metadata": {"name": resource.name_any(), "uid": resource.uid()}, "status": status,
        });
        match api
            .patch_status(&resource.name_any(), &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&body))
            .await
        {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(Error::request(
                format!("writing the status of {} {namespace}/{}", K::kind(&()), resource.name_any()),
                error,
            )),
        }
    }
}
