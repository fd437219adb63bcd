//! Finds files and directories, and keeps to the tree that they are in.
//!
//! The paths of a fetched repository begin with its URL and `//`, as `https://git.example.com/shop?ref=v1//base`; no path of the
//! tree that is rendered holds two slashes in a row.

mod chart;
mod fetched;
mod function;

use std::cell::RefCell;
use std::sync::Arc;

use crate::budget::Budget;
use crate::error::Fault;
use crate::fetch::Fetch;
use crate::fs::{Entry, Fs};
use crate::options::{Choices, Options};
use crate::read_set::{ReadSet, symlink_id};
use crate::remote::is_remote_file;
use crate::schema::Schemas;
use fetched::Mounts;

/// The names that a kustomization file may have.
pub(crate) const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Steps to look a path up.
const STEPS_OF_A_LOOKUP: usize = 500;

/// The longest path in bytes, as on Linux.
const LONGEST_PATH: usize = 4096;

/// Reads the tree and records what it read.
pub(crate) struct Loader<'a> {
    fs: &'a dyn Fs,
    fetch: &'a dyn Fetch,
    pub(crate) budget: Budget,
    pub(crate) choices: Choices,
    pub(crate) schemas: Schemas,
    read: RefCell<ReadSet>,
    mounts: RefCell<Mounts>,
}

/// What a path leads to, with the path that it has when all symbolic links are followed.
#[derive(Debug)]
pub(crate) enum Found {
    File { path: String, bytes: Arc<[u8]> },
    Directory { path: String },
    Missing { path: String },
}

impl<'a> Loader<'a> {
    pub(crate) fn new(fs: &'a dyn Fs, fetch: &'a dyn Fetch, options: &Options, choices: Choices) -> Self {
        Self {
            fs,
            fetch,
            budget: Budget::new(options),
            choices,
            schemas: Schemas::default(),
            read: RefCell::default(),
            mounts: RefCell::default(),
        }
    }

    pub(crate) fn into_read_set(self) -> ReadSet {
        self.read.into_inner()
    }

    /// Looks a path up, relative to `directory`, following symbolic links inside the tree.
    pub(crate) fn find(&self, directory: &str, path: &str) -> Result<Found, Fault> {
        let mut path = self.join(directory, path)?;
        for _ in 0..=self.budget.options.max_symlinks {
            match self.lookup(&path)? {
                Entry::File { bytes, .. } => return Ok(Found::File { path, bytes }),
                Entry::Directory { .. } => return Ok(Found::Directory { path }),
                Entry::Symlink { target, .. } => path = self.follow(&path, &target, "")?,
                Entry::Missing => match self.through_link(&path)? {
                    Some(other) => path = other,
                    None => return Ok(Found::Missing { path }),
                },
            }
        }
        Err(Fault::path(format!("{path} leads through more than {} symbolic links", self.budget.options.max_symlinks)))
    }

    /// Whether a directory on the way to a missing path is a symbolic link, and where the path leads then.
    fn through_link(&self, path: &str) -> Result<Option<String>, Fault> {
        let (tree, inside) = split_tree(path);
        for (at, _) in inside.match_indices('/') {
            let (parent, rest) = path.split_at(tree.len() + at);
            match self.lookup(parent)? {
                Entry::Directory { .. } => {}
                Entry::Symlink { target, .. } => return self.follow(parent, &target, rest).map(Some),
                Entry::File { .. } | Entry::Missing => return Ok(None),
            }
        }
        Ok(None)
    }

    fn lookup(&self, path: &str) -> Result<Entry, Fault> {
        self.budget.work(STEPS_OF_A_LOOKUP);
        self.budget.check()?;
        if let Some((fs, path)) = self.mounts.borrow().tree_of(path) {
            // The id of the commit stands for all that is read in it.
            return fs.lookup(path).map_err(|error| Fault::storage(error.to_string()));
        }
        let entry = self.fs.lookup(path).map_err(|error| Fault::storage(error.to_string()))?;
        let mut read = self.read.borrow_mut();
        match &entry {
            Entry::File { id, .. } => read.record(path, Some(id.clone())),
            Entry::Symlink { id, .. } => read.record(path, Some(symlink_id(id))),
            Entry::Missing => read.record(path, None),
            // What is read below it proves that it is a directory.
            Entry::Directory { .. } => {}
        }
        Ok(entry)
    }

