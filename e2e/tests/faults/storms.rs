//! The API server refuses requests, and connections break.

use anyhow::{Result, ensure};
use e2e::{
    agent::Installation,
    cluster::shared,
    proxy::{FaultyProxy, Storm},
    stage::Stage,
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::check;

const OBJECTS: usize = 60;

async fn behind_a_proxy(prefix: &str) -> Result<(Stage, FaultyProxy)> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace(prefix).await?;
    let mut installation = Installation::new(&connection, namespace.name()).await?;
    let proxy = FaultyProxy::start(&connection).await?;
    installation.go_through(&proxy)?;
    let stage = Stage::with(connection, namespace, installation).await?;
    stage.environment("dev", json!({"retryInterval": "2s"})).await?;
    Ok((stage, proxy))
}

#[tokio::test(flavor = "multi_thread")]
async fn storms_of_refusals_lose_nothing_and_prune_nothing_that_lives() -> Result<()> {
    let (stage, proxy) = behind_a_proxy("storms").await?;
    let names = check::names("map", 0..OBJECTS);
    check::push(&stage, "dev", &names, "start").await?;
    check::settles(&stage, "dev", &names, "start").await?;
    let storms = [
        Storm { status: 429, retry_after: Some(1), one_passes_of: 3 },
        Storm { status: 500, retry_after: None, one_passes_of: 2 },
        Storm { status: 503, retry_after: Some(1), one_passes_of: 5 },
        Storm { status: 429, retry_after: None, one_passes_of: 0 },
        Storm { status: 500, retry_after: None, one_passes_of: 0 },
    ];
    for (number, storm) in storms.into_iter().enumerate() {
        let value = format!("storm-{number}");
        // A third goes, a third comes, a third stays.
        let names = check::names("map", number * OBJECTS / 3..number * OBJECTS / 3 + OBJECTS);
        let before = proxy.refused();
        proxy.storm(Some(storm));
        check::push(&stage, "dev", &names, &value).await?;
        stage
            .wait("the storm to be felt", async || {
                ensure!(proxy.refused() >= before + 20, "{} requests were refused", proxy.refused() - before);
                Ok(())
            })
            .await?;
        proxy.storm(None);
        check::settles(&stage, "dev", &names, &value).await?;
    }
    ensure!(
        stage.metric("plumb_drift_total", &[]).await? < 0.5,
        "a storm was taken for a drift:\n{}",
        stage.agent.log()
    );
    // Where the inventory stays as it is, the objects are the first to be refused, and not all of them are tried.
    let last = check::names("map", 4 * OBJECTS / 3..4 * OBJECTS / 3 + OBJECTS);
    proxy.storm(Some(Storm { status: 429, retry_after: None, one_passes_of: 0 }));
    check::push(&stage, "dev", &last, "still").await?;
    stage
        .wait("the agent to leave it for later", async || {
            ensure!(stage.agent.log().contains("more objects were not tried"), "{}", stage.agent.log());
            Ok(())
        })
        .await?;
    proxy.storm(None);
    check::settles(&stage, "dev", &last, "still").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_that_break_miss_no_change_and_invent_none() -> Result<()> {
    let (stage, proxy) = behind_a_proxy("cuts").await?;
    let names = check::names("map", 0..OBJECTS);
    let revision = check::push(&stage, "dev", &names, "ours").await?;
    check::settles(&stage, "dev", &names, "ours").await?;
    stage.ready_at("dev", &revision).await?;
    let maps: Api<ConfigMap> = stage.api();
    let mut changes = 0.0;
    for (number, name) in names.iter().enumerate().take(30) {
        proxy.cut();
        let mine = json!({"data": {"value": "mine"}});
        if number % 3 == 0 {
            maps.delete(name, &DeleteParams::default()).await?;
        } else {
            maps.patch(name, &PatchParams::default(), &Patch::Merge(&mine)).await?;
        }
        proxy.cut();
        changes += 1.0;
    }
    check::settles(&stage, "dev", &names, "ours").await?;
    // Lists that are cut as well, with nobody at them.
    for _ in 0..10 {
        proxy.cut();
    }
    let next = check::names("map", 10..OBJECTS + 10);
    let revision = check::push(&stage, "dev", &next, "next").await?;
    check::settles(&stage, "dev", &next, "next").await?;
    stage.ready_at("dev", &revision).await?;
    let drifts = stage.metric("plumb_drift_total", &[]).await?;
    ensure!(drifts <= changes + 0.5, "{changes} changes were made, and {drifts} drifts told:\n{}", stage.agent.log());
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_the_past_invent_no_deletion_and_hide_none() -> Result<()> {
    let (stage, proxy) = behind_a_proxy("past").await?;
    let names = check::names("map", 0..5);
    let revision = check::push(&stage, "dev", &names, "ours").await?;
    check::settles(&stage, "dev", &names, "ours").await?;
    stage.ready_at("dev", &revision).await?;
    let drifts = async || stage.metric("plumb_drift_total", &[]).await;
    let before = proxy.writes();
    // One is not listed though it is there, and another one because it is gone.
    let maps: Api<ConfigMap> = stage.api();
    proxy.forget(Some(&["map-001"]));
    maps.delete("map-003", &DeleteParams::default()).await?;
    check::settles(&stage, "dev", &names, "ours").await?;
    ensure!(proxy.left_out() > 0, "no list began anew:\n{}", stage.agent.log());
    stage
        .wait("the one deletion to be told", async || {
            let drifts = drifts().await?;
            ensure!((drifts - 1.0).abs() < 0.5, "{drifts} drifts");
            Ok(())
        })
        .await?;
    // What the environment no longer wants goes, also if a list lacks it.
    proxy.forget(Some(&["map-001", "map-002"]));
    let left = proxy.left_out();
    stage
        .wait("the lists to begin anew", async || {
            ensure!(proxy.left_out() >= left + 2, "{} objects were left out", proxy.left_out() - left);
            Ok(())
        })
        .await?;
    let fewer = check::names("map", [0, 1, 3, 4]);
    let revision = check::push(&stage, "dev", &fewer, "ours").await?;
    check::settles(&stage, "dev", &fewer, "ours").await?;
    stage.ready_at("dev", &revision).await?;
    proxy.forget(None);
    ensure!((drifts().await? - 1.0).abs() < 0.5, "a list of the past was believed:\n{}", stage.agent.log());
    ensure!(proxy.writes() > before, "nothing was repaired");
    stage.end().await
}
