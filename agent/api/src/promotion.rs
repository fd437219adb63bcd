//! `Promotion`: one request to move an environment to a revision, and the record of it.

#![allow(clippy::duplicated_attributes, reason = "columns of one type")]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::GateRecord;

/// One request to move an environment to a revision, its gates, and how it ended.
///
/// Whoever makes one asks for it: the agent puts the request on the branch as a labelled commit, so that git alone tells who runs what and why.
/// For requests that come from git the agent makes one, as a record.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "plumb.dev",
    version = "v1alpha1",
    kind = "Promotion",
    namespaced,
    status = "PromotionStatus",
    derive = "PartialEq",
    doc = "One request to move an Environment to a revision, its gates, and how it ended.",
    category = "plumb",
    printcolumn(name = "Environment", type_ = "string", json_path = ".spec.environment"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".spec.revision"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct PromotionSpec {
    /// The Environment, in the same namespace.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("can't be changed; make another Promotion"))]
    pub environment: String,

    /// The commit to promote: 7 to 40 hexadecimal digits. It must be on the tracked branch.
    #[schemars(length(min = 7, max = 40))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9a-f]+$')").message("7 to 40 lower-case hexadecimal digits are expected"),
        validation = Rule::new("self == oldSelf").message("can't be changed; make another Promotion")
    )]
    pub revision: String,
}

/// What became of a request.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct PromotionStatus {
    /// The labelled commit that asks for it on the branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// `Waiting`, `Refused`, `Promoted`, or `Superseded` by a newer word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// What it waits for, why it was refused, or how it ended.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The promotion commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// When it was promoted or superseded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// What all gates say, or said when it was promoted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gates: Vec<GateRecord>,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus reads them: it is ready once it was promoted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}
