//! What is looked at before a revision comes to an environment of this cluster: whether it renders, what it would delete, what the API server
//! says to it, and what others say.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use plumb_api::{Environment, HttpCheck, Repository};
use plumb_cluster::Cluster;
use plumb_delivery::{
    Desired, Manifests, Owner,
    promotion::{self, Gate, GateVerdict},
};
use plumb_git::CommitId;

use super::render;
use crate::agent::{
    Context, Inputs,
    board::Key,
    environment::{agrees_to_prune, connection, refusals},
    fields::Copier,
    forge,
};

/// How many objects a message names.
const NAMED: usize = 5;
/// When to look again at what is not as it shall be.
const AGAIN: SignedDuration = SignedDuration::from_secs(30);
/// How long others may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Where a revision is on its way.
pub(super) struct Place<'a> {
    pub(super) repository: &'a Repository,
    pub(super) git: &'a Arc<plumb_git::Repository>,
    pub(super) head: &'a CommitId,
    /// The environments of the repository.
    pub(super) environments: &'a [Arc<Environment>],
}

/// Looks at a revision on its way into an environment.
pub(super) async fn look(cx: &Context, place: &Place<'_>, environment: &Environment, revision: &str) -> Vec<Gate> {
    let mut gates = Vec::new();
    let Some(promotion) = &environment.spec.promotion else { return gates };
    let key = Key::of(environment);
    // An environment that runs nothing yet has not read its variables.
    if cx.board.inputs(&key).is_none()
        && let Ok(inputs) = Inputs::of(environment, &cx.references).await
    {
        cx.board.publish_inputs(&key, inputs);
    }
    match connection(cx, environment) {
        Ok(cluster) => gates.extend(manifests(cx, &cluster, place, environment, revision).await),
        Err(why) => gates.extend(["render", "dry-run"].map(|gate| wait(gate, why.clone()))),
    }
    for check in &promotion.checks {
        gates.push(ask(check.clone(), key.name.clone(), revision.to_owned()).await);
    }
    if !promotion.statuses.is_empty() {
        gates.extend(statuses(cx, place.repository, &promotion.statuses, revision).await);
    }
    gates
}

/// Looks at what the revision would bring to the cluster of the environment.
async fn manifests(
    cx: &Context,
    cluster: &Cluster,
    place: &Place<'_>,
    environment: &Environment,
    revision: &str,
) -> Vec<Gate> {
    let mut gates = Vec::new();
    match render(cx, cluster, place, environment, revision).await {
        Ok(manifests) => {
            gates.push(pass("render", format!("{} objects", manifests.objects.len())));
            gates.extend(prune(cx, environment, &manifests, revision).await);
            if environment.spec.promotion.as_ref().is_some_and(|promotion| promotion.dry_run) {
                gates.push(dry_run(cluster, environment, &manifests).await);
            }
        }
        Err(why) => gates.push(Gate { name: "render".into(), verdict: GateVerdict::Fail, why }),
    }
    gates
}

/// What others report of the revision on the forge.
async fn statuses(cx: &Context, repository: &Repository, required: &[String], revision: &str) -> Vec<Gate> {
    match forge::statuses(cx, repository, revision).await {
        Ok(found) => promotion::statuses(required, revision, &found, Timestamp::now().checked_add(AGAIN).ok()),
        Err(why) => required.iter().map(|name| wait(&format!("status/{name}"), why.clone())).collect(),
    }
}

fn pass(name: &str, why: String) -> Gate {
    Gate { name: name.to_owned(), verdict: GateVerdict::Pass, why }
}

/// Closed for now; it is looked at again soon.
fn wait(name: &str, why: String) -> Gate {
    let until = Timestamp::now().checked_add(AGAIN).ok();
    Gate { name: name.to_owned(), verdict: GateVerdict::Wait { until }, why }
}

async fn render(
    cx: &Context,
    cluster: &Cluster,
    place: &Place<'_>,
    environment: &Environment,
    revision: &str,
) -> Result<Manifests, String> {
    let (cx, cluster) = (cx.clone(), cluster.clone());
    let (environment, revision) = (environment.clone(), revision.to_owned());
    let (git, head, environments) = (place.git.clone(), place.head.clone(), place.environments.to_vec());
    let rendered = tokio::task::spawn_blocking(move || {
        let copier = Copier { git: &git, environments: &environments };
        render::render(&cx, &cluster, &environment, &copier.tree(&head, &environment, &revision)?)
    });
    let rendered = rendered.await.unwrap_or_else(|error| Err(format!("the render ended early: {error}")))?;
    if rendered.errors.is_empty() { Ok(rendered.manifests) } else { Err(rendered.errors.join("; ")) }
}

/// How much would be deleted, where there is a limit.
async fn prune(cx: &Context, environment: &Environment, manifests: &Manifests, revision: &str) -> Option<Gate> {
    let limit = environment.spec.prune.limit.filter(|_| environment.spec.prune.enabled)?;
    let key = Key::of(environment);
    let owner = Owner { namespace: key.namespace, name: key.name.clone() };
    let inventory = match cx.cluster.read_inventory(environment, &owner).await {
        Ok(inventory) => inventory,
        Err(error) => return Some(wait("prune", error.to_string())),
    };
    let doomed = inventory.0.iter().filter(|id| !manifests.objects.contains_key(*id)).count();
    if agrees_to_prune(environment, revision) {
        return Some(pass("prune", format!("{doomed} objects would be deleted, and somebody agreed to it")));
    }
    if doomed <= usize::try_from(limit).unwrap_or(usize::MAX) {
        return Some(pass("prune", format!("{doomed} objects would be deleted")));
    }
    Some(wait(
        "prune",
        format!(
            "{doomed} objects would be deleted, and spec.prune.limit is {limit}; agree with: kubectl annotate environment {} plumb.dev/allow-prune={revision}",
            key.name
        ),
    ))
}

/// Whether the API server would take all objects.
async fn dry_run(cluster: &Cluster, environment: &Environment, manifests: &Manifests) -> Gate {
    let objects = manifests.objects.values().filter(|desired| !desired.rules.ignore && !desired.rules.create_only);
    let objects: Vec<Desired> = objects.cloned().collect();
    let count = objects.len();
    let force = environment.spec.force;
    let refused = refusals(cluster, objects, |desired| force || desired.rules.force).await;
    if refused.is_empty() {
        return pass("dry-run", format!("the API server would take all {count} objects"));
    }
    let named = refused.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    wait("dry-run", format!("the API server would refuse {} of {count} objects: {named}", refused.len()))
}

/// Asks somebody else.
async fn ask(check: HttpCheck, environment: String, revision: String) -> Gate {
    let name = format!("http/{}", check.name);
    let asked = tokio::task::spawn_blocking(move || {
        let mut url = url::Url::parse(&check.url).map_err(|error| format!("its url is not usable: {error}"))?;
        url.query_pairs_mut().append_pair("environment", &environment).append_pair("revision", &revision);
        crate::http::ask(url.as_str(), ANSWER)
    });
    match asked.await {
        Ok(Ok(status)) if (200..300).contains(&status) => pass(&name, format!("it answered {status}")),
        Ok(Ok(status)) => wait(&name, format!("it answered {status}")),
        Ok(Err(why)) => wait(&name, why),
        Err(error) => wait(&name, format!("asking ended early: {error}")),
    }
}
