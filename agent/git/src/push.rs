//! Making a commit without a checkout, and pushing it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, Oid, PushOptions};

use crate::history::find;
use crate::remote::{Call, end};
use crate::repository::Repository;
use crate::signing::{SigningKey, write_commit};
use crate::{CommitId, Error, Signature, Tree};

/// One file to write or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// Where, from the root of the repository, with `/` between names.
    pub path: String,
    /// The new content; `None` removes the file.
    pub content: Option<Vec<u8>>,
}

impl Repository {
    /// Makes a commit with `changes` on top of `parent`, signed if this repository has a key, and pushes it to `branch`, without force.
    ///
    /// The push only succeeds while the branch is at `parent`. Otherwise nothing is changed and the answer is
    /// [`Error::Rejected`]: fetch, decide anew, and try again.
    ///
    /// # Errors
    /// [`Error::Rejected`], [`Error::Refused`] with the server's words, [`Error::Path`] for a path that no repository can
    /// hold, and all that a server can do wrong.
    pub fn commit_and_push(
        &self,
        branch: &str,
        parent: &CommitId,
        changes: &[FileChange],
        message: &str,
        author: &Signature,
    ) -> Result<CommitId, Error> {
        let reference = format!("refs/heads/{branch}");
        let commit =
            self.inner.with(|handle| commit(handle, parent, changes, message, author, self.inner.key.as_ref()))?;
        let expected = parent.oid()?;
        let moves = [Move { reference, from: expected, to: commit, over: false }];
        let answers = self.inner.call(move |handle, call| push_all(handle, call, &moves))?;
        answers.into_iter().collect::<Result<(), Error>>()?;
        let tracking = self.inner.tracking(branch);
        self.inner.with(|handle| {
            handle.reference(&tracking, commit, true, "plumb: push")?;
            Ok(commit.into())
        })
    }

    /// The files of a commit with `changes`. It is written to the cache, and no reference leads to it.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`], and [`Error::Path`] for a path that no repository can hold.
    pub fn tree_with(&self, parent: &CommitId, changes: &[FileChange]) -> Result<Tree, Error> {
        let root = self.inner.with(|handle| changed(handle, &find(handle, parent)?.tree()?, changes))?;
        Ok(Tree::new(self.inner.clone(), root))
    }
}

pub(crate) fn commit(
    handle: &git2::Repository,
    parent: &CommitId,
    changes: &[FileChange],
    message: &str,
    author: &Signature,
    key: Option<&SigningKey>,
) -> Result<Oid, Error> {
    let parent = find(handle, parent)?;
    let tree = handle.find_tree(changed(handle, &parent.tree()?, changes)?)?;
    write_commit(handle, &tree, &[&parent], message, author, key)
}

/// The tree with other files.
fn changed(handle: &git2::Repository, base: &git2::Tree<'_>, changes: &[FileChange]) -> Result<Oid, Error> {
    let mut builder = TreeUpdateBuilder::new();
    for change in changes {
        check_path(&change.path)?;
        let present = base.get_path(std::path::Path::new(&change.path)).ok();
        match &change.content {
            Some(content) => {
                // A script stays executable; whatever else was there becomes a plain file.
                let executable = present.is_some_and(|entry| entry.filemode() == i32::from(FileMode::BlobExecutable));
                let mode = if executable { FileMode::BlobExecutable } else { FileMode::Blob };
                builder.upsert(change.path.as_str(), handle.blob(content)?, mode);
            }
            None if present.is_some() => {
                builder.remove(change.path.as_str());
            }
            None => {}
        }
    }
    let wrong = |error: git2::Error| Error::Path { path: paths(changes), message: error.message().to_owned() };
    builder.create_updated(handle, base).map_err(wrong)
}

fn paths(changes: &[FileChange]) -> String {
    changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ")
}

fn check_path(path: &str) -> Result<(), Error> {
    let bad = |name: &str| name.is_empty() || name == "." || name == ".." || name.eq_ignore_ascii_case(".git");
    if path.contains('\0') || path.split('/').any(bad) {
        let message = "no commit can hold this path; give one without empty parts, '.', '..' and '.git'".into();
        return Err(Error::Path { path: path.to_owned(), message });
    }
    Ok(())
}

