//! What a render read, which proves that another render would give the same.

use std::collections::BTreeMap;

use crate::fs::{Fs, FsError, Identity};

/// Each path that a render looked up, with the id that it found there; `None` where it looked and found nothing.
///
/// A render depends on nothing else, so when every path still has the same id, the render is the same ([`ReadSet::unchanged`]).
/// A directory is not part of the set: the files that were read in it, and those that were looked for, say all that matters.
/// The id of a symbolic link is prefixed with `symlink:`, since git gives a link and a file of the same content the same id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSet(pub(crate) BTreeMap<String, Option<String>>);

impl ReadSet {
    /// Whether `fs` still gives what was read.
    ///
    /// # Errors
    /// When `fs` can not be read.
    pub fn unchanged(&self, fs: &dyn Fs) -> Result<bool, FsError> {
        for (path, id) in &self.0 {
            let now = match fs.identify(path)? {
                Identity::File(id) => Some(id),
                Identity::Symlink(id) => Some(symlink_id(&id)),
                Identity::Missing => None,
                Identity::Directory(_) => return Ok(false),
            };
            if now != *id {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The paths with their ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(path, id)| (path.as_str(), id.as_deref()))
    }

    /// Whether `path` was looked up.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    pub(crate) fn record(&mut self, path: &str, id: Option<String>) {
        self.0.insert(path.to_owned(), id);
    }
}

/// The id under which a symbolic link is recorded.
pub(crate) fn symlink_id(id: &str) -> String {
    format!("symlink:{id}")
}
