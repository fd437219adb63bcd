//! The decisions of continuous delivery, as pure functions over plain data.
//!
//! Nothing here reads a clock, a file, a cluster or a repository: what is known comes in, what is to be done goes out.

mod adoption;
pub mod cel;
mod conflict;
pub mod difference;
mod digest;
pub mod drift;
mod field_path;
mod field_rules;
mod hooks;
mod inventory;
pub mod live;
mod manifest;
mod object;
pub mod ownership;
mod plan;
mod repairs;
pub mod rules;
mod substitution;
mod suspicion;
mod watched;
mod waves;

pub use adoption::{Adoption, adopt};
pub use conflict::{Conflict, ConflictPolicy, Settlement, YIELDED_ANNOTATION, pointers, settle};
pub use digest::Digest;
pub use drift::{Drift, DriftedField, Writer};
pub use field_path::FieldPath;
pub use field_rules::{DriftPolicy, FieldRule, FieldRules};
pub use hooks::{Hook, HookPhase, HookRun, HookState, HookStep, hook_step};
pub use inventory::{Inventory, InventoryError};
pub use live::{Live, Observation};
pub use manifest::{
    Body, DIGEST_ANNOTATION, Desired, ENVIRONMENT_LABEL, ManifestError, Manifests, NAMESPACE_LABEL, Owner, applied,
    definitions, prepare,
};
pub use object::{GroupKind, ObjectId, Scope, split_api_version};
pub use ownership::FIELD_MANAGER;
pub use plan::{Doomed, Known, Plan, PlanError, Policy, Released, plan};
pub use repairs::Repairs;
pub use rules::Rules;
pub use substitution::{SUBSTITUTE_ANNOTATION, SubstitutionError, Variables};
pub use suspicion::Suspicion;
pub use watched::{Missing, Seen, WatchEvent, Watched, Watching};
pub use waves::{Stage, Wave, kept_when_removed, stage};

pub mod fields;
pub mod health;
pub mod ledger;
pub mod pin;
pub mod promotion;
pub mod pull_request;
pub mod trailers;
pub mod verify;
