//! Many small environments that one push changes.

use anyhow::Result;
use e2e::{observer::Observer, stage::Stage};

use super::{
    goal::{Figure, between, percentile, spread},
    process, scene,
};

const ENVIRONMENTS: usize = 200;
const OBJECTS: usize = 5;
const RUNS: usize = 6;

pub(super) async fn run() -> Result<Vec<Figure>> {
    let stage = Stage::new("bench").await?;
    write(&stage, "start")?;
    let mut observer = Observer::start(&stage).await?;
    scene::push(&stage).await?;
    scene::environments(&stage, (0..ENVIRONMENTS).map(|number| format!("env-{number}"))).await?;
    observer.until(ENVIRONMENTS * OBJECTS, |seen| seen.value.as_deref() == Some("start")).await?;
    let (mut times, mut cpu) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        settle(&stage).await?;
        let value = format!("run-{run}");
        write(&stage, &value)?;
        let before = process::cpu(&stage.agent)?;
        let (_, sent) = scene::push(&stage).await?;
        let last = observer.until(ENVIRONMENTS * OBJECTS, |seen| seen.value.as_deref() == Some(&value)).await?;
        times.push(between(sent, last));
        settle(&stage).await?;
        cpu.push(process::cpu(&stage.agent)? - before);
    }
    let (steady, peak) = process::memory(&stage.agent)?;
    let figures = vec![
        Figure::new(
            "200 environments of 5, all changed -> applied, p50",
            "ms",
            2_000.0,
            percentile(&times, 0.5),
            spread(&times),
        ),
        Figure::info("… CPU time of the agent, statuses included, p50", "ms", percentile(&cpu, 0.5), spread(&cpu)),
        Figure::info("… memory", "MiB", steady, format!("{peak:.1} at the peak")),
    ];
    scene::end(stage).await?;
    Ok(figures)
}

fn write(stage: &Stage, value: &str) -> Result<()> {
    for number in 0..ENVIRONMENTS {
        let names = (0..OBJECTS).map(|object| format!("map-{number}-{object}"));
        scene::overlay(stage, &format!("env-{number}"), names, value)?;
    }
    Ok(())
}

/// Waits until the agent has had nothing to do for a moment.
pub(super) async fn settle(stage: &Stage) -> Result<()> {
    let mut before = process::cpu(&stage.agent)?;
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
        let now = process::cpu(&stage.agent)?;
        if now - before < 15.0 {
            return Ok(());
        }
        before = now;
    }
}
