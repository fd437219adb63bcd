//! Reads directories on disk into memory.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what can not be read fails the test")]

use std::path::{Path, PathBuf};

use plumb_kustomize::MemoryFs;

/// The scenarios, each a directory with `input` and `expected.yaml`.
pub(crate) fn scenarios() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut scenarios: Vec<PathBuf> =
        std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    scenarios.sort();
    scenarios
}

/// All files below a directory.
pub(crate) fn read(directory: &Path) -> MemoryFs {
    let mut fs = MemoryFs::new();
    add(&mut fs, directory, "");
    fs
}

/// Where a scenario is built: in `overlay` if it has one.
pub(crate) fn entry(fs: &MemoryFs) -> &'static str {
    if fs.paths().any(|path| path.starts_with("overlay/")) { "overlay" } else { "" }
}

fn add(fs: &mut MemoryFs, directory: &Path, prefix: &str) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            add(fs, &entry.path(), &format!("{name}/"));
        } else {
            fs.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}
