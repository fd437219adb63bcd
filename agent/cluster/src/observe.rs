//! From what the API server sends to what the decisions read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use plumb_delivery::{
    DIGEST_ANNOTATION, ENVIRONMENT_LABEL, GroupKind, NAMESPACE_LABEL, ObjectId, Observation, Owner, YIELDED_ANNOTATION,
    ownership::FieldsEntry, pointers, rules,
};

/// The Environment that an object's labels name.
pub(crate) fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let labels = metadata.labels.as_ref()?;
    Some(Owner { namespace: labels.get(NAMESPACE_LABEL)?.clone(), name: labels.get(ENVIRONMENT_LABEL)?.clone() })
}

/// Reads an observation; `None` when the object lacks what every object of an API server has.
pub(crate) fn observation(kind: &GroupKind, metadata: ObjectMeta) -> Option<Observation> {
    let (applied, unmerged) = annotation(&metadata, DIGEST_ANNOTATION).map(plumb_delivery::applied).unwrap_or_default();
    let yielded = annotation(&metadata, YIELDED_ANNOTATION).map(pointers).unwrap_or_default();
    let prune = annotation(&metadata, rules::PRUNE_ANNOTATION).and_then(rules::prune);
    Some(Observation {
        id: ObjectId {
            group: kind.group.clone(),
            kind: kind.kind.clone(),
            namespace: metadata.namespace.map(Into::into),
            name: metadata.name?.into(),
        },
        uid: metadata.uid?,
        resource_version: metadata.resource_version?.parse().ok()?,
        terminating: metadata.deletion_timestamp.is_some(),
        applied,
        unmerged,
        prune,
        yielded,
        entries: metadata.managed_fields.unwrap_or_default().into_iter().map(fields_entry).collect(),
    })
}

fn annotation<'m>(metadata: &'m ObjectMeta, name: &str) -> Option<&'m str> {
    metadata.annotations.as_ref()?.get(name).map(String::as_str)
}

fn fields_entry(entry: ManagedFieldsEntry) -> FieldsEntry {
    FieldsEntry {
        manager: entry.manager.unwrap_or_default(),
        operation: entry.operation.unwrap_or_default(),
        api_version: entry.api_version.unwrap_or_default(),
        subresource: entry.subresource.unwrap_or_default(),
        time: entry.time.map(|time| time.0.to_string()).unwrap_or_default(),
        fields: entry.fields_v1.map(|fields| fields.0).unwrap_or_default(),
    }
}
