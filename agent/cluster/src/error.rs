//! What can go wrong between us and the API server.

use kube::core::Status;
use plumb_delivery::{Conflict, ObjectId};

use crate::fence::NotLeading;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Somebody must change something; trying again is of no use before.
    Config,
    /// It may go away by itself.
    Transient,
    /// A defect.
    Internal,
}

/// What can go wrong between us and the API server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable kubeconfig or service account.
    #[error("no cluster to connect to: {0}; set KUBECONFIG, or run in a pod with a service account")]
    Config(String),
    /// A kubeconfig from a Secret that can't be used.
    #[error("the kubeconfig can't be used: {0}")]
    Kubeconfig(String),
    /// The API server refused a request on an object.
    #[error("{id}: {message}")]
    Refused {
        /// The object.
        id: Box<ObjectId>,
        /// HTTP status.
        code: u16,
        /// What the API server said, without the values of Secrets.
        message: String,
        /// Whether it is for a field that can't be changed.
        immutable: bool,
    },
    /// Others own fields that an apply would change.
    #[error("{id}: others own {}", listed(conflicts))]
    Conflict {
        /// The object.
        id: Box<ObjectId>,
        /// Who owns which field.
        conflicts: Vec<Conflict>,
    },
    /// A request did not come through.
    #[error("{what}: {message}")]
    Request {
        /// What was tried.
        what: String,
        /// HTTP status, if there was an answer.
        code: Option<u16>,
        /// What went wrong.
        message: String,
    },
    /// It was not sent, for another agent may lead.
    #[error("this agent no longer leads, so it writes nothing")]
    NotLeading,
    /// What the cluster keeps can't be understood.
    #[error("{what}: {message}")]
    Malformed {
        /// What was read.
        what: String,
        /// What is wrong with it.
        message: String,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Config(_)
            | Self::Kubeconfig(_)
            | Self::Malformed { .. }
            | Self::Conflict { .. }
            | Self::NotLeading => Class::Config,
            Self::Refused { code, .. } | Self::Request { code: Some(code), .. } => match code {
                // An API server that has just started refuses what it allows once it has read its roles.
                403 | 408 | 409 | 410 | 429 | 500.. => Class::Transient,
                _ => Class::Config,
            },
            Self::Request { code: None, .. } => Class::Transient,
        }
    }

    /// Whether the API server takes nothing from us at all, so that another object would fare no better.
    #[must_use]
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, Self::Request { code: None | Some(429), .. } | Self::Refused { code: 429, .. })
    }

    /// HTTP status of the answer, if there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Request { code, .. } => *code,
            Self::Conflict { .. } => Some(409),
            Self::Config(_) | Self::Kubeconfig(_) | Self::Malformed { .. } | Self::NotLeading => None,
        }
    }

    /// Whether a field can't be changed, so that only a new object can have it.
    #[must_use]
    pub fn is_immutable(&self) -> bool {
        matches!(self, Self::Refused { immutable: true, .. })
    }

    pub(crate) fn on(id: &ObjectId, error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if !conflicts(&status).is_empty() => {
                Self::Conflict { id: Box::new(id.clone()), conflicts: conflicts(&status) }
            }
            kube::Error::Api(status) => {
                let immutable = is_immutable(&status);
                Self::Refused { id: Box::new(id.clone()), code: status.code, message: message(id, &status), immutable }
            }
            other => Self::request(format!("request for {id}"), other),
        }
    }

    pub(crate) fn request(what: impl Into<String>, error: kube::Error) -> Self {
        let what = what.into();
        match error {
            kube::Error::Api(status) => Self::Request { what, code: Some(status.code), message: status.message },
            kube::Error::Service(error) if error.is::<NotLeading>() => Self::NotLeading,
            other => Self::Request { what, code: None, message: chain(&other) },
        }
    }
}

/// Reads who owns which field, when that is why an apply without force was refused.
///
/// The manager stands in the message alone: `conflict with "kubectl" with subresource "scale" using apps/v1`.
fn conflicts(status: &Status) -> Vec<Conflict> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let conflicts = causes.filter(|cause| cause.reason == "FieldManagerConflict").map(|cause| Conflict {
        manager: cause.message.split('"').nth(1).unwrap_or("another manager").to_owned(),
        field: cause.field.clone(),
    });
    conflicts.collect()
}

fn listed(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The API server has no code for it. These are the words of its validation: of most kinds, of StatefulSets, and of PersistentVolumeClaims.
fn is_immutable(status: &Status) -> bool {
    let says = |words: &str| status.message.contains(words);
    status.code == 422
        && (says("field is immutable")
            || says("updates to statefulset spec for fields other than")
            || says("spec is immutable after creation"))
}

/// The API server quotes invalid values in its messages, so of a Secret only the names of the fields are told.
fn message(id: &ObjectId, status: &Status) -> String {
    if id.group.is_empty() && id.kind == "Secret" {
        let fields: Vec<_> = status
            .details
            .iter()
            .flat_map(|details| &details.causes)
            .map(|cause| cause.field.as_str())
            .filter(|field| !field.is_empty())
            .collect();
        let fields = if fields.is_empty() { String::new() } else { format!(" (fields: {})", fields.join(", ")) };
        return format!(
            "the API server refused it with {} {}{fields}; its words are left out, for they may quote the secret",
            status.code, status.reason
        );
    }
    status.message.clone()
}

/// An error with its causes, for the outermost of the client's errors rarely says what happened.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_managers_and_fields() {
        let id = ObjectId { group: "".into(), kind: "ConfigMap".into(), namespace: None, name: "a".into() };
        let status: Status = serde_json::from_value(serde_json::json!({
            "code": 409, "reason": "Conflict", "message": "Apply failed with 2 conflicts",
            "details": {"causes": [
                {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-edit\" using v1", "field": ".data.a"},
                {"reason": "FieldManagerConflict", "message": "conflict with \"x\" with subresource \"scale\" using v1", "field": ".data.b"},
            ]},
        }))
        .unwrap();
        let error = Error::on(&id, kube::Error::Api(Box::new(status)));
        assert_eq!(error.to_string(), "ConfigMap a: others own .data.a of kubectl-edit, .data.b of x");
    }

    #[test]
    fn a_refused_secret_is_not_quoted() {
        let id =
            ObjectId { group: "".into(), kind: "Secret".into(), namespace: Some("shop".into()), name: "db".into() };
        let status: Status = serde_json::from_value(serde_json::json!({
            "code": 422, "reason": "Invalid", "message": "Secret \"db\" is invalid: data[a b]: Invalid value: \"hunter2\"",
            "details": {"causes": [{"field": "data[a b]", "message": "Invalid value: \"hunter2\"", "reason": "FieldValueInvalid"}]},
        }))
        .unwrap();
        let error = Error::on(&id, kube::Error::Api(Box::new(status)));
        assert_eq!(
            error.to_string(),
            "Secret shop/db: the API server refused it with 422 Invalid (fields: data[a b]); its words are left out, for they may quote the secret"
        );
        assert_eq!(error.class(), Class::Config);
    }
}
