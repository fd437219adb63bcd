//! Somebody edits or deletes the inventory.

use anyhow::{Context as _, Result, ensure};
use e2e::stage::Stage;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use crate::check;

const SHARD: &str = "plumb-inventory-dev-0";

/// The agent reads the inventory when it starts.
async fn restart(stage: &mut Stage, lease: &str) -> Result<()> {
    stage.agent.crash().await?;
    stage.agent.start_again(&["--lease-name", lease])?;
    stage.agent.ready().await
}

async fn edit(stage: &Stage, change: impl FnOnce(String) -> String) -> Result<()> {
    let maps: Api<ConfigMap> = stage.api();
    let text = maps.get(SHARD).await?.data.and_then(|mut data| data.remove("objects")).context("no inventory")?;
    let edited = json!({"data": {"objects": change(text)}});
    maps.patch(SHARD, &PatchParams::default(), &Patch::Merge(&edited)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_that_is_edited_or_deleted_costs_no_object_its_life() -> Result<()> {
    let mut stage = Stage::new("inventory").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("other", json!({})).await?;
    let (others, mut names) = (check::names("other", 0..3), check::names("map", 0..10));
    check::push_quietly(&stage, "other", &others, "theirs")?;
    check::push(&stage, "dev", &names, "one").await?;
    check::settles(&stage, "other", &others, "theirs").await?;
    check::settles(&stage, "dev", &names, "one").await?;
    let stranger = e2e::stage::config_map("stranger", "mine");
    stage.connection.kubectl(&["apply", "-n", stage.ns(), "-f", "-"], &stranger).await?;

    // Gone while the agent runs, and once more while none runs.
    let maps: Api<ConfigMap> = stage.api();
    maps.delete(SHARD, &DeleteParams::default()).await?;
    names.extend(check::names("map", [20]));
    check::push(&stage, "dev", &names, "two").await?;
    check::settles(&stage, "dev", &names, "two").await?;
    stage.agent.crash().await?;
    maps.delete(SHARD, &DeleteParams::default()).await?;
    stage.agent.start_again(&["--lease-name", "gone"])?;
    check::settles(&stage, "dev", &names, "two").await?;

    // It names what others own, and what nobody has.
    let ns = stage.ns().to_owned();
    edit(&stage, |text| {
        format!("{text}\n- ConfigMap {ns} stranger\n- ConfigMap {ns} other-001\n- ConfigMap {ns} nobody\n- Namespace - {ns}\nunknown.example.com Thing {ns} x\n")
    })
    .await?;
    restart(&mut stage, "foreign").await?;
    names.remove("map-000");
    check::push(&stage, "dev", &names, "three").await?;
    stage.is_gone("map-000").await?;
    stage.has_value("map-001", "three").await?;
    stage.has_value("stranger", "mine").await?;
    check::settles(&stage, "other", &others, "theirs").await?;

    // It lacks what is there: that stays, for nobody says that it is ours to delete.
    edit(&stage, |text| text.lines().filter(|line| !line.ends_with(" map-002")).collect::<Vec<_>>().join("\n")).await?;
    stage.agent.crash().await?;
    names.remove("map-002");
    names.remove("map-003");
    check::push_quietly(&stage, "dev", &names, "four")?;
    stage.agent.start_again(&["--lease-name", "lacking"])?;
    stage.is_gone("map-003").await?;
    stage.has_value("map-002", "three").await?;
    stage.has_value("map-004", "four").await?;

    // What can't be read is told, and nothing is done that hangs on it.
    edit(&stage, |text| format!("{text}\nnonsense\n")).await?;
    stage.agent.crash().await?;
    names.remove("map-004");
    let revision = check::push_quietly(&stage, "dev", &names, "five")?;
    stage.agent.start_again(&["--lease-name", "garbage"])?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains(SHARD) && message.contains("nonsense"), "{message}");
    stage.has_value("map-004", "four").await?;
    edit(&stage, |text| text.replace("nonsense", "")).await?;
    stage.ready_at("dev", &revision).await?;
    stage.is_gone("map-004").await?;
    stage.has_value("stranger", "mine").await?;
    stage.end().await
}