    /// Reads a file that a kustomization names: it must lie in or below the directory of the kustomization, or behind HTTP.
    pub(crate) fn file(&self, directory: &str, path: &str) -> Result<(String, Arc<[u8]>), Fault> {
        if is_remote_file(path) {
            return self.remote_file(path).map_err(Fault::from);
        }
        match self.find(directory, path)? {
            Found::File { path: real, bytes } => {
                if !self.may_load(&real, directory) {
                    return Err(Fault::path(format!(
                        "{path} lies outside of the directory of its kustomization, {}; files must lie in or below it (directories need not)",
                        display(directory)
                    )));
                }
                if bytes.len() > self.budget.options.max_file_bytes {
                    return Err(Fault::limit(format!(
                        "{path} has more than {} bytes",
                        self.budget.options.max_file_bytes
                    )));
                }
                self.budget.text(bytes.len());
                self.budget.check()?;
                Ok((real, bytes))
            }
            Found::Directory { .. } => Err(Fault::path(format!("{path} is a directory, expected a file"))),
            Found::Missing { path: real } => Err(missing(directory, path, &real, "")),
        }
    }

    /// The last part of the path of a directory, which for the root is the name of the tree if that has one.
    pub(crate) fn name_of(&self, directory: &str) -> String {
        match directory {
            "" => self.fs.name().unwrap_or_default(),
            directory => directory.rsplit('/').next().unwrap_or_default().to_owned(),
        }
    }

    /// Whether a kustomization of a directory may name a file.
    fn may_load(&self, file: &str, directory: &str) -> bool {
        self.choices.files_anywhere || is_below(file, directory)
    }

    /// Joins a path to a directory; an absolute one must lie in the tree that is rendered, and that on a disk.
    fn join(&self, directory: &str, path: &str) -> Result<String, Fault> {
        let (tree, _) = split_tree(directory);
        match self.fs.inside(path).filter(|_| path.starts_with('/') && tree.is_empty()) {
            Some(inside) if inside.is_empty() => Ok(inside),
            Some(inside) => join("", &inside),
            None => join(directory, path),
        }
    }

    fn follow(&self, link: &str, target: &str, rest: &str) -> Result<String, Fault> {
        if target.starts_with('/')
            && let Ok(target) = self.join(link, target)
        {
            return Ok(append(&target, rest));
        }
        follow(link, target, rest)
    }

    /// Reads the kustomization file of a directory.
    pub(crate) fn kustomization(&self, directory: &str) -> Result<(String, Arc<[u8]>), Fault> {
        let mut found = Vec::new();
        let mut outside = None;
        for name in KUSTOMIZATION_FILES {
            match self.find(directory, name)? {
                Found::File { path, bytes } if self.may_load(&path, directory) => found.push((path, bytes)),
                Found::File { path, .. } => outside = Some((name, path)),
                Found::Directory { .. } | Found::Missing { .. } => {}
            }
        }
        if let (Some((name, path)), true) = (outside, found.is_empty()) {
            return Err(Fault::path(format!(
                "{name} is a symbolic link to {path}, which lies outside of the directory; put the file itself there"
            )));
        }
        match found.len() {
            0 => Err(Fault::path(format!(
                "there is no kustomization file in {}; expected one of {}",
                display(directory),
                KUSTOMIZATION_FILES.join(", ")
            ))),
            1 => {
                let (path, bytes) = found.pop().ok_or_else(|| Fault::path("there is no kustomization file"))?;
                self.budget.text(bytes.len());
                Ok((path, bytes))
            }
            _ => Err(Fault::conflict(format!(
                "there is more than one kustomization file in {}: {}; keep one",
                display(directory),
                found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(", ")
            ))),
        }
    }
}

/// Whether `path` is `directory` or lies below it.
pub(crate) fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty()
        || path == directory
        || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/') || directory.ends_with('/'))
}

/// Splits a path into the root of its tree, which is empty for the tree that is rendered, and the path in it.
fn split_tree(path: &str) -> (&str, &str) {
    path.rfind("//").map_or(("", path), |at| path.split_at(at + 2))
}

/// A directory for a message.
pub(crate) fn display(directory: &str) -> &str {
    if directory.is_empty() { "the root of the repository" } else { directory }
}

/// Says that a path leads to nothing, and where it leads to if a symbolic link is on the way.
pub(crate) fn missing(directory: &str, written: &str, real: &str, expected: &str) -> Fault {
    let message = match join(directory, written) {
        Ok(path) if path != real => format!("{path} leads through a symbolic link to {real}, which does not exist"),
        _ => format!("{real} does not exist"),
    };
    Fault::path(format!("{message}{expected}"))
}

