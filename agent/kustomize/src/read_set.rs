//! What a render read, which proves that another render would give the same.

use std::collections::BTreeMap;

use crate::fs::{Fs, FsError, Identity};

/// Each path that a render looked up, with the id that it found there; `None` where it looked and found nothing. And what it
/// fetched from outside of the tree.
///
/// A render depends on nothing else, so when every path still has the same id, and all that was fetched can never be anything
/// else, the render is the same ([`ReadSet::unchanged`]).
/// A directory is not part of the set: the files that were read in it, and those that were looked for, say all that matters.
/// The id of a symbolic link is prefixed with `symlink:`, since git gives a link and a file of the same content the same id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadSet {
    paths: BTreeMap<String, Option<String>>,
    fetched: BTreeMap<String, Fetched>,
}

/// What came from outside of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The id of the commit of a repository; of a file, `sha256:` and the digest of its bytes.
    pub id: String,
    /// Whether the same request always gives the same bytes: so it is only for a commit that was asked for by its full id.
    pub proven: bool,
}

impl ReadSet {
    /// Whether it is proven that another render would give the same: `fs` still gives what was read, and what was fetched
    /// can not have become anything else. `false` says that it is not proven, not that it would be another.
    ///
    /// # Errors
    /// When `fs` can not be read.
    pub fn unchanged(&self, fs: &dyn Fs) -> Result<bool, FsError> {
        if self.fetched.values().any(|fetched| !fetched.proven) {
            return Ok(false);
        }
        for (path, id) in &self.paths {
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

    /// Whether a change of these files may change the render: of all that differs between two trees, say. Like
    /// [`ReadSet::unchanged`] without a look at any tree.
    pub fn is_touched_by<'p>(&self, changed: impl IntoIterator<Item = &'p str>) -> bool {
        // A file that came may have made a directory on the way to it of what was missing before.
        let on_the_way =
            |path: &str| path.match_indices('/').any(|(at, _)| self.contains(path.get(..at).unwrap_or_default()));
        self.fetched.values().any(|fetched| !fetched.proven)
            || changed.into_iter().any(|path| self.contains(path) || on_the_way(path))
    }

    /// What was fetched from outside of the tree, each by its URL without credentials, in order.
    pub fn fetched(&self) -> impl Iterator<Item = (&str, &Fetched)> {
        self.fetched.iter().map(|(url, fetched)| (url.as_str(), fetched))
    }

    /// The paths with their ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.paths.iter().map(|(path, id)| (path.as_str(), id.as_deref()))
    }

    /// Whether `path` was looked up.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.paths.contains_key(path)
    }

    pub(crate) fn record(&mut self, path: &str, id: Option<String>) {
        self.paths.insert(path.to_owned(), id);
    }

    pub(crate) fn record_fetched(&mut self, url: &str, mut fetched: Fetched) {
        // A URL may be asked for twice: as a file, and as a repository.
        fetched.proven &= self.fetched.get(url).is_none_or(|before| before.proven);
        self.fetched.insert(url.to_owned(), fetched);
    }
}

/// The id under which a symbolic link is recorded.
pub(crate) fn symlink_id(id: &str) -> String {
    format!("symlink:{id}")
}
