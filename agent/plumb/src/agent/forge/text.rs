//! What the text of a promotion's pull request says.

use plumb_api::{Environment, condition_type};
use plumb_delivery::{
    difference::{self, Difference},
    pin,
    promotion::Gate,
    pull_request::{self, Comparison, Entry, Mark, Style},
    trailers,
};
use plumb_forge::Change;
use plumb_git::{CommitId, Tree};
use tokio::time::{Duration, Instant};

use super::{Failure, Look, comparison, exchange::Proposal};
use crate::agent::{
    environment::connection,
    fields::{Copier, copies, neighbours},
};

/// How far the changelog is read.
const CHANGELOG: usize = 500;
/// How old a comparison with the cluster may be while nothing is known to have changed.
const FRESH: Duration = Duration::from_mins(10);

/// What the text of a pull request shows, and for what.
pub(super) struct Compared {
    key: ComparedKey,
    at: Instant,
    /// Of the manifests that are shown, when all of them could be made.
    pub(super) digest: Option<String>,
    rendered: Option<Vec<Difference>>,
    problems: Vec<String>,
    live: Option<Vec<Difference>>,
    refused: Vec<String>,
    changelog: Vec<Entry>,
    older: usize,
}

#[derive(PartialEq, Eq)]
struct ComparedKey {
    before: Option<String>,
    revision: String,
    /// The head of the branch, where the environment runs it.
    head: Option<CommitId>,
    /// What runs: the digest of its manifests, and whether it drifted.
    runs: Option<String>,
    drifted: bool,
}

/// Finds out what the text shows, unless it is known.
pub(super) async fn compare(
    look: &Look<'_>,
    known: Option<Compared>,
    environment: &Environment,
    proposal: &Proposal,
    revision: &str,
) -> Result<Compared, Failure> {
    let status = environment.status.clone().unwrap_or_default();
    let drifted = |it: &_| -> bool {
        let condition: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition = it;
        condition.type_ == condition_type::DRIFTED && condition.status == "True"
    };
    let of_values = copies(environment);
    let key = ComparedKey {
        head: of_values.then(|| look.head.clone()),
        before: proposal.before.clone(),
        revision: revision.to_owned(),
        runs: status.digest,
        drifted: status.conditions.iter().any(drifted),
    };
    if let Some(known) = known.filter(|known| known.key == key && known.at.elapsed() < FRESH) {
        return Ok(known);
    }
    let look_at = environment;
    let reached = connection(look.cx, environment);
    // Out of reach, the kinds of this cluster are the best guess.
    let near = reached.clone().unwrap_or_else(|_| look.cx.cluster.clone());
    let (git, cluster, environment) = (look.git.clone(), near, environment.clone());
    let (before, revision) = (key.before.clone(), key.revision.clone());
    let (head, environments) = (look.head.clone(), neighbours(look.cx, look.key));
    let work = tokio::task::spawn_blocking(move || {
        let copier = Copier { git: &git, environments: &environments };
        let at =
            |revision: &str| CommitId::parse(revision).and_then(|id| git.tree(&id)).map_err(|error| error.to_string());
        let render = |tree: Result<Tree, String>| comparison::render(&cluster, &environment, &tree?);
        let new = render(copier.tree(&head, &environment, &revision));
        // Where values are copied, the head is what runs.
        let old =
            if of_values { Some(head.as_str()) } else { before.as_deref() }.map(|old| render(at(old))).transpose();
        let values = of_values.then(|| copier.digest(&head, &environment, &revision));
        (new, old, values, changelog(&git, before.as_deref(), &revision))
    });
    let mut compared = Compared {
        key,
        at: Instant::now(),
        digest: None,
        rendered: None,
        problems: Vec::new(),
        live: None,
        refused: Vec::new(),
        changelog: Vec::new(),
        older: 0,
    };
    let ended = |error| Failure::Internal(format!("the comparison ended early: {error}"));
    let (new, old, values, (entries, older)) = work.await.map_err(ended)?;
    (compared.changelog, compared.older) = (entries, older);
    match (new, old) {
        (Ok(new), old) => {
            // A base that moves on changes manifests that are here anyway; what is approved are the values.
            let digest = values.and_then(Result::ok).unwrap_or(new.manifests.digest);
            compared.digest = new.problems.is_empty().then(|| digest.to_string());
            compared.problems.extend(new.problems.iter().map(ToString::to_string));
            let nothing = plumb_delivery::Manifests::none();
            let old = old.unwrap_or_else(|problem| {
                compared.problems.push(format!("the revision that runs now can't be rendered: {problem}"));
                None
            });
            let differences = difference::between(old.as_ref().map_or(&nothing, |old| &old.manifests), &new.manifests);
            let tried = match &reached {
                Ok(cluster) => Ok(comparison::dry_run(cluster, look_at, &new.manifests, &differences).await),
                Err(why) => Err(why),
            };
            match tried {
                Err(why) => compared.refused.push(format!("not tried on the cluster: {why}")),
                Ok(Some(answers)) => {
                    compared.live = Some(comparison::against_cluster(&answers, &differences));
                    compared.refused = answers.refused;
                }
                Ok(None) => compared
                    .refused
                    .push("spec.substitute gives values that may be secrets, so they are not shown".into()),
            }
            compared.rendered = Some(differences);
        }
        (Err(problem), _) => compared.problems.push(problem),
    }
    Ok(compared)
}

