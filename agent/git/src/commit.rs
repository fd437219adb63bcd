//! What a commit says.

use crate::CommitId;

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Name, such as `Plumb`.
    pub name: String,
    /// Address, such as `plumb@example.com`.
    pub email: String,
}

/// A commit without its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Its parents; the first one is the branch that it was made on.
    pub parents: Vec<CommitId>,
    /// Who wrote the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// When the commit was made, in seconds since 1970-01-01 UTC, by the committer's clock.
    pub time: i64,
    /// The message; bytes that are no UTF-8 are replaced.
    pub message: String,
}

impl Commit {
    pub(crate) fn of(commit: &git2::Commit<'_>) -> Self {
        Self {
            id: commit.id().into(),
            parents: commit.parent_ids().map(CommitId::from).collect(),
            author: signature(&commit.author()),
            committer: signature(&commit.committer()),
            time: commit.time().seconds(),
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
        }
    }

    /// The first line of the message.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }
}

fn signature(signature: &git2::Signature<'_>) -> Signature {
    Signature {
        name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
    }
}
