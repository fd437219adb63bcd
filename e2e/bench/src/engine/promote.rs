//! A labelled commit, pushed to a git server that tells the agent, until the environment downstream has what it promotes.

use std::{sync::Arc, time::Instant};

use anyhow::Result;
use e2e::{
    cluster::shared,
    git_server::{Access, Hook, HttpOptions, HttpServer, Repositories, Setting},
    observer::Observer,
    stage::{HOOK_TOKEN, PASSWORD, Stage},
};
use serde_json::json;

use super::{
    goal::{Figure, between, percentile, spread},
    scene,
};

const OBJECTS: usize = 40;
const RUNS: usize = 100;

/// One object of the base changes with each push; dev follows the branch, and staging takes what proved itself there.
pub(super) async fn run() -> Result<Vec<Figure>> {
    // The agent's address is known only after it has been told that of the server.
    let directory = tempfile::tempdir()?;
    let url = directory.path().join("hook");
    let access = Some(Access { username: "plumb".into(), password: PASSWORD.into() });
    let hook = Some(Hook { url: Setting::File(url.clone()), token: Setting::Value(HOOK_TOKEN.into()) });
    let git = HttpServer::serve(Repositories::temporary()?, HttpOptions { access, hook, port: 0 })?;
    git.create_repository("platform")?;
    let stage = Stage::served_by(Arc::new(git), shared().await?, "bench").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    write_base(&stage)?;
    stage.worktree.commit("start\n\nPromote-To: staging\n")?;
    stage.worktree.push()?;
    // Only from here on is it the server that tells of a push.
    stage.hook("platform", HOOK_TOKEN).await?;
    std::fs::write(&url, format!("{}/hooks/platform", stage.agent.url()))?;
    let mut revision = stage.worktree.head()?;
    let mut observer = Observer::start(&stage).await?;
    let (mut dev, mut staging) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        stage.ready_at("staging", &revision).await?;
        stage.worktree.pull()?;
        let value = format!("run-{run}");
        stage.worktree.write("base/one.yaml", e2e::stage::config_map("one", &value))?;
        revision = stage.worktree.commit(&format!("{value}\n\nPromote-To: staging\n"))?;
        let pushed = Instant::now();
        stage.worktree.push()?;
        let fits = |name: &'static str| {
            let value = value.clone();
            move |seen: &e2e::observer::Seen| seen.name == name && seen.value.as_ref() == Some(&value)
        };
        dev.push(between(pushed, observer.until(1, fits("one-dev")).await?));
        staging.push(between(pushed, observer.until(1, fits("one-staging")).await?));
    }
    let figures = vec![
        Figure::info("`git push` begins -> applied in dev, p50", "ms", percentile(&dev, 0.5), spread(&dev)),
        Figure::new(
            "… -> promoted and applied in staging, 40 objects, p50",
            "ms",
            1_000.0,
            percentile(&staging, 0.5),
            spread(&staging),
        ),
        Figure::info("… p99", "ms", percentile(&staging, 0.99), ""),
    ];
    scene::end(stage).await?;
    Ok(figures)
}

fn write_base(stage: &Stage) -> Result<()> {
    scene::maps(stage, "base", (1..OBJECTS).map(|number| format!("map-{number}")), "same")?;
    stage.worktree.write("base/one.yaml", e2e::stage::config_map("one", "start"))?;
    stage.worktree.write("base/kustomization.yaml", "resources: [maps.yaml, one.yaml]\n")?;
    for name in ["dev", "staging"] {
        let overlay = format!("namespace: {}\nresources: [../../base]\nnameSuffix: -{name}\n", stage.ns());
        stage.worktree.write(&format!("overlays/{name}/kustomization.yaml"), overlay)?;
    }
    Ok(())
}
