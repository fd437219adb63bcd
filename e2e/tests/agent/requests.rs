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

/// Waits until staging says so to a request.
async fn answered(stage: &Stage, request: &str, state: &str, words: &str) -> Result<()> {
    stage
        .wait(&format!("{request} to be {state}"), async || {
            let promotions = stage.status("staging").await?.promotions;
            let record = promotions.iter().find(|record| record.request == request);
            ensure!(record.is_some_and(|it| it.state == state && it.message.contains(words)), "{promotions:?}");
            Ok(())
        })
        .await
}

/// How many promotion commits there are.
fn promotions(stage: &Stage) -> Result<usize> {
    stage.worktree.pull()?;
    Ok(stage.worktree.git(&["log", "--format=%s", "--grep=^Promoted-To: staging"])?.lines().count())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_promoted_is_refused_with_words_that_help() -> Result<()> {
    let stage = Stage::new("odd").await?;
    environments(&stage).await?;
    let first = push(&stage, "one", "one\n\nPromote-To: staging\n").await?;
    stage.ready_at("staging", &first).await?;
    let second = push(&stage, "two", "two\n\nPromote-To: staging\n").await?;
    stage.ready_at("staging", &second).await?;
    ensure!(promotions(&stage)? == 2);

    // What runs already, once more; and a commit that only repeats what a promotion commit said.
    stage.push(&format!("again\n\nPromote-To: staging\nPromote-Revision: {second}\n"), &[]).await?;
    let said = stage.worktree.git(&["log", "-1", "--format=%B", "--grep=^Promoted-To: staging"])?;
    let told = stage.push(&said, &[]).await?;
    stage.ready_at("dev", &told).await?;
    let status = stage.status("staging").await?;
    ensure!(status.promotions.is_empty() && status.revision.as_deref() == Some(&*second), "{status:?}");
    ensure!(stage.worktree.git(&["log", "--format=%H", "-1"])?.trim() == told, "something was promoted");

    // An older revision, one of another branch, one that nobody has, and trailers that git reads in two ways.
    let ask = async |revision: &str| {
        stage.push(&format!("ask\n\nPromote-To: staging\nPromote-Revision: {revision}\n"), &[]).await
    };
    answered(&stage, &ask(&first).await?, "Refused", "plumb rollback staging").await?;
    stage.worktree.pull()?;
    stage.worktree.git(&["checkout", "-q", "-b", "side"])?;
    stage.worktree.write("side", "x")?;
    let side = stage.worktree.commit("side")?;
    stage.worktree.git(&["push", "-q", "origin", "side"])?;
    stage.worktree.git(&["checkout", "-q", "main"])?;
    answered(&stage, &ask(&side).await?, "Refused", "has it been pushed?").await?;
    answered(&stage, &ask("abcdef0").await?, "Refused", "no commit starts with abcdef0").await?;
    stage.push("two readings\n\nPromote-To: staging\n---\n\nPromote-To: prod\n", &[]).await?;
    stage
        .wait("the event about the trailers", async || {
            let events =
                kubectl(&["get", "events", "-n", stage.ns(), "-o", "jsonpath={.items[*].message}"], "").await?;
            ensure!(events.contains("keep one block of trailers"), "{events}");
            Ok(())
        })
        .await?;
    ensure!(stage.status("staging").await?.revision.as_deref() == Some(&*second));
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_taken_back_is_not_answered() -> Result<()> {
    let stage = Stage::new("withdrawn").await?;
    environments(&stage).await?;
    let first = push(&stage, "one", "one\n\nPromote-To: staging\n").await?;
    stage.ready_at("staging", &first).await?;
    let suspended = |suspend: bool| json!({"promotion": {"from": ["dev"]}, "suspend": suspend});

    // Reverted while it waits, as a person does it.
    stage.environment("staging", suspended(true)).await?;
    let second = push(&stage, "two", "two\n\nPromote-To: staging\n").await?;
    answered(&stage, &second, "Waiting", "suspended").await?;
    stage.worktree.pull()?;
    stage.worktree.git(&["revert", "--no-edit", &second])?;
    stage.worktree.push()?;
    stage.hook("platform", HOOK_TOKEN).await?;
    stage
        .wait("the request to be withdrawn", async || {
            let promotions = stage.status("staging").await?.promotions;
            ensure!(promotions.is_empty(), "{promotions:?}");
            Ok(())
        })
        .await?;

    // Gone from the branch while it waits.
    let third = push(&stage, "three", "three\n\nPromote-To: staging\n").await?;
    answered(&stage, &third, "Waiting", "suspended").await?;
    stage.worktree.git(&["fetch", "-q", "origin"])?;
    stage.worktree.git(&["reset", "-q", "--hard", &format!("{third}~1")])?;
    stage.worktree.write("other", "x")?;
    let other = stage.worktree.commit("another history")?;
    stage.worktree.git(&["push", "-q", "--force", "origin", "main"])?;
    stage.hook("platform", HOOK_TOKEN).await?;
    stage.ready_at("dev", &other).await?;
    stage.environment("staging", suspended(false)).await?;
    stage.ready_at("staging", &first).await?;
    let status = stage.status("staging").await?;
    ensure!(status.promotions.is_empty(), "{:?}", status.promotions);
    ensure!(promotions(&stage)? == 1, "what was taken back was promoted");
    let gone = stage.push(&format!("ask\n\nPromote-To: staging\nPromote-Revision: {third}\n"), &[]).await?;
    answered(&stage, &gone, "Refused", "is not on the tracked branch").await?;

    // The revert of a promotion commit moves the pin, as by hand.
    let fourth = push(&stage, "four", "four\n\nPromote-To: staging\n").await?;
    stage.ready_at("staging", &fourth).await?;
    stage.worktree.pull()?;
    stage.worktree.git(&["revert", "--no-edit", "HEAD"])?;
    stage.worktree.push()?;
    stage.hook("platform", HOOK_TOKEN).await?;
    stage.ready_at("staging", &first).await?;
    stage.has_value("s", "one").await?;
    stage.end().await
}
