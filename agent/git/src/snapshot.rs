//! The files of one commit of any repository, with those of its submodules.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use plumb_kustomize::{Entry, Fs, FsError, Identity};

use crate::address::{Address, Protocol};
use crate::repository::{Limits, Repository};
use crate::tree::Tree;
use crate::{CommitId, Credentials, Error};

/// Submodules within submodules are followed so deep.
const DEEPEST: usize = 16;

/// A commit at most has so many submodules, with those of its submodules.
const MOST: usize = 1_000;

/// What to fetch of a repository.
#[derive(Debug, Clone)]
pub struct SnapshotOptions {
    /// See [`Repository::fetch_reference`].
    pub reference: String,
    /// Whether submodules are fetched; otherwise their directories are empty.
    pub submodules: bool,
    /// Whether submodules may lie on this machine; see [`local_submodules_allowed`].
    pub local_submodules: bool,
    /// How long each call to a server may take.
    pub timeout: Duration,
    /// The largest file that is read, in bytes.
    pub file_bytes: usize,
}

/// The files of one commit, with those of its submodules, as they are stored: what git's filters make of files in a checkout
/// (LFS, line endings) is not made here.
#[derive(Clone)]
pub struct Snapshot {
    commit: CommitId,
    tree: Tree,
    /// By path; a submodule that is not fetched is an empty directory, as git leaves it.
    submodules: BTreeMap<String, (CommitId, Option<Snapshot>)>,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.commit).finish()
    }
}

impl Snapshot {
    /// Fetches a commit into `directory`, which should be empty and must stay for as long as the snapshot is read.
    ///
    /// The credentials are those of the person who runs this process. A server that wants none is offered none.
    ///
    /// # Errors
    /// All that a server can do wrong, and submodules that can't be had; see [`Error`].
    pub fn fetch(directory: &Path, url: &str, options: &SnapshotOptions) -> Result<Self, Error> {
        Fetching { directory, options, count: 0 }.snapshot(url, &options.reference, 0)
    }

    /// The commit that the reference led to.
    #[must_use]
    pub fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// The submodule that a path is in, and the path in it.
    fn submodule<'p>(&self, path: &'p str) -> Option<(&(CommitId, Option<Snapshot>), &'p str)> {
        if self.submodules.is_empty() {
            return None;
        }
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.into_iter()
            .find_map(|end| Some((self.submodules.get(path.get(..end)?)?, path.get(end..)?.trim_start_matches('/'))))
    }
}

impl Fs for Snapshot {
    fn lookup(&self, path: &str) -> Result<Entry, FsError> {
        match self.submodule(path) {
            None => self.tree.lookup(path),
            Some(((_, Some(submodule)), path)) => submodule.lookup(path),
            Some(((commit, None), "")) => Ok(Entry::Directory { id: commit.to_string() }),
            Some(_) => Ok(Entry::Missing),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
        match self.submodule(path) {
            None => self.tree.list(path),
            Some(((_, Some(submodule)), path)) => submodule.list(path),
            Some(_) => Ok(Vec::new()),
        }
    }

    fn identify(&self, path: &str) -> Result<Identity, FsError> {
        match self.submodule(path) {
            None => self.tree.identify(path),
            Some(((_, Some(submodule)), path)) => submodule.identify(path),
            Some(((commit, None), "")) => Ok(Identity::Directory(commit.to_string())),
            Some(_) => Ok(Identity::Missing),
        }
    }
}

struct Fetching<'f> {
    directory: &'f Path,
    options: &'f SnapshotOptions,
    count: usize,
}

impl Fetching<'_> {
    fn snapshot(&mut self, url: &str, reference: &str, depth: usize) -> Result<Snapshot, Error> {
        let directory = self.directory.join(self.count.to_string());
        self.count += 1;
        let (repository, commit) = self.fetch(&directory, url, reference)?;
        let tree = repository.tree(&commit)?;
        let mut submodules = BTreeMap::new();
        if !self.options.submodules {
            submodules.extend(repository.submodule_places(&commit)?.into_iter().map(|(path, id)| (path, (id, None))));
            return Ok(Snapshot { commit, tree, submodules });
        }
        for module in repository.submodules(&commit, url, &directory)? {
            if depth >= DEEPEST || self.count >= MOST {
                let message = format!("there are more than {MOST} submodules, or more than {DEEPEST} in one another");
                return Err(Error::Path { path: module.path, message });
            }
            let snapshot = match &module.url {
                Some(url) => {
                    if !self.options.local_submodules {
                        refuse_local(&module.path, url)?;
                    }
                    Some(self.snapshot(url, module.commit.as_str(), depth + 1)?)
                }
                None => None,
            };
            submodules.insert(module.path, (module.commit, snapshot));
        }
        Ok(Snapshot { commit, tree, submodules })
    }

    fn fetch(&self, directory: &Path, url: &str, reference: &str) -> Result<(Repository, CommitId), Error> {
        let SnapshotOptions { timeout, file_bytes, .. } = *self.options;
        let limits = Limits { silence: timeout, total: timeout, file_bytes, ..Limits::default() };
        let fetch = |credentials| {
            let repository = Repository::open(directory, url, credentials)?.with_limits(limits);
            let commit = repository.fetch_reference(reference)?;
            Ok((repository, commit))
        };
        // Without credentials a redirection may be followed, as many forges send one for a URL without `.git`.
        if Address::parse(url)?.protocol == Protocol::Http {
            match fetch(Credentials::None) {
                Err(Error::Authentication { .. }) => {}
                other => return other,
            }
        }
        fetch(Credentials::Ambient)
    }
}

