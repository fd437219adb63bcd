//! What a kustomization takes from outside of its tree, and who brings it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::fs::Fs;

/// Brings what a kustomization takes from outside of its tree: git repositories, files by HTTP, and what helm makes of charts.
///
/// The renderer decides what is needed and in which order kustomize tries it; the caller does the work, and may refuse any of
/// it with [`FetchError::disabled`]. A render asks for the same repository once, and for a file each time that it is named.
///
/// ```
/// use std::sync::Arc;
/// use plumb_kustomize::{Builder, Fetch, FetchError, MemoryFs, Repository, RepositoryRequest};
///
/// struct Shelf;
///
/// impl Fetch for Shelf {
///     fn repository(&self, request: &RepositoryRequest) -> Result<Repository, FetchError> {
///         if request.url != "https://git.example.com/shop.git" {
///             return Err(FetchError::refused("no such repository"));
///         }
///         let tree = MemoryFs::from([
///             ("base/kustomization.yaml", "configMapGenerator: [{name: app, options: {disableNameSuffixHash: true}}]\n"),
///         ]);
///         Ok(Repository { tree: Arc::new(tree), commit: "8c5a1f0e9d7b6c4a3f2e1d0c9b8a7f6e5d4c3b2a".to_owned() })
///     }
///
///     fn file(&self, _url: &str) -> Result<Arc<[u8]>, FetchError> {
///         Err(FetchError::status(404))
///     }
/// }
///
/// let fs = MemoryFs::from([
///     ("kustomization.yaml", "resources: ['https://git.example.com/shop.git//base?ref=v1']\nnamePrefix: dev-\n"),
/// ]);
/// let rendered = Builder::new(&fs).fetch(&Shelf).build("")?;
/// assert_eq!(rendered.to_yaml(), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: dev-app\n");
///
/// // The tag may have moved since, so nothing proves that another render would give the same.
/// assert!(!rendered.read.unchanged(&fs)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Fetch {
    /// The files of a git repository at a revision.
    ///
    /// # Errors
    /// When there is no such repository or revision, or when it can not be reached.
    fn repository(&self, request: &RepositoryRequest) -> Result<Repository, FetchError>;

    /// The bytes behind an `http` or `https` URL, over redirections.
    ///
    /// # Errors
    /// [`FetchError::status`] for an answer other than a success; the renderer then decides whether it tries git.
    fn file(&self, url: &str) -> Result<Arc<[u8]>, FetchError>;

    /// Whether helm runs here at all, which is asked before anything else is done for a chart.
    ///
    /// # Errors
    /// [`FetchError::disabled`] if not. Unless this is implemented, always.
    fn helm_enabled(&self) -> Result<(), FetchError> {
        Err(FetchError::disabled(NO_HELM))
    }

    /// A helm chart from a repository of charts, as `helm pull --untar` unpacks it.
    ///
    /// # Errors
    /// When there is no such chart, or when it can not be reached.
    fn chart(&self, request: &ChartRequest) -> Result<Chart, FetchError> {
        Err(FetchError::disabled(format!("charts such as {} are not pulled here", request.name)))
    }

    /// What `helm template` prints for a chart.
    ///
    /// # Errors
    /// When helm fails.
    fn helm(&self, request: &HelmRequest) -> Result<Vec<u8>, FetchError> {
        Err(FetchError::disabled(format!("charts such as {} are not rendered here", request.name)))
    }

    /// Whether functions run here at all, which is asked before anything else is done with one.
    ///
    /// # Errors
    /// [`FetchError::disabled`] if not. Unless this is implemented, always.
    fn functions_enabled(&self) -> Result<(), FetchError> {
        Err(FetchError::disabled(
            "functions do not run here; put what they make into the repository and list it under resources",
        ))
    }

    /// What a KRM function prints that the configuration of a plugin names: a program from the repository, which may do anything.
    ///
    /// # Errors
    /// When the program can not be run, or fails.
    fn function(&self, call: &FunctionCall) -> Result<Vec<u8>, FetchError> {
        Err(FetchError::disabled(format!("the function {} does not run here", call.path)))
    }
}

/// Which files of which git repository.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RepositoryRequest {
    /// What `git clone` is given. It may hold credentials, which `Debug` does not show.
    pub url: String,
    /// A branch, tag, full name of a reference or commit id, as `git fetch` understands it; the remote's `HEAD` when empty.
    pub reference: String,
    /// Whether the files of submodules are wanted, as `git submodule update --init --recursive` gives them.
    pub submodules: bool,
    /// How long a command of git may take.
    pub timeout: Duration,
}