/// A reference of the server that shall move.
#[derive(Clone)]
pub(crate) struct Move {
    pub(crate) reference: String,
    /// Where it must be before; zero when it must not be there.
    pub(crate) from: Oid,
    pub(crate) to: Oid,
    /// Whether it lets go of what is there and the new commit has not.
    pub(crate) over: bool,
}

impl Move {
    /// What people call it.
    fn name(&self) -> String {
        self.reference.strip_prefix("refs/heads/").unwrap_or(&self.reference).to_owned()
    }
}

/// Moves references of the server in one push, each only from where it is expected. The answer to each is in their order.
pub(crate) fn push_all(
    handle: &git2::Repository,
    call: &Call,
    moves: &[Move],
) -> Result<Vec<Result<(), Error>>, Error> {
    let all = || moves.iter().map(Move::name).collect::<Vec<_>>().join(", ");
    let mut callbacks = call.callbacks(handle);

    // libgit2 would also push onto a branch that somebody has set back, and so bring back what they took out.
    let (failure, expected) = (call.failure(), moves.to_vec());
    callbacks.push_negotiation(move |updates| {
        for moved in &expected {
            // An update names the reference both on this side and on that of the server.
            let update = updates.iter().find(|update| update.dst_refname().is_ok_and(|name| name == moved.reference));
            let now = update.map_or(Oid::ZERO_SHA1, git2::PushUpdate::src);
            if now != moved.from {
                let message = if now.is_zero() {
                    "it is gone".into()
                } else {
                    format!("it is at {now}, and not at {}", moved.from)
                };
                let error = Error::Rejected { branch: moved.name(), message };
                return Err(end(&failure, ErrorCode::NotFastForward, error));
            }
        }
        Ok(())
    });
    let statuses: Rc<RefCell<BTreeMap<String, Option<String>>>> = Rc::default();
    let told = statuses.clone();
    callbacks.push_update_reference(move |reference, status| {
        told.borrow_mut().insert(reference.to_owned(), status.map(str::to_owned));
        Ok(())
    });

    let mut options = PushOptions::new();
    options.remote_callbacks(callbacks).proxy_options(Call::proxy()).packbuilder_parallelism(1);
    let mut remote = handle.remote_anonymous(call.url()).map_err(|error| call.explain(&error))?;
    // The commits have no local references, so they are pushed by their ids.
    let specs: Vec<String> = moves
        .iter()
        .map(|moved| format!("{}{}:{}", if moved.over { "+" } else { "" }, moved.to, moved.reference))
        .collect();
    remote.push(&specs, Some(&mut options)).map_err(|error| match error.code() {
        ErrorCode::NotFastForward if call.failure().borrow().is_none() => {
            Error::Rejected { branch: all(), message: call.clean(error.message()) }
        }
        _ => call.explain(&error),
    })?;
    let statuses = statuses.borrow();
    Ok(moves.iter().map(|moved| answer(moved, statuses.get(&moved.reference), call)).collect())
}

/// What the server said to one move.
fn answer(moved: &Move, status: Option<&Option<String>>, call: &Call) -> Result<(), Error> {
    let branch = moved.name();
    match status {
        Some(None) => Ok(()),
        Some(Some(status)) if moves_on(status) => Err(Error::Rejected { branch, message: call.clean(status) }),
        Some(Some(status)) => {
            let words = [call.clean(status), call.said()].into_iter().filter(|words| !words.is_empty());
            Err(Error::Refused { branch, message: words.collect::<Vec<_>>().join(": ") })
        }
        None => Err(Error::Refused { branch, message: "it did not say what became of it".into() }),
    }
}