/// Joins a path to a directory and normalises it; it must stay inside the tree.
pub(crate) fn join(directory: &str, path: &str) -> Result<String, Fault> {
    if path.is_empty() {
        return Err(Fault::path("the path is empty"));
    }
    if directory.len() + path.len() >= LONGEST_PATH {
        return Err(Fault::limit(format!("the path has more than {LONGEST_PATH} bytes")));
    }
    if path.starts_with('/') {
        return Err(Fault::path(format!("{path} is an absolute path; use one relative to the kustomization file")));
    }
    if path.contains('\0') {
        return Err(Fault::path("the path contains a null character"));
    }
    let (tree, directory) = split_tree(directory);
    let mut parts: Vec<&str> = directory.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return Err(Fault::path(format!("{path} leads out of the repository")));
                }
            }
            part => parts.push(part),
        }
    }
    Ok(format!("{tree}{}", parts.join("/")))
}

fn follow(link: &str, target: &str, rest: &str) -> Result<String, Fault> {
    let (tree, inside) = split_tree(link);
    let parent = link.get(..tree.len() + inside.rfind('/').unwrap_or_default()).unwrap_or_default();
    let target = join(parent, target)
        .map_err(|fault| Fault::path(format!("the symbolic link {link} must stay inside the repository: {fault}")))?;
    Ok(append(&target, rest))
}

/// A path below the one that a link leads to; `rest` starts with a slash, or is nothing.
fn append(target: &str, rest: &str) -> String {
    let is_root = target.is_empty() || target.ends_with('/');
    if is_root { format!("{target}{}", rest.trim_start_matches('/')) } else { format!("{target}{rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::Nothing;
    use crate::fs::MemoryFs;

    #[test]
    fn joins() {
        assert_eq!(join("overlays/dev", "../../base").unwrap(), "base");
        assert_eq!(join("", "./a//b/").unwrap(), "a/b");
        assert_eq!(join("a", "..").unwrap(), "");
        assert!(join("a", "../..").is_err());
        assert!(join("a", "/etc/passwd").is_err());
    }

    #[test]
    fn paths_stay_in_the_repository_that_they_are_in() {
        let root = "https://h/r?ref=v1//";
        assert_eq!(join("https://h/r?ref=v1//a/b", "../c").unwrap(), "https://h/r?ref=v1//a/c");
        assert_eq!(join(root, "a").unwrap(), "https://h/r?ref=v1//a");
        assert_eq!(join("https://h/r?ref=v1//a", "..").unwrap(), root);
        assert!(join("https://h/r?ref=v1//a", "../..").is_err());
        assert_eq!(follow("https://h/r?ref=v1//a", "b/c", "/d").unwrap(), "https://h/r?ref=v1//b/c/d");
        assert_eq!(follow("https://h/r?ref=v1//a/b", "..", "/d").unwrap(), "https://h/r?ref=v1//d");
        assert!(follow("https://h/r?ref=v1//a", "../b", "").is_err());
        assert!(is_below("https://h/r?ref=v1//a/b", "https://h/r?ref=v1//a"));
        assert!(is_below("https://h/r?ref=v1//a", root));
        assert!(!is_below("https://h/r?ref=v1//ab", "https://h/r?ref=v1//a"));
    }

    #[test]
    fn follows_links_inside_the_tree_only() {
        let mut fs = MemoryFs::from([("real/file.yaml", "x")]);
        fs.insert_symlink("link", "real");
        fs.insert_symlink("deep/up", "../link/file.yaml");
        fs.insert_symlink("out", "../elsewhere");
        fs.insert_symlink("loop", "loop");
        let options = Options::default();
        let loader = Loader::new(&fs, &Nothing, &options, Choices::default());
        assert!(matches!(loader.find("", "link/file.yaml"), Ok(Found::File { path, .. }) if path == "real/file.yaml"));
        assert!(matches!(loader.find("deep", "up"), Ok(Found::File { path, .. }) if path == "real/file.yaml"));
        assert!(loader.find("", "out").unwrap_err().message.contains("must stay inside the repository"));
        assert!(loader.find("", "loop").unwrap_err().message.contains("symbolic links"));
        assert!(loader.into_read_set().contains("link"));
    }
}
