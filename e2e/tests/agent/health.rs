//! How an environment fares, and what is told of it.

use anyhow::{Context as _, Result, ensure};
use e2e::stage::{Stage, condition};
use k8s_openapi::api::core::v1::{Event, Service};
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

/// Pushes an overlay of one object.
async fn push(stage: &Stage, object: &Value) -> Result<String> {
    let kustomization = format!("namespace: {}\nresources: [object.yaml]\n", stage.ns());
    let files = [
        ("overlays/dev/kustomization.yaml", Some(kustomization.as_str())),
        ("overlays/dev/object.yaml", Some(&*object.to_string())),
    ];
    stage.push("dev: an object", &files).await
}

/// Gives the load balancer an address, or takes it away: nobody else does it here.
async fn set_address(stage: &Stage, address: Option<&str>) -> Result<()> {
    let ingress: Vec<_> = address.iter().map(|address| json!({"ip": address})).collect();
    let body = json!({"status": {"loadBalancer": {"ingress": ingress}}});
    stage.api::<Service>().patch_status("web", &PatchParams::default(), &Patch::Merge(&body)).await?;
    Ok(())
}

/// Waits until the condition `Healthy` has this reason, and an event says the same.
async fn is_told(stage: &Stage, reason: &str, event: &str) -> Result<()> {
    stage
        .wait(&format!("the condition Healthy to say {reason}"), async || {
            let status = stage.status("dev").await?;
            let healthy = condition(&status.conditions, "Healthy").context("no condition Healthy")?;
            ensure!(healthy.reason == reason, "{}: {}", healthy.reason, healthy.message);
            Ok(())
        })
        .await?;
    stage
        .wait(&format!("the event {event}"), async || {
            let events = stage.api::<Event>().list(&ListParams::default()).await?;
            ensure!(events.iter().any(|found| found.reason.as_deref() == Some(event)), "it is not there");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_healthy_is_late_and_what_was_is_degraded() -> Result<()> {
    let stage = Stage::new("health").await?;
    stage.environment("dev", json!({"timeout": "1s"})).await?;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    let revision = push(&stage, &service).await?;
    is_told(&stage, "TimedOut", "TimedOut").await?;
    set_address(&stage, Some("192.0.2.1")).await?;
    is_told(&stage, "Succeeded", "Healthy").await?;
    stage.ready_at("dev", &revision).await?;
    set_address(&stage, None).await?;
    is_told(&stage, "Degraded", "Degraded").await?;
    let message = stage.not_ready("dev", "Degraded").await?;
    ensure!(message.contains("the load balancer has no address"), "{message}");
    stage.end().await
}
