//! Reading commits.

use std::collections::{BTreeMap, BTreeSet};

use git2::{ErrorCode, Oid};

use crate::repository::Repository;
use crate::{Commit, CommitId, Error};

/// git itself takes no shorter abbreviation.
const SHORTEST_ABBREVIATION: usize = 4;

/// How many bytes of messages are read of one history.
const MOST_TEXT: usize = 64 << 20;

impl Repository {
    /// Finds the commit that a full or abbreviated id, a branch or a tag names. In a person's checkout, all of
    /// gitrevisions(7) that libgit2 knows works as well, such as `HEAD~2`.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] and [`Error::Ambiguous`].
    pub fn resolve(&self, revision: &str) -> Result<CommitId, Error> {
        let unknown = || Error::UnknownRevision { revision: revision.chars().take(200).collect() };
        let revision = revision.trim();
        if revision.is_empty() || revision.chars().any(char::is_control) {
            return Err(unknown());
        }
        self.inner.with(|handle| {
            if let Ok(id) = CommitId::parse(revision) {
                return handle.find_commit(id.oid()?).map(|_| id).map_err(|_| unknown());
            }
            for name in
                [format!("refs/heads/{revision}"), self.inner.tracking(revision), format!("refs/tags/{revision}")]
            {
                if git2::Reference::is_valid_name(&name)
                    && let Ok(reference) = handle.find_reference(&name)
                {
                    return reference.peel_to_commit().map(|commit| commit.id().into()).map_err(|_| unknown());
                }
            }
            if (SHORTEST_ABBREVIATION..40).contains(&revision.len())
                && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
            {
                match handle.find_commit_by_prefix(revision) {
                    Ok(commit) => return Ok(commit.id().into()),
                    Err(error) if error.code() == ErrorCode::Ambiguous => {
                        return Err(Error::Ambiguous { revision: revision.into() });
                    }
                    Err(_) => {}
                }
            }
            if self.inner.checkout {
                let object = handle.revparse_single(revision).and_then(|object| object.peel_to_commit());
                return object.map(|commit| commit.id().into()).map_err(|_| unknown());
            }
            Err(unknown())
        })
    }

