//! The same object deleted again and again.

use std::time::Instant;

use anyhow::Result;
use e2e::{observer::Observer, stage::Stage};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::DeleteParams};
use serde_json::json;

use super::{
    goal::{Figure, between, percentile, spread},
    scene,
};

const OBJECTS: usize = 25;
const IN_A_ROW: usize = 4;

/// Each object is deleted four times in a row, each time as soon as it is back.
pub(super) async fn run() -> Result<Vec<Figure>> {
    let stage = Stage::new("bench").await?;
    stage.environment("dev", json!({})).await?;
    scene::overlay(&stage, "dev", (0..OBJECTS).map(|number| format!("map-{number}")), "ours")?;
    let (revision, _) = scene::push(&stage).await?;
    stage.ready_at("dev", &revision).await?;
    let mut observer = Observer::start(&stage).await?;
    let maps: Api<ConfigMap> = stage.api();
    let mut times: [Vec<f64>; IN_A_ROW] = Default::default();
    for number in 0..OBJECTS {
        let name = format!("map-{number}");
        for times in &mut times {
            let sent = Instant::now();
            maps.delete(&name, &DeleteParams::default()).await?;
            let back = observer.until(1, |seen| seen.name == name && seen.value.is_some()).await?;
            times.push(between(sent, back));
        }
    }
    let [first, .., fourth] = &times;
    let median = |times: &[f64]| percentile(times, 0.5);
    let figures = vec![
        Figure::new("an object deleted once -> back, p50", "ms", 50.0, median(first), spread(first)),
        Figure::new(
            "deleted four times in a row -> back, p50 of the fourth",
            "ms",
            50.0,
            median(fourth),
            spread(fourth),
        ),
        Figure::new("the fourth beside the first, p50", "times", 1.5, median(fourth) / median(first), ""),
    ];
    scene::end(stage).await?;
    Ok(figures)
}
