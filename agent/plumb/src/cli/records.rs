//! What a clone knows of promotions: the commits of the tracked branch with the pins that they moved, and the ledgers.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use plumb_delivery::{
    ledger::{self, REFERENCES},
    pin,
    promotion::{History, Resolved, Signed},
    verify::{Commit, Ledger, NoteCommit, PinChange},
};
use plumb_git::{AllowedSigners, Error as GitError, Repository, Tree};

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
    let (mut pins, mut others) = (Vec::new(), 0);
    let is_pin = |path: &String| path.rsplit('/').next() == Some(pin::FILE);
    let changed = git.changes_of(&commit.id)?;
    let all = changed.clone();
    if changed.iter().any(is_pin) {
        let tree = git.tree(&commit.id)?;
        let before = commit.parents.first().map(|parent| git.tree(parent)).transpose()?;
        for path in changed.into_iter().filter(is_pin) {
            let before = before.as_ref().and_then(|tree| read_pin(tree, &path));
            let after = read_pin(&tree, &path);
            pins.push(PinChange { path, before, after });
        }
    }
    let copied_to = |pin: &PinChange| match &pin.after {
        Some(Ok(after)) if after.strategy == pin::Strategy::Fields => {
            pin.path.strip_suffix(pin::FILE).map(str::to_owned)
        }
        _ => None,
    };
    let overlays: Vec<String> = pins.iter().filter_map(copied_to).collect();
    let copied = |path: &String| overlays.iter().any(|overlay| path.starts_with(overlay.as_str()));
    others += all.iter().filter(|path| !is_pin(path) && !copied(path)).count();
    Ok(Commit {
        id: commit.id.to_string(),
        message: commit.message.clone(),
        author: commit.author.name.clone(),
        time: Timestamp::from_second(commit.time).unwrap_or_default(),
        pins,
        others,
    })
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
