//! From what the API server sends to what the decisions read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use plumb_delivery::{
    DIGEST_ANNOTATION, Digest, ENVIRONMENT_LABEL, GroupKind, NAMESPACE_LABEL, ObjectId, Observation, Owner,
    ownership::FieldsEntry,
};

/// The Environment that an object's labels name.
pub(crate) fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let labels = metadata.labels.as_ref()?;
    Some(Owner { namespace: labels.get(NAMESPACE_LABEL)?.clone(), name: labels.get(ENVIRONMENT_LABEL)?.clone() })
}

/// Reads an observation; `None` when the object lacks what every object of an API server has.
pub(crate) fn observation(kind: &GroupKind, metadata: ObjectMeta) -> Option<Observation> {
    Some(Observation {
        id: ObjectId {
            group: kind.group.clone(),
            kind: kind.kind.clone(),
            namespace: metadata.namespace,
            name: metadata.name?,
        },
        uid: metadata.uid?,
        resource_version: metadata.resource_version?.parse().ok()?,
        terminating: metadata.deletion_timestamp.is_some(),
        applied: metadata
            .annotations
            .as_ref()
            .and_then(|annotations| Digest::from_hex(annotations.get(DIGEST_ANNOTATION)?)),
        entries: metadata.managed_fields.unwrap_or_default().into_iter().map(fields_entry).collect(),
    })
}

fn fields_entry(entry: ManagedFieldsEntry) -> FieldsEntry {
    FieldsEntry {
        manager: entry.manager.unwrap_or_default(),
        operation: entry.operation.unwrap_or_default(),
        subresource: entry.subresource.unwrap_or_default(),
        time: entry.time.map(|time| time.0.to_string()).unwrap_or_default(),
        fields: entry.fields_v1.map(|fields| fields.0).unwrap_or_default(),
    }
}
