//! What is wrong with a YAML text, and where.

use thiserror::Error as ThisError;

/// A text that is not YAML as the tools of Kubernetes read it, or that passes a limit.
///
/// The message names keys, anchors and characters, but never a value: a value may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("line {line}, column {column}: {message}")]
pub struct Error {
    /// The line of the text, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What was found, what was expected and what to do, in lower case and without the place.
    pub message: String,
    /// Whether the text is only too large: it passes one of the [`Limits`](crate::Limits).
    pub is_limit: bool,
}

impl Error {
    pub(crate) fn new(line: u32, column: u32, message: impl Into<String>) -> Self {
        Self { line, column, message: message.into(), is_limit: false }
    }

    /// A limit that is passed.
    pub(crate) fn limit(line: u32, column: u32, message: impl Into<String>) -> Self {
        Self { is_limit: true, ..Self::new(line, column, message) }
    }
}
