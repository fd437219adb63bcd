//! What can be wrong with an overlay, and where.

use std::fmt;

/// Everything that is wrong with an overlay, as far as it could be found in one go. Never empty.
#[derive(Debug, Clone)]
pub struct Errors(pub Vec<Error>);

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl Errors {
    /// Whether the storage failed, so that the same input may render at the next try.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.iter().any(|error| error.kind == ErrorKind::Storage)
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

/// One thing that is wrong, and where it is.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{message}{}", Place(self), Chain(&self.bases))]
pub struct Error {
    /// What sort of thing is wrong.
    pub kind: ErrorKind,
    /// The file, relative to the root of the tree; for a directory that has no kustomization file, the directory.
    pub file: String,
    /// The line in the file, from 1.
    pub line: Option<u32>,
    /// The field of the file, such as `patches[0].target`.
    pub field: Option<String>,
    /// The directories of the kustomizations that led to the file, outermost first.
    pub bases: Vec<String>,
    /// What is wrong, what was expected and what to do.
    pub message: String,
}

/// The sorts of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A file is not the YAML that it should be, or a field has the wrong type.
    Syntax,
    /// A field that kustomize has and this renderer does not have yet.
    Unsupported,
    /// A path that does not exist, or that leads where it must not.
    Path,
    /// Objects, patches and options that do not fit together.
    Conflict,
    /// The input is larger than [`crate::Options`] allow.
    Limit,
    /// The tree could not be read. The only sort that is worth a retry.
    Storage,
}

struct Place<'a>(&'a Error);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.file.is_empty() {
            write!(f, "{}", self.0.file)?;
            if let Some(line) = self.0.line {
                write!(f, ":{line}")?;
            }
            write!(f, ": ")?;
        }
        if let Some(field) = &self.0.field {
            write!(f, "{field}: ")?;
        }
        Ok(())
    }
}

struct Chain<'a>(&'a [String]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 1 {
            let names: Vec<&str> =
                self.0.iter().map(|base| if base.is_empty() { "." } else { base.as_str() }).collect();
            write!(f, " (reached through {})", names.join(" -> "))?;
        }
        Ok(())
    }
}

/// What is wrong, before it is known where: what filters give.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Syntax, message: message.into() }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unsupported, message: message.into() }
    }

    pub(crate) fn path(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Path, message: message.into() }
    }

    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Conflict, message: message.into() }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Limit, message: message.into() }
    }

    pub(crate) fn storage(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Storage, message: message.into() }
    }
}
