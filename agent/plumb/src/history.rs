//! What the history of a repository says to the decisions on promotions, for the agent and the command line alike.

use plumb_delivery::promotion::{Resolved, Signed};
use plumb_git::{AllowedSigners, CommitId, Error, Repository};

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

/// Whether one commit is another or in its history. No for what names no commit.
///
/// # Errors
/// When the repository can't be read.
pub(crate) fn is_ancestor(git: &Repository, ancestor: &str, descendant: &str) -> Result<bool, Error> {
    let (Ok(ancestor), Ok(descendant)) = (CommitId::parse(ancestor), CommitId::parse(descendant)) else {
        return Ok(false);
    };
    match git.is_ancestor(&ancestor, &descendant) {
        Err(Error::UnknownRevision { .. }) => Ok(false),
        answer => answer,
    }
}

/// By whom a commit is signed.
///
/// # Errors
/// When the repository can't be read.
pub(crate) fn signed(git: &Repository, commit: &str, signers: &AllowedSigners) -> Result<Signed, Error> {
    Ok(match git.signed(&CommitId::parse(commit)?, signers)? {
        plumb_git::Signed::By(names) => Signed::By(names),
        plumb_git::Signed::Not => Signed::Not,
        plumb_git::Signed::Untrusted(why) => Signed::Untrusted(why),
    })
}
