//! Runs of hooks in the status of an Environment.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One run of hooks: there is one for each change of the manifests.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
pub struct HookRun {
    /// SHA-256 of the manifests that the run is for.
    pub digest: String,
    /// Counts the runs.
    pub number: i64,
    /// What the annotation that asks for a reconcile said when the run began; another value lets a failed run begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What was started so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub hooks: Vec<HookRecord>,
}

/// One hook of a run.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct HookRecord {
    /// Kind, namespace and name.
    pub object: String,
    /// How it fares.
    pub state: HookState,
    /// When it was started.
    pub started: Time,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// How a hook fares.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookState {
    /// It has not ended.
    Running,
    /// It ended well.
    Succeeded,
    /// It failed, took too long, or was deleted before it had ended.
    Failed,
}