/// The commits from one revision to the next, without those that only promote.
fn changelog(git: &plumb_git::Repository, before: Option<&str>, revision: &str) -> (Vec<Entry>, usize) {
    let read = || {
        let (before, revision) = (CommitId::parse(before?).ok()?, CommitId::parse(revision).ok()?);
        // Of a way back there is no changelog.
        if !git.is_ancestor(&before, &revision).ok()? {
            return None;
        }
        git.first_parents(&revision, Some(&before), CHANGELOG).ok()
    };
    let commits = read().unwrap_or_default();
    let promotes = |commit: &plumb_git::Commit| trailers::result(&commit.message).is_ok_and(|result| result.is_some());
    let entries: Vec<_> = commits
        .iter()
        .filter(|commit| !promotes(commit))
        .map(|commit| Entry {
            id: commit.id.to_string(),
            subject: commit.subject().to_owned(),
            author: commit.author.name.clone(),
        })
        .collect();
    (entries, usize::from(commits.len() == CHANGELOG))
}

/// What the text shows of the pull request itself.
pub(super) struct Shown<'a> {
    pub(super) mark: &'a Mark,
    pub(super) gates: &'a [Gate],
    /// The files with copied values.
    pub(super) copied: &'a [String],
    pub(super) automerge: bool,
}

/// Title and body of the pull request, and the comments with what the body has no room for.
pub(super) fn text(
    look: &Look<'_>,
    compared: Option<&Compared>,
    environment: &Environment,
    proposal: &Proposal,
    shown: &Shown<'_>,
) -> (Change, Vec<String>) {
    let capabilities = look.forge.capabilities();
    let nothing: &[String] = &[];
    let pin = pin::path(&environment.spec.path);
    let Shown { mark, gates, copied, automerge } = *shown;
    let proposal = pull_request::Proposal {
        mark,
        pin: &pin,
        copied: copies(environment).then_some(copied),
        before: proposal.before.as_deref(),
        gates,
        changelog: compared.map_or(&[], |it| &it.changelog),
        older: compared.map_or(0, |it| it.older),
        rendered: Comparison {
            differences: compared.and_then(|it| it.rendered.as_deref()),
            problems: compared.map_or(nothing, |it| &it.problems),
        },
        live: Comparison {
            differences: compared.and_then(|it| it.live.as_deref()),
            problems: compared.map_or(nothing, |it| &it.refused),
        },
        automerge,
    };
    let style = Style { html: capabilities.html, limit: capabilities.body_limit };
    let change = Change {
        title: pull_request::title(&mark.environment, &mark.revision),
        body: pull_request::body(&proposal, style),
    };
    (change, pull_request::attachments(&proposal, style))
}
