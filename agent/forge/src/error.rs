//! What can go wrong with a forge, and what to do about it.

use std::time::Duration;

/// Whether, and when, trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The user must change something: no retry before the input changes.
    Config,
    /// The network or the forge: back off and try again.
    Transient,
    /// A defect of Plumb.
    Internal,
}

/// What went wrong with a forge. No message holds a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It can't be told from the URLs which forge this is, or which repository on it.
    #[error("the forge can't be told from {url}: {message}")]
    Address {
        /// The URL, without credentials.
        url: String,
        /// What is wrong, and what to write.
        message: String,
    },
    /// The forge wants other credentials, or other rights for them.
    #[error("{forge} refused {request}: {message}; give the token the right to do this, or give another one")]
    Credentials {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// The forge's words.
        message: String,
    },
    /// The credentials are of a form that this forge does not take.
    #[error("the credentials can't be used for {forge}: {message}")]
    Form {
        /// The forge.
        forge: &'static str,
        /// What is expected.
        message: String,
    },
    /// What was asked for is not there, or is hidden from these credentials.
    #[error("{forge} has nothing at {request}, or the token may not see it: {message}")]
    NotFound {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// The forge's words.
        message: String,
    },
    /// The repository was renamed or moved.
    #[error("{forge} says that {request} has moved to {to}; change the url of the Repository")]
    Moved {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// Where to, without credentials.
        to: String,
    },
    /// The forge takes the request for wrong.
    #[error("{forge} refused {request} with status {status}: {message}")]
    Refused {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The forge's words.
        message: String,
    },
    /// The head of the pull request is not the one that was to be merged.
    #[error("pull request {number} was not merged: its head is not {head} any more")]
    HeadMoved {
        /// The pull request.
        number: u64,
        /// The head that was expected.
        head: String,
    },
    /// The forge does not let the pull request in: a conflict, a missing review, a check.
    #[error("{forge} does not merge pull request {number} yet: {message}")]
    NotMergeable {
        /// The forge.
        forge: &'static str,
        /// The pull request.
        number: u64,
        /// The forge's words.
        message: String,
    },
    /// The forge asks to wait longer than a call may take.
    #[error("{forge} has had too many requests; it is asked again in {} s", .wait.as_secs())]
    RateLimited {
        /// The forge.
        forge: &'static str,
        /// How long to wait.
        wait: Duration,
    },
    /// The forge failed.
    #[error("{forge} answered {request} with status {status}: {message}")]
    Server {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// The HTTP status.
        status: u16,
        /// The forge's words.
        message: String,
    },
    /// The forge can't be reached.
    #[error("{forge} can't be reached for {request}: {message}")]
    Unreachable {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// What happened.
        message: String,
    },
    /// The answer is not what the forge documents.
    #[error("{forge} answered {request} with something else than it documents: {message}; is its url right?")]
    Answer {
        /// The forge.
        forge: &'static str,
        /// Method and path.
        request: String,
        /// What is wrong with it.
        message: String,
    },
    /// Something that should never happen.
    #[error("the forge could not be asked: {message}")]
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
            Self::Address { .. }
            | Self::Credentials { .. }
            | Self::Form { .. }
            | Self::NotFound { .. }
            | Self::Moved { .. }
            | Self::Refused { .. }
            | Self::Answer { .. } => Class::Config,
            Self::HeadMoved { .. }
            | Self::NotMergeable { .. }
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Unreachable { .. } => Class::Transient,
            Self::Internal { .. } => Class::Internal,
        }
    }

    /// How long the forge wants to be left alone, if it says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// Whether the forge answered with this HTTP status, of those that mean a wrong request.
    pub(crate) fn is_status(&self, wanted: u16) -> bool {
        match self {
            Self::Refused { status, .. } => *status == wanted,
            Self::NotFound { .. } => wanted == 404,
            _ => false,
        }
    }
}
