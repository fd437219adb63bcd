//! Carries a promotion out as a commit on the tracked branch.

use std::sync::Arc;

use plumb_api::{Environment, Repository};
use plumb_cluster::Notice;
use plumb_delivery::{
    promotion::{Action, Decision},
    trailers,
};
use plumb_git::{CommitId, Error as GitError, Signature};

use crate::agent::{Context, board::Key, fields::Copier};

/// Writes the pin on top of the head and pushes it. Gives the commit; `None` when there is nothing to do.
pub(super) async fn promote(
    key: &Key,
    repository: &Repository,
    git: &Arc<plumb_git::Repository>,
    head: &CommitId,
    cx: &Context,
    environments: &[Arc<Environment>],
    decision: &Decision,
) -> Result<Option<CommitId>, GitError> {
    let (Some(result), Some(pin)) = (decision.result(), decision.pin()) else {
        return Ok(None);
    };
    // Git does not know who leads, so nobody but this process can hold the push back.
    if !cx.cluster.may_write() {
        return Ok(None);
    }
    let owner = Key { namespace: key.namespace.clone(), name: decision.environment.clone() };
    let Some(environment) = cx.board.environments().into_iter().find(|environment| Key::of(&**environment) == owner)
    else {
        return Ok(None);
    };
    // Who ends a hold moves nothing else.
    let copying = !matches!(decision.action, Action::Release { .. });
    let author = Signature { name: repository.spec.author.name.clone(), email: repository.spec.author.email.clone() };
    let (git, head, branch, message) =
        (git.clone(), head.clone(), repository.spec.branch.clone(), trailers::message(&result));
    let (target, written, environments) = (environment.clone(), pin.clone(), environments.to_vec());
    let pushed = tokio::task::spawn_blocking(move || {
        let copier = Copier { git: &git, environments: &environments };
        let changes = copier.changes(&head, &target, &written, copying).map_err(GitError::internal)?;
        git.commit_and_push(&branch, &head, &changes, &message, &author)
    })
    .await;
    let commit = pushed.map_err(|error| GitError::internal(format!("the push ended early: {error}")))??;
    cx.metrics.promotions.with_label_values(&[&owner.namespace, &owner.name]).inc();
    tracing::info!(environment = %owner, revision = result.revision, %commit, request = result.request, "the pin was moved");
    let about = kube::Resource::object_ref(&*environment, &());
    let asked = match &result.request {
        Some(request) => format!("as commit {request} asked"),
        None => "by itself".to_owned(),
    };
    let (reason, message) = match &decision.action {
        Action::Promote => (
            "Promoted",
            format!("commit {commit} promotes revision {} from {}, {asked}", pin.revision, pin.from.join(", ")),
        ),
        Action::Rollback { from, hold } => (
            "RolledBack",
            format!("commit {commit} goes back from {from} to {}, {asked}, and holds it there: {hold}", pin.revision),
        ),
        Action::Release { .. } => ("Released", format!("commit {commit} ends the hold, {asked}")),
    };
    let notice = Notice { warning: reason == "RolledBack", reason, action: "Promote", message };
    if let Err(error) = cx.recorder.publish(&about, &notice).await {
        tracing::warn!(environment = %owner, %error, "an event could not be published");
    }
    Ok(Some(commit))
}
