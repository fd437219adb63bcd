//! What each commit of notes wrote.

use std::collections::{BTreeMap, BTreeSet};

use git2::Tree;

use super::{MOST_BYTES, MOST_NOTES, append, blob_text, head};
use crate::repository::Repository;
use crate::{CommitId, Error};

/// A commit of notes, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteCommit {
    /// Its id.
    pub id: CommitId,
    /// When it was made, in seconds since 1970-01-01 UTC, by the committer's clock.
    pub time: i64,
    /// The lines that it added, by the commit whose note they are in, without line ends.
    pub added: BTreeMap<CommitId, Vec<Vec<u8>>>,
    /// How many lines it took away, by the commit whose note lost them.
    pub lost: BTreeMap<CommitId, usize>,
}

impl Repository {
    /// The commits of a reference, the newest first and along first parents, no more of them than anybody needs.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn note_commits(&self, reference: &str) -> Result<Vec<NoteCommit>, Error> {
        self.inner.with(|handle| {
            let mut commits = Vec::new();
            let mut room = MOST_BYTES;
            let mut next = head(handle, reference)?;
            while let Some(commit) = next.filter(|_| commits.len() < MOST_NOTES) {
                let parent = commit.parent(0).ok();
                let before = parent.as_ref().map(git2::Commit::tree).transpose()?;
                let mut written = NoteCommit {
                    id: commit.id().into(),
                    time: commit.time().seconds(),
                    added: BTreeMap::new(),
                    lost: BTreeMap::new(),
                };
                for (id, [before, after]) in notes_changed(handle, before.as_ref(), &commit.tree()?)? {
                    let added = lines_without(&after, &before);
                    let lost = lines_without(&before, &after).len();
                    room = room.saturating_sub(added.iter().map(Vec::len).sum());
                    if !added.is_empty() {
                        written.added.insert(id.clone(), added);
                    }
                    if lost > 0 {
                        written.lost.insert(id, lost);
                    }
                }
                commits.push(written);
                if room == 0 {
                    break;
                }
                next = parent;
            }
            Ok(commits)
        })
    }
}

/// The notes that differ between two trees, before and after. One that only moved within the tree is the same on both sides.
fn notes_changed(
    handle: &git2::Repository,
    from: Option<&Tree<'_>>,
    to: &Tree<'_>,
) -> Result<BTreeMap<CommitId, [Vec<u8>; 2]>, Error> {
    let diff = handle.diff_tree_to_tree(from, Some(to), None)?;
    let mut notes: BTreeMap<CommitId, [Vec<u8>; 2]> = BTreeMap::new();
    for delta in diff.deltas() {
        for (side, file) in [delta.old_file(), delta.new_file()].into_iter().enumerate() {
            let path = file.path_bytes().map(String::from_utf8_lossy).unwrap_or_default().replace('/', "");
            if let Ok(id) = CommitId::parse(&path)
                && !file.id().is_zero()
            {
                append(&mut notes.entry(id).or_default()[side], &blob_text(handle, file.id())?);
            }
        }
    }
    Ok(notes)
}

/// The lines of a note that the other one does not have.
fn lines_without(note: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let other: BTreeSet<&[u8]> = other.split(|byte| *byte == b'\n').collect();
    let lines = note.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !other.contains(line));
    lines.map(<[u8]>::to_vec).collect()
}
