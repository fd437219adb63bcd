//! What a promotion brings to an Environment.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Promotion;

impl Promotion {
    /// Whether the environment runs what its pin names, and not the head of the branch.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.strategy == PromotionStrategy::Tree
    }
}

/// What a promotion brings.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PromotionStrategy {
    /// The whole tree of the revision.
    #[default]
    Tree,
    /// Values that are copied from one overlay to the next; everything else comes with the head of the branch.
    Fields,
}

/// Which values are copied from one overlay to the next.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PromotedFields {
    /// Images whose `newName`, `newTag` and `digest` are copied, by their `name` in the field `images` of the kustomization; `*` is all.
    #[serde(default = "everything")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub images: Vec<String>,
    /// Charts whose `version` is copied, by their `name` in the field `helmCharts` of the kustomization; `*` is all that both overlays have.
    #[serde(default = "everything")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub charts: Vec<String>,
    /// Further fields, each a single value that stands in the same file of both overlays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub named: Vec<NamedField>,
}

impl Default for PromotedFields {
    fn default() -> Self {
        Self { images: everything(), charts: everything(), named: Vec::new() }
    }
}

/// A field of a file.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct NamedField {
    /// The file, from the directory of the overlay, such as `patch.yaml`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('/') && !self.split('/').exists(part, part == '..')").message("must be a file of the overlay: no leading slash and no '..'")
    )]
    pub file: String,
    /// The way to the field as replacements of kustomize write it, such as `spec.template.spec.containers.[name=web].image`.
    #[schemars(length(min = 1, max = 1024))]
    pub field: String,
}

fn everything() -> Vec<String> {
    vec!["*".into()]
}
