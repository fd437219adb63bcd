//! The branch of a pull request: one commit that moves the pin.

use plumb_api::Environment;
use plumb_delivery::{
    pin::{self, Pin},
    promotion::{Decision, GateVerdict},
    pull_request,
    trailers::{self, PromotionResult},
};
use plumb_git::{CommitId, Error, FileChange, Repository, Signature};

/// What the branch shall bring.
pub(super) struct Wanted {
    branch: String,
    /// The pin file, and what it shall say.
    path: String,
    pin: Vec<u8>,
    message: String,
}

impl Wanted {
    pub(super) fn new(name: &str, environment: &Environment, decision: &Decision, revision: &str) -> Self {
        let pin = Pin {
            from: decision.from.clone(),
            requested_by: decision.request.clone(),
            ..Pin::new(revision.to_owned())
        };
        // What is not open yet is no part of it: the commit may be merged as it is.
        let open = decision.gates.iter().filter(|gate| gate.verdict == GateVerdict::Pass);
        let result = PromotionResult {
            to: name.to_owned(),
            from: decision.from.clone(),
            revision: revision.to_owned(),
            rolled_back_from: None,
            released: false,
            request: decision.request.clone(),
            gates: open.map(|gate| (gate.name.clone(), gate.verdict.to_string())).collect(),
        };
        Self {
            branch: pull_request::branch(name),
            path: pin::path(&environment.spec.path),
            pin: pin::print(&pin).into_bytes(),
            message: trailers::message(&result),
        }
    }
}

/// A head that was found to be as it shall be, and the pin of the base that it was found on.
pub(super) type Checked = (CommitId, Option<Vec<u8>>);

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
    let at_base = git.tree(base)?.read(&wanted.path)?;
    let tip = git.fetch_head(&format!("refs/heads/{}", wanted.branch))?;
    let same = |checked: &Checked| tip.as_ref() == Some(&checked.0) && checked.1 == at_base;
    let brings = |tip: &CommitId| -> Result<bool, Error> {
        Ok(git.tree(tip)?.read(&wanted.path)?.as_deref() == Some(wanted.pin.as_slice()))
    };
    if let Some(tip) = &tip
        && brings(tip)?
        && (checked.is_some_and(same) || fits(git, base, tip, &wanted.path, at_base.as_deref())?)
    {
        return Ok((tip.clone(), at_base));
    }
    let change = FileChange { path: wanted.path.clone(), content: Some(wanted.pin.clone()) };
    let head = git.commit_and_replace(&wanted.branch, tip.as_ref(), base, &[change], &wanted.message, author)?;
    Ok((head, at_base))
}

/// Whether a commit changes only the pin, on top of a commit of the base whose pin is that of the base's head.
fn fits(git: &Repository, base: &CommitId, tip: &CommitId, path: &str, at_base: Option<&[u8]>) -> Result<bool, Error> {
    let commit = git.commit(tip)?;
    let [parent] = commit.parents.as_slice() else { return Ok(false) };
    if !git.is_ancestor(parent, base)? || git.tree(parent)?.read(path)?.as_deref() != at_base {
        return Ok(false);
    }
    Ok(git.changed_paths(parent, tip)?.iter().eq([path]))
}
