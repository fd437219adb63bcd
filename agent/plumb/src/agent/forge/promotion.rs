//! Keeps the pull request of each environment as it shall be: opened, current, superseded, merged.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumb_api::{Environment, MergeMethod};
use plumb_cluster::Notice;
use plumb_delivery::{
    promotion::{Gate, GateVerdict, Verdict},
    pull_request::{self, Mark},
    trailers,
};
use plumb_forge::{Change, Label, Marker, Merge, NewPullRequest, PullRequest, ReviewState, State, Status, StatusState};
use plumb_git::CommitId;
use tokio::time::Duration;

use super::{
    Failure, Look, branch,
    exchange::{Open, Proposal},
    text::{self, Compared},
};
use crate::{
    agent::{
        board::Key,
        fields::{Copier, neighbours},
    },
    history,
};

/// How soon a merge that the forge was not ready for is tried again: it looks for conflicts after each push.
const NOT_READY: Duration = Duration::from_secs(2);

/// What is known of the pull request of an environment, so that nothing is asked or written twice.
#[derive(Default)]
pub(super) struct Known {
    number: u64,
    /// The head that was found to be as it shall be.
    checked: Option<branch::Checked>,
    written: Option<Change>,
    /// The comments that follow the text.
    attached: Vec<String>,
    /// The statuses of a commit.
    statuses: (String, BTreeMap<String, (GateVerdict, String)>),
    compared: Option<Compared>,
    /// What somebody closed, and where it is.
    closed: Option<(Mark, String)>,
}

/// What became of a pull request, and when to look again.
#[derive(Default)]
pub(super) struct Outcome {
    /// As it is now, if it is open.
    pub(super) pull: Option<PullRequest>,
    pub(super) open: Option<Open>,
    /// Whether somebody closed it.
    pub(super) declined: bool,
    pub(super) again: Option<Duration>,
}

