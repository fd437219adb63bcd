//! Real repositories: the overlays of this one, and those of `../shared/corpus` where that folder is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plumb_kustomize::MemoryFs;

use crate::compare::{Outcome, outcome, render};
use crate::oracle::Oracle;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

#[test]
fn the_overlays_of_this_repository_render_as_kustomize_builds_them() {
    let kustomizations = check(&project().join("overlays"));
    assert!(kustomizations > 5, "only {kustomizations} kustomizations");
}

#[test]
fn the_corpus_renders_as_kustomize_builds_it() {
    let corpus = project().join("../shared/corpus");
    let Ok(entries) = std::fs::read_dir(&corpus) else {
        println!("skipped: there is no {}", corpus.display());
        return;
    };
    let repositories: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    let kustomizations: usize = repositories.iter().map(|repository| check(repository)).sum();
    println!("{kustomizations} kustomizations of {} repositories", repositories.len());
}

/// Builds every kustomization of a tree of files and gives their number.
fn check(root: &Path) -> usize {
    let mut files = BTreeMap::new();
    read(root, root, &mut files);
    let mut fs = MemoryFs::new();
    for (path, bytes) in &files {
        fs.insert(path, bytes);
    }
    let mut oracle = Oracle::new();
    let mut wrong = Vec::new();
    let directories: Vec<&str> = files.keys().filter_map(|path| kustomization(path)).collect();
    for directory in &directories {
        let theirs = oracle.build_directory(&root.join(directory));
        if let Outcome::Difference(difference) = outcome(render(fs.clone(), (*directory).to_owned()), theirs) {
            wrong.push(format!("{directory}: {difference}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}: {} of {} differ:\n\n{}",
        root.display(),
        wrong.len(),
        directories.len(),
        wrong.join("\n\n")
    );
    directories.len()
}

/// The directory of a kustomization file.
fn kustomization(path: &str) -> Option<&str> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization").then_some(directory)
}

fn read(root: &Path, directory: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}
