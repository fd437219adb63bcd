//! Gates: those that an Environment adds, and what they say.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A condition on what is known of a promotion.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct ExpressionGate {
    /// Name of the gate: `cel/<name>`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// A CEL expression that must be true. It may name `revision` and `request` (with `id`, `author`, `email`, `message`, `time`; `request` is
    /// null when nobody asked), `environment` (`name`, `pinned`, `revision`, `healthy`, `drifted`), `upstreams` (by name: `revision`,
    /// `healthy`, `drifted`), `changes` (the paths that differ from what is pinned) and `now`.
    #[schemars(length(min = 1, max = 2048))]
    pub expression: String,
    /// What people are told while it is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub message: Option<String>,
}

/// A question to others.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// Name of the gate: `http/<name>`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Where to ask, with GET; `environment` and `revision` are added to the query.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://')").message("must begin with https:// or http://"))]
    pub url: String,
}

/// What a gate says of a revision.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct GateRecord {
    /// Its name, such as `upstream/dev`.
    pub name: String,
    /// `pass`, `wait` or `fail`.
    pub verdict: String,
    /// When it opens by itself, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why, for people.
    pub message: String,
}
