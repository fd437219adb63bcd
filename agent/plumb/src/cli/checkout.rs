//! What git knows of a person's checkout: who they are, and where the branch is that they push to.

use std::path::Path;

use anyhow::Context as _;
use plumb_git::{CommitId, Credentials, Repository, Signature};

use super::source;

/// A person's checkout.
pub(super) struct Checkout {
    handle: git2::Repository,
    git: Repository,
}

/// Where to push.
pub(super) struct Target {
    pub(super) git: Repository,
    pub(super) branch: String,
    /// Holds the copy of a remote that is not the checkout's own, until the end.
    _copy: Option<tempfile::TempDir>,
}

impl Checkout {
    /// Opens the checkout that a directory is in.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let git = Repository::discover(directory)?;
        let handle = git2::Repository::discover(directory)
            .with_context(|| format!("{} can't be opened", directory.display()))?;
        Ok(Self { handle, git })
    }

    /// The repository.
    pub(super) fn git(&self) -> &Repository {
        &self.git
    }

    /// The head of the tracked branch as it is known here, without asking a remote: of this branch, or of the remote's default branch, or
    /// else where the checkout is.
    ///
    /// # Errors
    /// When there is no such branch.
    pub(super) fn tracked(&self, remote: &str, branch: Option<&str>) -> anyhow::Result<CommitId> {
        let branch = branch.map(str::to_owned).or_else(|| self.default_branch(remote));
        let Some(branch) = branch else { return Ok(self.git.head()?.0) };
        match self.git.resolve(&format!("{remote}/{branch}")) {
            Err(plumb_git::Error::UnknownRevision { .. }) => Ok(self.git.resolve(&branch)?),
            found => Ok(found?),
        }
    }

    /// The commit that a revision names here.
    ///
    /// # Errors
    /// When it names none, or several.
    pub(super) fn resolve(&self, revision: &str) -> Result<CommitId, plumb_git::Error> {
        source::commit(&self.git, revision)
    }

    /// The remote and its branch. Nothing is sent yet.
    ///
    /// # Errors
    /// When there is no such remote, or no branch is named anywhere.
    pub(super) fn target(&self, remote: &str, branch: Option<&str>) -> anyhow::Result<Target> {
        let names = self.handle.remotes().context("the remotes can't be read")?;
        let names: Vec<&str> = names.iter().filter_map(|name| name.ok().flatten()).collect();
        if !names.contains(&remote) {
            let there = if names.is_empty() {
                "there is none; add one with `git remote add`".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            anyhow::bail!("there is no remote {remote}; {there}");
        }
        let branch = match branch {
            Some(branch) => branch.to_owned(),
            None => self.default_branch(remote).or_else(|| self.upstream(remote)).with_context(|| {
                format!("the default branch of {remote} is not known here; name the branch with --branch, or run `git remote set-head {remote} --auto`")
            })?,
        };
        // This is the remote that the checkout is opened with.
        if remote == "origin" || names.len() == 1 {
            return Ok(Target { git: self.git.clone(), branch, _copy: None });
        }
        let copy = tempfile::tempdir().context("no temporary directory can be made")?;
        let found = self.handle.find_remote(remote).with_context(|| format!("the remote {remote} can't be read"))?;
        let url = String::from_utf8_lossy(found.url_bytes()).into_owned();
        let git = Repository::open(copy.path(), &url, Credentials::Ambient)?;
        Ok(Target { git, branch, _copy: Some(copy) })
    }

    /// The branch that `HEAD` of the remote was on when it was cloned.
    fn default_branch(&self, remote: &str) -> Option<String> {
        let prefix = format!("refs/remotes/{remote}/");
        let head = self.handle.find_reference(&format!("{prefix}HEAD")).ok()?;
        Some(head.symbolic_target().ok()??.strip_prefix(&prefix)?.to_owned())
    }

    /// The branch of the remote that the current branch follows.
    fn upstream(&self, remote: &str) -> Option<String> {
        let head = self.handle.find_reference("HEAD").ok()?;
        let upstream = self.handle.branch_upstream_name(head.symbolic_target().ok()??).ok()?;
        Some(upstream.as_str().ok()?.strip_prefix(&format!("refs/remotes/{remote}/"))?.to_owned())
    }

    /// Who makes commits here.
    ///
    /// # Errors
    /// When git was never told.
    pub(super) fn author(&self) -> anyhow::Result<Signature> {
        let config = self
            .handle
            .config()
            .and_then(|mut config| config.snapshot())
            .context("git's configuration can't be read")?;
        let read = |key: &str| {
            let value = config.get_string(key).ok().filter(|value| !value.trim().is_empty());
            value.with_context(|| {
                format!("git does not know who makes the commit; run `git config --global {key} <yours>`")
            })
        };
        Ok(Signature { name: read("user.name")?, email: read("user.email")? })
    }

    /// Whether commits are signed here.
    pub(super) fn signs(&self) -> bool {
        self.handle.config().and_then(|config| config.get_bool("commit.gpgsign")).unwrap_or(false)
    }
}