    /// The tags that are known here and whose names begin with `prefix`, such as `promote/`, and the commits that they lead to.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn tags(&self, prefix: &str) -> Result<BTreeMap<String, CommitId>, Error> {
        self.inner.with(|handle| {
            let mut found = BTreeMap::new();
            for reference in handle.references_glob(&format!("refs/tags/{prefix}*"))? {
                let reference = reference?;
                if let (Ok(name), Ok(commit)) = (reference.name(), reference.peel_to_commit()) {
                    found.insert(name.trim_start_matches("refs/tags/").to_owned(), commit.id().into());
                }
            }
            Ok(found)
        })
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`].
    pub fn commit(&self, id: &CommitId) -> Result<Commit, Error> {
        self.inner.with(|handle| Ok(Commit::of(&find(handle, id)?)))
    }

    /// The commits from `head` along first parents, newest first, at most `limit`; `until` and what is behind it are left out. So are
    /// commits behind 64 MiB of messages, which no honest history has.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when `head` is not here.
    pub fn first_parents(&self, head: &CommitId, until: Option<&CommitId>, limit: usize) -> Result<Vec<Commit>, Error> {
        let until = until.map(CommitId::oid).transpose()?;
        self.inner.with(|handle| {
            let mut commits = Vec::new();
            let mut next = Some(find(handle, head)?);
            let mut text = 0;
            while let Some(commit) = next {
                text += commit.message_raw_bytes().len();
                if commits.len() >= limit || until == Some(commit.id()) || text > MOST_TEXT {
                    break;
                }
                commits.push(Commit::of(&commit));
                // The parents of the last commit of a shallow clone are not here.
                next = commit.parent(0).ok();
            }
            Ok(commits)
        })
    }

    /// Whether `ancestor` is `descendant` or comes before it.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when one of them is not here.
    pub fn is_ancestor(&self, ancestor: &CommitId, descendant: &CommitId) -> Result<bool, Error> {
        self.inner.with(|handle| {
            let (ancestor, descendant) = (find(handle, ancestor)?.id(), find(handle, descendant)?.id());
            Ok(ancestor == descendant || handle.graph_descendant_of(descendant, ancestor)?)
        })
    }

    /// The paths of all files that differ between two commits, whatever lies between them. A path that is no UTF-8 is
    /// shown with replacement characters.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when one of them is not here.
    pub fn changed_paths(&self, from: &CommitId, to: &CommitId) -> Result<BTreeSet<String>, Error> {
        self.inner.with(|handle| {
            let (from, to) = (find(handle, from)?.tree()?, find(handle, to)?.tree()?);
            let mut options = git2::DiffOptions::new();
            options.skip_binary_check(true).ignore_submodules(false);
            let diff = handle.diff_tree_to_tree(Some(&from), Some(&to), Some(&mut options))?;
            let files = diff.deltas().flat_map(|delta| {
                let paths = [delta.old_file().path_bytes(), delta.new_file().path_bytes()];
                paths.map(|path| path.map(|path| String::from_utf8_lossy(path).into_owned()))
            });
            Ok(files.flatten().collect())
        })
    }

    /// The paths of all files that differ between a commit and its first parent; all of its files when it has none.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when it is not here.
    pub fn changes_of(&self, id: &CommitId) -> Result<BTreeSet<String>, Error> {
        self.inner.with(|handle| {
            let commit = find(handle, id)?;
            let parent = commit.parent(0).ok().map(|parent| parent.tree()).transpose()?;
            let mut options = git2::DiffOptions::new();
            options.skip_binary_check(true).ignore_submodules(false);
            let diff = handle.diff_tree_to_tree(parent.as_ref(), Some(&commit.tree()?), Some(&mut options))?;
            let files = diff.deltas().flat_map(|delta| {
                let paths = [delta.old_file().path_bytes(), delta.new_file().path_bytes()];
                paths.map(|path| path.map(|path| String::from_utf8_lossy(path).into_owned()))
            });
            Ok(files.flatten().collect())
        })
    }

    /// The commit that a checkout is on, or the name of the branch, when it is on one: `(commit, branch)`.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] before the first commit.
    pub fn head(&self) -> Result<(CommitId, Option<String>), Error> {
        self.inner.with(|handle| {
            let unknown = |_| Error::UnknownRevision { revision: "HEAD".into() };
            let head = handle.head().map_err(unknown)?;
            let commit = head.peel_to_commit().map_err(unknown)?;
            let branch = head.is_branch().then(|| String::from_utf8_lossy(head.shorthand_bytes()).into_owned());
            Ok((commit.id().into(), branch))
        })
    }
}

pub(crate) fn find<'a>(handle: &'a git2::Repository, id: &CommitId) -> Result<git2::Commit<'a>, Error> {
    let oid: Oid = id.oid()?;
    handle.find_commit(oid).map_err(|error| match error.code() {
        ErrorCode::NotFound => Error::UnknownRevision { revision: id.to_string() },
        _ => error.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signature;
    use crate::testing::Remote;

    #[test]
    fn a_commit_is_found_by_all_its_names() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let second = remote.push(&[("a", "2")], "second");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        for (revision, id) in
            [("main", &second), (first.as_str(), &first), (first.short(), &first), (" main\n", &second)]
        {
            assert_eq!(repository.resolve(revision).unwrap(), *id, "{revision}");
        }
        assert_eq!(repository.resolve(&first.as_str().to_uppercase()).unwrap(), first);
        for revision in ["", "nothing", "0000000", &"0".repeat(40), "main~1", "-x", "a\nb", &"é".repeat(300)] {
            let error = repository.resolve(revision).unwrap_err();
            assert!(matches!(error, Error::UnknownRevision { .. }), "{revision}: {error}");
        }
    }

    #[test]
    fn an_abbreviation_of_two_commits_is_ambiguous() {
        let remote = Remote::new();
        remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let (mut seen, mut number) = (BTreeSet::new(), 0);
        let abbreviation = repository.inner.with(|handle| {
            loop {
                number += 1;
                let id = handle.blob(format!("{number}").as_bytes())?.to_string();
                if !seen.insert(id[..4].to_owned()) {
                    return Ok(id[..4].to_owned());
                }
            }
        });
        assert!(matches!(repository.resolve(&abbreviation.unwrap()), Err(Error::Ambiguous { .. })));
    }

    #[test]
    fn a_commit_tells_what_it_is() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let second = remote.push(&[("a", "2")], "subject\n\nbody\n\nPromote-To: staging");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let ada = Signature { name: "Ada".into(), email: "ada@example.com".into() };
        let commit = repository.commit(&second).unwrap();
        assert_eq!(commit.subject(), "subject");
        let message = "subject\n\nbody\n\nPromote-To: staging\n".into();
        let expected = Commit {
            id: second,
            parents: vec![first],
            author: ada.clone(),
            committer: ada,
            time: 1_700_000_000,
            message,
        };
        assert_eq!(commit, expected);
    }

    #[test]
    fn only_first_parents_are_walked() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        remote.git(&["checkout", "-q", "-b", "side"]);
        let side = remote.commit(&[("b", "1")], "side");
        remote.git(&["checkout", "-q", "-"]);
        let second = remote.push(&[("a", "2")], "second");
        remote.git(&["merge", "-q", "--no-ff", "-m", "merge", "side"]);
        let merge = remote.push(&[("a", "3")], "third");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let subjects = |until: Option<&CommitId>, limit| {
            let commits = repository.first_parents(&merge, until, limit).unwrap();
            commits.iter().map(|commit| commit.subject().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(subjects(None, 100), "third merge second first");
        assert_eq!(subjects(Some(&first), 100), "third merge second");
        assert_eq!(subjects(None, 2), "third merge");
        assert!(repository.is_ancestor(&side, &merge).unwrap());
        assert!(repository.is_ancestor(&merge, &merge).unwrap());
        assert!(!repository.is_ancestor(&second, &side).unwrap());
        let unknown = CommitId::parse(&"1".repeat(40)).unwrap();
        assert!(matches!(repository.is_ancestor(&unknown, &merge), Err(Error::UnknownRevision { .. })));
    }

    #[test]
    fn changed_paths_are_those_of_both_sides() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1"), ("dir/b", "1"), ("c", "1")], "first");
        remote.git(&["mv", "dir/b", "dir/é f"]);
        let second = remote.push(&[("a", "2")], "second");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let paths = repository.changed_paths(&first, &second).unwrap();
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["a", "dir/b", "dir/é f"]);
        assert!(repository.changed_paths(&first, &first).unwrap().is_empty());
    }
}
