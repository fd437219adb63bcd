//! Ten thousand objects in one environment.

use std::{fmt::Write as _, time::Duration, time::Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::Agent,
    cluster::{AuditLog, Requests, eventually},
    stage::{HOOK_TOKEN, Stage, condition},
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use plumb_api::Environment;
use serde_json::json;

use super::{
    fleet::settle,
    goal::{Figure, between},
    process, scene,
};

const OBJECTS: usize = 10_000;
const FILES: usize = 100;
const SIZE: usize = 1_024;
/// How long the agent is watched while there is nothing to do.
const IDLE: Duration = Duration::from_secs(15);

pub(super) async fn run() -> Result<Vec<Figure>> {
    let mut stage = Stage::new("bench").await?;
    let audit =
        stage.connection.audit().context("the requests can't be counted: the cluster has no audit log")?.clone();
    stage.environment("dev", json!({})).await?;
    for file in 0..FILES {
        write(&stage, file, "start")?;
    }
    let resources: Vec<_> = (0..FILES).map(|file| format!("maps-{file}.yaml")).collect();
    let kustomization = format!("namespace: {}\nresources: [{}]\n", stage.ns(), resources.join(", "));
    stage.worktree.write("overlays/dev/kustomization.yaml", kustomization)?;
    let mut figures = Vec::new();

    let mark = audit.mark()?;
    let (revision, sent) = scene::push(&stage).await?;
    let applied = applied(&stage, &revision).await?;
    let there =
        stage.api::<ConfigMap>().list_metadata(&ListParams::default().labels("plumb.dev/environment=dev")).await?;
    ensure!(there.items.len() == OBJECTS, "{} objects are there", there.items.len());
    figures.push(Figure::new("10,000 ConfigMaps of 1 KiB -> applied", "s", 12.0, between(sent, applied) / 1_000.0, ""));
    let cpu = process::cpu(&stage.agent)?;
    let requests = requests(&stage, &audit, mark).await?;
    let (_, peak) = process::memory(&stage.agent)?;
    figures.push(Figure::info("… requests", "", count(requests.len()), ""));
    figures.push(Figure::info("… CPU time of the agent", "s", cpu / 1_000.0, ""));
    figures.push(Figure::info("… memory at the peak", "MiB", peak, ""));

    settle(&stage).await?;
    idle(&stage, "", &mut figures).await?;

    let mark = audit.mark()?;
    let reconciles = stage.metric("plumb_reconcile_total", &["success"]).await?;
    let wish = json!({"metadata": {"annotations": {"plumb.dev/reconcile-requested-at": "bench"}}});
    stage.api::<Environment>().patch("dev", &PatchParams::default(), &Patch::Merge(&wish)).await?;
    reconciled(&stage, reconciles).await?;
    stage.hook("platform", HOOK_TOKEN).await?;
    settle(&stage).await?;
    let asked = self::requests(&stage, &audit, mark).await?;
    figures.push(Figure::new(
        "a reconcile and a fetch that change nothing: requests",
        "",
        0.0,
        count(asked.len()),
        asked.to_string(),
    ));

    let mark = audit.mark()?;
    stage.worktree.write("overlays/dev/note.md", "nothing that is rendered")?;
    let (revision, _) = scene::push(&stage).await?;
    self::applied(&stage, &revision).await?;
    settle(&stage).await?;
    let asked = self::requests(&stage, &audit, mark).await?;
    let work = asked.clone().only(|request| request.group != "plumb.dev");
    figures.push(Figure::new(
        "a commit that changes no object: requests for objects",
        "",
        0.0,
        count(work.len()),
        format!("{} for statuses", asked.len() - work.len()),
    ));

    let mark = audit.mark()?;
    let file = stage.worktree.path().join("overlays/dev/maps-7.yaml");
    let before = std::fs::read_to_string(&file)?;
    write(&stage, 7, "other")?;
    let after = std::fs::read_to_string(&file)?;
    // Of the file's hundred only the first is edited.
    let (first, _) = after.split_once("\n---\n").context("a file of one document")?;
    let (_, rest) = before.split_once("\n---\n").context("a file of one document")?;
    stage.worktree.write("overlays/dev/maps-7.yaml", format!("{first}\n---\n{rest}"))?;
    let (revision, sent) = scene::push(&stage).await?;
    let applied = self::applied(&stage, &revision).await?;
    settle(&stage).await?;
    let asked = self::requests(&stage, &audit, mark).await?;
    let work = asked.clone().only(|request| request.group != "plumb.dev");
    figures.push(Figure::new(
        "one edit among 10,000: writes",
        "",
        1.0,
        count(work.len()),
        format!("{} more for statuses", asked.len() - work.len()),
    ));
    figures.push(Figure::info("… until its status says so", "ms", between(sent, applied), ""));

    let next = Agent::spawn(&stage.installation, "two", &[])?;
    ensure!(std::mem::replace(&mut stage.agent, next).stop().await?, "the agent did not end well");
    let mark = audit.mark()?;
    let begun = Instant::now();
    reconciled(&stage, 0.0).await?;
    figures.push(Figure::info("restart -> reconciled", "s", begun.elapsed().as_secs_f64(), ""));
    settle(&stage).await?;
    let asked = self::requests(&stage, &audit, mark).await?;
    let writes = asked.clone().only(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"));
    figures.push(Figure::new("writes after a restart", "", 0.0, count(writes.len()), writes.to_string()));
    figures.push(Figure::info("… requests", "", count(asked.len()), ""));
    let (_, peak) = process::memory(&stage.agent)?;
    figures.push(Figure::info("… memory at the peak", "MiB", peak, ""));
    idle(&stage, ", after a restart", &mut figures).await?;
    scene::end(stage).await?;
    Ok(figures)
}

/// What the agent takes while there is nothing to do.
async fn idle(stage: &Stage, when: &str, figures: &mut Vec<Figure>) -> Result<()> {
    let before = process::cpu(&stage.agent)?;
    tokio::time::sleep(IDLE).await;
    let taken = (process::cpu(&stage.agent)? - before) / IDLE.as_secs_f64() / 10.0;
    let (steady, _) = process::memory(&stage.agent)?;
    figures.push(Figure::new(&format!("steady memory{when}"), "MiB", 80.0, steady, ""));
    figures.push(Figure::new(
        &format!("idle CPU{when}"),
        "%",
        0.5,
        taken,
        format!("of one core, over {} s", IDLE.as_secs()),
    ));
    Ok(())
}

/// A hundred ConfigMaps of 1 KiB.
fn write(stage: &Stage, file: usize, value: &str) -> Result<()> {
    let mut maps = String::new();
    for number in 0..OBJECTS / FILES {
        if number > 0 {
            maps.push_str("---\n");
        }
        let filler: String = format!("{value}-{file}-{number}-").chars().cycle().take(SIZE).collect();
        write!(maps, "{}", e2e::stage::config_map(&format!("map-{file}-{number}"), &filler))?;
    }
    stage.worktree.write(&format!("overlays/dev/maps-{file}.yaml"), maps)
}

/// Waits until the environment says that it is ready at a revision, and gives the time.
async fn applied(stage: &Stage, revision: &str) -> Result<Instant> {
    let api: Api<Environment> = stage.api();
    let mut stream = std::pin::pin!(watcher(api, watcher::Config::default()).applied_objects());
    let wait = async {
        while let Some(environment) = stream.next().await {
            let status = environment?.status.unwrap_or_default();
            let ready = condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True");
            if ready && status.revision.as_deref() == Some(revision) {
                return Ok(Instant::now());
            }
        }
        anyhow::bail!("the watch of the benchmark ended early")
    };
    tokio::time::timeout(Duration::from_secs(120), wait).await.with_context(|| stage.agent.log())?
}

async fn reconciled(stage: &Stage, before: f64) -> Result<()> {
    eventually(Duration::from_secs(60), "a reconcile", async || {
        let now = stage.metric("plumb_reconcile_total", &["success"]).await?;
        ensure!(now > before, "{now}");
        Ok(())
    })
    .await
}

/// What the agent asked of the API server, but for its lease and the watches that go on by themselves.
async fn requests(stage: &Stage, audit: &AuditLog, mark: e2e::cluster::Mark) -> Result<Requests> {
    let requests = audit.settled_since(&stage.connection.client, mark).await?.by_user_agent("plumb/");
    Ok(requests
        .by_user(&stage.installation.user())
        .only(|request| request.resource != "leases" && request.verb != "watch"))
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn count(count: usize) -> f64 {
    count as f64
}
