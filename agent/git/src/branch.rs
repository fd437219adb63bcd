//! Branches beside the tracked one: those of pull requests.

use std::sync::Arc;

use git2::Oid;

use crate::fetch::{Wanted, download};
use crate::history::find;
use crate::push::{Move, commit, push_all};
use crate::repository::Repository;
use crate::{CommitId, Error, FileChange, Signature, Tree};

impl Repository {
    /// Fetches what a full name such as `refs/pull/1/head` means at the server, with its history; `None` when there is no such reference.
    ///
    /// # Errors
    /// All that a server can do wrong.
    pub fn fetch_head(&self, reference: &str) -> Result<Option<CommitId>, Error> {
        let wanted = reference.to_owned();
        let kept = "refs/plumb/head".to_owned();
        let wanted = Wanted { branch: wanted.clone(), reference: wanted, also: Vec::new(), known: Arc::default() };
        match self.inner.call(move |handle, call| download(handle, call, &wanted, &kept)) {
            Ok(listing) => Ok(Some(listing.head.into())),
            Err(Error::UnknownBranch { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a commit with `changes` on top of `parent`, and moves `branch` to it from `replaced`, whatever is there; `None` makes the
    /// branch. For branches that nobody but Plumb writes to.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the branch is not at `replaced`, [`Error::Refused`] with the server's words, [`Error::Path`] for a path that
    /// no repository can hold, and all that a server can do wrong.
    pub fn commit_and_replace(
        &self,
        branch: &str,
        replaced: Option<&CommitId>,
        parent: &CommitId,
        changes: &[FileChange],
        message: &str,
        author: &Signature,
    ) -> Result<CommitId, Error> {
        let reference = format!("refs/heads/{branch}");
        let made =
            self.inner.with(|handle| commit(handle, parent, changes, message, author, self.inner.key.as_ref()))?;
        let expected = replaced.map(CommitId::oid).transpose()?.unwrap_or(Oid::ZERO_SHA1);
        let moves = [Move { reference, from: expected, to: made, over: true }];
        let answers = self.inner.call(move |handle, call| push_all(handle, call, &moves))?;
        answers.into_iter().collect::<Result<(), Error>>()?;
        Ok(made.into())
    }

    /// The files that a merge of `head` into `base` would have; `None` when they conflict.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when one of them is not here.
    pub fn merged_tree(&self, base: &CommitId, head: &CommitId) -> Result<Option<Tree>, Error> {
        let root = self.inner.with(|handle| {
            let (base, head) = (find(handle, base)?, find(handle, head)?);
            let mut options = git2::MergeOptions::new();
            // Whoever sends a pull request must not decide how long this takes.
            options.find_renames(true).target_limit(200).fail_on_conflict(false);
            let mut index = handle.merge_commits(&base, &head, Some(&options))?;
            if index.has_conflicts() {
                return Ok(None);
            }
            Ok(Some(index.write_tree_to(handle)?))
        })?;
        Ok(root.map(|root| Tree::new(self.inner.clone(), root)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Remote, ada};

    fn write(path: &str, content: &str) -> FileChange {
        FileChange { path: path.into(), content: Some(content.into()) }
    }

    #[test]
    fn a_branch_is_made_and_replaced_and_never_by_surprise() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let branch = "plumb/promote/prod";
        let replace = |replaced: Option<&CommitId>, parent: &CommitId, text: &str| {
            repository.commit_and_replace(branch, replaced, parent, &[write("pin", text)], "promote", &ada())
        };
        let reference = format!("refs/heads/{branch}");
        assert_eq!(repository.fetch_head(&reference).unwrap(), None);
        let made = replace(None, &first, "1").unwrap();
        assert_eq!(repository.fetch_head(&reference).unwrap(), Some(made.clone()));
        assert!(matches!(replace(None, &first, "2"), Err(Error::Rejected { .. })), "it is there already");

        let second = remote.push(&[("a", "2")], "second");
        repository.fetch("main").unwrap();
        let rebased = replace(Some(&made), &second, "1").unwrap();
        assert_eq!(repository.commit(&rebased).unwrap().parents, [second]);
        assert!(matches!(replace(Some(&made), &first, "3"), Err(Error::Rejected { .. })), "somebody was faster");
        assert_eq!(repository.fetch_head(&reference).unwrap(), Some(rebased));
        assert_eq!(remote.git_in(&remote.path(), &["rev-list", "--count", "main"]), "2", "the tracked branch stays");
    }

    #[test]
    fn a_pull_request_comes_with_its_history() {
        let remote = Remote::new();
        remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        let base = repository.fetch("main").unwrap().head;
        remote.commit(&[("b", "1")], "second");
        let head = remote.commit(&[("b", "2")], "third");
        remote.git(&["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
        assert_eq!(repository.fetch_head("refs/pull/1/head").unwrap(), Some(head.clone()));
        assert!(repository.is_ancestor(&base, &head).unwrap());
    }

    #[test]
    fn a_merge_is_tried_without_making_one() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1\n"), ("b", "1\n")], "first");
        let head = remote.commit(&[("b", "2\n")], "pull request");
        remote.git(&["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
        remote.git(&["reset", "-q", "--hard", first.as_str()]);
        let base = remote.push(&[("a", "2\n")], "meanwhile");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        repository.fetch_head("refs/pull/1/head").unwrap();
        let tree = repository.merged_tree(&base, &head).unwrap().unwrap();
        assert_eq!(
            (tree.read("a").unwrap().unwrap(), tree.read("b").unwrap().unwrap()),
            (b"2\n".to_vec(), b"2\n".to_vec())
        );
        let other = remote.push(&[("b", "3\n")], "a conflict");
        repository.fetch("main").unwrap();
        assert!(repository.merged_tree(&other, &head).unwrap().is_none());
    }
}
