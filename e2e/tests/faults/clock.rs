//! The clock of the agent is set back and forth.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::Installation,
    clock::Clock,
    cluster::shared,
    stage::{Stage, config_map},
};
use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;

use crate::check;

const HOUR: i64 = 3_600;

/// Waits until an environment runs a revision, and tells by how many seconds the agent's clock was ahead when it had applied it.
async fn ahead(stage: &Stage, environment: &str, revision: &str) -> Result<i64> {
    let mut ahead = 0;
    stage
        .wait("a revision to be healthy", async || {
            let history = stage.status(environment).await?.history;
            let newest = history.first().context("nothing was applied yet")?;
            ensure!(newest.revision == revision && newest.healthy_since.is_some(), "{newest:?}");
            ahead = newest.applied_at.0.duration_since(Timestamp::now()).as_secs();
            Ok(())
        })
        .await?;
    Ok(ahead)
}

/// The resource versions of the ConfigMaps of `dev`.
async fn versions(stage: &Stage) -> Result<BTreeMap<String, Option<String>>> {
    let list = ListParams::default().labels("plumb.dev/environment=dev");
    let maps = stage.api::<ConfigMap>().list_metadata(&list).await?;
    Ok(maps.into_iter().map(|map| (map.name_any(), map.metadata.resource_version)).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_loses_nothing_and_opens_no_gate() -> Result<()> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("clock").await?;
    let mut installation = Installation::new(&connection, namespace.name()).await?;
    let clock = Clock::new()?;
    installation.go_by(&clock);
    let mut stage = Stage::with(connection, namespace, installation).await?;
    stage.environment("dev", json!({"prune": {"limit": null}})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"], "soak": "30m"}})).await?;
    let kustomization = format!("namespace: {}\nresources: [s.yaml]\n", stage.ns());
    stage.worktree.write("overlays/staging/kustomization.yaml", kustomization)?;
    stage.worktree.write("overlays/staging/s.yaml", config_map("s", "one"))?;
    let names = check::names("map", 0..20);
    check::write(&stage, "dev", &names, "one")?;
    let first = stage.push("one\n\nPromote-To: staging\n", &[]).await?;
    check::settles(&stage, "dev", &names, "one").await?;
    ensure!(ahead(&stage, "dev", &first).await?.abs() < HOUR / 2, "its clock is not the machine's");

    clock.set(-2 * HOUR)?;
    // What goes and what comes is what git says, and what others change is repaired.
    let names = check::names("map", 10..30);
    check::write(&stage, "dev", &names, "two")?;
    let second = stage.push("two\n\nPromote-To: staging\n", &[]).await?;
    check::settles(&stage, "dev", &names, "two").await?;
    ensure!(ahead(&stage, "dev", &second).await? < -HOUR, "its clock was not set");
    let maps = stage.api::<ConfigMap>();
    let foreign = json!({"data": {"value": "foreign"}});
    maps.patch("map-015", &PatchParams::default(), &Patch::Merge(&foreign)).await?;
    maps.delete("map-016", &DeleteParams::default()).await?;
    check::settles(&stage, "dev", &names, "two").await?;

    // By this clock the first ran until before it was there, and the second became healthy a moment ago: neither has soaked.
    stage
        .wait("the gates to be told", async || {
            let records = stage.status("staging").await?.promotions;
            let told =
                records.iter().any(|record| record.revision == second && record.message.contains("must stay so"));
            ensure!(told && records.iter().all(|record| record.state != "Promoted"), "{records:?}");
            Ok(())
        })
        .await?;
    ensure!(stage.value("s").await?.is_none(), "a gate opened");

    // An agent that starts with such a clock finds all as it shall be.
    stage.agent.crash().await?;
    let before = versions(&stage).await?;
    stage.agent.start_again(&[])?;
    stage.agent.ready().await?;
    let names = check::names("map", 10..31);
    check::push(&stage, "dev", &names, "two").await?;
    check::settles(&stage, "dev", &names, "two").await?;
    let mut after = versions(&stage).await?;
    after.remove("map-030");
    ensure!(before == after, "it wrote what was there: {before:?}, {after:?}");

    // The clock is put right, and all goes on.
    clock.set(0)?;
    check::push(&stage, "dev", &names, "three").await?;
    check::settles(&stage, "dev", &names, "three").await?;
    stage.end().await
}