impl fmt::Debug for RepositoryRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryRequest")
            .field("url", &crate::remote::shown(&self.url))
            .field("reference", &self.reference)
            .field("submodules", &self.submodules)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// The files of a git repository.
#[derive(Clone)]
pub struct Repository {
    /// The files of the commit.
    pub tree: Arc<dyn Fs>,
    /// The full id of the commit that the reference led to.
    pub commit: String,
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository").field("commit", &self.commit).finish_non_exhaustive()
    }
}

/// Which chart of which repository of charts.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct ChartRequest {
    /// The name of the chart.
    pub name: String,
    /// The URL of the repository; `oci://…` for a registry. It may hold credentials, which `Debug` does not show.
    pub repo: String,
    /// The version, or the newest one when empty.
    pub version: String,
    /// Whether versions count that are in development.
    pub devel: bool,
    /// `HELM_CONFIG_HOME` as the kustomization has it; empty for a temporary one.
    pub config_home: String,
}

impl fmt::Debug for ChartRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChartRequest")
            .field("name", &self.name)
            .field("repo", &crate::remote::shown(&self.repo))
            .field("version", &self.version)
            .field("devel", &self.devel)
            .field("config_home", &self.config_home)
            .finish()
    }
}

/// The files of a helm chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chart {
    /// Paths relative to the directory of the chart, `/`-separated and normalised, with the content of each.
    pub files: BTreeMap<String, Arc<[u8]>>,
}

/// A call of `helm template`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of helm")]
pub struct HelmRequest {
    /// The name of the chart, which is the name of its directory.
    pub name: String,
    /// The chart with the charts that it depends on.
    pub chart: Chart,
    /// The files of values in order; a later one wins. Never empty.
    pub values: Vec<Arc<[u8]>>,
    /// The name of the release; when it is empty, helm makes one (`--generate-name`).
    pub release_name: String,
    /// `--namespace`, unless empty.
    pub namespace: String,
    /// `--name-template`, unless empty.
    pub name_template: String,
    /// `--api-versions`, each.
    pub api_versions: Vec<String>,
    /// `--kube-version`, unless empty.
    pub kube_version: String,
    /// `--include-crds`.
    pub include_crds: bool,
    /// `--skip-tests`.
    pub skip_tests: bool,
    /// `--no-hooks`.
    pub skip_hooks: bool,
    /// `--debug`.
    pub debug: bool,
    /// `--devel`.
    pub devel: bool,
    /// `HELM_CONFIG_HOME` as the kustomization has it; empty for a temporary one.
    pub config_home: String,
}

/// A run of a program as a KRM function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionCall {
    /// The program, as it is written: with a slash it is relative to the directory, without one it is looked for in `PATH`.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What its environment has besides.
    pub env: Vec<(String, String)>,
    /// Where it runs: the directory of the kustomization, relative to the root of the tree.
    pub directory: String,
    /// What it reads: a `ResourceList` as YAML.
    pub input: Vec<u8>,
}

/// Why something could not be fetched. The message names no URL and no credential; the renderer adds what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FetchError {
    /// What sort of failure it is.
    pub kind: FetchErrorKind,
    /// What went wrong, and what to do about it.
    pub message: String,
}

/// The sorts of [`FetchError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchErrorKind {
    /// The caller does not do this.
    Disabled,
    /// An HTTP server answered with this status, which is no success.
    Status(u16),
    /// What was asked for does not exist or can not be had; asking again is of no use.
    Refused,
    /// It could not be reached. The only sort that is worth a retry, beside a status of 429 or 5xx.
    Unreachable,
}

impl FetchError {
    /// The caller does not do this.
    pub fn disabled(message: impl Into<String>) -> Self {
        Self { kind: FetchErrorKind::Disabled, message: message.into() }
    }

    /// An HTTP server answered with a status that is no success.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { kind: FetchErrorKind::Status(status), message: format!("the server answers with status {status}") }
    }

    /// What was asked for does not exist or can not be had.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: FetchErrorKind::Refused, message: message.into() }
    }

    /// It could not be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: FetchErrorKind::Unreachable, message: message.into() }
    }
}

/// Brings nothing: what [`build`](crate::build) uses.
pub(crate) struct Nothing;

const NOTHING: &str = "nothing is fetched from outside of the repository here; copy the files into the repository and refer to them there";

impl Fetch for Nothing {
    fn repository(&self, _: &RepositoryRequest) -> Result<Repository, FetchError> {
        Err(FetchError::disabled(NOTHING))
    }

    fn file(&self, _: &str) -> Result<Arc<[u8]>, FetchError> {
        Err(FetchError::disabled(NOTHING))
    }
}

const NO_HELM: &str =
    "helm does not run here; put what `helm template` prints into the repository and list it under resources";
