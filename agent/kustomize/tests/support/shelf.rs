//! Repositories and files to fetch, in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use plumb_kustomize::{Fetch, FetchError, MemoryFs, Repository, RepositoryRequest};

/// What can be fetched, and a list of what was.
#[derive(Default)]
pub(crate) struct Shelf {
    repositories: BTreeMap<(String, String), (MemoryFs, String)>,
    files: BTreeMap<String, String>,
    asked: RefCell<Vec<String>>,
}

/// The id of the commit of every repository here.
pub(crate) const COMMIT: &str = "8c5a1f0e9d7b6c4a3f2e1d0c9b8a7f6e5d4c3b2a";

impl Shelf {
    pub(crate) fn repository<const N: usize>(mut self, url: &str, reference: &str, files: [(&str, &str); N]) -> Self {
        let key = (url.to_owned(), reference.to_owned());
        self.repositories.insert(key, (MemoryFs::from(files), COMMIT.to_owned()));
        self
    }

    pub(crate) fn link(mut self, url: &str, reference: &str, path: &str, target: &str) -> Self {
        let key = (url.to_owned(), reference.to_owned());
        if let Some((fs, _)) = self.repositories.get_mut(&key) {
            fs.insert_symlink(path, target);
        }
        self
    }

    pub(crate) fn file(mut self, url: &str, content: &str) -> Self {
        self.files.insert(url.to_owned(), content.to_owned());
        self
    }

    /// What was asked for since the last time, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.take()
    }
}

impl Fetch for Shelf {
    fn repository(&self, request: &RepositoryRequest) -> Result<Repository, FetchError> {
        self.asked.borrow_mut().push(format!("git {} {:?}", request.url, request.reference));
        let key = (request.url.clone(), request.reference.clone());
        let (tree, commit) =
            self.repositories.get(&key).ok_or_else(|| FetchError::refused("no such repository or revision"))?;
        Ok(Repository { tree: Arc::new(tree.clone()), commit: commit.clone() })
    }

    fn file(&self, url: &str) -> Result<Arc<[u8]>, FetchError> {
        self.asked.borrow_mut().push(format!("http {url}"));
        if url.contains("unreachable") {
            return Err(FetchError::unreachable("nobody answers"));
        }
        self.files.get(url).map(|content| Arc::from(content.as_bytes())).ok_or_else(|| FetchError::status(404))
    }
}
