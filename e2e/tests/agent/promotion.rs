//! Labelled commits move revisions from one environment to the next.

use anyhow::{Result, ensure};
use e2e::stage::Stage;
use serde_json::json;

/// A base with one ConfigMap, and overlays that give it another name each.
async fn with_a_base(stage: &Stage, value: &str, message: &str) -> Result<String> {
    let overlay = |suffix: &str| format!("namespace: {}\nresources: [../../base]\nnameSuffix: -{suffix}\n", stage.ns());
    stage
        .push(
            message,
            &[
                ("base/kustomization.yaml", Some("resources: [a.yaml]\n")),
                ("base/a.yaml", Some(&e2e::stage::config_map("a", value))),
                ("overlays/dev/kustomization.yaml", Some(&overlay("dev"))),
                ("overlays/staging/kustomization.yaml", Some(&overlay("staging"))),
                ("overlays/prod/kustomization.yaml", Some(&overlay("prod"))),
            ],
        )
        .await
}

async fn environments(stage: &Stage) -> Result<()> {
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    stage.environment("prod", json!({"promotion": {"from": ["staging"]}})).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labelled_commit_goes_to_staging_and_on_to_prod_as_a_whole_tree() -> Result<()> {
    let stage = Stage::new("promote").await?;
    environments(&stage).await?;
    with_a_base(&stage, "one", "base: one").await?;
    stage.has_value("a-dev", "one").await?;
    let message = stage.not_ready("staging", "NotPromoted").await?;
    ensure!(message.contains("Promote-To: staging"), "{message}");
    ensure!(stage.value("a-staging").await?.is_none(), "applied before it was promoted");

    let promoted = with_a_base(&stage, "two", "base: two\n\nPromote-To: staging\nPromote-To: prod\n").await?;
    stage.has_value("a-staging", "two").await?;
    stage.has_value("a-prod", "two").await?;
    let staging = stage.ready_at("staging", &promoted).await?;
    ensure!(staging.promotions.is_empty(), "{staging:?}");
    stage.ready_at("prod", &promoted).await?;

    // What git says of it.
    stage.worktree.pull()?;
    let log = stage.worktree.git(&["log", "--first-parent", "--format=%(trailers:only,unfold)", "-n", "2"])?;
    for line in ["Promoted-To: prod", "Promoted-From: staging", "Promoted-To: staging", "Promoted-From: dev"] {
        ensure!(log.contains(line), "{line} is not in\n{log}");
    }
    ensure!(log.contains(&format!("Promoted-Revision: {promoted}")), "{log}");
    let pin = stage.worktree.read("overlays/prod/promoted.yaml")?;
    ensure!(pin.contains(&promoted), "{pin}");

    // The base moves on: dev follows, staging and prod stay byte for byte.
    let count = stage.worktree.git(&["rev-list", "--count", "HEAD"])?;
    let moved = with_a_base(&stage, "three", "base: three").await?;
    stage.has_value("a-dev", "three").await?;
    stage.ready_at("dev", &moved).await?;
    ensure!(stage.value("a-staging").await?.as_deref() == Some("two"), "the base leaked into staging");
    ensure!(stage.value("a-prod").await?.as_deref() == Some("two"), "the base leaked into prod");
    stage.worktree.pull()?;
    let after: u32 = stage.worktree.git(&["rev-list", "--count", "HEAD"])?.trim().parse()?;
    ensure!(after == count.trim().parse::<u32>()? + 1, "something was promoted twice");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_until_the_upstream_is_healthy() -> Result<()> {
    let stage = Stage::new("gate").await?;
    environments(&stage).await?;
    let web = e2e::stage::unschedulable("web");
    let overlay = |resources: &str| format!("namespace: {}\nresources: [{resources}]\n", stage.ns());
    let requested = stage
        .push(
            "web\n\nPromote-To: staging\n",
            &[
                ("overlays/dev/kustomization.yaml", Some(&overlay("web.yaml"))),
                ("overlays/dev/web.yaml", Some(&web.to_string())),
                ("overlays/staging/kustomization.yaml", Some(&overlay("b.yaml"))),
                ("overlays/staging/b.yaml", Some(&e2e::stage::config_map("b", "one"))),
            ],
        )
        .await?;
    stage
        .wait("the request to wait for dev", async || {
            let status = stage.status("staging").await?;
            let record = status.promotions.first();
            let waits = record.is_some_and(|record| {
                record.state == "Waiting" && record.request == requested && record.message.contains("dev")
            });
            ensure!(waits, "{record:?}");
            Ok(())
        })
        .await?;
    ensure!(stage.value("b").await?.is_none(), "promoted past a closed gate");

    // The next revision is healthy, but it is not the one that was asked for.
    let mut fixed = web;
    fixed["spec"]["template"]["spec"]["nodeSelector"] = json!(null);
    let healthy = stage.push("web: run anywhere", &[("overlays/dev/web.yaml", Some(&fixed.to_string()))]).await?;
    stage.ready_at("dev", &healthy).await?;
    ensure!(stage.value("b").await?.is_none(), "promoted a revision that was never healthy");
    let asked = stage
        .push(
            &format!("ask for the healthy one\n\nPromote-To: staging\nPromote-Revision: {healthy}\n"),
            &[("asked", Some("x"))],
        )
        .await?;
    ensure!(asked != healthy, "the request is a commit of its own");
    stage.ready_at("staging", &healthy).await?;
    stage.has_value("b", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_an_unknown_environment_is_refused_where_people_look() -> Result<()> {
    let stage = Stage::new("unknown").await?;
    environments(&stage).await?;
    with_a_base(&stage, "one", "base\n\nPromote-To: stagging\n").await?;
    stage
        .wait("the event", async || {
            let events =
                e2e::agent::kubectl(&["get", "events", "-n", stage.ns(), "-o", "jsonpath={.items[*].message}"], "")
                    .await?;
            ensure!(events.contains("there is no environment stagging") && events.contains("staging"), "{events}");
            Ok(())
        })
        .await?;
    stage.end().await
}
