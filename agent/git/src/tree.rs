//! The files of a commit, read straight from the object store.

use std::fmt;
use std::sync::Arc;

use git2::{ObjectType, Oid};
use plumb_kustomize::{Entry, Fs, FsError, Identity};

use crate::history::find;
use crate::repository::{Inner, Repository};
use crate::{CommitId, Error};

const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;
const DIRECTORY: i32 = 0o040_000;

/// The files of one commit. The ids of files, links and directories are those of git's objects.
#[derive(Clone)]
pub struct Tree {
    inner: Arc<Inner>,
    root: Oid,
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tree").field(&self.root).finish()
    }
}

impl Repository {
    /// The files of a commit.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`].
    pub fn tree(&self, revision: &CommitId) -> Result<Tree, Error> {
        let root = self.inner.with(|handle| Ok(find(handle, revision)?.tree_id()))?;
        Ok(Tree { inner: self.inner.clone(), root })
    }
}

impl Tree {
    pub(crate) fn new(inner: Arc<Inner>, root: Oid) -> Self {
        Self { inner, root }
    }

    /// The id of the tree object: equal trees have equal files.
    #[must_use]
    pub fn id(&self) -> String {
        self.root.to_string()
    }

    /// The content of a file; `None` when nothing is there.
    ///
    /// # Errors
    /// [`Error::Path`] for what is no file, lies in a submodule, or is larger than [`crate::Limits::file_bytes`].
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let what = match self.find(path)? {
            Entry::File { bytes, .. } => return Ok(Some(bytes.to_vec())),
            Entry::Missing => return Ok(None),
            Entry::Directory { .. } => "a directory",
            Entry::Symlink { .. } => "a symbolic link",
        };
        Err(wrong(path, format!("a file is expected here, and this is {what}")))
    }

    /// The names in a directory, in git's order; `None` when it is not there.
    ///
    /// # Errors
    /// When the object store fails.
    pub fn names(&self, path: &str) -> Result<Option<Vec<String>>, Error> {
        let Entry::Directory { id } = self.find(path)? else { return Ok(None) };
        self.inner.with(|handle| {
            let tree = handle.find_tree(Oid::from_str(&id)?)?;
            Ok(Some(tree.iter().map(|entry| String::from_utf8_lossy(entry.name_bytes()).into_owned()).collect()))
        })
    }

    fn find(&self, path: &str) -> Result<Entry, Error> {
        self.inner.with(|handle| {
            let Some((id, mode)) = self.place(handle, path)? else { return Ok(Entry::Missing) };
            if mode == DIRECTORY {
                return Ok(Entry::Directory { id: id.to_string() });
            }
            let bytes = blob(handle, id, path, self.inner.limits.file_bytes)?;
            let id = id.to_string();
            if mode != LINK {
                return Ok(Entry::File { id, bytes });
            }
            let target =
                std::str::from_utf8(&bytes).map_err(|_| wrong(path, "the target of this link is no UTF-8".into()))?;
            Ok(Entry::Symlink { id, target: target.to_owned() })
        })
    }

    /// The id and mode of what is at a path, from the directories alone.
    fn place(&self, handle: &git2::Repository, path: &str) -> Result<Option<(Oid, i32)>, Error> {
        let (mut id, mut mode) = (self.root, DIRECTORY);
        for name in path.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if mode != DIRECTORY {
                return Ok(None);
            }
            let tree = handle.find_tree(id)?;
            let Some(entry) = tree.get_name_bytes(name.as_bytes()) else { return Ok(None) };
            (id, mode) = (entry.id(), entry.filemode_raw());
            if mode == SUBMODULE {
                return Err(submodule(path));
            }
        }
        Ok(Some((id, mode)))
    }
}

fn blob(handle: &git2::Repository, id: Oid, path: &str, limit: usize) -> Result<Arc<[u8]>, Error> {
    // The header tells the size, so that a file which is too large is never unpacked.
    let (size, kind) = handle.odb()?.read_header(id)?;
    if kind != ObjectType::Blob {
        return Err(Error::internal(format!("{path:?} is a {kind} in the object store")));
    }
    if size > limit {
        return Err(wrong(
            path,
            format!("the file has {size} bytes, and at most {limit} are read; keep large files out of the overlays"),
        ));
    }
    Ok(Arc::from(handle.find_blob(id)?.content()))
}

fn submodule(path: &str) -> Error {
    wrong(path, "this is a git submodule, whose files are not in this repository; commit the files themselves".into())
}

fn wrong(path: &str, message: String) -> Error {
    Error::Path { path: path.to_owned(), message }
}

impl Fs for Tree {
    fn lookup(&self, path: &str) -> Result<Entry, FsError> {
        self.find(path).map_err(|error| unreadable(path, error))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
        Ok(self.names(path).map_err(|error| unreadable(path, error))?.unwrap_or_default())
    }

    fn identify(&self, path: &str) -> Result<Identity, FsError> {
        let found = self.inner.with(|handle| self.place(handle, path)).map_err(|error| unreadable(path, error))?;
        Ok(match found {
            None => Identity::Missing,
            Some((id, DIRECTORY)) => Identity::Directory(id.to_string()),
            Some((id, LINK)) => Identity::Symlink(id.to_string()),
            Some((id, _)) => Identity::File(id.to_string()),
        })
    }
}

