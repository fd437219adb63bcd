//! What the loader fetches: repositories, which it reads like the tree that is rendered, and files.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Found, Loader, is_below, split_tree};
use crate::error::{ErrorKind, Fault};
use crate::fetch::{FetchError, FetchErrorKind, RepositoryRequest};
use crate::fs::Fs;
use crate::read_set::Fetched;
use crate::remote::{RepoSpec, shown};

/// The trees beside the one that is rendered.
#[derive(Default)]
pub(super) struct Mounts {
    /// The root of each repository that was fetched.
    repositories: BTreeMap<(String, String, bool), String>,
    /// The tree behind each root.
    trees: BTreeMap<String, Arc<dyn Fs>>,
    /// Charts that were pulled, by the directory that they fill in any of the trees.
    charts: BTreeMap<String, Arc<dyn Fs>>,
}

impl Mounts {
    /// The tree that a path is in, and the path in it; nothing for the tree that is rendered.
    pub(super) fn tree_of<'p>(&self, path: &'p str) -> Option<(&dyn Fs, &'p str)> {
        if let Some((directory, chart)) = self.charts.iter().find(|(directory, _)| is_below(path, directory)) {
            let inside = path.get(directory.len()..).unwrap_or_default();
            return Some((chart.as_ref(), inside.trim_start_matches('/')));
        }
        let (root, inside) = split_tree(path);
        let tree = self.trees.get(root)?;
        Some((tree.as_ref(), inside))
    }

    /// Puts a chart that was pulled into a directory.
    pub(super) fn add_chart(&mut self, directory: &str, chart: Arc<dyn Fs>) {
        self.charts.insert(directory.to_owned(), chart);
    }

    fn add(&mut self, request: &RepositoryRequest, tree: Arc<dyn Fs>) -> String {
        let mut name = shown(&request.url);
        if !request.reference.is_empty() {
            name = format!("{name}?ref={}", request.reference);
        }
        let mut root = format!("{name}//");
        // Two URLs may differ in nothing but what is not shown.
        while self.trees.contains_key(&root) {
            name.push('#');
            root = format!("{name}//");
        }
        self.trees.insert(root.clone(), tree);
        let key = (request.url.clone(), request.reference.clone(), request.submodules);
        self.repositories.insert(key, root.clone());
        root
    }
}

/// A fetch that failed, with what was to be fetched.
#[derive(Debug)]
pub(crate) struct FetchFault {
    pub(crate) kind: FetchErrorKind,
    message: String,
}

impl FetchFault {
    pub(super) fn new(what: &str, url: &str, error: &FetchError) -> Self {
        Self { kind: error.kind, message: format!("can not fetch the {what} {}: {}", shown(url), error.message) }
    }
}

impl From<FetchFault> for Fault {
    fn from(FetchFault { kind, message }: FetchFault) -> Self {
        let kind = match kind {
            FetchErrorKind::Disabled => ErrorKind::Unsupported,
            FetchErrorKind::Unreachable | FetchErrorKind::Status(429 | 500..) => ErrorKind::Storage,
            FetchErrorKind::Refused | FetchErrorKind::Status(_) => ErrorKind::Path,
        };
        Self { kind, message }
    }
}

impl Loader<'_> {
    /// Fetches a repository, unless this render has it already, and finds the directory in it.
    pub(crate) fn repository(&self, spec: &RepoSpec) -> Result<String, Fault> {
        let url = spec.clone_url();
        let key = (url, spec.reference.clone(), spec.submodules);
        let known = self.mounts.borrow().repositories.get(&key).cloned();
        let (url, reference, submodules) = key;
        let root = match known {
            Some(root) => root,
            None => self.fetch_repository(&RepositoryRequest { url, reference, submodules, timeout: spec.timeout })?,
        };
        let directory = spec.directory.trim_start_matches('/');
        match self.find(&root, if directory.is_empty() { "." } else { directory })? {
            Found::Directory { path } => Ok(path),
            Found::File { path, .. } => Err(Fault::path(format!("{path} is a file, expected a directory"))),
            Found::Missing { path } => Err(Fault::path(format!("{path} does not exist; expected a directory"))),
        }
    }

    fn fetch_repository(&self, request: &RepositoryRequest) -> Result<String, Fault> {
        let fetched = self.fetch.repository(request);
        let repository = fetched.map_err(|error| FetchFault::new("repository", &request.url, &error))?;
        let root = self.mounts.borrow_mut().add(request, repository.tree);
        let proven = is_commit_id(&request.reference) && request.reference.eq_ignore_ascii_case(&repository.commit);
        let name = root.strip_suffix("//").unwrap_or(&root);
        self.read.borrow_mut().record_fetched(name, Fetched { id: repository.commit, proven });
        Ok(root)
    }

    /// Fetches a file by HTTP; gives the URL as people may see it, too.
    pub(crate) fn remote_file(&self, url: &str) -> Result<(String, Arc<[u8]>), FetchFault> {
        let bytes = self.fetch.file(url).map_err(|error| FetchFault::new("file", url, &error))?;
        let shown = shown(url);
        let most = self.budget.options.max_file_bytes;
        if bytes.len() > most {
            let message = format!("it has more than {most} bytes");
            return Err(FetchFault::new("file", url, &FetchError::refused(message)));
        }
        self.budget.text(bytes.len());
        let id = format!("sha256:{}", crate::fs::digest(&bytes));
        self.read.borrow_mut().record_fetched(&shown, Fetched { id, proven: false });
        Ok((shown, bytes))
    }
}

/// Whether a reference names a commit by its full id, which can never mean another one.
fn is_commit_id(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
}
