//! `git daemon`: git:// without any credentials.

use std::process::Stdio;

use anyhow::Result;

use super::port::{self, Running};
use super::{Repositories, git};

/// A running `git daemon` that also takes pushes.
pub struct GitDaemon {
    running: Running,
    repositories: Repositories,
}

impl GitDaemon {
    /// Starts it on a free port.
    pub fn start(repositories: &Repositories) -> Result<Self> {
        // The program itself: `git daemon` is a parent of it, and killing the parent would leave it.
        let program = git::exec_path()?.join("git-daemon");
        let spawn = |port: u16| {
            let mut command = git::command(&program, repositories.path());
            command.args(["--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1"]);
            command.arg(format!("--port={port}")).arg(format!("--base-path={}", repositories.path().display()));
            Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)
        };
        let running = port::start(spawn, || format!("{} gives no reason", program.display()))?;
        Ok(Self { running, repositories: repositories.clone() })
    }

    /// The URL of a repository.
    pub fn url(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}.git", self.running.port)
    }

    /// What it serves.
    pub fn repositories(&self) -> &Repositories {
        &self.repositories
    }
}
