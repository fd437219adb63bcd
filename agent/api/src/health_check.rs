//! CEL expressions in the spec of an Environment.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How the health of objects of one kind is read, in CEL with the functions of Kubernetes. An expression sees the fields of the object as variables, and
/// the object as `self`.
///
/// The first that is true counts of `inProgress`, `failed` and `current`; when none is, the object is on its way.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct HealthCheck {
    /// Kind and group, as in `Widget.example.org`; without a group, as in `ConfigMap`, the core group.
    #[schemars(length(min = 1, max = 253))]
    pub kind: String,
    /// True when the object is as its manifest asks.
    #[schemars(length(min = 1, max = 2048))]
    pub current: String,
    /// True while the object is on its way, whatever else is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub in_progress: Option<String>,
    /// True when the object failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub failed: Option<String>,
}

/// An Environment of the same namespace that must be ready first.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Name of the Environment.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// When it is ready, in CEL, instead of what its condition `Ready` and its revision say. `dep` is the Environment that is waited for, `self` the one that
    /// waits, both with their status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub ready_expr: Option<String>,
}
