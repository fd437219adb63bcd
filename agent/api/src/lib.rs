//! The custom resources of `plumb.dev/v1alpha1`, and nothing else.
//!
//! These types are the source: `plumb crds` prints the `CustomResourceDefinition`s that the Helm chart ships, and a test holds the two together.

#![allow(unreachable_pub, reason = "the schema derive repeats each public struct inside of a function")]

mod condition;
mod drift;
mod environment;
mod gate;
mod health_check;
mod hook;
mod promoted_fields;
mod promotion;
mod pull_request;
mod reference;
mod repository;
mod transformation;

pub use condition::{Reason, condition_type, keep_transition_times, set_condition};
pub use drift::{ConflictPolicy, Drift, DriftPolicy, DriftRecord, DriftRule, DriftedValue};
pub use environment::{
    DeletionPolicy, Environment, EnvironmentSpec, EnvironmentStatus, KubeConfig, ObjectCounts, Promotion,
    PromotionMode, PromotionOrder, PromotionRecord, PromotionWindow, Prune, RevisionRecord, Rollback, SecretEntry,
};
pub use gate::{ExpressionGate, GateRecord, HttpCheck};
pub use health_check::{Dependency, HealthCheck};
pub use hook::{HookRecord, HookRun, HookState};
pub use promoted_fields::{NamedField, PromotedFields, PromotionStrategy};
pub use promotion::{Promotion as PromotionRequest, PromotionSpec, PromotionStatus};
pub use pull_request::{MergeMethod, PullRequestPolicy, Supersede};
pub use reference::NameReference;
pub use repository::{
    Author, Forge, ForgeType, Preview, Repository, RepositorySpec, RepositoryStatus, SigningKey, Verify, Webhook,
};
pub use transformation::{CommonMetadata, Image, Substitute, VariableSource, VariableSourceKind};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

/// The API group of all custom resources.
pub const GROUP: &str = "plumb.dev";

/// Every `CustomResourceDefinition` that Plumb installs, in the order in which to install them.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    vec![Repository::crd(), Environment::crd(), PromotionRequest::crd()]
}
