//! `plumb promote`: asks for a promotion by pushing a commit that requests it.

mod explain;
pub(super) mod message;

use std::process::ExitCode;

use plumb_git::{CommitId, Error as GitError, Signature};

use super::{
    checkout::{Checkout, Target},
    cluster::Namespace,
    output,
    place::Place,
};

/// How often a push that somebody else was faster than is tried.
const ATTEMPTS: usize = 5;

/// What to ask for.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The Environment to promote to
    environment: String,
    /// Commit, branch or tag to promote; it must be on the remote branch [default: the head of the remote branch]
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Ask for nothing, and show what all gates say to the requests that are open; this asks the cluster
    #[arg(long, conflicts_with_all = ["revision", "message", "dry_run"])]
    explain: bool,
    #[command(flatten)]
    namespace: Namespace,
}

const HELP: &str = "\
Examples:
  plumb promote staging                          # the head of the remote branch
  plumb promote prod --revision 1a2b3c4          # this commit
  plumb promote prod --explain                   # what the open requests wait for
  plumb promote prod --revision v1.4.0 -m 'ship the new registry' --dry-run

It pushes one commit without changes, with the trailers Promote-To and Promote-Revision, on top of the freshly fetched remote branch. The agent answers
it with a promotion commit once the upstream environments are healthy at the revision. The work tree, the index and the local branches stay as they
are; hooks of the checkout are not run. No cluster is needed, only the right to push to the branch.

Exit codes: 0 asked for, 2 wrong usage, 3 failure: nothing was pushed.";

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.explain {
        let explained = explain::explain(&options.namespace.namespace, &options.environment);
        output::print(&super::block_on(explained)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let checkout = Checkout::open(&options.place.directory)?;
    let target = checkout.target(&options.place.remote, options.place.branch.as_deref())?;
    let author = checkout.author()?;
    if checkout.signs() && !options.place.dry_run {
        output::note(
            "commit.gpgsign is set, but this commit is not signed: where the branch wants signed commits, use `git commit --allow-empty --trailer`",
        );
    }
    output::print(&promote(options, &checkout, &target, &author)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the request and tells what was done.
fn promote(options: &Options, checkout: &Checkout, target: &Target, author: &Signature) -> anyhow::Result<String> {
    let (environment, branch) = (&options.environment, &target.branch);
    // A name that can't be is told before anybody waits for a network.
    message::check(environment)?;
    let head = target.git.fetch(branch)?.head;
    let revision = match &options.revision {
        Some(revision) => checkout.resolve(revision)?,
        None => head.clone(),
    };
    on_branch(target, &revision, &head)?;
    let message = message::message(environment, revision.as_str(), options.place.message.as_deref())?;
    let subject = target.git.commit(&revision)?.subject().to_owned();
    let url = target.git.url().unwrap_or(&options.place.remote);
    let about = format!("{} {}", revision.short(), output::printable(&subject));
    if options.place.dry_run {
        let commit = output::indented(&message);
        return Ok(format!(
            "would push to {branch} of {url}, on top of {}, a commit that asks to promote to {environment}\n  {about}\n\n{commit}",
            head.short()
        ));
    }
    let commit = push(target, head, &message, author)?;
    Ok(format!(
        "pushed {} to {branch} of {url}: it asks to promote to {environment}\n  {about}\nfollow it with: plumb status {environment}\n",
        commit.short()
    ))
}

/// Checks that the revision is part of the branch: the agent promotes nothing else.
fn on_branch(target: &Target, revision: &CommitId, head: &CommitId) -> anyhow::Result<()> {
    match target.git.is_ancestor(revision, head) {
        Ok(true) => Ok(()),
        Ok(false) | Err(GitError::UnknownRevision { .. }) => anyhow::bail!(
            "{} is not on {} of the remote, whose head is {}; push it there first, or name another revision",
            revision.short(),
            target.branch,
            head.short()
        ),
        Err(error) => Err(error.into()),
    }
}

/// Pushes an empty commit on top of the branch. Where somebody else was faster, it goes on top of theirs.
pub(super) fn push(
    target: &Target,
    mut head: CommitId,
    message: &str,
    author: &Signature,
) -> Result<CommitId, GitError> {
    let mut attempt = 1;
    loop {
        match target.git.commit_and_push(&target.branch, &head, &[], message, author) {
            Err(GitError::Rejected { .. }) if attempt < ATTEMPTS => {
                attempt += 1;
                head = target.git.fetch(&target.branch)?.head;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests;
