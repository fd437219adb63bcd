//! What the history of a repository says to the decisions on promotions, for the agent and the command line alike.

use jiff::Timestamp;
use plumb_delivery::promotion::{Described, Resolved, Signed};
use plumb_git::{AllowedSigners, CommitId, Error, Repository};

/// More paths than this are not told.
const MOST_PATHS: usize = 2_000;

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

/// What a commit says of itself; `None` when it is not there.
///
/// # Errors
/// When the repository can't be read.
pub(crate) fn described(git: &Repository, commit: &str) -> Result<Option<Described>, Error> {
    let commit = match git.commit(&CommitId::parse(commit)?) {
        Ok(commit) => commit,
        Err(Error::UnknownRevision { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let time = Timestamp::from_second(commit.time).ok();
    Ok(Some(Described { author: commit.author.name, email: commit.author.email, message: commit.message, time }))
}

/// The paths that differ between two commits; none when one of them is not there.
///
/// # Errors
/// When the repository can't be read.
pub(crate) fn changed(git: &Repository, from: &str, to: &str) -> Result<Vec<String>, Error> {
    match git.changed_paths(&CommitId::parse(from)?, &CommitId::parse(to)?) {
        Ok(paths) => Ok(paths.into_iter().take(MOST_PATHS).collect()),
        Err(Error::UnknownRevision { .. }) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
