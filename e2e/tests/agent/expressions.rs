//! CEL in the spec of an Environment.

use anyhow::{Context as _, Result, ensure};
use e2e::stage::{Stage, condition};
use kube::api::{Patch, PatchParams};
use plumb_api::Environment;
use serde_json::json;

/// Changes the spec of an environment.
async fn set(stage: &Stage, environment: &str, spec: serde_json::Value) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    stage.api::<Environment>().patch(environment, &PatchParams::default(), &patch).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_of_a_kind_is_read_by_expressions() -> Result<()> {
    let stage = Stage::new("checks").await?;
    // Plain ConfigMaps are watched by their metadata alone, so the watch must become another one for this.
    stage.environment("plain", json!({})).await?;
    let revision = stage.push_config_maps("plain", &["plain"], "one").await?;
    stage.ready_at("plain", &revision).await?;
    let check = json!({"kind": "ConfigMap", "current": "data.value == 'done'", "failed": "data.value == 'broken'"});
    stage.environment("dev", json!({"healthChecks": [check]})).await?;
    stage.push_config_maps("dev", &["a"], "begun").await?;
    stage
        .wait("the check to say that it is on its way", async || {
            let message = stage.not_ready("dev", "Progressing").await?;
            ensure!(message.contains("ConfigMap") && message.contains("is not current yet"), "{message}");
            Ok(())
        })
        .await?;
    let revision = stage.push_config_maps("dev", &["a"], "done").await?;
    stage.ready_at("dev", &revision).await?;
    stage.push_config_maps("dev", &["a"], "broken").await?;
    stage.not_ready("dev", "HealthCheckFailed").await?;

    // What is wrong is told with its place, and what runs stays.
    set(&stage, "dev", json!({"healthChecks": [{"kind": "ConfigMap", "current": "data.value == "}]})).await?;
    let message = stage.not_ready("dev", "SpecInvalid").await?;
    ensure!(message.contains("spec.healthChecks[0].current: line 1, column 15"), "{message}");
    stage.has_value("a", "broken").await?;
    set(&stage, "dev", json!({"healthChecks": null})).await?;
    stage
        .wait("dev to be healthy without a check", async || {
            let status = stage.status("dev").await?;
            let ready = condition(&status.conditions, "Ready").context("no condition Ready")?;
            ensure!(ready.status == "True", "{}: {}", ready.reason, ready.message);
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_says_when_a_dependency_is_ready() -> Result<()> {
    let stage = Stage::new("readyexpr").await?;
    let expression = "dep.metadata.labels['tier'] == self.metadata.name && has(dep.status.revision)";
    stage.environment("base", json!({})).await?;
    let base = stage.push_config_maps("base", &["base"], "one").await?;
    stage.ready_at("base", &base).await?;
    stage.environment("apps", json!({"dependsOn": [{"name": "base", "readyExpr": expression}]})).await?;
    stage.push_config_maps("apps", &["app"], "one").await?;
    let message = stage.not_ready("apps", "Progressing").await?;
    ensure!(message.contains("its readyExpr is not true yet"), "{message}");
    ensure!(stage.value("app").await?.is_none(), "it did not wait");
    let labels = json!({"metadata": {"labels": {"tier": "apps"}}});
    stage.api::<Environment>().patch("base", &PatchParams::default(), &Patch::Merge(&labels)).await?;
    stage.has_value("app", "one").await?;
    set(&stage, "apps", json!({"dependsOn": [{"name": "base", "readyExpr": "other.status.ready"}]})).await?;
    let message = stage.not_ready("apps", "SpecInvalid").await?;
    ensure!(message.contains("spec.dependsOn[0].readyExpr: line 1, column 1: there is no variable other"), "{message}");
    stage.has_value("app", "one").await?;
    stage.end().await
}
