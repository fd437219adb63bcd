//! Notes on commits, in the layout of git-notes(1): a tree whose paths are the ids of the commits, cut after any two digits.

mod written;

use std::collections::BTreeMap;

use git2::build::TreeUpdateBuilder;
use git2::{ErrorCode, FileMode, ObjectType, Oid, Tree};

use crate::push::{Move, push_all};
use crate::repository::Repository;
use crate::signing::{SigningKey, write_commit};
use crate::{CommitId, Error, Signature};
pub use written::NoteCommit;

/// How often a push is tried that somebody else was faster than.
const ATTEMPTS: usize = 5;
/// Notes of more references than this are written as one pack. A file for each object, written through, would take as long as all else.
const LOOSE: usize = 16;
/// No more notes than this are read of one reference.
const MOST_NOTES: usize = 100_000;
/// No more bytes than this are read of all notes of one reference.
const MOST_BYTES: usize = 64 << 20;
/// A note beyond this many bytes is cut when it is read.
const LONGEST_NOTE: usize = 1 << 20;

/// Lines to add to one note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteLines {
    /// The reference that holds the notes, such as `refs/notes/plumb/prod`.
    pub reference: String,
    /// The commit that the note is on.
    pub revision: CommitId,
    /// Lines, each with the line break at its end.
    pub lines: Vec<String>,
}

/// The note with these lines added; `None` when there is nothing to add.
pub type Merge = fn(&[u8], &[String]) -> Option<Vec<u8>>;

impl Repository {
    /// The references with notes that are known here and whose names begin with `prefix`, and what they lead to.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn note_references(&self, prefix: &str) -> Result<BTreeMap<String, CommitId>, Error> {
        self.inner.with(|handle| {
            let mut found = BTreeMap::new();
            for reference in handle.references_glob(&format!("{prefix}*"))? {
                let reference = reference?;
                if let (Ok(name), Some(id)) = (reference.name(), reference.target()) {
                    found.insert(name.to_owned(), CommitId::from(id));
                }
            }
            Ok(found)
        })
    }

    /// The note on a commit, as far as it is known here.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn note(&self, reference: &str, revision: &CommitId) -> Result<Option<Vec<u8>>, Error> {
        self.inner.with(|handle| {
            let Some(tree) = head(handle, reference)?.map(|commit| commit.tree()).transpose()? else {
                return Ok(None);
            };
            Ok(read(handle, &tree, revision.as_str())?.map(|(_, text)| text))
        })
    }

    /// All notes of a reference, as far as they are known here and no more of them than anybody needs.
    ///
    /// # Errors
    /// When the repository can't be read.
    pub fn notes(&self, reference: &str) -> Result<Vec<(CommitId, Vec<u8>)>, Error> {
        self.inner.with(|handle| {
            let Some(tree) = head(handle, reference)?.map(|commit| commit.tree()).transpose()? else {
                return Ok(Vec::new());
            };
            let mut notes: BTreeMap<CommitId, Vec<u8>> = BTreeMap::new();
            let mut room = MOST_BYTES;
            for (id, blob) in places(handle, &tree)? {
                let text = blob_text(handle, blob)?;
                let Some(left) = room.checked_sub(text.len()) else { break };
                room = left;
                append(notes.entry(id).or_default(), &text);
            }
            Ok(notes.into_iter().collect())
        })
    }

    /// Adds lines to notes, one commit on each reference, and pushes all of them at once. A reference that somebody else moved is
    /// fetched, and the lines are added on top of what is there now: what is there is never taken away.
    ///
    /// # Errors
    /// [`Error::Rejected`] when others are faster again and again, [`Error::Refused`] with the server's words, and all that a server
    /// can do wrong. What was pushed until then stays, and is not added again by another attempt.
    pub fn add_to_notes(
        &self,
        additions: &[NoteLines],
        merge: Merge,
        message: &str,
        author: &Signature,
    ) -> Result<(), Error> {
        let mut by_reference: BTreeMap<&str, Vec<&NoteLines>> = BTreeMap::new();
        for addition in additions {
            by_reference.entry(&addition.reference).or_default().push(addition);
        }
        let key = self.inner.key.as_ref();
        let prepare_all = |handle: &git2::Repository| {
            let mut moves = Vec::new();
            for (reference, additions) in &by_reference {
                moves.extend(prepare(handle, reference, additions, merge, message, author, key)?);
            }
            Ok(moves)
        };
        let many = by_reference.len() > LOOSE;
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let moves = if many { self.inner.with_pack(prepare_all) } else { self.inner.with(prepare_all) }?;
            if moves.is_empty() {
                return Ok(());
            }
            let pushed = moves.clone();
            match self.inner.call(move |handle, call| push_all(handle, call, &pushed)) {
                Ok(answers) => {
                    self.inner.with(|handle| {
                        for (moved, _) in moves.iter().zip(&answers).filter(|(_, answer)| answer.is_ok()) {
                            handle.reference(&moved.reference, moved.to, true, "plumb: notes")?;
                        }
                        Ok(())
                    })?;
                    last = None;
                    for answer in answers {
                        match answer {
                            Err(error @ Error::Rejected { .. }) => last = Some(error),
                            other => other?,
                        }
                    }
                    if last.is_none() {
                        return Ok(());
                    }
                }
                Err(error @ Error::Rejected { .. }) => last = Some(error),
                Err(error) => return Err(error),
            }
            let references: Vec<String> = by_reference.keys().map(|reference| (*reference).to_owned()).collect();
            self.fetch_references(&references)?;
        }
        Err(last.unwrap_or_else(|| Error::internal("the notes could not be pushed")))
    }
}

