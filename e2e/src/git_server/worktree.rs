//! A checkout as a person has it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::git;

/// A checkout in a temporary directory, driven with the real git as `Ada Example`, on the branch `main`.
pub struct Worktree {
    directory: TempDir,
}

impl Worktree {
    /// Clones a repository, which may be empty.
    pub fn clone(url: &str) -> Result<Self> {
        let worktree = Self { directory: tempfile::Builder::new().prefix("plumb-worktree-").tempdir()? };
        std::fs::create_dir(worktree.path())?;
        for arguments in [&["init", "-q", "-b", "main"][..], &["remote", "add", "origin", url]] {
            worktree.git(arguments)?;
        }
        worktree.pull()?;
        Ok(worktree)
    }

    /// Where its files are.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("checkout")
    }

    /// Runs git in it and gives what it printed, without the line break at its end.
    pub fn git(&self, arguments: &[&str]) -> Result<String> {
        let mut command = git::command("git", self.directory.path());
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada Example").env(format!("GIT_{role}_EMAIL"), "ada@example.com");
        }
        git::run(command.current_dir(self.path()).args(arguments))
    }

    /// Writes a file and its directories.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        std::fs::write(&path, content).with_context(|| format!("can't write {}", path.display()))
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> Result<String> {
        let path = self.path().join(path);
        std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))
    }

    /// Removes a file or directory.
    pub fn remove(&self, path: &str) -> Result<()> {
        let path = self.path().join(path);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.with_context(|| format!("can't remove {}", path.display()))
    }

    /// Commits all that was changed, also when nothing was, and gives the id.
    pub fn commit(&self, message: &str) -> Result<String> {
        self.git(&["add", "-A"])?;
        self.git(&["commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message])?;
        self.head()
    }

    /// The commit that it is on.
    pub fn head(&self) -> Result<String> {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Pushes to `main`.
    pub fn push(&self) -> Result<()> {
        self.git(&["push", "-q", "origin", "HEAD:main"]).map(drop)
    }

    /// Pushes to `main` whatever was there.
    pub fn force_push(&self) -> Result<()> {
        self.git(&["push", "-q", "--force", "origin", "HEAD:main"]).map(drop)
    }

    /// Puts what is not pushed yet on top of what the server has.
    pub fn pull(&self) -> Result<()> {
        self.git(&["fetch", "-q", "--prune", "origin"])?;
        let exists = |name: &str| self.git(&["rev-parse", "-q", "--verify", name]).is_ok();
        match (exists("origin/main"), exists("HEAD")) {
            (false, _) => Ok(()),
            (true, true) => self.git(&["rebase", "-q", "--autostash", "origin/main"]).map(drop),
            (true, false) => self.git(&["reset", "-q", "--hard", "origin/main"]).map(drop),
        }
    }

    /// Commits files and pushes them: the short way for most tests. Gives the id.
    pub fn push_files(&self, message: &str, files: &[(&str, &str)]) -> Result<String> {
        for (path, content) in files {
            self.write(path, content)?;
        }
        let id = self.commit(message)?;
        self.push()?;
        Ok(id)
    }
}
