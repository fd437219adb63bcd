//! What a clone knows of promotions: the commits of the tracked branch with the pins that they moved, and the ledgers.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use plumb_delivery::{
    fields::{self, Difference, Overlay},
    ledger::{self, REFERENCES},
    pin::{self, CopiedFields, Strategy},
    promotion::{History, Resolved, Signed},
    verify::{Commit, Ledger, NoteCommit, PinChange},
};
use plumb_git::{AllowedSigners, CommitId, Error as GitError, Repository, Tree};

use super::checkout::Checkout;
use crate::history;

/// How far back the branch is read.
const LONGEST_HISTORY: usize = 100_000;

/// Which clone is read.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// Checkout of the Environment's repository
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
    /// Remote that the branch was fetched from
    #[arg(long, default_value = "origin")]
    remote: String,
    /// Branch that the Repository tracks [default: the remote's default branch, else the current branch]
    #[arg(long)]
    branch: Option<String>,
    /// Fetch the branch and the ledgers (refs/notes/plumb/*) first
    #[arg(long)]
    fetch: bool,
}

/// What was read.
pub(super) struct Records {
    pub(super) git: Repository,
    /// First-parent commits, the oldest first.
    pub(super) commits: Vec<Commit>,
    /// Whether the first of them is the root of the history.
    pub(super) complete: bool,
    /// By environment.
    pub(super) ledgers: BTreeMap<String, Ledger>,
    /// Whose signatures are trusted.
    pub(super) signers: Option<AllowedSigners>,
}

impl Source {
    /// Reads the clone.
    ///
    /// # Errors
    /// When there is none, or it can't be fetched.
    pub(super) fn read(&self) -> anyhow::Result<Records> {
        let checkout = Checkout::open(&self.directory)?;
        let (git, head) = if self.fetch {
            let target = checkout.target(&self.remote, self.branch.as_deref())?;
            let head = target.git.fetch_with(&target.branch, &[REFERENCES])?.head;
            (target.git.clone(), head)
        } else {
            (checkout.git().clone(), checkout.tracked(&self.remote, self.branch.as_deref())?)
        };
        let history = git.first_parents(&head, None, LONGEST_HISTORY)?;
        let complete = history.last().is_some_and(|oldest| oldest.parents.is_empty());
        let mut commits = history.iter().map(|commit| read(&git, commit)).collect::<Result<Vec<_>, _>>()?;
        commits.reverse();
        let ledgers = ledgers(&git)?;
        Ok(Records { git, commits, complete, ledgers, signers: None })
    }
}

impl Records {
    /// A commit of the branch.
    pub(super) fn commit(&self, id: &str) -> Option<&Commit> {
        self.commits.iter().find(|commit| commit.id == id)
    }
}

fn read(git: &Repository, commit: &plumb_git::Commit) -> Result<Commit, GitError> {
    let (moved, mut others): (Vec<_>, Vec<_>) =
        git.changes_of(&commit.id)?.into_iter().partition(|path| path.rsplit('/').next() == Some(pin::FILE));
    let mut pins = Vec::new();
    if !moved.is_empty() {
        let after = git.tree(&commit.id)?;
        let before = commit.parents.first().map(|parent| git.tree(parent)).transpose()?;
        for path in moved {
            let was = before.as_ref().and_then(|tree| read_pin(tree, &path));
            let is = read_pin(&after, &path);
            let mut change = PinChange { path, before: was, after: is, overlay: Vec::new(), copied: None };
            if let Some(Ok(pin)) = &change.after
                && pin.strategy == Strategy::Fields
            {
                let overlay = change.path.strip_suffix(pin::FILE).unwrap_or_default();
                let (inside, outside) = others.into_iter().partition(|path| path.starts_with(overlay));
                others = outside;
                change.copied = pin.fields.as_ref().map(|fields| {
                    let trees = Trees { before: before.as_ref(), after: &after };
                    copied(git, &pin.revision, fields, overlay, &trees, &inside)
                });
                change.overlay = inside;
            }
            pins.push(change);
        }
    }
    Ok(Commit {
        id: commit.id.to_string(),
        message: commit.message.clone(),
        author: commit.author.name.clone(),
        time: Timestamp::from_second(commit.time).unwrap_or_default(),
        pins,
        others: others.len(),
    })
}

/// The files of a commit, and those of its first parent.
struct Trees<'a> {
    before: Option<&'a Tree>,
    after: &'a Tree,
}

/// Copies the values of a revision once more, and compares.
fn copied(
    git: &Repository,
    revision: &str,
    fields: &CopiedFields,
    overlay: &str,
    trees: &Trees<'_>,
    changed: &[String],
) -> Result<Difference, String> {
    let source = CommitId::parse(revision).and_then(|id| git.tree(&id)).map_err(|error| error.to_string())?;
    let read = |tree: &Tree, path: &str| tree.read(path).map_err(|error| error.to_string());
    let from = |path: &str| read(&source, path);
    let before = |path: &str| trees.before.map_or(Ok(None), |tree| read(tree, path));
    let after = |path: &str| read(trees.after, path);
    let from = Overlay { directory: &fields.from, read: &from };
    let (before, after) = (Overlay { directory: overlay, read: &before }, Overlay { directory: overlay, read: &after });
    let compared = fields::compare(&fields.selection, &from, &before, &after, changed);
    compared.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn read_pin(tree: &Tree, path: &str) -> Option<Result<pin::Pin, String>> {
    match tree.read(path) {
        Ok(None) => None,
        Ok(Some(text)) => Some(pin::parse(&text, path).map_err(|error| error.to_string())),
        Err(error) => Some(Err(error.to_string())),
    }
}

fn ledgers(git: &Repository) -> Result<BTreeMap<String, Ledger>, GitError> {
    let mut ledgers = BTreeMap::new();
    for reference in git.note_references(REFERENCES)?.into_keys() {
        let Some(name) = reference.strip_prefix(REFERENCES) else { continue };
        let lines = git.notes(&reference)?.into_iter().flat_map(|(revision, note)| {
            ledger::parse(&note).entries.into_iter().map(move |entry| (revision.to_string(), entry))
        });
        let mut lines: Vec<_> = lines.collect();
        lines.sort_by_key(|(_, entry)| entry.time);
        let commits = git.note_commits(&reference)?.iter().rev().map(written).collect();
        ledgers.insert(name.to_owned(), Ledger { lines, commits });
    }
    Ok(ledgers)
}

fn written(commit: &plumb_git::NoteCommit) -> NoteCommit {
    let lines = commit.added.iter().flat_map(|(revision, lines)| {
        let entries = ledger::parse(&lines.join(&b'\n')).entries;
        entries.into_iter().map(move |entry| (revision.to_string(), entry))
    });
    NoteCommit {
        id: commit.id.to_string(),
        time: Timestamp::from_second(commit.time).unwrap_or_default(),
        added: lines.collect(),
        lost: commit.lost.iter().map(|(revision, lost)| (revision.to_string(), *lost)).collect(),
    }
}

impl History for Records {
    type Error = GitError;

    fn resolve(&self, revision: &str) -> Result<Resolved, GitError> {
        history::resolve(&self.git, revision)
    }

    fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, GitError> {
        history::is_ancestor(&self.git, ancestor, descendant)
    }

    fn signed(&self, commit: &str) -> Result<Signed, GitError> {
        self.signers.as_ref().map_or(Ok(Signed::Not), |signers| history::signed(&self.git, commit, signers))
    }
}