/// The commit that a reference leads to, if there is one.
fn head<'r>(handle: &'r git2::Repository, reference: &str) -> Result<Option<git2::Commit<'r>>, Error> {
    match handle.find_reference(reference) {
        Ok(found) => Ok(Some(found.peel_to_commit()?)),
        Err(error) if error.code() == ErrorCode::NotFound || error.code() == ErrorCode::InvalidSpec => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The note on a commit and the path at which it is. Where several layouts hold one, git reads all of them, one after another.
fn read(handle: &git2::Repository, root: &Tree<'_>, id: &str) -> Result<Option<(String, Vec<u8>)>, Error> {
    let mut found: Option<(String, Vec<u8>)> = None;
    let (mut tree, mut cut) = (root.clone(), 0);
    let mut path = String::new();
    loop {
        let (name, rest) = (&id[cut..], &id[cut..(cut + 2).min(id.len())]);
        if let Some(entry) = tree.get_name(name)
            && entry.kind() == Some(ObjectType::Blob)
        {
            let text = blob_text(handle, entry.id())?;
            let (_, whole) = found.get_or_insert_with(|| (format!("{path}{name}"), Vec::new()));
            append(whole, &text);
        }
        let below = tree.get_name(rest).filter(|entry| entry.kind() == Some(ObjectType::Tree)).map(|entry| entry.id());
        let Some(below) = below.filter(|_| cut + 2 < id.len()) else { break };
        tree = handle.find_tree(below)?;
        path.push_str(rest);
        path.push('/');
        cut += 2;
    }
    Ok(found)
}

/// All notes of a tree, in any layout.
fn places(handle: &git2::Repository, root: &Tree<'_>) -> Result<Vec<(CommitId, Oid)>, Error> {
    let mut found = Vec::new();
    let mut trees = vec![(String::new(), root.clone())];
    while let Some((prefix, tree)) = trees.pop() {
        for entry in &tree {
            let Ok(name) = entry.name() else { continue };
            let path = format!("{prefix}{name}");
            match entry.kind() {
                Some(ObjectType::Blob) => found.extend(CommitId::parse(&path).ok().map(|id| (id, entry.id()))),
                Some(ObjectType::Tree) if name.len() == 2 && path.len() < 40 => {
                    trees.push((path, handle.find_tree(entry.id())?));
                }
                _ => {}
            }
            if found.len() >= MOST_NOTES {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

fn blob_text(handle: &git2::Repository, id: Oid) -> Result<Vec<u8>, Error> {
    let (size, _) = handle.odb()?.read_header(id)?;
    if size > LONGEST_NOTE * 16 {
        return Ok(Vec::new());
    }
    let blob = handle.find_blob(id)?;
    let content = blob.content();
    Ok(content[..content.len().min(LONGEST_NOTE)].to_vec())
}

fn append(whole: &mut Vec<u8>, text: &[u8]) {
    if !whole.is_empty() && whole.last() != Some(&b'\n') {
        whole.push(b'\n');
    }
    whole.extend_from_slice(text);
}

/// The commit that adds lines to the notes of one reference; `None` when all of them are there.
fn prepare(
    handle: &git2::Repository,
    reference: &str,
    additions: &[&NoteLines],
    merge: Merge,
    message: &str,
    author: &Signature,
    key: Option<&SigningKey>,
) -> Result<Option<Move>, Error> {
    let parent = head(handle, reference)?;
    let base = match &parent {
        Some(commit) => commit.tree()?,
        None => handle.find_tree(handle.treebuilder(None)?.write()?)?,
    };
    let mut builder = TreeUpdateBuilder::new();
    let mut changed = false;
    for addition in additions {
        let id = addition.revision.as_str();
        let there = read(handle, &base, id)?;
        // One level keeps the trees small that each commit writes anew.
        let (path, text) = there.unwrap_or_else(|| (format!("{}/{}", &id[..2], &id[2..]), Vec::new()));
        if let Some(text) = merge(&text, &addition.lines) {
            builder.upsert(path, handle.blob(&text)?, FileMode::Blob);
            changed = true;
        }
    }
    if !changed {
        return Ok(None);
    }
    let tree = handle.find_tree(builder.create_updated(handle, &base)?)?;
    let parents: Vec<_> = parent.iter().collect();
    let to = write_commit(handle, &tree, &parents, message, author, key)?;
    Ok(Some(Move {
        reference: reference.to_owned(),
        from: parent.map_or(Oid::ZERO_SHA1, |parent| parent.id()),
        to,
        over: false,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Remote, ada};

    const NOTES: &str = "refs/notes/plumb/dev";

    fn merge(note: &[u8], lines: &[String]) -> Option<Vec<u8>> {
        let known = String::from_utf8_lossy(note).into_owned();
        let new: String = lines.iter().filter(|line| !known.contains(line.as_str())).cloned().collect();
        (!new.is_empty()).then(|| [known, new].concat().into_bytes())
    }

    fn lines(reference: &str, revision: &CommitId, line: &str) -> NoteLines {
        NoteLines { reference: reference.into(), revision: revision.clone(), lines: vec![format!("{line}\n")] }
    }

    fn add(repository: &Repository, additions: &[NoteLines]) -> Result<(), Error> {
        repository.add_to_notes(additions, merge, "ledger", &ada())
    }

    fn git(remote: &Remote, arguments: &[&str]) -> String {
        remote.git_in(&remote.path(), arguments)
    }

    #[test]
    fn git_shows_what_was_added_and_nothing_is_taken_away() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let second = remote.push(&[("a", "2")], "second");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        add(&repository, &[lines(NOTES, &first, "applied"), lines("refs/notes/plumb/prod", &first, "held")]).unwrap();
        add(&repository, &[lines(NOTES, &first, "healthy"), lines(NOTES, &second, "applied")]).unwrap();
        assert_eq!(git(&remote, &["notes", "--ref=plumb/dev", "show", first.as_str()]), "applied\nhealthy");
        let log = git(&remote, &["log", "--notes=plumb/*", "main"]);
        assert!(
            log.contains("Notes (plumb/dev):\n    applied\n    healthy") && log.contains("Notes (plumb/prod):"),
            "{log}"
        );
        assert_eq!(git(&remote, &["rev-list", "--count", NOTES]), "2");
        assert_eq!(git(&remote, &["notes", "--ref=plumb/dev", "list"]).lines().count(), 2);
        git(&remote, &["fsck", "--strict"]);

        let head = git(&remote, &["rev-parse", NOTES]);
        add(&repository, &[lines(NOTES, &first, "healthy")]).unwrap();
        assert_eq!(git(&remote, &["rev-parse", NOTES]), head, "what is there is not added again");
    }

    #[test]
    fn the_notes_of_many_references_are_written_as_one_pack() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let packs = || std::fs::read_dir(remote.cache().join("objects/pack")).unwrap().count();
        let before = packs();
        let references: Vec<String> = (0..=LOOSE).map(|number| format!("refs/notes/plumb/env-{number}")).collect();
        for line in ["applied", "healthy"] {
            let additions: Vec<_> = references.iter().map(|reference| lines(reference, &first, line)).collect();
            add(&repository, &additions).unwrap();
        }
        assert_eq!(packs() - before, 4, "a pack and its index for each");
        for reference in &references {
            assert_eq!(git(&remote, &["notes", "--ref", reference, "show", first.as_str()]), "applied\nhealthy");
            assert_eq!(repository.note(reference, &first).unwrap().unwrap(), b"applied\nhealthy\n");
        }
        git(&remote, &["fsck", "--strict"]);
    }

    #[test]
    fn every_layout_of_git_is_read_and_kept() {
        let remote = Remote::new();
        let (first, second) = (remote.push(&[("a", "1")], "first"), remote.push(&[("a", "2")], "second"));
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let (one, two) = (first.as_str(), second.as_str());
        let (deep, wide) = (format!("{}/{}/{}", &one[..2], &one[2..4], &one[4..]), two.to_owned());
        let both = format!("{}/{}", &two[..2], &two[2..]);
        for (path, text) in [(deep, "deep\n"), (wide, "flat"), (both, "fanned out\n")] {
            std::fs::create_dir_all(remote.work().join(&path).parent().unwrap()).unwrap();
            std::fs::write(remote.work().join("note"), text).unwrap();
            let blob = remote.git(&["hash-object", "-w", "note"]);
            remote.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")]);
        }
        remote.git(&["rm", "-q", "--cached", "a"]);
        let tree = remote.git(&["write-tree"]);
        let commit = remote.git(&["commit-tree", "-m", "by hand", &tree]);
        remote.git(&["push", "-q", "origin", &format!("{commit}:{NOTES}")]);
        repository.fetch_with("main", &["refs/notes/plumb/"]).unwrap();

        assert_eq!(repository.note(NOTES, &first).unwrap().unwrap(), b"deep\n");
        assert_eq!(repository.note(NOTES, &second).unwrap().unwrap(), b"flat\nfanned out\n");
        let all: BTreeMap<_, _> = repository.notes(NOTES).unwrap().into_iter().collect();
        assert_eq!((all.len(), &*all[&first]), (2, "deep\n".as_bytes()));
        add(&repository, &[lines(NOTES, &first, "applied")]).unwrap();
        assert_eq!(git(&remote, &["notes", "--ref=plumb/dev", "show", one]), "deep\napplied");
        assert_eq!(git(&remote, &["rev-parse", &format!("{NOTES}~1")]), commit);
    }

    /// Two clones, as two agents have them.
    fn two(remote: &Remote) -> (Repository, Repository) {
        let other = remote.work().join("../other");
        (remote.open(), Repository::open(&other, &remote.url(), crate::Credentials::None).unwrap())
    }

    #[test]
    fn whoever_is_slower_adds_to_what_is_there() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let (one, other) = two(&remote);
        one.fetch("main").unwrap();
        other.fetch("main").unwrap();
        add(&one, &[lines(NOTES, &first, "applied")]).unwrap();
        add(&other, &[lines(NOTES, &first, "healthy"), lines("refs/notes/plumb/prod", &first, "held")]).unwrap();
        add(&one, &[lines(NOTES, &first, "degraded")]).unwrap();
        assert_eq!(git(&remote, &["notes", "--ref=plumb/dev", "show", first.as_str()]), "applied\nhealthy\ndegraded");
        assert_eq!(git(&remote, &["rev-list", "--count", "--min-parents=1", NOTES]), "2");

        let written = one.note_commits(NOTES).unwrap();
        let added: Vec<_> = written.iter().map(|commit| commit.added[&first].clone()).collect();
        assert_eq!(added, [[b"degraded".to_vec()], [b"healthy".to_vec()], [b"applied".to_vec()]]);
        assert!(written.iter().all(|commit| commit.lost.is_empty()));
        // Somebody changes a line.
        other.fetch_with("main", &["refs/notes/plumb/"]).unwrap();
        remote.git(&["fetch", "-q", "origin", &format!("{NOTES}:{NOTES}")]);
        remote.git(&["notes", "--ref=plumb/dev", "add", "-f", "-m", "applied", "-m", "forged", first.as_str()]);
        remote.git(&["push", "-q", "origin", NOTES]);
        other.fetch_with("main", &["refs/notes/plumb/"]).unwrap();
        let written = other.note_commits(NOTES).unwrap();
        assert_eq!((written.len(), written[0].lost[&first]), (4, 2));
        assert_eq!(written[0].added[&first], [b"forged"]);

        // Somebody throws the notes away: what comes after begins anew, and nothing fails.
        git(&remote, &["update-ref", "-d", NOTES]);
        add(&one, &[lines(NOTES, &first, "in-sync")]).unwrap();
        assert_eq!(git(&remote, &["notes", "--ref=plumb/dev", "show", first.as_str()]), "in-sync");
    }

    #[test]
    fn a_fetch_brings_the_notes_of_others() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let (one, other) = two(&remote);
        one.fetch("main").unwrap();
        add(&one, &[lines(NOTES, &first, "applied")]).unwrap();
        other.fetch("main").unwrap();
        assert_eq!(other.note(NOTES, &first).unwrap(), None);
        for line in ["healthy", "degraded"] {
            add(&one, &[lines(NOTES, &first, line)]).unwrap();
            other.fetch_with("main", &["refs/notes/plumb/"]).unwrap();
            assert_eq!(one.note(NOTES, &first).unwrap(), other.note(NOTES, &first).unwrap());
        }
        assert_eq!(
            other.note_references("refs/notes/plumb/").unwrap(),
            one.note_references("refs/notes/plumb/").unwrap()
        );
    }

    #[test]
    fn a_signed_commit_is_one_that_git_trusts() {
        let remote = Remote::new();
        let first = remote.push(&[("a", "1")], "first");
        let key = remote.work().join("../key");
        let key = key.to_str().unwrap();
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key])
            .status();
        assert!(made.unwrap().success());
        let text = std::fs::read_to_string(key).unwrap();
        let signing = SigningKey::parse(text.trim(), None).unwrap();
        let repository = remote.open().with_signing_key(signing.clone());
        repository.fetch("main").unwrap();
        add(&repository, &[lines(NOTES, &first, "applied")]).unwrap();
        repository.commit_and_push("main", &first, &[], "signed", &ada()).unwrap();
        let signers = remote.work().join("../signers");
        std::fs::write(&signers, format!("plumb@example.com {}\n", signing.public())).unwrap();
        let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        for reference in [NOTES, "main"] {
            git(&remote, &["-c", &signers, "verify-commit", reference]);
        }
        assert!(!format!("{signing:?}").contains("ssh-ed25519"));
        for (text, word) in [("", "ssh-keygen"), ("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", "format")] {
            let error = SigningKey::parse(text, None).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