/// Whether the git of the person who runs this process lets a repository reach others on this machine by its submodules,
/// which it does not unless it is told to: a repository from elsewhere could read files that are not its own.
#[must_use]
pub fn local_submodules_allowed() -> bool {
    let allowed = git2::Config::open_default().and_then(|config| config.get_string("protocol.file.allow"));
    allowed.is_ok_and(|allowed| allowed == "always")
}

fn refuse_local(path: &str, url: &str) -> Result<(), Error> {
    if Address::parse(url)?.protocol != Protocol::File {
        return Ok(());
    }
    let message = "this submodule lies on this machine, which git forbids; allow it with `git config --global protocol.file.allow always` if you trust it".into();
    Err(Error::Path { path: path.to_owned(), message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Remote;

    fn options(reference: &str, submodules: bool) -> SnapshotOptions {
        let timeout = Duration::from_mins(1);
        SnapshotOptions {
            reference: reference.to_owned(),
            submodules,
            local_submodules: false,
            timeout,
            file_bytes: 1_000,
        }
    }

    fn fetch(remote: &Remote, options: &SnapshotOptions) -> Result<Snapshot, Error> {
        std::fs::remove_dir_all(remote.cache()).ok();
        Snapshot::fetch(&remote.cache(), &remote.url(), options)
    }

    /// Adds a link to a commit of another repository.
    fn link(remote: &Remote, path: &str, commit: &CommitId) {
        remote.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},{path}")]);
        remote.git(&["commit", "-q", "-m", "link"]);
        remote.git(&["push", "-q", "-f", "origin", "HEAD:main"]);
    }

    #[test]
    fn the_files_of_a_reference_are_read() {
        let remote = Remote::new();
        let first = remote.push(&[("base/a.yaml", "a: 1\n")], "first");
        remote.push(&[("base/a.yaml", "a: 2\n")], "second");
        let snapshot = fetch(&remote, &options(first.as_str(), true)).unwrap();
        assert_eq!(*snapshot.commit(), first);
        assert!(matches!(snapshot.lookup("base/a.yaml").unwrap(), Entry::File { bytes, .. } if *bytes == *b"a: 1\n"));
        assert!(matches!(snapshot.lookup("base/b.yaml").unwrap(), Entry::Missing));
        assert_eq!(snapshot.list("").unwrap(), ["base"]);
    }

    #[test]
    fn a_submodule_that_is_not_fetched_is_an_empty_directory() {
        let (remote, other) = (Remote::new(), Remote::new());
        let commit = other.push(&[("a", "1")], "first");
        remote.push(&[("x", "1")], "first");
        link(&remote, "deep/sub", &commit);
        let snapshot = fetch(&remote, &options("", false)).unwrap();
        assert!(matches!(snapshot.lookup("deep/sub").unwrap(), Entry::Directory { id } if id == commit.as_str()));
        assert!(matches!(snapshot.lookup("deep/sub/a").unwrap(), Entry::Missing));
        assert!(matches!(snapshot.lookup("deep/subx").unwrap(), Entry::Missing));
        assert_eq!(snapshot.identify("deep/sub").unwrap(), Identity::Directory(commit.to_string()));
        let error = fetch(&remote, &options("", true)).unwrap_err();
        assert!(error.to_string().contains(".gitmodules names no url"), "{error}");
    }

    #[test]
    fn a_submodule_on_this_machine_is_refused_and_one_that_is_not_wanted_is_not_fetched() {
        let (remote, other) = (Remote::new(), Remote::new());
        let commit = other.push(&[("a", "1")], "first");
        let section =
            |update: &str| format!("[submodule \"x.y\"]\n\tpath = sub\n\turl = {}\n\tupdate = {update}\n", other.url());
        remote.push(&[(".gitmodules", &section("checkout"))], "first");
        link(&remote, "sub", &commit);
        let error = fetch(&remote, &options("", true)).unwrap_err();
        assert!(error.to_string().contains("protocol.file.allow"), "{error}");
        let allowed = SnapshotOptions { local_submodules: true, ..options("", true) };
        let snapshot = fetch(&remote, &allowed).unwrap();
        assert!(matches!(snapshot.lookup("sub/a").unwrap(), Entry::File { bytes, .. } if *bytes == *b"1"));
        assert!(matches!(snapshot.lookup("sub").unwrap(), Entry::Directory { .. }));
        assert!(matches!(snapshot.identify("sub/a").unwrap(), Identity::File(_)));
        remote.git(&["rm", "-q", "--cached", "sub"]);
        remote.push(&[(".gitmodules", &section("none"))], "second");
        link(&remote, "sub", &commit);
        assert!(matches!(fetch(&remote, &options("", true)).unwrap().lookup("sub").unwrap(), Entry::Directory { .. }));
    }
}
