//! Writing objects: server-side apply and delete.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use kube::{
    Api,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy, ValidationDirective},
    core::PartialObjectMeta,
};
use plumb_delivery::{Desired, Doomed, FIELD_MANAGER, ObjectId, Observation, Owner, Scope, split_api_version};
use serde_json::Value;

use crate::{
    Class, Cluster, Error, Kind,
    observe::{observation, owner as owner_of},
};

/// How long one request may take. The API server itself gives up after a minute.
const DEADLINE: Duration = Duration::from_mins(1);

/// How an apply ended.
#[derive(Debug)]
pub enum Applied {
    /// The object is as it shall be.
    Done(Observation),
    /// It was to be created only, and is there already.
    Present,
}

impl Cluster {
    /// Applies an object as the field manager `plumb`, and takes over the fields that others own.
    ///
    /// Only the metadata of the result is asked for. Fields that the API server does not know are an error, as with `kubectl apply`.
    /// What may go away by itself (429, 5xx, a lost connection) is tried a few times.
    ///
    /// An object that is to be created only is looked for first.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn apply(&self, desired: &Desired) -> Result<Applied, Error> {
        let api: Api<DynamicObject> = self.api(desired)?;
        if desired.rules.create_only && bounded(&desired.id, api.get_metadata_opt(&desired.id.name)).await?.is_some() {
            return Ok(Applied::Present);
        }
        let parameters = parameters();
        let attempt = || async {
            let patch = Patch::Apply(&desired.body);
            let request = api.patch_metadata(&desired.id.name, &parameters, &patch);
            let answer: PartialObjectMeta<DynamicObject> = bounded(&desired.id, request).await?;
            observation(&desired.id.group_kind(), answer.metadata).map(Applied::Done).ok_or_else(|| Error::Malformed {
                what: desired.id.to_string(),
                message: "the API server's answer lacks uid or resourceVersion".into(),
            })
        };
        attempt.retry(backoff()).when(|error| error.class() == Class::Transient).await
    }

    /// Whether the API server would take the object.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn rehearse(&self, desired: &Desired) -> Result<(), Error> {
        let api: Api<DynamicObject> = self.api(desired)?;
        let attempt = || async {
            let (parameters, patch) = (dry_run(), Patch::Apply(&desired.body));
            bounded(&desired.id, api.patch_metadata(&desired.id.name, &parameters, &patch)).await.map(drop)
        };
        attempt.retry(backoff()).when(|error| error.class() == Class::Transient).await
    }

    /// What an apply would make of the object, without doing it, and the object as it is now.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn dry_run(&self, desired: &Desired) -> Result<(Option<Value>, Value), Error> {
        let api: Api<DynamicObject> = self.api(desired)?;
        let live = bounded(&desired.id, api.get_opt(&desired.id.name)).await?;
        let merged =
            bounded(&desired.id, api.patch(&desired.id.name, &dry_run(), &Patch::Apply(&desired.body))).await?;
        let value = |object: DynamicObject| {
            serde_json::to_value(object)
                .map_err(|error| Error::Malformed { what: desired.id.to_string(), message: error.to_string() })
        };
        Ok((live.map(value).transpose()?, value(merged)?))
    }

    /// Deletes this very object, if it is still there and still `owner`'s; its dependents are collected in the background.
    ///
    /// The object is looked at first, for another environment may have taken it over, which the watch of this one does not show.
    ///
    /// # Errors
    /// What the API server said. That it is gone already, another one took its name, or another environment took it over, is no error.
    pub async fn delete(&self, doomed: &Doomed, owner: &Owner) -> Result<(), Error> {
        let Some(kind) = self.kind(&doomed.id.group_kind(), None) else {
            // Without its kind the object can't exist any more.
            return Ok(());
        };
        let api: Api<DynamicObject> = self.api_of(&kind, doomed.id.namespace.as_deref());
        let attempt = || async {
            let Some(metadata) =
                bounded(&doomed.id, api.get_metadata_opt(&doomed.id.name)).await?.map(|found| found.metadata)
            else {
                return Ok(());
            };
            if metadata.uid.as_ref() != Some(&doomed.uid) || owner_of(&metadata).as_ref() != Some(owner) {
                return Ok(());
            }
            let parameters = DeleteParams {
                propagation_policy: Some(PropagationPolicy::Background),
                preconditions: Some(Preconditions { uid: metadata.uid, resource_version: metadata.resource_version }),
                ..DeleteParams::default()
            };
            match bounded(&doomed.id, api.delete(&doomed.id.name, &parameters)).await {
                Ok(_) => Ok(()),
                Err(error) if error.code() == Some(404) => Ok(()),
                // 409 says that it changed meanwhile: it is looked at again.
                Err(error) => Err(error),
            }
        };
        attempt.retry(backoff()).when(|error| error.class() == Class::Transient).await
    }

    fn api(&self, desired: &Desired) -> Result<Api<DynamicObject>, Error> {
        let version = split_api_version(&desired.api_version).1;
        let kind = self.kind(&desired.id.group_kind(), Some(version)).ok_or_else(|| Error::Refused {
            id: Box::new(desired.id.clone()),
            code: 404,
            message: format!("the cluster no longer knows {} in {}", desired.id.kind, desired.api_version),
            immutable: false,
        })?;
        Ok(self.api_of(&kind, desired.id.namespace.as_deref()))
    }

    pub(crate) fn api_of(&self, kind: &Kind, namespace: Option<&str>) -> Api<DynamicObject> {
        match (kind.scope, namespace) {
            (Scope::Namespaced, Some(namespace)) => {
                Api::namespaced_with(self.client.clone(), namespace, &kind.resource)
            }
            _ => Api::all_with(self.client.clone(), &kind.resource),
        }
    }
}

fn parameters() -> PatchParams {
    let field_validation = Some(ValidationDirective::Strict);
    PatchParams { field_validation, ..PatchParams::apply(FIELD_MANAGER).force() }
}

fn dry_run() -> PatchParams {
    parameters().dry_run()
}

/// Three more attempts within about a second; a longer outage is for the reconcile to wait out.
fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_factor(4.0)
        .with_max_times(3)
        .with_jitter()
}

async fn bounded<T>(id: &ObjectId, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Error> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(result) => result.map_err(|error| Error::on(id, error)),
        Err(_) => Err(timed_out(&id.to_string())),
    }
}

fn timed_out(what: &str) -> Error {
    Error::Request {
        what: what.to_owned(),
        code: None,
        message: format!("the API server did not answer within {} s", DEADLINE.as_secs()),
    }
}
