//! The scenarios as trees of files in memory.

pub(crate) mod scenario;

use std::path::{Path, PathBuf};

use plumb_kustomize::MemoryFs;
use scenario::{Content, Scenario};

/// All scenarios, each with the file that it is in.
pub(crate) fn scenarios() -> Vec<(PathBuf, Scenario)> {
    scenario::scenarios(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios"))
}

/// The input of a scenario.
pub(crate) fn input(scenario: &Scenario) -> MemoryFs {
    let mut fs = MemoryFs::new();
    for (path, content) in &scenario.files {
        match content {
            Content::Bytes(bytes) => fs.insert(path, bytes),
            Content::Link(target) => fs.insert_symlink(path, target),
        }
    }
    fs
}
