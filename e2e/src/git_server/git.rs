//! The real git, away from the configuration of whoever runs the tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

/// A command that runs git (or one of its programs) with nobody's configuration.
pub(super) fn command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    isolate(home, |name, value| {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    });
    command
}

/// The variables that [`command`] sets; `None` removes one.
pub(super) fn isolate(home: &Path, mut set: impl FnMut(&str, Option<&OsStr>)) {
    set("HOME", Some(home.as_os_str()));
    set("GIT_CONFIG_NOSYSTEM", Some(OsStr::new("1")));
    set("GIT_CONFIG_GLOBAL", Some(OsStr::new("/dev/null")));
    set("GIT_TERMINAL_PROMPT", Some(OsStr::new("0")));
    // A test that is run from a git hook finds these set, and they would lead git elsewhere.
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_CONFIG_COUNT", "XDG_CONFIG_HOME"] {
        set(name, None);
    }
}

/// Runs a command and gives what it printed, without the line break at its end.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let what = format!("{:?} {:?}", command.get_program(), command.get_args().collect::<Vec<_>>());
    let output = command.output().with_context(|| format!("can't run {what}"))?;
    ensure!(output.status.success(), "{what} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Where git keeps its programs.
pub(super) fn exec_path() -> Result<&'static Path> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    if let Some(path) = FOUND.get() {
        return Ok(path);
    }
    let path = run(Command::new("git").arg("--exec-path")).context("git is not installed: apt-get install git")?;
    Ok(FOUND.get_or_init(|| path.into()))
}
