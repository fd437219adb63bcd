//! Writing objects: server-side apply and delete.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use backon::{ExponentialBuilder, Retryable as _};
use kube::{
    Api,
    api::{
        DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions, PropagationPolicy,
        ValidationDirective, VersionMatch,
    },
    core::PartialObjectMeta,
};
use plumb_delivery::{
    Adoption, DIGEST_ANNOTATION, Desired, Doomed, FIELD_MANAGER, ObjectId, Observation, Owner, Scope, Seen, health,
    ownership::FieldsEntry, split_api_version,
};
use serde_json::{Value, json};

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
    Done(Box<Observation>),
    /// It was to be created only, and is there already.
    Present,
}

/// How a deletion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// The object, as it was at this resource version, is gone, or goes as soon as its finalizers let it.
    At(u64),
    /// It was gone already.
    Gone,
    /// Another environment has it now, so it stays.
    Elsewhere,
}

impl Cluster {
    /// Applies an object as the field manager `plumb`; with `force`, it takes over the fields that others own.
    ///
    /// Only the metadata of the result is asked for. Fields that the API server does not know are an error, as with `kubectl apply`.
    /// What may go away by itself (429, 5xx, a lost connection) is tried a few times.
    ///
    /// An object that is to be created only is looked for first.
    ///
    /// # Errors
    /// What the API server said: without `force` also [`Error::Conflict`].
    pub async fn apply(&self, desired: &Desired, force: bool) -> Result<Applied, Error> {
        let api: Api<DynamicObject> = self.api(desired)?;
        if desired.rules.create_only && bounded(&desired.id, api.get_metadata_opt(&desired.id.name)).await?.is_some() {
            return Ok(Applied::Present);
        }
        let parameters = PatchParams { force, ..parameters() };
        let attempt = || async {
            let patch = Patch::Apply(&desired.body);
            let request = api.patch_metadata(&desired.id.name, &parameters, &patch);
            let answer: PartialObjectMeta<DynamicObject> = bounded(&desired.id, request).await?;
            observation(&desired.id.group_kind(), answer.metadata).map(|seen| Applied::Done(Box::new(seen))).ok_or_else(
                || Error::Malformed {
                    what: desired.id.to_string(),
                    message: "the API server's answer lacks uid or resourceVersion".into(),
                },
            )
        };
        attempt.retry(backoff()).when(|error| error.class() == Class::Transient).await
    }

    /// Makes what other tools applied to an object ours, and applies it anew, so that what is not in the manifest goes.
    ///
    /// The digest goes first: should this end in between, the object does not look as if it were applied.
    ///
    /// # Errors
    /// What the API server said; 409 when the object changed meanwhile.
    pub async fn adopt(&self, desired: &Desired, seen: &Observation, adoption: &Adoption) -> Result<Applied, Error> {
        let api: Api<DynamicObject> = self.api(desired)?;
        let patch = json!({"metadata": {
            "managedFields": entries(&adoption.entries), "resourceVersion": seen.resource_version.to_string(),
            "annotations": {DIGEST_ANNOTATION: null},
        }});
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        bounded(&desired.id, api.patch_metadata(&desired.id.name, &parameters, &Patch::Merge(&patch))).await?;
        self.apply(desired, true).await
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

    /// Looks at one object, as a watch would show it, `whole` or as far as its health rules need it; `None` when it is not there, or not `owner`'s.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn look(&self, id: &ObjectId, owner: &Owner, whole: bool) -> Result<Option<Seen>, Error> {
        let Some(kind) = self.kind(&id.group_kind(), None) else { return Ok(None) };
        let api: Api<DynamicObject> = self.api_of(&kind, id.namespace.as_deref());
        let (metadata, object) = if whole || health::needs_status(&id.group, &id.kind) {
            let Some(found) = bounded(id, api.get_opt(&id.name)).await? else { return Ok(None) };
            let item = crate::watch::whole(found);
            (item.metadata, item.object)
        } else {
            let Some(found) = bounded(id, api.get_metadata_opt(&id.name)).await? else { return Ok(None) };
            (found.metadata, None)
        };
        if owner_of(&metadata).as_ref() != Some(owner) {
            return Ok(None);
        }
        Ok(observation(&id.group_kind(), metadata).map(|observation| Seen { observation, object }))
    }

