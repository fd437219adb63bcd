//! Brings what an overlay takes from outside of its tree, for a person at the command line: with their git, over HTTP, and
//! with helm and with functions if they say so.

mod function;
mod helm;
mod process;

use std::{
    cell::{Cell, OnceCell},
    path::PathBuf,
    sync::Arc,
};

use plumb_git::{Class, Snapshot, SnapshotOptions, local_submodules_allowed};
use plumb_kustomize::{
    Chart, ChartRequest, Fetch, FetchError, FunctionCall, HelmRequest, Repository, RepositoryRequest,
};

use crate::http;
pub(super) use function::Functions;
pub(super) use helm::Helm;

/// Fetches into a directory of its own, which is made when it is needed and goes with the fetcher.
#[derive(Debug)]
pub(super) struct Fetcher {
    scratch: OnceCell<tempfile::TempDir>,
    count: Cell<usize>,
    helm: Option<Helm>,
    functions: Option<Functions>,
    file_bytes: usize,
}

impl Fetcher {
    /// Files of at most `file_bytes` are brought; helm runs only if it is given.
    pub(super) fn new(helm: Option<Helm>, file_bytes: usize) -> Self {
        Self { scratch: OnceCell::new(), count: Cell::new(0), helm, functions: None, file_bytes }
    }

    /// With these functions, if any.
    pub(super) fn functions(self, functions: Option<Functions>) -> Self {
        Self { functions, ..self }
    }

    /// A directory that nothing else uses.
    fn directory(&self) -> Result<PathBuf, FetchError> {
        let failed = |error: std::io::Error| {
            FetchError::unreachable(format!("no temporary directory can be made: {error}; check TMPDIR"))
        };
        let scratch = if let Some(scratch) = self.scratch.get() {
            scratch
        } else {
            let made = tempfile::Builder::new().prefix("plumb-").tempdir().map_err(failed)?;
            self.scratch.get_or_init(|| made)
        };
        self.count.set(self.count.get() + 1);
        let directory = scratch.path().join(self.count.get().to_string());
        std::fs::create_dir(&directory).map_err(failed)?;
        Ok(directory)
    }

    fn helm(&self) -> Result<&Helm, FetchError> {
        self.helm.as_ref().ok_or_else(|| FetchError::disabled("helm runs only with --enable-helm; add it"))
    }
}

impl Fetch for Fetcher {
    fn repository(&self, request: &RepositoryRequest) -> Result<Repository, FetchError> {
        let options = SnapshotOptions {
            reference: request.reference.clone(),
            submodules: request.submodules,
            local_submodules: local_submodules_allowed(),
            timeout: request.timeout,
            file_bytes: self.file_bytes,
        };
        let snapshot = Snapshot::fetch(&self.directory()?, &request.url, &options).map_err(|error| {
            let message = error.to_string();
            if error.class() == Class::Config { FetchError::refused(message) } else { FetchError::unreachable(message) }
        })?;
        Ok(Repository { commit: snapshot.commit().to_string(), tree: Arc::new(snapshot) })
    }

    fn file(&self, url: &str) -> Result<Arc<[u8]>, FetchError> {
        http::get(url, self.file_bytes)
    }

    fn helm_enabled(&self) -> Result<(), FetchError> {
        self.helm().map(drop)
    }

    fn chart(&self, request: &ChartRequest) -> Result<Chart, FetchError> {
        self.helm()?.pull(&self.directory()?, request, self.file_bytes)
    }

    fn helm(&self, request: &HelmRequest) -> Result<Vec<u8>, FetchError> {
        Self::helm(self)?.template(&self.directory()?, request, self.file_bytes)
    }

    fn functions_enabled(&self) -> Result<(), FetchError> {
        if self.functions.is_some() {
            return Ok(());
        }
        Err(FetchError::disabled(
            "functions run only with --enable-alpha-plugins and --enable-exec, in a directory on disk; add the two",
        ))
    }

    fn function(&self, call: &FunctionCall) -> Result<Vec<u8>, FetchError> {
        self.functions_enabled()?;
        self.functions.as_ref().map_or(Ok(Vec::new()), |functions| functions.run(call, self.file_bytes))
    }
}
