//! A thousand environments, of which a push touches one.

use anyhow::Result;
use e2e::{observer::Observer, stage::Stage};

use super::{
    fleet::settle,
    goal::{Figure, between, percentile, spread},
    process, scene,
};

const ENVIRONMENTS: usize = 1_000;
const OBJECTS: usize = 5;
const RUNS: usize = 30;

pub(super) async fn run() -> Result<Vec<Figure>> {
    let stage = Stage::new("bench").await?;
    for number in 0..ENVIRONMENTS {
        write(&stage, number, "start")?;
    }
    let mut observer = Observer::start(&stage).await?;
    scene::push(&stage).await?;
    scene::environments(&stage, (0..ENVIRONMENTS).map(|number| format!("env-{number}"))).await?;
    observer.until(ENVIRONMENTS * OBJECTS, |seen| seen.value.as_deref() == Some("start")).await?;
    settle(&stage).await?;
    let mut times = Vec::new();
    let mut rendered = Vec::new();
    for run in 0..RUNS {
        let value = format!("run-{run}");
        write(&stage, (run * 37) % ENVIRONMENTS, &value)?;
        let before = stage.metric("plumb_render_total", &["done"]).await?;
        let (_, sent) = scene::push(&stage).await?;
        let last = observer.until(OBJECTS, |seen| seen.value.as_deref() == Some(&value)).await?;
        times.push(between(sent, last));
        // The others have been told of the new head as well, and go on at their own pace.
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        rendered.push(stage.metric("plumb_render_total", &["done"]).await? - before);
    }
    let begun = process::cpu(&stage.agent)?;
    settle(&stage).await?;
    let quiet = process::cpu(&stage.agent)? - begun;
    let (steady, peak) = process::memory(&stage.agent)?;
    let figures = vec![
        Figure::new(
            "one of 1,000 environments touched -> applied, p50",
            "ms",
            150.0,
            percentile(&times, 0.5),
            spread(&times),
        ),
        Figure::new("… p99", "ms", 150.0, percentile(&times, 0.99), ""),
        Figure::new("… renders for it, the most", "", 1.0, percentile(&rendered, 1.0), ""),
        Figure::info("… memory of the agent", "MiB", steady, format!("{peak:.1} at the peak")),
        Figure::info("… CPU time until it was quiet after the last", "ms", quiet, ""),
    ];
    scene::end(stage).await?;
    Ok(figures)
}

fn write(stage: &Stage, number: usize, value: &str) -> Result<()> {
    let names = (0..OBJECTS).map(|object| format!("map-{number}-{object}"));
    scene::overlay(stage, &format!("env-{number}"), names, value)
}
