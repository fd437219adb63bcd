//! What can go wrong with git, and what to do about it.

use std::path::PathBuf;

/// Whether, and when, trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The user must change something: no retry before the input changes.
    Config,
    /// The network or the server: back off and try again.
    Transient,
    /// A defect of Plumb or of its disk.
    Internal,
}

/// What went wrong with a git repository.
///
/// A `url` in here is always free of user, password, query and fragment, and no message holds a credential.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL can't be used.
    #[error("the repository's url is not usable: {message}")]
    Url {
        /// What is wrong, and what is expected.
        message: String,
    },
    /// The server wants other credentials.
    #[error("{url} refused the credentials: {message}")]
    Authentication {
        /// The repository.
        url: String,
        /// What was tried, and what to change.
        message: String,
    },
    /// The server's ssh host key is not the expected one.
    #[error("the host key of {host} is not trusted: {message}")]
    HostKey {
        /// Host, and port unless it is 22.
        host: String,
        /// What differs, and what to change.
        message: String,
    },
    /// The server's TLS certificate is not trusted.
    #[error(
        "the certificate of {url} is not trusted: {message}; add its authority to the trusted certificates (SSL_CERT_FILE)"
    )]
    Certificate {
        /// The repository.
        url: String,
        /// The words of the TLS library.
        message: String,
    },
    /// The server has no such repository, or hides it from these credentials.
    #[error("{url} is not there, or the credentials may not read it: {message}; check the url and the access rights")]
    RepositoryNotFound {
        /// The repository.
        url: String,
        /// The server's words.
        message: String,
    },
    /// The repository has no such branch.
    #[error("{url} has no branch {branch:?}: {message}")]
    UnknownBranch {
        /// The repository.
        url: String,
        /// The branch that was asked for.
        branch: String,
        /// The branches that there are.
        message: String,
    },
    /// The repository has no such branch, tag or commit.
    #[error("{url} has no branch, tag or commit {reference:?}: {message}")]
    UnknownReference {
        /// The repository.
        url: String,
        /// What was asked for.
        reference: String,
        /// What there is, or what the server says.
        message: String,
    },
    /// No commit has this name.
    #[error(
        "{revision:?} names no commit that is known here; give a full or abbreviated commit id, a branch or a tag that was pushed"
    )]
    UnknownRevision {
        /// What was asked for.
        revision: String,
    },
    /// More than one object has an id that starts so.
    #[error("{revision:?} is ambiguous: more than one object has an id that starts so; give more digits")]
    Ambiguous {
        /// What was asked for.
        revision: String,
    },
    /// A text is no commit id.
    #[error("{text:?} is no commit id: 40 lower-case hexadecimal digits are expected")]
    Id {
        /// The text, cut to a readable length.
        text: String,
    },
    /// The branch has moved: fetch, build the commit anew on the new head, and push again.
    #[error("branch {branch:?} has moved ({message}); fetch and try again")]
    Rejected {
        /// The branch.
        branch: String,
        /// Where it is now, or the server's words.
        message: String,
    },
    /// The server does not let this push in: a hook, a protected branch, read-only credentials.
    #[error(
        "the server refused the push to branch {branch:?}: {message}; let these credentials push to it, or change what the server checks"
    )]
    Refused {
        /// The branch.
        branch: String,
        /// The server's words.
        message: String,
    },
    /// The key that commits are signed with, or checked with, can't be used.
    #[error("the key for signatures of commits can not be used: {message}")]
    Key {
        /// What is wrong, and what to do; nothing of the key itself.
        message: String,
    },
    /// A file of a commit can't be read, or a file can't be put in one.
    #[error("{path:?}: {message}")]
    Path {
        /// The path in the repository.
        path: String,
        /// What is wrong, and what to change.
        message: String,
    },
    /// The server sends more than a fetch may bring.
    #[error(
        "{url} sends more than {most} bytes, and the fetch was given up; keep large files out of the repository, or in Git LFS"
    )]
    TooLarge {
        /// The repository.
        url: String,
        /// How many bytes a fetch may bring.
        most: usize,
    },
    /// The server can't be reached or answers nonsense.
    #[error("{url} can not be reached: {message}")]
    Network {
        /// The repository.
        url: String,
        /// What happened.
        message: String,
    },
    /// The server stopped answering.
    #[error("{url} did not answer for {seconds} s; the connection was given up")]
    Timeout {
        /// The repository.
        url: String,
        /// How long nothing came.
        seconds: u64,
    },
    /// No git repository is here.
    #[error("{path}: {message}")]
    NoRepository {
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong, and what to change.
        message: String,
    },
    /// The cache directory can't be used.
    #[error("the git cache {path} can not be used: {message}; check that the data directory is writable and not full")]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        message: String,
    },
    /// Something that should never happen.
    #[error("git failed: {message}")]
    Internal {
        /// What happened.
        message: String,
    },
}

impl Error {
    /// An error of Plumb itself, such as a task that ended early.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal { message: message.into() }
    }

    /// Whether, and when, trying again may help.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Url { .. }
            | Self::Authentication { .. }
            | Self::HostKey { .. }
            | Self::Certificate { .. }
            | Self::RepositoryNotFound { .. }
            | Self::UnknownBranch { .. }
            | Self::UnknownReference { .. }
            | Self::UnknownRevision { .. }
            | Self::Ambiguous { .. }
            | Self::Id { .. }
            | Self::Refused { .. }
            | Self::Key { .. }
            | Self::Path { .. }
            | Self::TooLarge { .. }
            | Self::NoRepository { .. } => Class::Config,
            Self::Rejected { .. } | Self::Network { .. } | Self::Timeout { .. } => Class::Transient,
            Self::Cache { .. } | Self::Internal { .. } => Class::Internal,
        }
    }
}

/// An error of the object store, which no input of a user explains.
impl From<git2::Error> for Error {
    fn from(error: git2::Error) -> Self {
        Self::internal(error.message())
    }
}