/// Makes the pull request of an environment what the proposal says.
pub(super) async fn sync(
    look: &Look<'_>,
    known: &mut Known,
    environment: &Environment,
    proposal: Option<&Proposal>,
    mut open: Option<PullRequest>,
) -> Result<Outcome, Failure> {
    let name = Key::of(environment).name;
    let wanted = proposal.and_then(|proposal| Some((proposal, proposal.decision.revision.clone()?)));
    let Some((proposal, revision)) = wanted else {
        if let Some(open) = open {
            let why = format!(
                "Nothing is to be promoted to {name} with this: the request was answered, refused or withdrawn."
            );
            look.close(open.number, why).await?;
        }
        *known = Known::default();
        return Ok(Outcome::default());
    };
    let policy = environment.spec.promotion.clone().unwrap_or_default().pull_request;
    let decision = &proposal.decision;
    let compared = text::compare(look, known.compared.take(), environment, proposal, &revision).await?;
    let digest = compared.digest.clone();
    known.compared = Some(compared);
    let mut mark = Mark {
        environment: name.clone(),
        revision: revision.clone(),
        request: decision.request.clone().unwrap_or_default(),
        digest,
    };
    if let Some(pull) = &open
        && Mark::read(&pull.body).as_ref() != Some(&mark)
    {
        // The list may be older than a merge, and what was merged keeps its text.
        let number = pull.number;
        open = Some(look.forge(move |forge| forge.get(number)).await?).filter(|pull| pull.state == State::Open);
    }
    if open.is_none() {
        match before(look, known, &mark).await? {
            Before::Nothing => {}
            Before::Open(pull) => open = Some(*pull),
            Before::Merged => return Ok(Outcome { again: Some(NOT_READY), ..Outcome::default() }),
            Before::Closed(url) => {
                let waits_for = "it was closed; open it again, or ask for the promotion with another commit".into();
                return Ok(Outcome { open: Some(Open { url, waits_for }), declined: true, ..Outcome::default() });
            }
        }
    }

    // What was approved is what the text said, and nothing else may be merged on the strength of that.
    let mut blocked = None;
    if let Some(pull) = &open {
        let was = Mark::read(&pull.body);
        let same = was.as_ref().is_some_and(|was| was.shows_the_same(&mark));
        if !same && look.is_approved(pull.number).await? {
            if was.as_ref().is_some_and(|was| was.revision != revision) {
                let why = format!(
                    "Superseded: {name} shall run {revision} now, and what was approved here is another revision."
                );
                look.close(pull.number, why).await?;
                open = None;
            } else {
                blocked = Some(block(was.as_ref(), &mark));
                mark = was.unwrap_or(mark);
            }
        }
    }
    let mut gates = decision.gates.clone();
    gates.push(manifests_gate(&mark, blocked.as_deref()));

    let (head, copied) = ensure_branch(look, known, environment, proposal, &revision).await?;
    if open.as_ref().is_some_and(|pull| pull.number != known.number) || open.is_none() {
        let number = open.as_ref().map(|pull| pull.number).unwrap_or_default();
        let (checked, compared) = (known.checked.take(), known.compared.take());
        *known = Known { number, checked, compared, ..Known::default() };
    }
    let shown = text::Shown { mark: &mark, gates: &gates, copied: &copied, automerge: policy.automerge };
    let (change, attachments) = text::text(look, known.compared.as_ref(), environment, proposal, &shown);
    let pull = match open {
        // A text that can't be read back tells what was approved, to people at least.
        Some(pull) if blocked.is_some() && Mark::read(&pull.body).is_none() => pull,
        Some(mut pull) => {
            if known.written.as_ref() != Some(&change) {
                if pull.title != change.title || !same_text(&pull.body, &change.body) {
                    let (number, change) = (pull.number, change.clone());
                    look.forge(move |forge| forge.update(number, &change)).await?;
                }
                (pull.title, pull.body) = (change.title.clone(), change.body.clone());
                known.written = Some(change);
            }
            pull
        }
        None => {
            let pull = create(look, &name, change.clone(), &policy.reviewers).await?;
            (known.number, known.written) = (pull.number, Some(change));
            pull
        }
    };
    attach(look, known, attachments).await?;
    write_statuses(look, known, &name, head.as_str(), &gates).await?;

    let closed = gates.iter().find(|gate| gate.verdict != GateVerdict::Pass);
    let may_merge = decision.verdict == Verdict::Promote && closed.is_none() && policy.automerge && look.is_current;
    let mut outcome = Outcome {
        open: Some(Open { url: pull.url.clone(), waits_for: blocked.unwrap_or_else(|| "it has to be merged".into()) }),
        ..Outcome::default()
    };
    if may_merge {
        match merge(look, environment, proposal, pull.number, &head, policy.method).await {
            Ok(()) => return Ok(Outcome { again: Some(NOT_READY), ..Outcome::default() }),
            Err(Failure::Forge(
                error @ (plumb_forge::Error::NotMergeable { .. } | plumb_forge::Error::HeadMoved { .. }),
            )) => {
                if let Some(open) = &mut outcome.open {
                    open.waits_for = error.to_string();
                }
                outcome.again = Some(NOT_READY);
            }
            Err(error) => return Err(error),
        }
    }
    outcome.pull = Some(pull);
    Ok(outcome)
}

fn block(was: Option<&Mark>, now: &Mark) -> String {
    let what = match was {
        Some(was) => format!(
            "approved were manifests with the digest {}, and the revision renders to {} now",
            digest(was),
            digest(now)
        ),
        None => "the first line of the text was changed, so nobody can tell what was approved".to_owned(),
    };
    format!("{what}; close the pull request, and another one is opened")
}

fn digest(mark: &Mark) -> &str {
    mark.digest.as_deref().and_then(|digest| digest.get(..12)).unwrap_or("none")
}

/// What became of the last pull request of an environment.
enum Before {
    /// There was none, or one for something else.
    Nothing,
    /// It is open, and the forge's list was older.
    Open(Box<PullRequest>),
    /// It was merged, and the branch will tell.
    Merged,
    /// Somebody closed it, there: that is an answer, and it is not asked again.
    Closed(String),
}

