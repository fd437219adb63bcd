//! Git as Plumb uses it: fetch one branch, read trees straight from objects, walk history, commit and push.
//!
//! There is never a checkout. [`Repository::open`] keeps a bare copy of a remote repository in a cache directory;
//! [`Repository::discover`] opens the checkout of a person who runs the command line. Every call blocks on disk or network,
//! so callers on an async runtime wrap it in `spawn_blocking`.
//!
//! What this crate does not know: Kubernetes, environments, pins and trailers.

mod address;
mod branch;
mod commit;
mod credentials;
mod error;
mod fetch;
mod history;
mod id;
mod known_hosts;
mod notes;
mod pgp;
mod push;
mod reference;
mod remote;
mod repository;
mod signing;
mod snapshot;
mod submodules;
mod tree;
mod verification;
mod worker;

pub use commit::{Commit, Signature};
pub use credentials::Credentials;
pub use error::{Class, Error};
pub use fetch::Fetched;
pub use id::CommitId;
pub use notes::{Merge, NoteCommit, NoteLines};
pub use push::FileChange;
pub use repository::{Limits, Repository};
pub use signing::SigningKey;
pub use snapshot::{Snapshot, SnapshotOptions, local_submodules_allowed};
pub use tree::Tree;
pub use verification::{AllowedSigners, Signed};

#[cfg(test)]
mod testing;
