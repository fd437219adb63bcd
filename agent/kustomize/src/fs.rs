//! What the renderer reads from: any read-only tree of files.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A read-only tree of files, such as a git tree or a directory on disk.
///
/// The renderer asks for nothing else of the world: no clock, no environment, no network.
pub trait Fs {
    /// Looks up `path`, which is relative to the root of the tree, `/`-separated and normalised (no `.`, no `..`, no
    /// empty part); `""` is the root itself.
    ///
    /// Symbolic links are never followed here: a link is an [`Entry::Symlink`], and whatever lies below a link or below a
    /// file is [`Entry::Missing`]. The renderer follows links itself and keeps them inside the tree.
    ///
    /// # Errors
    /// When the tree can not be read. A path that does not exist is no error but [`Entry::Missing`].
    fn lookup(&self, path: &str) -> Result<Entry, FsError>;

    /// What is at `path`, without its content. A tree that knows ids without reading files does well to say so here, since
    /// [`ReadSet::unchanged`](crate::ReadSet::unchanged) asks nothing else.
    ///
    /// # Errors
    /// As for [`Fs::lookup`].
    fn identify(&self, path: &str) -> Result<Identity, FsError> {
        Ok(match self.lookup(path)? {
            Entry::File { id, .. } => Identity::File(id),
            Entry::Directory { id } => Identity::Directory(id),
            Entry::Symlink { id, .. } => Identity::Symlink(id),
            Entry::Missing => Identity::Missing,
        })
    }

    /// The path in this tree that an absolute path leads to, when the tree has a place on a disk and the path lies in it. It need not be normalised.
    ///
    /// A tree that is in no place has no such paths, which is what it says unless it is implemented: then an absolute path is an error.
    fn inside(&self, absolute: &str) -> Option<String> {
        let _ = absolute;
        None
    }

    /// The name of the directory that is the root of the tree, if it has one. Only a `ValueAddTransformer` without a value asks for it.
    fn name(&self) -> Option<String> {
        None
    }

    /// The names in the directory at `path`, which is one. Only helm charts need this.
    ///
    /// # Errors
    /// When the tree can not be read. Unless it is implemented, always.
    fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
        Err(FsError { path: path.to_owned(), message: "the names in a directory are not known here".to_owned() })
    }
}

/// What [`Fs::identify`] finds: the ids of an [`Entry`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// A file with this id.
    File(String),
    /// A directory with this id.
    Directory(String),
    /// A symbolic link with this id.
    Symlink(String),
    /// Nothing is there.
    Missing,
}

/// What [`Fs::lookup`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file; `id` identifies its content (a git blob id, a hash).
    File {
        /// The same id always means the same bytes.
        id: String,
        /// The content.
        bytes: Arc<[u8]>,
    },
    /// A directory.
    Directory {
        /// The id of the tree.
        id: String,
    },
    /// A symbolic link.
    Symlink {
        /// The same id always means the same target.
        id: String,
        /// Where the link points to, as it is written in the link.
        target: String,
    },
    /// Nothing is there.
    Missing,
}

/// The tree can not be read: the storage fails, not the input. Worth a retry.
#[derive(Debug, Clone, thiserror::Error)]
#[error("can not read {path:?}: {message}")]
pub struct FsError {
    /// The path that was asked for.
    pub path: String,
    /// What went wrong.
    pub message: String,
}

/// Files in memory, for tests and examples.
///
/// ```
/// use plumb_kustomize::{Entry, Fs, MemoryFs};
///
/// let fs = MemoryFs::from([("base/kustomization.yaml", "resources: []\n")]);
/// assert!(matches!(fs.lookup("base"), Ok(Entry::Directory { .. })));
/// assert!(matches!(fs.lookup("base/nothing"), Ok(Entry::Missing)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryFs {
    files: BTreeMap<String, Stored>,
}

#[derive(Debug, Clone)]
enum Stored {
    File(Arc<[u8]>),
    Symlink(String),
}

impl MemoryFs {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file; its directories come to be by themselves.
    pub fn insert(&mut self, path: impl Into<String>, content: impl AsRef<[u8]>) {
        self.files.insert(path.into(), Stored::File(Arc::from(content.as_ref())));
    }

    /// Adds or replaces a symbolic link.
    pub fn insert_symlink(&mut self, path: impl Into<String>, target: impl Into<String>) {
        self.files.insert(path.into(), Stored::Symlink(target.into()));
    }

    /// Removes a file or link.
    pub fn remove(&mut self, path: &str) {
        self.files.remove(path);
    }

    /// The paths of all files and links, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

impl<P: Into<String>, C: AsRef<[u8]>, const N: usize> From<[(P, C); N]> for MemoryFs {
    fn from(files: [(P, C); N]) -> Self {
        files.into_iter().collect()
    }
}

impl<P: Into<String>, C: AsRef<[u8]>> FromIterator<(P, C)> for MemoryFs {
    fn from_iter<I: IntoIterator<Item = (P, C)>>(files: I) -> Self {
        let mut fs = Self::new();
        for (path, content) in files {
            fs.insert(path, content);
        }
        fs
    }
}

impl Fs for MemoryFs {
    fn lookup(&self, path: &str) -> Result<Entry, FsError> {
        let entry = match self.files.get(path) {
            Some(Stored::File(bytes)) => Entry::File { id: digest(bytes), bytes: Arc::clone(bytes) },
            Some(Stored::Symlink(target)) => Entry::Symlink { id: digest(target.as_bytes()), target: target.clone() },
            None => {
                let below = if path.is_empty() { String::new() } else { format!("{path}/") };
                let inside = || self.files.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
                if inside().next().is_none() {
                    return Ok(Entry::Missing);
                }
                let names: Vec<&str> = inside().map(|(name, _)| name.as_str()).collect();
                Entry::Directory { id: digest(names.join("\n").as_bytes()) }
            }
        };
        Ok(entry)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let inside = self.files.range(below.clone()..).map_while(|(name, _)| name.strip_prefix(&below));
        let mut names: Vec<String> = inside.filter_map(|rest| rest.split('/').next().map(str::to_owned)).collect();
        names.dedup();
        Ok(names)
    }
}

/// The SHA-256 of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}