async fn before(look: &Look<'_>, known: &mut Known, mark: &Mark) -> Result<Before, Failure> {
    if let Some((of, url)) = &known.closed
        && of == mark
    {
        return Ok(Before::Closed(url.clone()));
    }
    let (branch, base) = (pull_request::branch(&mark.environment), look.repository.spec.branch.clone());
    let Some(pull) = look.forge(move |forge| forge.latest(&branch, &base)).await? else { return Ok(Before::Nothing) };
    let was = Mark::read(&pull.body).filter(|was| was.request == mark.request);
    Ok(match pull.state {
        State::Open => Before::Open(Box::new(pull)),
        State::Merged if was.is_some() && !is_past(look, pull.merge_commit.as_deref()).await? => Before::Merged,
        State::Closed if was.is_some_and(|was| was.shows_the_same(mark)) => {
            known.closed = Some((mark.clone(), pull.url.clone()));
            Before::Closed(pull.url)
        }
        State::Merged | State::Closed => Before::Nothing,
    })
}

/// Whether a merge is part of the branch for which the proposals were decided. What is proposed all the same, it did not bring.
async fn is_past(look: &Look<'_>, merge: Option<&str>) -> Result<bool, Failure> {
    let Some(merge) = merge.filter(|_| look.is_current).map(str::to_owned) else { return Ok(false) };
    let (git, head) = (look.git.clone(), look.head.clone());
    super::blocking(move || Ok(history::is_ancestor(&git, &merge, head.as_str())?)).await
}

/// The gate that holds what is shown to what would be applied.
fn manifests_gate(mark: &Mark, blocked: Option<&str>) -> Gate {
    let (verdict, why) = match (blocked, &mark.digest) {
        (Some(why), _) => (GateVerdict::Fail, why.to_owned()),
        (None, Some(_)) => (GateVerdict::Pass, format!("the revision renders to what is shown here: {}", digest(mark))),
        (None, None) => (GateVerdict::Wait { until: None }, "the revision can't be rendered as a whole".to_owned()),
    };
    Gate { name: "manifests".into(), verdict, why }
}

/// Makes sure that the branch brings the pin and what is copied with it and nothing else, and merges without a conflict. Gives its head, and
/// the files with copied values.
async fn ensure_branch(
    look: &Look<'_>,
    known: &mut Known,
    environment: &Environment,
    proposal: &Proposal,
    revision: &str,
) -> Result<(CommitId, Vec<String>), Failure> {
    let (author, environments) = (look.author(), neighbours(look.cx, look.key));
    let (git, base, checked) = (look.git.clone(), look.head.clone(), known.checked.clone());
    let (environment, decision, revision) = (environment.clone(), proposal.decision.clone(), revision.to_owned());
    let (checked, copied) = super::blocking(move || {
        let copier = Copier { git: &git, environments: &environments };
        let wanted = branch::Wanted::new(&copier, &base, &environment, &decision, &revision);
        let wanted = wanted.map_err(Failure::Internal)?;
        Ok((branch::ensure(&git, &base, &wanted, checked.as_ref(), &author)?, wanted.copied()))
    })
    .await?;
    let head = checked.0.clone();
    known.checked = Some(checked);
    Ok((head, copied))
}

async fn create(look: &Look<'_>, name: &str, change: Change, reviewers: &[String]) -> Result<PullRequest, Failure> {
    let new = NewPullRequest {
        head: pull_request::branch(name),
        base: look.repository.spec.branch.clone(),
        title: change.title,
        body: change.body,
    };
    let pull = look.forge(move |forge| forge.create(&new)).await?;
    tracing::info!(repository = %look.key, environment = name, url = pull.url, "a pull request was opened");
    let label = |name: String, colour: &str, description: String| Label { name, colour: colour.into(), description };
    let labels = [
        label("plumb".into(), "5319e7", "opened by Plumb".into()),
        label(format!("environment/{name}"), "0e8a16", format!("promotes to {name}")),
    ];
    let number = pull.number;
    let mut told = look.forge(move |forge| forge.add_labels(number, &labels)).await;
    if !reviewers.is_empty() {
        let reviewers = reviewers.to_vec();
        told = told.and(look.forge(move |forge| forge.request_reviews(number, &reviewers)).await);
    }
    // A pull request without labels or reviewers still is one.
    if let Err(error) = told {
        look.warn(format!("labels or reviewers of {} could not be set: {error}", pull.url)).await;
    }
    Ok(pull)
}

