//! What stands in the way of a copy.

/// Why a value can't be copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file is not there.
    #[error("{file}: there is no such file; the overlay must have it before values can be copied")]
    NoFile {
        /// The file, from the root of the repository.
        file: String,
    },
    /// A file can't be read.
    #[error("{file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A file would be outside of the overlay.
    #[error("{file} is not a file of an overlay: give its path from the directory of the overlay, without '..'")]
    Outside {
        /// The file as it was named.
        file: String,
    },
    /// A file is not YAML.
    #[error("{file}, {problem}")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, and in which line.
        problem: plumb_yaml::Error,
    },
    /// A file has no document, or several.
    #[error("{file}: values are copied in files with one document, and this one holds {count}")]
    Documents {
        /// The file.
        file: String,
        /// How many documents there are.
        count: usize,
    },
    /// Something is not what it must be.
    #[error("{file}, line {line}: {what} must be {expected}")]
    Kind {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        what: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A field is not there.
    #[error("{file}, line {line}: there is no {what}")]
    Missing {
        /// The file.
        file: String,
        /// The line where it should be, from 1.
        line: u32,
        /// What is missing.
        what: String,
    },
    /// A way to a field that can't be read.
    #[error("the field {field:?} can't be read: {why}, as in spec.containers.[name=web].image")]
    Path {
        /// The way as it was written.
        field: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A text that would say something else after the change.
    #[error(
        "{file}, line {line}: {what} can't be changed in place; write it as a plain value on one line, without an anchor"
    )]
    Written {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// What should change.
        what: String,
    },
}

impl Error {
    /// The same, with the field that it is about where only a part of it was known.
    pub(super) fn of_field(mut self, name: &str) -> Self {
        if let Self::Missing { what, .. } | Self::Kind { what, .. } = &mut self
            && what != name
        {
            *what = format!("{what} of the field {name}");
        }
        self
    }
}

/// All that was found so far.
#[derive(Default)]
pub(super) struct Problems(Vec<Error>);

impl Problems {
    /// Keeps an error, once.
    pub(super) fn add(&mut self, error: Error) {
        if !self.0.contains(&error) {
            self.0.push(error);
        }
    }

    /// Keeps an error.
    pub(super) fn note(&mut self, result: Result<(), Error>) {
        self.take(result);
    }

    /// Keeps an error, or gives the value.
    pub(super) fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(super) fn or<T>(self, value: T) -> Result<T, Vec<Error>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }
}