fn unreadable(path: &str, error: Error) -> FsError {
    let message = match error {
        Error::Path { message, .. } => message,
        other => other.to_string(),
    };
    FsError { path: path.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::testing::Remote;
    use expect_test::{Expect, expect};

    fn check(tree: &Tree, path: &str, expected: &Expect) {
        let line = match tree.lookup(path) {
            Ok(Entry::File { id, bytes }) => format!("file {} {:?}", &id[..7], String::from_utf8_lossy(&bytes)),
            Ok(Entry::Directory { id }) => format!("directory {}", &id[..7]),
            Ok(Entry::Symlink { id, target }) => format!("link {} {target:?}", &id[..7]),
            Ok(Entry::Missing) => "missing".into(),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&line);
        let identified = match (tree.identify(path), tree.lookup(path)) {
            (Ok(Identity::File(id)), Ok(Entry::File { id: found, .. }))
            | (Ok(Identity::Directory(id)), Ok(Entry::Directory { id: found }))
            | (Ok(Identity::Symlink(id)), Ok(Entry::Symlink { id: found, .. })) => id == found,
            (Ok(Identity::Missing), Ok(Entry::Missing)) => true,
            _ => false,
        };
        assert!(identified, "{path}: {:?}", tree.identify(path));
    }

    fn remote_with_everything() -> (Remote, Tree) {
        let remote = Remote::new();
        remote.commit(&[("base/a.yaml", "a: 1\n"), ("dir with space/ünï.yaml", "b"), ("empty", "")], "files");
        std::os::unix::fs::symlink("../base/a.yaml", remote.work().join("base/link")).unwrap();
        let submodule = format!("160000,{},sub", "1".repeat(40));
        remote.git(&["update-index", "--add", "--cacheinfo", &submodule]);
        remote.git(&["add", "base"]);
        remote.git(&["commit", "-q", "-m", "link and submodule"]);
        remote.git(&["push", "-q", "origin", "HEAD:main"]);
        let repository = remote.open();
        let head = repository.fetch("main").unwrap().head;
        let tree = repository.tree(&head).unwrap();
        (remote, tree)
    }

    #[test]
    fn everything_is_found_as_git_stores_it() {
        let (remote, tree) = remote_with_everything();
        assert_eq!(tree.id(), remote.git(&["rev-parse", "HEAD^{tree}"]));
        check(&tree, "base/a.yaml", &expect![[r#"file a8926a5 "a: 1\n""#]]);
        check(&tree, "dir with space/ünï.yaml", &expect![[r#"file 63d8dbd "b""#]]);
        check(&tree, "empty", &expect![[r#"file e69de29 """#]]);
        check(&tree, "base", &expect!["directory b7cc890"]);
        check(&tree, "base/link", &expect![[r#"link 4e2d496 "../base/a.yaml""#]]);
        check(&tree, "nothing/at/all", &expect!["missing"]);
        check(&tree, "base/a.yaml/below", &expect!["missing"]);
        check(&tree, "base/link/below", &expect!["missing"]);
        check(&tree, "base/..", &expect!["missing"]);
        let submodule = r#"can not read "sub": this is a git submodule, whose files are not in this repository; commit the files themselves"#;
        assert_eq!(tree.lookup("sub").unwrap_err().to_string(), submodule);
        assert!(tree.lookup("sub/kustomization.yaml").is_err());
        assert_eq!(tree.identify("sub").unwrap_err().to_string(), submodule);
        assert!(matches!(tree.lookup("").unwrap(), Entry::Directory { id } if id == tree.id()));
    }

    #[test]
    fn a_file_is_read() {
        let (_remote, tree) = remote_with_everything();
        assert_eq!(tree.read("base/a.yaml").unwrap().as_deref(), Some("a: 1\n".as_bytes()));
        assert_eq!(tree.read("/base//a.yaml").unwrap().as_deref(), Some("a: 1\n".as_bytes()));
        assert_eq!(tree.read("base/b.yaml").unwrap(), None);
        let error = tree.read("base").unwrap_err();
        assert_eq!(error.to_string(), r#""base": a file is expected here, and this is a directory"#);
        assert_eq!(tree.names("").unwrap().unwrap(), ["base", "dir with space", "empty", "sub"]);
        assert_eq!(tree.names("empty").unwrap(), None);
    }

    #[test]
    fn a_large_file_is_not_read() {
        let remote = Remote::new();
        let id = remote.push(&[("large", &"x".repeat(1_000))], "large");
        let repository = remote.open().with_limits(Limits { file_bytes: 999, ..Limits::default() });
        repository.fetch("main").unwrap();
        let tree = repository.tree(&id).unwrap();
        assert!(matches!(tree.identify("large"), Ok(Identity::File(_))), "its id is known without reading it");
        let error = tree.read("large").unwrap_err();
        let expected =
            r#""large": the file has 1000 bytes, and at most 999 are read; keep large files out of the overlays"#;
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_tree_is_read_from_many_threads() {
        let (_remote, tree) = remote_with_everything();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| (0..50).for_each(|_| assert!(tree.read("base/a.yaml").unwrap().is_some())));
            }
        });
    }
}
