//! What names an object in a cluster.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names an object across versions of its API: two versions of one group and kind are one object.
///
/// Its texts are mostly short, and then lie in it and nowhere else: a map of ten thousand objects compares them each time that it is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId {
    /// API group; empty for the core group.
    pub group: CompactString,
    /// Kind, such as `Deployment`.
    pub kind: CompactString,
    /// Namespace; `None` for what lives in the cluster as a whole.
    pub namespace: Option<CompactString>,
    /// Name.
    pub name: CompactString,
}

/// A kind of objects, whatever its version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKind {
    /// API group; empty for the core group.
    pub group: CompactString,
    /// Kind, such as `Deployment`.
    pub kind: CompactString,
}

/// Whether objects of a kind live in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the cluster as a whole.
    Cluster,
    /// In a namespace.
    Namespaced,
}

impl ObjectId {
    /// The kind of the object.
    #[must_use]
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }
}

impl GroupKind {
    /// From `group/version` (or `version` of the core group) and a kind.
    #[must_use]
    pub fn new(api_version: &str, kind: &str) -> Self {
        Self { group: split_api_version(api_version).0.into(), kind: kind.into() }
    }
}

/// Splits `apiVersion` into group and version; the core group is empty.
#[must_use]
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The string at a path of keys, if there is one.
pub(crate) fn string_at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str()
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.kind) } else { write!(f, "{}.{}", self.kind, self.group) }
    }
}

/// As kubectl names it: `Deployment.apps shop/web`, `Namespace shop`.
impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " {namespace}/{}", self.name),
            None => write!(f, " {}", self.name),
        }
    }
}
