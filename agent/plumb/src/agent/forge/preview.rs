//! The comment that shows what an open pull request would change, and the commit status that says whether anything stands in the way.

use std::{collections::BTreeMap, sync::Arc};

use plumb_api::{Environment, Preview};
use plumb_delivery::{
    GroupKind, Manifests,
    difference::{self, Change, Difference},
    kept_when_removed, pin,
    pull_request::{self, Comparison, EnvironmentPreview, Finding, Style},
};
use plumb_forge::{Marker, PullRequest, Status, StatusState, same_commit};
use plumb_git::{CommitId, Tree};

use super::{Failure, Look, comparison};
use crate::agent::{board::Key, environment::connection};

/// The name of the commit status.
const STATUS: &str = "plumb/preview";
/// The most pull requests that are looked at, the newest first.
const MOST: usize = 50;

/// What was written already.
#[derive(Default)]
pub(super) struct Memory {
    /// By number: the head, and all that the preview depends on besides.
    seen: BTreeMap<u64, (String, Basis)>,
}

/// What a preview depends on besides the pull request.
#[derive(Clone, PartialEq, Eq)]
struct Basis {
    head: CommitId,
    /// Name and generation of each environment.
    environments: Vec<(String, Option<i64>)>,
}

/// Brings the previews of all open pull requests up to date.
pub(super) async fn write(
    look: &Look<'_>,
    which: Preview,
    environments: &[Arc<Environment>],
    pulls: &[PullRequest],
    memory: &mut Memory,
) -> Result<(), Failure> {
    if which == Preview::Off || environments.is_empty() {
        return Ok(());
    }
    let basis = Basis {
        head: look.head.clone(),
        environments: environments.iter().map(|it| (Key::of(&**it).name, it.metadata.generation)).collect(),
    };
    memory.seen.retain(|number, _| pulls.iter().any(|pull| pull.number == *number));
    // What a promotion changes stands in its own text.
    let is_ours = |pull: &PullRequest| pull_request::is_ours(&pull.head) && !pull.from_fork;
    let mut wanted: Vec<_> =
        pulls.iter().filter(|pull| !is_ours(pull) && (which == Preview::All || !pull.from_fork)).collect();
    wanted.sort_by_key(|pull| std::cmp::Reverse(pull.number));
    let mut failed = None;
    for pull in wanted.into_iter().take(MOST) {
        let seen = (pull.head_commit.clone(), basis.clone());
        if memory.seen.get(&pull.number) == Some(&seen) {
            continue;
        }
        match one(look, environments, pull).await {
            Ok(true) => drop(memory.seen.insert(pull.number, seen)),
            // Git has another head than the forge told: it is looked at again with the next event.
            Ok(false) => {}
            Err(failure) => failed = Some(failure),
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Writes the preview of one pull request; `false` when its head could not be had.
async fn one(look: &Look<'_>, environments: &[Arc<Environment>], pull: &PullRequest) -> Result<bool, Failure> {
    let reference = look
        .forge
        .kind()
        .head_reference(pull.number)
        .or_else(|| (!pull.from_fork).then(|| format!("refs/heads/{}", pull.head)));
    let Some(reference) = reference else { return Ok(true) };
    let (git, base) = (look.git.clone(), look.head.clone());
    let fetched = super::blocking(move || {
        let Some(head) = git.fetch_head(&reference)? else { return Ok(None) };
        let merged = git.merged_tree(&base, &head)?;
        Ok(Some((head, merged)))
    });
    let Some((head, merged)) = fetched.await? else { return Ok(false) };
    if !same_commit(head.as_str(), &pull.head_commit) {
        return Ok(false);
    }
    let branch = look.repository.spec.branch.clone();
    let capabilities = look.forge.capabilities();
    let style = Style { html: capabilities.html, limit: capabilities.body_limit };
    let (text, status) = if let Some(merged) = merged {
        let mut sections = Vec::new();
        for environment in environments {
            sections.extend(section(look, environment, &merged).await?);
        }
        let shown: Vec<_> = sections.iter().map(Section::shown).collect();
        (pull_request::preview(head.as_str(), &branch, &shown, style), verdict(&sections))
    } else {
        let why = format!("This conflicts with {branch}, so nobody can tell what it would change.");
        (why.clone(), (StatusState::Failure, why))
    };
    let number = pull.number;
    let status = Status { name: STATUS.into(), state: status.0, description: status.1, url: None };
    look.forge(move |forge| {
        forge.upsert_comment(number, &Marker::new("plumb:preview"), &text)?;
        forge.set_status(head.as_str(), &status)
    })
    .await?;
    Ok(true)
}

/// What becomes of one environment.
struct Section {
    name: String,
    pinned: Option<String>,
    differences: Option<Vec<Difference>>,
    problems: Vec<String>,
    findings: Vec<Finding>,
}

impl Section {
    fn shown(&self) -> EnvironmentPreview<'_> {
        EnvironmentPreview {
            name: &self.name,
            pinned: self.pinned.as_deref(),
            rendered: Comparison { differences: self.differences.as_deref(), problems: &self.problems },
            findings: &self.findings,
        }
    }
}

/// What the commit status says.
fn verdict(sections: &[Section]) -> (StatusState, String) {
    let refused = |section: &Section| section.findings.iter().filter(|it| matches!(it, Finding::Refused(_))).count();
    let wrong: usize = sections.iter().map(|it| refused(it) + usize::from(it.differences.is_none())).sum();
    let names: Vec<_> = sections.iter().map(|it| it.name.as_str()).collect();
    let changes =
        if names.is_empty() { "no environment changes".to_owned() } else { format!("changes {}", names.join(", ")) };
    match wrong {
        0 => (StatusState::Success, changes),
        1 => (StatusState::Failure, format!("{changes}; 1 thing stands in the way: see the comment")),
        more => (StatusState::Failure, format!("{changes}; {more} things stand in the way: see the comment")),
    }
}

/// What an environment would run, or why that can't be told.
struct Sides {
    before: Result<Option<comparison::Rendered>, String>,
    after: Result<comparison::Rendered, String>,
    /// Where it stays until it is promoted.
    pinned: Option<String>,
}

/// What the merged tree would change in an environment; `None` when it changes nothing.
async fn section(look: &Look<'_>, environment: &Arc<Environment>, merged: &Tree) -> Result<Option<Section>, Failure> {
    let reached = connection(look.cx, environment);
    let near = reached.clone().unwrap_or_else(|_| look.cx.cluster.clone());
    let (git, head, cluster) = (look.git.clone(), look.head.clone(), near);
    let (of, tree) = (environment.clone(), merged.clone());
    let sides = super::blocking(move || Ok(sides(&git, &head, &cluster, &of, &tree)?)).await?;
    let Some(Sides { before, after, pinned }) = sides else { return Ok(None) };
    let mut section = Section {
        name: Key::of(&**environment).name,
        pinned,
        differences: None,
        problems: Vec::new(),
        findings: Vec::new(),
    };
    let after = match after {
        Ok(after) => after,
        // What was wrong before is not the work of this pull request.
        Err(problem) if before.as_ref().err() == Some(&problem) => return Ok(None),
        Err(problem) => {
            section.problems = problem.lines().map(str::to_owned).collect();
            return Ok(Some(section));
        }
    };
    let before = before.ok().flatten();
    let nothing = Manifests::none();
    let differences = difference::between(before.as_ref().map_or(&nothing, |it| &it.manifests), &after.manifests);
    let known =
        |problem: &String| before.as_ref().is_some_and(|it| it.problems.iter().any(|old| old.to_string() == *problem));
    let problems = after.problems.iter().map(ToString::to_string).filter(|problem| !known(problem));
    section.findings.extend(problems.map(Finding::Refused));
    if differences.is_empty() && section.findings.is_empty() {
        return Ok(None);
    }
    let tried = match &reached {
        Ok(cluster) => Ok(comparison::dry_run(cluster, environment, &after.manifests, &differences).await),
        Err(why) => Err(why),
    };
    match tried {
        Err(why) => section.findings.push(Finding::Notable(format!("not tried on the cluster: {why}"))),
        Ok(Some(answers)) => section.findings.extend(answers.refused.into_iter().map(Finding::Refused)),
        Ok(None) => section.findings.push(Finding::Notable(
            "not tried on the cluster, for spec.substitute gives values that may be secrets".into(),
        )),
    }
    section.findings.extend(removals(environment, &differences, &after.manifests));
    section.differences = Some(differences);
    Ok(Some(section))
}

/// Renders both sides; `None` when nothing that is read differs.
fn sides(
    git: &plumb_git::Repository,
    head: &CommitId,
    cluster: &plumb_cluster::Cluster,
    environment: &Environment,
    merged: &Tree,
) -> Result<Option<Sides>, plumb_git::Error> {
    let base = git.tree(head)?;
    let render = |tree: &Tree| comparison::render(cluster, environment, tree);
    let mut pinned = None;
    if environment.spec.promotion.as_ref().is_some_and(plumb_api::Promotion::is_pinned) {
        let file = pin::path(&environment.spec.path);
        let (before, after) = (base.read(&file)?, merged.read(&file)?);
        let revision = |text: &Option<Vec<u8>>| -> Result<Option<String>, String> {
            let Some(text) = text else { return Ok(None) };
            pin::parse(text, &file).map(|pin| Some(pin.revision)).map_err(|error| error.to_string())
        };
        if before == after {
            pinned = revision(&before).ok().flatten();
        } else {
            // It moves the pin, and a pin brings the whole tree of its revision.
            let at = |revision: Result<Option<String>, String>| -> Result<Option<comparison::Rendered>, String> {
                let Some(revision) = revision? else { return Ok(None) };
                let tree =
                    CommitId::parse(&revision).and_then(|id| git.tree(&id)).map_err(|error| error.to_string())?;
                render(&tree).map(Some)
            };
            let after = at(revision(&after))
                .and_then(|it| it.ok_or_else(|| format!("{file} would be gone; then nothing is applied")));
            return Ok(Some(Sides { before: at(revision(&before)), after, pinned: None }));
        }
    }
    let before = render(&base);
    if before.as_ref().is_ok_and(|before| before.read.unchanged(merged).is_ok_and(|same| same)) {
        return Ok(None);
    }
    Ok(Some(Sides { before: before.map(Some), after: render(merged), pinned }))
}

/// What an environment's rules say about the objects that go.
fn removals(environment: &Environment, differences: &[Difference], after: &Manifests) -> Vec<Finding> {
    let (kept, gone): (Vec<_>, Vec<_>) = differences
        .iter()
        .filter(|it| it.change == Change::Removed)
        .partition(|it| kept_when_removed(&GroupKind { group: it.id.group.clone(), kind: it.id.kind.clone() }));
    let mut findings = Vec::new();
    let prune = &environment.spec.prune;
    if after.objects.is_empty() && !prune.allow_empty && !(kept.is_empty() && gone.is_empty()) {
        findings.push(Finding::Refused("the overlay would be empty, and spec.prune.allowEmpty is false".into()));
    }
    if let Some(limit) = prune.limit
        && prune.enabled
        && gone.len() > limit as usize
    {
        let text = format!(
            "{} objects would be deleted, and spec.prune.limit is {limit}: nothing is, until the annotation plumb.dev/allow-prune names the revision",
            gone.len()
        );
        findings.push(Finding::Refused(text));
    }
    for difference in kept {
        findings.push(Finding::Notable(format!(
            "{} leaves the overlay and stays in the cluster, for its kind is kept",
            difference.id
        )));
    }
    if !prune.enabled && !gone.is_empty() {
        let text = format!(
            "{} objects leave the overlay and stay in the cluster, for spec.prune.enabled is false",
            gone.len()
        );
        findings.push(Finding::Notable(text));
    }
    findings
}
