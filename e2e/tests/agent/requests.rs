//! Requests that do not come from a labelled commit: a resource, a tag; and the record of each.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::kubectl,
    stage::{HOOK_TOKEN, Stage, condition, config_map},
};
use kube::api::{ListParams, PostParams};
use plumb_api::{PromotionRequest, PromotionSpec};
use serde_json::json;

async fn environments(stage: &Stage) -> Result<()> {
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    Ok(())
}

async fn push(stage: &Stage, value: &str, message: &str) -> Result<String> {
    let overlay = |name: &str| format!("namespace: {}\nresources: [{name}.yaml]\n", stage.ns());
    let files = [
        ("overlays/dev/kustomization.yaml", overlay("d")),
        ("overlays/dev/d.yaml", config_map("d", value)),
        ("overlays/staging/kustomization.yaml", overlay("s")),
        ("overlays/staging/s.yaml", config_map("s", value)),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    stage.push(message, &files).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_asks_and_tells_how_it_ended() -> Result<()> {
    let stage = Stage::new("ask").await?;
    environments(&stage).await?;
    let revision = push(&stage, "one", "one").await?;
    stage.ready_at("dev", &revision).await?;
    let api = stage.api::<PromotionRequest>();
    let spec = PromotionSpec { environment: "staging".into(), revision: revision[..12].to_owned() };
    api.create(&PostParams::default(), &PromotionRequest::new("mine", spec)).await?;
    stage.ready_at("staging", &revision).await?;
    let status = stage
        .wait("the Promotion to have ended", async || {
            let status = api.get("mine").await?.status.context("no status")?;
            ensure!(status.state == "Promoted" && status.ended_at.is_some(), "{status:?}");
            ensure!(condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True"), "{status:?}");
            Ok(status)
        })
        .await?;
    ensure!(status.gates.iter().any(|gate| gate.name == "upstream/dev" && gate.verdict == "pass"), "{status:?}");
    stage.worktree.pull()?;
    let asked = stage.worktree.git(&["log", "--format=%B", "--grep=Promotion-Source"])?;
    ensure!(asked.contains(&format!("Asked for by Promotion {}/mine", stage.ns())), "{asked}");
    ensure!(asked.matches("Promotion-Source:").count() == 1, "it was asked for more than once: {asked}");

    // A request that comes from git is recorded as well.
    let labelled = push(&stage, "two", "two\n\nPromote-To: staging\n").await?;
    stage.ready_at("staging", &labelled).await?;
    stage
        .wait("the record of the labelled commit", async || {
            let all = api.list(&ListParams::default()).await?;
            let found = all
                .items
                .iter()
                .find(|item| item.status.as_ref().and_then(|status| status.request.as_ref()) == Some(&labelled));
            let status = found.and_then(|found| found.status.clone()).context("there is none")?;
            ensure!(status.state == "Promoted" && status.result.is_some(), "{status:?}");
            Ok(())
        })
        .await?;
    let table = kubectl(&["get", "promotions", "-n", stage.ns()], "").await?;
    ensure!(table.contains("Promoted"), "{table}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_asks_once() -> Result<()> {
    let stage = Stage::new("tag").await?;
    environments(&stage).await?;
    let revision = push(&stage, "one", "one").await?;
    stage.ready_at("dev", &revision).await?;
    stage.worktree.git(&["tag", "-a", "promote/staging/v1", "-m", "ship it", &revision])?;
    stage.worktree.git(&["tag", "promote/nowhere/v1", &revision])?;
    stage.worktree.git(&["push", "-q", "origin", "promote/staging/v1", "promote/nowhere/v1"])?;
    stage.hook("platform", HOOK_TOKEN).await?;
    stage.ready_at("staging", &revision).await?;
    let next = push(&stage, "two", "two").await?;
    stage.ready_at("dev", &next).await?;
    stage.worktree.pull()?;
    let asked = stage.worktree.git(&["log", "--format=%B", "--grep=Promotion-Source"])?;
    ensure!(asked.contains(&format!("promote/staging/v1@{revision}")), "{asked}");
    ensure!(asked.matches("Promotion-Source:").count() == 1, "it was asked for more than once: {asked}");
    stage.end().await
}
