//! A push to an overlay of 40 objects.

use anyhow::Result;
use e2e::{observer::Observer, stage::Stage};
use serde_json::json;

use super::{
    goal::{Figure, between, percentile, spread},
    scene,
};

const OBJECTS: usize = 40;
const RUNS: usize = 120;

/// One object changes with each push, and with each tenth all of them.
pub(super) async fn run() -> Result<Vec<Figure>> {
    let stage = Stage::new("bench").await?;
    stage.environment("dev", json!({})).await?;
    scene::overlay(&stage, "dev", (1..OBJECTS).map(|number| format!("map-{number}")), "same")?;
    stage.worktree.write("overlays/dev/kustomization.yaml", kustomization(stage.ns()))?;
    stage.worktree.write("overlays/dev/one.yaml", e2e::stage::config_map("one", "start"))?;
    let (revision, _) = scene::push(&stage).await?;
    stage.ready_at("dev", &revision).await?;
    let mut observer = Observer::start(&stage).await?;
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let value = format!("run-{run}");
        stage.worktree.write("overlays/dev/one.yaml", e2e::stage::config_map("one", &value))?;
        let whole = run % 10 == 9;
        if whole {
            scene::overlay(&stage, "dev", (1..OBJECTS).map(|number| format!("map-{number}")), &value)?;
            stage.worktree.write("overlays/dev/kustomization.yaml", kustomization(stage.ns()))?;
        }
        let (revision, sent) = scene::push(&stage).await?;
        let count = if whole { OBJECTS } else { 1 };
        let applied = observer.until(count, |seen| seen.value.as_deref() == Some(&value)).await?;
        if whole { &mut all } else { &mut one }.push(between(sent, applied));
        stage.ready_at("dev", &revision).await?;
    }
    let figures = vec![
        Figure::new(
            "webhook push -> value in the API, 40 objects, p50",
            "ms",
            60.0,
            percentile(&one, 0.5),
            spread(&one),
        ),
        Figure::new("webhook push -> value in the API, 40 objects, p99", "ms", 200.0, percentile(&one, 0.99), ""),
        Figure::info("webhook push -> all 40 objects changed, p50", "ms", percentile(&all, 0.5), spread(&all)),
    ];
    scene::end(stage).await?;
    Ok(figures)
}

fn kustomization(namespace: &str) -> String {
    format!("namespace: {namespace}\nresources: [maps.yaml, one.yaml]\n")
}
