//! The pin of an environment: the file that names the revision which runs there.
//!
//! ```yaml
//! apiVersion: plumb.dev/v1alpha1
//! kind: Pin
//! revision: 4b825dc642cb6eb9a060e54bf8d69288fbee4904
//! from: dev            # or a list; who proved the revision, when a promotion wrote the file
//! requestedBy: 9b1c…   # the labelled commit
//! rollbackOf: 1f3a…    # the revision that a rollback left behind
//! hold:                # stops promotions
//!   reason: freeze until Monday
//! strategy: Fields     # the environment runs the head, and this is the revision whose values were copied into its overlay
//! fields:              # which values these are, so that anyone can copy them again
//!   from: overlays/dev
//!   images: ['*']
//! ```
//!
//! Whoever moves a pin by hand writes `apiVersion`, `kind` and `revision`; the rest is optional.

mod file;

pub use file::{Error, parse, print};

use crate::fields::Selection;

/// The name of the file, beside the environment's `kustomization.yaml`.
pub const FILE: &str = "promoted.yaml";

/// What a pin file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The revision that runs: 40 lower-case hexadecimal digits.
    pub revision: String,
    /// The environments that proved the revision, when a promotion wrote the file.
    pub from: Vec<String>,
    /// The full id of the commit that asked for the promotion, when one did.
    pub requested_by: Option<String>,
    /// The full id of the revision that was left behind, when the file was written by a rollback.
    pub rollback_of: Option<String>,
    /// Stops promotions until it is taken out.
    pub hold: Option<Hold>,
    /// What a promotion brings of the revision.
    pub strategy: Strategy,
    /// Which values were copied, with [`Strategy::Fields`].
    pub fields: Option<CopiedFields>,
}

/// Which values a promotion copied into the overlay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedFields {
    /// The directory of the overlay that had them at the revision, from the root of the repository.
    pub from: String,
    /// Which they are.
    pub selection: Selection,
}

/// What a promotion brings of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// All of it: the environment runs the whole tree of the revision.
    #[default]
    Tree,
    /// Values that are copied into the overlay, see [`crate::fields`]: the environment runs the head of the branch.
    Fields,
}

impl Pin {
    /// A pin that names a revision and says nothing else.
    #[must_use]
    pub fn new(revision: String) -> Self {
        Self {
            revision,
            from: Vec::new(),
            requested_by: None,
            rollback_of: None,
            hold: None,
            strategy: Strategy::Tree,
            fields: None,
        }
    }
}

/// Why an environment stays where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The reason, for people.
    pub reason: String,
}

/// Where the pin of the environment at `environment_path` is: both relative to the root of the repository.
///
/// ```
/// # use plumb_delivery::pin::path;
/// assert_eq!(path("overlays/staging/"), "overlays/staging/promoted.yaml");
/// assert_eq!(path("."), "promoted.yaml");
/// ```
#[must_use]
pub fn path(environment_path: &str) -> String {
    environment_path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .chain([FILE])
        .collect::<Vec<_>>()
        .join("/")
}

#[cfg(test)]
mod tests;
