//! What the history of a repository says to the decisions on promotions, for the agent and the command line alike.

use plumb_delivery::promotion::Resolved;
use plumb_git::{Error, Repository};

/// The commit whose id starts with `revision`.
///
/// # Errors
/// When the repository can't be read.
pub(crate) fn resolve(git: &Repository, revision: &str) -> Result<Resolved, Error> {
    match git.resolve(revision) {
        // A branch or a tag may be named like the beginning of a commit id, and is none.
        Ok(id) if !id.as_str().starts_with(revision) => Ok(Resolved::Unknown),
        Ok(id) => Ok(Resolved::Commit(id.to_string())),
        Err(Error::Ambiguous { .. }) => Ok(Resolved::Ambiguous),
        Err(Error::UnknownRevision { .. }) => Ok(Resolved::Unknown),
        Err(error) => Err(error),
    }
}
