//! Real git servers on loopback, for the tests and the demo, and a checkout that a person would work in.
//!
//! The servers run the programs that production servers run: `git http-backend` behind HTTP, OpenSSH's `sshd`, and
//! `git daemon`. [`Gitea`] is a whole forge. Each serves the bare repositories of a [`Repositories`] directory, and ends with the value that stands for it.

mod cgi;
mod command;
mod daemon;
mod git;
mod gitea;
mod hook;
mod http;
mod port;
mod repositories;
mod ssh;
mod worktree;

pub use self::command::Arguments;
pub use self::daemon::GitDaemon;
pub use self::gitea::{Gitea, User};
pub use self::hook::{Hook, Setting};
pub use self::http::{Access, HttpOptions, HttpServer};
pub use self::repositories::Repositories;
pub use self::ssh::{DeployKey, SshServer};
pub use self::worktree::Worktree;
