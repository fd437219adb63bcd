//! Repositories, files and charts to fetch, in memory.

#![allow(dead_code, reason = "each test needs a part of it")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use plumb_kustomize::{Chart, ChartRequest, Fetch, FetchError, HelmRequest, MemoryFs, Repository, RepositoryRequest};

/// What can be fetched, and a list of what was.
#[derive(Default)]
pub(crate) struct Shelf {
    repositories: BTreeMap<(String, String), (MemoryFs, String)>,
    files: BTreeMap<String, String>,
    charts: BTreeMap<String, Chart>,
    printed: String,
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

    /// A chart that can be pulled.
    pub(crate) fn chart<const N: usize>(mut self, name: &str, files: [(&str, &str); N]) -> Self {
        let files = files.into_iter().map(|(path, content)| (path.to_owned(), Arc::from(content.as_bytes())));
        self.charts.insert(name.to_owned(), Chart { files: files.collect() });
        self
    }

    /// What helm prints for any chart.
    pub(crate) fn prints(mut self, printed: &str) -> Self {
        printed.clone_into(&mut self.printed);
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

    fn helm_enabled(&self) -> Result<(), FetchError> {
        Ok(())
    }

    fn chart(&self, request: &ChartRequest) -> Result<Chart, FetchError> {
        self.asked.borrow_mut().push(format!("{request:?}"));
        self.charts.get(&request.name).cloned().ok_or_else(|| FetchError::refused("no such chart"))
    }

    fn helm(&self, request: &HelmRequest) -> Result<Vec<u8>, FetchError> {
        let values: Vec<_> = request.values.iter().map(|values| String::from_utf8_lossy(values)).collect();
        let files: Vec<_> = request.chart.files.keys().map(String::as_str).collect();
        let flags = HelmRequest { chart: Chart::default(), values: Vec::new(), ..request.clone() };
        self.asked.borrow_mut().push(format!("{flags:?}\nfiles: {}\n{}", files.join(" "), values.join("---\n")));
        Ok(self.printed.clone().into_bytes())
    }
}
