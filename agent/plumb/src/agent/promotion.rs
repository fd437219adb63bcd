//! Answers promotion requests of one repository: reads what the branch asks for, decides, and carries promotions out.

mod checks;
mod commit;
mod facts;
mod memory;
mod proposals;
mod records;
mod render;
pub(crate) mod requests;
mod tell;

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use plumb_api::{Environment, Repository};
use plumb_delivery::promotion::Decision;
use plumb_git::{AllowedSigners, CommitId, Error as GitError};

use super::{Context, board::Key};
use facts::Facts;
pub(crate) use memory::Memory;
pub(crate) use records::keep;

/// How long a push that failed is not tried again.
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(60);
/// How soon the repository is fetched again while a request waits for an environment on another cluster: no webhook tells of notes.
const ELSEWHERE: SignedDuration = SignedDuration::from_secs(10);

/// What became of an attempt to answer requests.
pub(crate) enum Answer {
    /// Nothing was pushed; look again at this time at the latest.
    Nothing(Option<Timestamp>),
    /// The branch has moved to this commit, which was pushed.
    Pushed(CommitId),
    /// The branch has moved, to who knows what.
    Moved,
}

/// Whether the repository can be written, and whose signatures are trusted.
#[derive(Clone, Copy)]
pub(crate) struct Trust<'a> {
    /// Why the repository can't be written, if it can't be.
    pub(crate) refused: Option<&'a str>,
    pub(crate) signers: Option<&'a Arc<AllowedSigners>>,
}

/// Decides on all requests, tells the environments what they wait for, and pushes at most one promotion commit.
pub(crate) async fn answer(
    cx: &Context,
    memory: &Arc<Memory>,
    key: &Key,
    repository: &Repository,
    git: &Arc<plumb_git::Repository>,
    head: &CommitId,
    trust: Trust<'_>,
) -> Answer {
    let mut environments = Vec::new();
    for (owner, listed) in cx.environments.all() {
        if owner.namespace != key.namespace || listed.spec.repository.name != key.name {
            continue;
        }
        // Before all environments are known, one that isn't would look as if it did not exist.
        let Some(environment) = cx.board.environment(&owner) else {
            return Answer::Nothing(None);
        };
        environments.push(environment);
    }
    if environments.iter().all(|environment| environment.spec.promotion.is_none()) {
        return Answer::Nothing(None);
    }
    match requests::put_on_branch(cx, memory, repository, git, head, &environments, trust).await {
        Ok(true) => return Answer::Moved,
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(repository = %key, %error, "a request could not be put on the branch; it is tried again");
        }
    }
    let exchange = cx.board.exchange(key);
    let mut looked = false;
    let (decisions, waits) = loop {
        let (memory_, git_, head_, cx_) = (memory.clone(), git.clone(), head.clone(), cx.clone());
        let (refused, signers) = (trust.refused.map(str::to_owned), trust.signers.cloned());
        let known = environments.clone();
        let (labelled, declined) = (exchange.labelled.borrow().clone(), exchange.declined.borrow().clone());
        let decided = tokio::task::spawn_blocking(move || {
            let facts = Facts {
                git: &git_,
                head: &head_,
                memory: &memory_,
                cx: &cx_,
                refused: refused.as_deref(),
                signers: signers.as_deref(),
                labelled: &labelled,
                declined: &declined,
            };
            let (decisions, waits) = facts.decide(&known)?;
            let proposals = facts.proposals(&known, &decisions)?;
            Ok::<_, GitError>((decisions, waits, proposals))
        })
        .await;
        let (decisions, waits, proposals) = match decided {
            Ok(Ok(decided)) => decided,
            Ok(Err(error)) => {
                tracing::warn!(repository = %key, %error, "promotion requests could not be read");
                return Answer::Nothing(None);
            }
            Err(error) => {
                tracing::error!(repository = %key, %error, "deciding on promotions ended early");
                return Answer::Nothing(None);
            }
        };
        let mut unchecked = decisions.unchecked().peekable();
        if looked || unchecked.peek().is_none() {
            drop(unchecked);
            exchange.proposals.send_if_modified(|current| {
                let changed = current.as_ref() != Some(&proposals);
                *current = Some(proposals);
                changed
            });
            break (decisions, waits);
        }
        for (name, revision) in unchecked {
            let named = |environment: &&Arc<Environment>| Key::of(&***environment).name == name;
            let Some(environment) = environments.iter().find(named) else { continue };
            let place = checks::Place { repository, git, head, environments: &environments };
            let gates = checks::look(cx, &place, environment, revision).await;
            memory.looked(environment, head, revision, gates);
        }
        looked = true;
    };
    tell::tell(cx, memory, key, repository, &decisions).await;
    memory.decided(&decisions);
    let now = Timestamp::now();
    memory.failed().retain(|_, time| now.duration_since(*time) < AFTER_FAILURE);
    let proposed = |decision: &&Decision| {
        let owner = Key { namespace: key.namespace.clone(), name: decision.environment.clone() };
        cx.board.environment(&owner).is_some_and(|environment| proposals::is_proposed(&environment, decision))
    };
    for decision in decisions.promotions().filter(|decision| !proposed(decision)) {
        let attempt = (head.to_string(), decision.request.clone().unwrap_or_default(), decision.environment.clone());
        if memory.failed().contains_key(&attempt) {
            continue;
        }
        match commit::promote(key, repository, git, head, cx, &environments, decision).await {
            Ok(Some(commit)) => return Answer::Pushed(commit),
            Ok(None) => {}
            Err(GitError::Rejected { .. }) => {
                tracing::info!(repository = %key, environment = decision.environment, "somebody pushed meanwhile; deciding again");
                return Answer::Moved;
            }
            Err(error) => {
                let message = format!("{} could not be promoted: {error}", decision.environment);
                tracing::warn!(repository = %key, message);
                memory.failed().insert(attempt, now);
                tell::notice(cx, repository, "PromotionFailed", message).await;
            }
        }
    }
    let failed = memory.failed().values().max().and_then(|time| time.checked_add(AFTER_FAILURE).ok());
    let elsewhere = if waits { now.checked_add(ELSEWHERE).ok() } else { None };
    Answer::Nothing(decisions.again_at().into_iter().chain(failed).chain(elsewhere).min())
}
