//! A reference by name.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Names an object of a kind known from the field, in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct NameReference {
    /// Name of the object, in the namespace of the referrer.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
