//! Requests that do not come from the branch: `Promotion` resources, and tags such as `promote/staging/v1`.
//!
//! Each is put on the branch as a labelled commit, once. So git alone tells who asked, and there is one way in which requests are judged.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use plumb_api::{Environment, PromotionRequest, PromotionStatus, Repository};
use plumb_delivery::{
    pin,
    trailers::{self, PROMOTE_REVISION, PROMOTE_TO},
};
use plumb_git::{CommitId, Error as GitError, Signature};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Memory, Trust, records::request_of};
use crate::agent::{Context, board::Key};

/// The tags that ask for promotions: the name of the environment follows, and then anything.
pub(crate) const TAGS: &str = "refs/tags/promote/";
/// Where a request came from that the agent put on the branch: a tag with its commit, or the uid of a Promotion.
const SOURCE: &str = "Promotion-Source";
/// How far back the branch is read at most.
const LONGEST_HISTORY: usize = 10_000;

/// A request that is not on the branch.
struct Asked {
    environment: String,
    revision: String,
    source: String,
    /// Who asked, for people.
    by: String,
    resource: Option<Arc<PromotionRequest>>,
}

/// Follows one resource: what it asks for concerns its repository's worker.
pub(crate) async fn follow(cx: Context, mut spec: watch::Receiver<Arc<PromotionRequest>>, stop: CancellationToken) {
    loop {
        cx.board.touch();
        tokio::select! {
            () = stop.cancelled() => return,
            changed = spec.changed() => if changed.is_err() { return },
        }
    }
}

/// Puts the next request on the branch. `true` when the branch moved.
///
/// # Errors
/// When the repository can't be read or written.
pub(super) async fn put_on_branch(
    cx: &Context,
    memory: &Arc<Memory>,
    repository: &Repository,
    git: &Arc<plumb_git::Repository>,
    head: &CommitId,
    environments: &[Arc<Environment>],
    trust: Trust<'_>,
) -> Result<bool, GitError> {
    let promoted: Vec<Arc<Environment>> =
        environments.iter().filter(|environment| environment.spec.promotion.is_some()).cloned().collect();
    if trust.refused.is_some() || promoted.is_empty() || !cx.cluster.may_write() {
        return Ok(false);
    }
    let mut asked = Vec::new();
    for (key, resource) in cx.requests.all() {
        let environment = &resource.spec.environment;
        let here = |known: &&Arc<Environment>| {
            let owner = Key::of(&***known);
            owner.namespace == key.namespace && owner.name == *environment
        };
        let ended = resource.status.as_ref().is_some_and(|status| status.ended_at.is_some());
        let open = request_of(&resource).is_none() && !ended;
        if open && promoted.iter().any(|known| here(&known)) {
            asked.push(Asked {
                environment: environment.clone(),
                revision: resource.spec.revision.clone(),
                source: resource.metadata.uid.clone().unwrap_or_default(),
                by: format!("Promotion {key}"),
                resource: Some(resource),
            });
        }
    }
    let (memory, git_, head_) = (memory.clone(), git.clone(), head.clone());
    let (known, tags) = tokio::task::spawn_blocking(move || {
        let known = sources(&memory, &git_, &head_)?;
        let tags = tags(&git_, &head_, &promoted)?;
        Ok::<_, GitError>((known, tags))
    })
    .await
    .map_err(|error| GitError::internal(format!("reading requests ended early: {error}")))??;
    asked.extend(tags);
    for asked in asked {
        if let Some(commit) = known.iter().find_map(|known| known.strip_prefix(&format!("{} ", asked.source))) {
            // It was put there, and only the status could not be written.
            tell(cx, &asked, commit).await;
            continue;
        }
        let commit = push(repository, git, head, &asked).await?;
        tracing::info!(environment = asked.environment, revision = asked.revision, %commit, by = asked.by, "a request was put on the branch");
        tell(cx, &asked, commit.as_str()).await;
        return Ok(true);
    }
    Ok(false)
}

async fn tell(cx: &Context, asked: &Asked, commit: &str) {
    let Some(resource) = &asked.resource else { return };
    let status = PromotionStatus { request: Some(commit.to_owned()), ..resource.status.clone().unwrap_or_default() };
    if let Err(error) = cx.cluster.write_status(&**resource, &status).await {
        tracing::warn!(%error, "the status of a Promotion could not be written; it is tried again");
    }
}

async fn push(
    repository: &Repository,
    git: &Arc<plumb_git::Repository>,
    head: &CommitId,
    asked: &Asked,
) -> Result<CommitId, GitError> {
    let short = asked.revision.get(..12).unwrap_or(&asked.revision);
    let message = format!(
        "request promotion of {short} to {0}\n\nAsked for by {1}.\n\n{PROMOTE_TO}: {0}\n{PROMOTE_REVISION}: {2}\n{SOURCE}: {3}\n",
        asked.environment, asked.by, asked.revision, asked.source
    );
    let author = &repository.spec.author;
    let author = Signature { name: author.name.clone(), email: author.email.clone() };
    let (git, head, branch) = (git.clone(), head.clone(), repository.spec.branch.clone());
    let pushed = tokio::task::spawn_blocking(move || git.commit_and_push(&branch, &head, &[], &message, &author)).await;
    pushed.map_err(|error| GitError::internal(format!("the push ended early: {error}")))?
}

/// Where the requests on the branch came from: each source with the commit that it became.
fn sources(memory: &Memory, git: &plumb_git::Repository, head: &CommitId) -> Result<BTreeSet<String>, GitError> {
    let mut known = memory.sources.lock().unwrap_or_else(PoisonError::into_inner);
    if known.0.as_ref() != Some(head) {
        for commit in git.first_parents(head, known.0.as_ref(), LONGEST_HISTORY)? {
            let Ok(trailers) = trailers::parse(&commit.message) else { continue };
            let found = trailers.iter().filter(|trailer| trailer.is(SOURCE));
            known.1.extend(found.map(|trailer| format!("{} {}", trailer.value, commit.id)));
        }
        known.0 = Some(head.clone());
    }
    Ok(known.1.clone())
}

/// Tags that ask for something newer than what is pinned.
fn tags(
    git: &plumb_git::Repository,
    head: &CommitId,
    environments: &[Arc<Environment>],
) -> Result<Vec<Asked>, GitError> {
    let mut asked = Vec::new();
    let tags = git.tags("promote/")?;
    if tags.is_empty() {
        return Ok(asked);
    }
    for environment in environments {
        let name = Key::of(&**environment).name;
        let file = pin::path(&environment.spec.path);
        let text = git.tree(head)?.read(&file).ok().flatten();
        let pin = text.and_then(|text| pin::parse(&text, &file).ok()).map(|pin| pin.revision);
        for (tag, revision) in tags
            .iter()
            .filter(|(tag, _)| tag.strip_prefix("promote/").is_some_and(|rest| rest.split('/').next() == Some(&name)))
        {
            let pinned = pin.as_deref().and_then(|pin| CommitId::parse(pin).ok());
            let overtaken = pinned.map_or(Ok(false), |pinned| git.is_ancestor(revision, &pinned)).unwrap_or(false);
            if overtaken || !git.is_ancestor(revision, head)? {
                continue;
            }
            asked.push(Asked {
                environment: name.clone(),
                revision: revision.to_string(),
                source: format!("{tag}@{revision}"),
                by: format!("the tag {tag}"),
                resource: None,
            });
        }
    }
    Ok(asked)
}
