//! A directory of bare repositories, which any of the servers may serve.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::git;

/// A directory of bare repositories. Clones stand for the same directory; a temporary one is removed with the last clone.
#[derive(Clone)]
pub struct Repositories(Arc<Place>);

struct Place {
    path: PathBuf,
    /// Removes a temporary directory in the end.
    _temporary: Option<TempDir>,
}

impl Repositories {
    /// A temporary directory.
    pub fn temporary() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("plumb-git-").tempdir()?;
        Ok(Self(Arc::new(Place { path: directory.path().canonicalize()?, _temporary: Some(directory) })))
    }

    /// A directory that stays; it is made when it is missing.
    pub fn at(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("can't make {}", path.display()))?;
        Ok(Self(Arc::new(Place { path: path.canonicalize()?, _temporary: None })))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Where a repository is.
    pub fn repository(&self, name: &str) -> PathBuf {
        self.path().join(format!("{name}.git"))
    }

    /// Makes an empty repository with the branch `main` that may be pushed to; one that exists already stays as it is.
    pub fn create(&self, name: &str) -> Result<PathBuf> {
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
        ensure!(name.split('/').all(plain), "{name:?} is no name for a repository");
        let path = self.repository(name);
        if !path.join("HEAD").exists() {
            let mut init = git::command("git", self.path());
            git::run(init.args(["init", "-q", "--bare", "-b", "main"]).arg(&path))?;
            self.git(name, &["config", "http.receivepack", "true"])?;
            // Tests ask for commits that a force-push left behind.
            self.git(name, &["config", "gc.auto", "0"])?;
        }
        Ok(path)
    }

    /// Runs git in a repository and gives what it printed.
    pub fn git(&self, name: &str, arguments: &[&str]) -> Result<String> {
        git::run(git::command("git", self.path()).current_dir(self.repository(name)).args(arguments))
    }

    /// Sets a server-side hook, such as `pre-receive`, to a script.
    pub fn hook(&self, name: &str, hook: &str, script: &str) -> Result<()> {
        let path = self.repository(name).join("hooks").join(hook);
        std::fs::create_dir_all(self.repository(name).join("hooks"))?;
        std::fs::write(&path, script)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(())
    }
}
