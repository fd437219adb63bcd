//! The agent ends and starts again.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::{agent::Agent, cluster::eventually, stage::Stage};
use k8s_openapi::api::coordination::v1::Lease;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_writes_nothing_and_repairs_what_drifted_meanwhile() -> Result<()> {
    let mut stage = Stage::new("restart").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    stage.not_ready("staging", "NotPromoted").await?;

    let replacement = Agent::spawn(&stage.installation, "two", &[])?;
    let first = std::mem::replace(&mut stage.agent, replacement);
    ensure!(first.stop().await?, "the agent did not end well");
    let mark = stage.connection.audit().map(e2e::cluster::AuditLog::mark).transpose()?;
    stage.agent.ready().await?;
    stage
        .wait("the new agent to have reconciled", async || {
            ensure!(stage.metric("plumb_reconcile_total", &["success"]).await? >= 1.0, "not yet");
            Ok(())
        })
        .await?;
    if let (Some(audit), Some(mark)) = (stage.connection.audit(), mark) {
        let requests = audit.settled_since(&stage.connection.client, mark).await?.by_user(&stage.installation.user());
        let writes = requests
            .clone()
            .only(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch") && request.resource != "leases");
        ensure!(writes.is_empty(), "a restart wrote {writes:?}");
        // A list from a cache that is behind would make objects look deleted.
        let lists = requests.only(|request| request.uri.contains("sendInitialEvents=true"));
        ensure!(!lists.is_empty(), "no list was streamed");
        let stale = lists.clone().only(|request| request.uri.contains("resourceVersion=0"));
        ensure!(stale.is_empty(), "the API server may answer from the past: {stale:?}");
    }

    // The new agent promotes, though nothing has changed in the environments since it began.
    let overlay = format!("namespace: {}\nresources: [c.yaml]\n", stage.ns());
    let files = [
        ("overlays/staging/kustomization.yaml", Some(overlay.as_str())),
        ("overlays/staging/c.yaml", Some(&*e2e::stage::config_map("c", "one"))),
    ];
    let promoted = stage.push("staging\n\nPromote-To: staging\n", &files).await?;
    stage.ready_at("staging", &promoted).await?;

    // While nobody looks, somebody changes an object.
    let next = Agent::spawn(&stage.installation, "three", &[])?;
    let second = std::mem::replace(&mut stage.agent, next);
    second.kill().await?;
    e2e::agent::kubectl(
        &["patch", "configmap", "a", "-n", stage.ns(), "--type=merge", "-p", r#"{"data":{"value":"mine"}}"#],
        "",
    )
    .await?;
    // The lease of an agent that was killed runs out first.
    stage.has_value("a", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_one_leads_and_the_other_takes_over_at_once() -> Result<()> {
    let mut stage = Stage::new("lead").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let second = Agent::spawn(&stage.installation, "second", &[])?;
    second.ready().await?;
    let holder = async || {
        Ok::<_, anyhow::Error>(
            stage.api::<Lease>().get("plumb").await?.spec.and_then(|spec| spec.holder_identity).unwrap_or_default(),
        )
    };
    ensure!(holder().await?.starts_with("one"), "the first agent does not lead");

    let first = std::mem::replace(&mut stage.agent, second);
    ensure!(first.stop().await?, "the agent did not end well");
    let holder = async || {
        Ok::<_, anyhow::Error>(
            stage.api::<Lease>().get("plumb").await?.spec.and_then(|spec| spec.holder_identity).unwrap_or_default(),
        )
    };
    eventually(Duration::from_secs(30), "the second agent to lead", async || {
        let holder = holder().await?;
        ensure!(holder.starts_with("second"), "{holder} leads");
        Ok(())
    })
    .await?;
    stage.push_config_maps("dev", &["a"], "two").await?;
    stage.has_value("a", "two").await?;
    stage.end().await
}