/// Whether the words of a server mean that somebody else was faster (`receive-pack` of git, and of the forges).
fn moves_on(status: &str) -> bool {
    ["non-fast-forward", "fetch first", "stale info", "cannot lock ref", "failed to update ref", "incorrect old value"]
        .iter()
        .any(|words| status.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;
    use crate::testing::{Remote, ada};

    fn write(path: &str, content: &str) -> FileChange {
        FileChange { path: path.into(), content: Some(content.into()) }
    }

    #[test]
    fn a_tree_is_made_without_a_commit() {
        let remote = Remote::new();
        let parent = remote.push(&[("a", "1"), ("b", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let changes = [write("a", "2"), FileChange { path: "b".into(), content: None }];
        let tree = repository.tree_with(&parent, &changes).unwrap();
        assert_eq!((tree.read("a").unwrap(), tree.read("b").unwrap()), (Some(b"2".to_vec()), None));
        assert_eq!(repository.tree_with(&parent, &[]).unwrap().id(), repository.tree(&parent).unwrap().id());
        assert_eq!(repository.fetch("main").unwrap().head, parent, "nothing was pushed");
    }

    #[test]
    fn a_commit_is_made_on_the_parent_and_pushed() {
        let remote = Remote::new();
        let parent = remote.push(&[("a", "1"), ("dir/b", "1"), ("c", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let changes = [write("dir/new/é.yaml", "x"), write("a", "2"), FileChange { path: "c".into(), content: None }];
        let changes = [&changes[..], &[FileChange { path: "absent".into(), content: None }]].concat();
        let id =
            repository.commit_and_push("main", &parent, &changes, "promote\n\nPromoted-To: staging\n", &ada()).unwrap();

        assert_eq!(remote.git_in(&remote.path(), &["rev-parse", "main"]), id.as_str());
        remote.git_in(&remote.path(), &["fsck", "--strict"]);
        let files =
            remote.git_in(&remote.path(), &["-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", "main"]);
        assert_eq!(files, "a\ndir/b\ndir/new/é.yaml");
        let log = remote.git_in(&remote.path(), &["log", "-1", "--format=%P|%an|%ce|%(trailers)", "main"]);
        assert_eq!(log.trim_end(), format!("{parent}|Ada|ada@example.com|Promoted-To: staging"));
        let fetched = repository.fetch("main").unwrap();
        assert_eq!((fetched.head, fetched.previous), (id.clone(), Some(id)));
    }

    #[test]
    fn a_script_stays_executable() {
        let remote = Remote::new();
        remote.commit(&[("run", "1")], "first");
        remote.git(&["update-index", "--chmod=+x", "run"]);
        remote.git(&["commit", "-q", "-m", "executable"]);
        remote.git(&["push", "-q", "origin", "HEAD:main"]);
        let repository = remote.open();
        let parent = repository.fetch("main").unwrap().head;
        repository.commit_and_push("main", &parent, &[write("run", "2")], "change", &ada()).unwrap();
        assert!(remote.git_in(&remote.path(), &["ls-tree", "main"]).starts_with("100755 "));
    }

    #[test]
    fn a_branch_that_moved_rejects_the_push() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let second = remote.push(&[("a", "2")], "second");
        let push = |parent: &CommitId| repository.commit_and_push("main", parent, &[write("pin", "1")], "pin", &ada());

        let error = push(&first).unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "{error}");
        assert_eq!(error.class(), Class::Transient);
        assert_eq!(remote.git_in(&remote.path(), &["rev-parse", "main"]), second.as_str());

        repository.fetch("main").unwrap();
        assert!(matches!(push(&first), Err(Error::Rejected { .. })), "the new head is known, and the parent is old");
        let third = push(&second).unwrap();

        remote.git(&["push", "-q", "-f", "origin", &format!("{first}:main")]);
        let error = push(&third).unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "a branch that was set back is not brought forward: {error}");
        remote.git_in(&remote.path(), &["update-ref", "-d", "refs/heads/main"]);
        let error = push(&third).unwrap_err();
        assert!(matches!(error, Error::Rejected { .. }), "a branch that was deleted is not made anew: {error}");
    }

    #[test]
    fn a_path_that_no_commit_can_hold_is_refused() {
        let remote = Remote::new();
        let parent = remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        for path in ["", "/a", "a//b", "../a", "a/./b", ".git/config", "a/.GIT/x", "a\0b", "a/below/a/file"] {
            let error = repository.commit_and_push("main", &parent, &[write(path, "x")], "m", &ada()).unwrap_err();
            assert!(matches!(error, Error::Path { .. }), "{path:?}: {error}");
        }
    }
}
