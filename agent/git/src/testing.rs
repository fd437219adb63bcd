//! A bare repository and a checkout of it, made with the real git.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::{CommitId, Credentials, Repository, Signature};

pub(crate) struct Remote {
    directory: TempDir,
}

impl Remote {
    /// A bare repository without commits.
    pub(crate) fn new() -> Self {
        let remote = Self { directory: tempfile::tempdir().unwrap() };
        remote.git_in(remote.directory.path(), &["init", "-q", "--bare", "-b", "main", "remote.git"]);
        remote.git_in(remote.directory.path(), &["clone", "-q", "remote.git", "work"]);
        remote
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("remote.git")
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.directory.path().join("work")
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.directory.path().join("cache")
    }

    pub(crate) fn open(&self) -> Repository {
        Repository::open(&self.cache(), &self.url(), Credentials::None).unwrap()
    }

    /// Runs git in the checkout.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.work(), arguments)
    }

    pub(crate) fn git_in(&self, directory: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.current_dir(directory).args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command
            .env("HOME", self.directory.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Ada").env(format!("GIT_{role}_EMAIL"), "ada@example.com");
            command.env(format!("GIT_{role}_DATE"), "1700000000 +0100");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Writes files in the checkout and commits them.
    pub(crate) fn commit(&self, files: &[(&str, &str)], message: &str) -> CommitId {
        for (path, content) in files {
            let path = self.work().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        CommitId::parse(&self.git(&["rev-parse", "HEAD"])).unwrap()
    }

    /// Commits and pushes to `main`.
    pub(crate) fn push(&self, files: &[(&str, &str)], message: &str) -> CommitId {
        let id = self.commit(files, message);
        self.git(&["push", "-q", "-f", "origin", "HEAD:main"]);
        id
    }
}

pub(crate) fn ada() -> Signature {
    Signature { name: "Ada".into(), email: "ada@example.com".into() }
}