/// Writes what the text has no room for into comments, the same ones each time. One that is needed no more says so.
async fn attach(look: &Look<'_>, known: &mut Known, mut texts: Vec<String>) -> Result<(), Failure> {
    let needed = texts.len();
    texts.resize(needed.max(known.attached.len()), "Nothing of the difference is left out any more.".to_owned());
    for (place, text) in texts.iter().enumerate().filter(|(place, text)| known.attached.get(*place) != Some(*text)) {
        let (number, marker, text) = (known.number, Marker::new(&format!("plumb:difference:{place}")), text.clone());
        look.forge(move |forge| forge.upsert_comment(number, &marker, &text)).await?;
    }
    known.attached = texts;
    Ok(())
}

/// Shows each gate as a status of the head, where rules of the forge may require it.
async fn write_statuses(
    look: &Look<'_>,
    known: &mut Known,
    environment: &str,
    head: &str,
    gates: &[Gate],
) -> Result<(), Failure> {
    if known.statuses.0 != head {
        let commit = head.to_owned();
        let there = look.forge(move |forge| forge.statuses(&commit)).await?;
        let verdict = |state| match state {
            StatusState::Success => GateVerdict::Pass,
            StatusState::Pending => GateVerdict::Wait { until: None },
            StatusState::Failure => GateVerdict::Fail,
        };
        let there = there.into_iter().map(|it| (it.name, (verdict(it.state), it.description)));
        known.statuses = (head.to_owned(), there.collect());
    }
    for (name, gate) in pull_request::new_statuses(environment, gates, &known.statuses.1) {
        let state = match gate.verdict {
            GateVerdict::Pass => StatusState::Success,
            GateVerdict::Wait { .. } => StatusState::Pending,
            GateVerdict::Fail => StatusState::Failure,
        };
        let status = Status { name: name.clone(), state, description: gate.why.clone(), url: None };
        let commit = head.to_owned();
        look.forge(move |forge| forge.set_status(&commit, &status)).await?;
        known.statuses.1.insert(name, (gate.verdict, gate.why.clone()));
    }
    Ok(())
}

async fn merge(
    look: &Look<'_>,
    environment: &Environment,
    proposal: &Proposal,
    number: u64,
    head: &CommitId,
    method: MergeMethod,
) -> Result<(), Failure> {
    let Some(result) = proposal.decision.result() else { return Ok(()) };
    let message = trailers::message(&result);
    let (title, rest) = message.split_once('\n').unwrap_or((&message, ""));
    let merge = Merge {
        head: head.to_string(),
        method: match method {
            MergeMethod::Merge => plumb_forge::MergeMethod::Merge,
            MergeMethod::Squash => plumb_forge::MergeMethod::Squash,
            MergeMethod::Rebase => plumb_forge::MergeMethod::Rebase,
        },
        title: title.to_owned(),
        message: rest.trim().to_owned(),
    };
    look.forge(move |forge| forge.merge(number, &merge)).await?;
    let key = Key::of(environment);
    look.cx.metrics.promotions.with_label_values(&[&key.namespace, &key.name]).inc();
    let message = format!(
        "pull request {number} was merged: revision {} is promoted, as {} asked",
        result.revision,
        proposal.decision.request.as_ref().map_or_else(|| "nobody".to_owned(), |request| format!("commit {request}"))
    );
    tracing::info!(environment = %key, number, revision = result.revision, at = %Timestamp::now(), "the pull request was merged");
    let notice = Notice { warning: false, reason: "Promoted", action: "Promote", message };
    if let Err(error) = look.cx.recorder.publish(&kube::Resource::object_ref(environment, &()), &notice).await {
        tracing::warn!(environment = %key, %error, "an event could not be published");
    }
    // Not every forge sends a webhook to its own merge at once.
    look.cx.board.fetch_wish(look.key).notify_one();
    Ok(())
}

/// Whether two texts differ in line ends and outer white space at most, which forges keep as they like.
fn same_text(a: &str, b: &str) -> bool {
    a.trim().lines().map(str::trim_end).eq(b.trim().lines().map(str::trim_end))
}

/// Whether a review counts as an approval.
pub(super) fn approves(review: &plumb_forge::Review) -> bool {
    review.state == ReviewState::Approved
}
