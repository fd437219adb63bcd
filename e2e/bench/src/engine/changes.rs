//! Changes that somebody else makes.

use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use e2e::{observer::Observer, stage::Stage};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    goal::{Figure, between, percentile, spread},
    scene,
};

const OBJECTS: usize = 40;
/// Five changes of each object: more of one within a minute would be a fight.
const RUNS: usize = OBJECTS * 5;

/// Times count from when the change is sent, so what the API server needs for it is in them.
pub(super) async fn run() -> Result<Vec<Figure>> {
    let stage = Stage::new("bench").await?;
    stage.environment("dev", json!({})).await?;
    scene::overlay(&stage, "dev", (0..OBJECTS).map(|number| format!("map-{number}")), "ours")?;
    let (revision, _) = scene::push(&stage).await?;
    stage.ready_at("dev", &revision).await?;
    let mut observer = Observer::start(&stage).await?;
    let maps: Api<ConfigMap> = stage.api();
    let (mut begun, mut repaired, mut answered) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let name = format!("map-{}", run % OBJECTS);
        let patch = json!({"data": {"value": format!("foreign-{run}")}});
        begun.push(Timestamp::try_from(SystemTime::now())?);
        let sent = Instant::now();
        maps.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        answered.push(between(sent, Instant::now()));
        let back = observer.until(1, |seen| seen.name == name && seen.value.as_deref() == Some("ours")).await?;
        repaired.push(between(sent, back));
    }
    let log = stage.agent.log();
    let told: Vec<Timestamp> = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["message"] == "drift")
        .map(|line| line["timestamp"].as_str().context("a line of the log without a time")?.parse().map_err(Into::into))
        .collect::<Result<_>>()?;
    ensure!(told.len() == RUNS, "{} drifts were told of {RUNS} changes", told.len());
    let seen: Vec<f64> =
        begun.iter().zip(&told).map(|(begun, told)| told.duration_since(*begun).as_secs_f64() * 1e3).collect();
    let figures = vec![
        Figure::new("foreign edit -> detected, p50", "ms", 10.0, percentile(&seen, 0.5), spread(&seen)),
        Figure::new("foreign edit -> repaired, p50", "ms", 50.0, percentile(&repaired, 0.5), spread(&repaired)),
        Figure::info(
            "foreign edit -> answered to who made it, p50",
            "ms",
            percentile(&answered, 0.5),
            "the API server's share",
        ),
    ];
    scene::end(stage).await?;
    Ok(figures)
}