    /// The object as it was at a resource version, also when it has changed since; `None` when there was none of this name.
    ///
    /// An API server keeps what was for some minutes. One that does not is asked for the object as it is now.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn object_at(&self, id: &ObjectId, resource_version: u64) -> Result<Option<Value>, Error> {
        let Some(kind) = self.kind(&id.group_kind(), None) else { return Ok(None) };
        let api: Api<DynamicObject> = self.api_of(&kind, id.namespace.as_deref());
        // A list of one name is read as a single object, and only a list can be asked for the past.
        let past = ListParams::default()
            .fields(&format!("metadata.name={}", id.name))
            .at(&resource_version.to_string())
            .matching(VersionMatch::Exact);
        let object = match bounded(id, api.list(&past)).await {
            Ok(list) => list.items.into_iter().next(),
            Err(_) => bounded(id, api.get_opt(&id.name)).await?,
        };
        let value = object.map(serde_json::to_value).transpose();
        value.map_err(|error| Error::Malformed { what: id.to_string(), message: error.to_string() })
    }

    /// Deletes this very object, if it is still there and still `owner`'s; its dependents are collected in the background.
    ///
    /// As long as it is as it was last seen, one request does it. Otherwise it is looked at first, for another environment may have taken it over.
    ///
    /// # Errors
    /// What the API server said. That it is gone already, another one took its name, or another environment took it over, is no error.
    pub async fn delete(&self, doomed: &Doomed, owner: &Owner) -> Result<Deletion, Error> {
        let Some(kind) = self.kind(&doomed.id.group_kind(), None) else {
            if self.is_unavailable(&doomed.id.group) {
                let message = "the API behind its group does not answer now, so it can't be deleted".to_owned();
                return Err(Error::Request { what: doomed.id.to_string(), code: Some(503), message });
            }
            // Without its kind the object can't exist any more.
            return Ok(Deletion::Gone);
        };
        let api: Api<DynamicObject> = self.api_of(&kind, doomed.id.namespace.as_deref());
        let first = AtomicBool::new(true);
        let attempt = || async {
            let mut resource_version = Some(doomed.resource_version.to_string());
            if !first.swap(false, Ordering::Relaxed) {
                let found = bounded(&doomed.id, api.get_metadata_opt(&doomed.id.name)).await?;
                let found = found.map(|found| found.metadata);
                let Some(metadata) = found.filter(|metadata| metadata.uid.as_ref() == Some(&doomed.uid)) else {
                    return Ok(Deletion::Gone);
                };
                if owner_of(&metadata).as_ref() != Some(owner) {
                    return Ok(Deletion::Elsewhere);
                }
                resource_version = metadata.resource_version;
            }
            let version = resource_version.as_deref().and_then(|version| version.parse().ok());
            let preconditions = Preconditions { uid: Some(doomed.uid.clone()), resource_version };
            let parameters = DeleteParams {
                propagation_policy: Some(PropagationPolicy::Background),
                preconditions: Some(preconditions),
                ..DeleteParams::default()
            };
            match bounded(&doomed.id, api.delete(&doomed.id.name, &parameters)).await {
                Ok(_) => Ok(Deletion::At(version.unwrap_or(doomed.resource_version))),
                Err(error) if error.code() == Some(404) => Ok(Deletion::Gone),
                Err(error) => Err(error),
            }
        };
        match attempt().await {
            // It changed since it was seen, which is no reason to wait.
            Err(error) if error.code() == Some(409) => {}
            Err(error) if error.class() == Class::Transient => {}
            ended => return ended,
        }
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

fn entries(entries: &[FieldsEntry]) -> Vec<Value> {
    let entry = |entry: &FieldsEntry| {
        let mut value = json!({
            "manager": entry.manager, "operation": entry.operation, "apiVersion": entry.api_version, "time": entry.time,
            "fieldsType": "FieldsV1", "fieldsV1": entry.fields,
        });
        if !entry.subresource.is_empty() {
            value["subresource"] = Value::from(entry.subresource.as_str());
        }
        value
    };
    entries.iter().map(entry).collect()
}

fn parameters() -> PatchParams {
    // An apply refuses unknown fields by itself, and a body that was printed here names no field twice. Validating it would make the API server
    // parse it once more.
    let field_validation = Some(ValidationDirective::Ignore);
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
        code: Some(504),
        message: format!("the API server did not answer within {} s", DEADLINE.as_secs()),
    }
}
