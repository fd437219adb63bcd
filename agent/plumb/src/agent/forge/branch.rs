//! The branch of a pull request: one commit that moves the pin, and copies values where the strategy is to copy them.

use std::collections::BTreeSet;

use plumb_api::Environment;
use plumb_delivery::{
    pin::Pin,
    promotion::{Decision, GateVerdict},
    pull_request,
    trailers::{self, PromotionResult},
};
use plumb_git::{CommitId, Error, FileChange, Repository, Signature, Tree};

use crate::agent::fields::Copier;

/// What the branch shall bring.
pub(super) struct Wanted {
    branch: String,
    /// The files that it changes, and what they shall say: the pin, and where values are copied those of the overlay.
    changes: Vec<FileChange>,
    message: String,
}

impl Wanted {
    /// # Errors
    /// What stands in the way of copying values, for people.
    pub(super) fn new(
        copier: &Copier<'_>,
        head: &CommitId,
        environment: &Environment,
        decision: &Decision,
        revision: &str,
    ) -> Result<Self, String> {
        let name = &decision.environment;
        let pin = Pin {
            from: decision.from.clone(),
            requested_by: decision.request.clone(),
            ..Pin::new(revision.to_owned())
        };
        // What is not open yet is no part of it: the commit may be merged as it is.
        let open = decision.gates.iter().filter(|gate| gate.verdict == GateVerdict::Pass);
        let result = PromotionResult {
            to: name.clone(),
            from: decision.from.clone(),
            revision: revision.to_owned(),
            rolled_back_from: None,
            released: false,
            request: decision.request.clone(),
            gates: open.map(|gate| (gate.name.clone(), gate.verdict.to_string())).collect(),
        };
        Ok(Self {
            branch: pull_request::branch(name),
            changes: copier.changes(head, environment, &pin, true)?,
            message: trailers::message(&result),
        })
    }
}

impl Wanted {
    /// What these files say in a tree.
    fn read(&self, tree: &Tree) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.changes.iter().map(|change| tree.read(&change.path)).collect()
    }

    /// The files with copied values.
    pub(super) fn copied(&self) -> Vec<String> {
        self.changes.iter().skip(1).map(|change| change.path.clone()).collect()
    }
}

/// A head that was found to be as it shall be, and the files of the base that it was found on.
pub(super) type Checked = (CommitId, Vec<Option<Vec<u8>>>);

/// Makes sure that the branch brings what is wanted, and gives its head. While it does, it is left as it is, however far the base has
/// moved: a new head would throw away reviews.
///
/// # Errors
/// All that a git server can do wrong.
pub(super) fn ensure(
    git: &Repository,
    base: &CommitId,
    wanted: &Wanted,
    checked: Option<&Checked>,
    author: &Signature,
) -> Result<Checked, Error> {
    let at_base = wanted.read(&git.tree(base)?)?;
    let tip = git.fetch_head(&format!("refs/heads/{}", wanted.branch))?;
    let same = |checked: &Checked| tip.as_ref() == Some(&checked.0) && checked.1 == at_base;
    let brings = |tip: &CommitId| -> Result<bool, Error> {
        Ok(wanted.read(&git.tree(tip)?)?.iter().eq(wanted.changes.iter().map(|change| &change.content)))
    };
    if let Some(tip) = &tip
        && brings(tip)?
        && (checked.is_some_and(same) || fits(git, base, tip, wanted, &at_base)?)
    {
        return Ok((tip.clone(), at_base));
    }
    let head = git.commit_and_replace(&wanted.branch, tip.as_ref(), base, &wanted.changes, &wanted.message, author)?;
    Ok((head, at_base))
}

/// Whether a commit changes only what is wanted, on top of a commit of the base whose files are those of the base's head.
fn fits(
    git: &Repository,
    base: &CommitId,
    tip: &CommitId,
    wanted: &Wanted,
    at_base: &[Option<Vec<u8>>],
) -> Result<bool, Error> {
    let commit = git.commit(tip)?;
    let [parent] = commit.parents.as_slice() else { return Ok(false) };
    if !git.is_ancestor(parent, base)? || wanted.read(&git.tree(parent)?)? != at_base {
        return Ok(false);
    }
    let paths: BTreeSet<&String> = wanted.changes.iter().map(|change| &change.path).collect();
    Ok(git.changed_paths(parent, tip)?.iter().eq(paths))
}
