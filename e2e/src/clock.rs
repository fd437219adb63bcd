//! A clock that a test sets.

use std::{path::Path, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

/// A clock for agents, which goes by the machine's until it is set. It is that of calendars: what measures how much time passed is left alone.
///
/// It takes the place of the C library's functions, so the agent that goes by it is the debug build: the static binary has no library to replace.
#[derive(Debug, Clone)]
pub struct Clock {
    directory: Arc<TempDir>,
}

impl Clock {
    /// A clock that shows the machine's time.
    pub fn new() -> Result<Self> {
        let clock = Self { directory: Arc::new(tempfile::tempdir()?) };
        clock.set(0)?;
        Ok(clock)
    }

    /// Sets it to so many seconds after the machine's time, or before it.
    pub fn set(&self, seconds: i64) -> Result<()> {
        // It is read at any moment, so there is never half of it.
        let (new, file) = (self.directory.path().join("new"), self.file());
        std::fs::write(&new, format!("{seconds:+}\n"))?;
        Ok(std::fs::rename(new, file)?)
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("offset")
    }

    /// What makes a process go by it.
    pub(crate) fn environment(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        Ok(vec![
            ("LD_PRELOAD", library()?),
            ("FAKETIME_TIMESTAMP_FILE", self.file()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ])
    }
}

/// Where Debian's package `libfaketime` puts the library, below the directory of the architecture.
fn library() -> Result<PathBuf> {
    let directories = std::fs::read_dir(Path::new("/usr/lib"))?.filter_map(Result::ok);
    let mut libraries = directories.map(|directory| directory.path().join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.is_file()).context("libfaketime is not installed: run e2e/prerequisites.sh")
}
