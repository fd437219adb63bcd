//! What objects ask for themselves in annotations, and when they are applied.

use anyhow::{Result, ensure};
use e2e::{agent::kubectl, stage::Stage};
use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job, core::v1::ConfigMap};
use kube::api::{Patch, PatchParams, PostParams};
use plumb_api::Environment;
use serde_json::{Value, json};

/// Pushes an overlay of these objects, each in a file of its own.
async fn push(stage: &Stage, message: &str, objects: &[Value]) -> Result<String> {
    let mut kustomization = format!("namespace: {}\nresources:\n", stage.ns());
    let mut files = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        kustomization.push_str(&format!("  - {number}.yaml\n"));
        files.push((format!("overlays/dev/{number}.yaml"), object.to_string()));
    }
    files.push(("overlays/dev/kustomization.yaml".to_owned(), kustomization));
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), Some(content.as_str()))).collect();
    stage.push(message, &files).await
}

fn config_map(name: &str, value: &str, annotations: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations},
        "data": {"value": value},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_to_be_created_and_what_is_ignored_is_left_to_others() -> Result<()> {
    let stage = Stage::new("rules").await?;
    let foreign: ConfigMap = serde_json::from_value(config_map("foreign", "theirs", json!({})))?;
    stage.api::<ConfigMap>().create(&PostParams::default(), &foreign).await?;
    stage.environment("dev", json!({})).await?;
    let once = json!({"plumb.dev/apply": "IfNotPresent"});
    let objects = [
        config_map("foreign", "ours", once.clone()),
        config_map("once", "one", once.clone()),
        config_map("ignored", "one", json!({"plumb.dev/reconcile": "disabled"})),
    ];
    let revision = push(&stage, "dev: rules", &objects).await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("foreign", "theirs").await?;
    stage.has_value("once", "one").await?;
    ensure!(stage.value("ignored").await?.is_none(), "it was applied");

    kubectl(&["patch", "configmap/once", "-n", stage.ns(), "--type=merge", "-p", r#"{"data":{"value":"theirs"}}"#], "")
        .await?;
    let objects = [config_map("once", "two", once), config_map("plain", "one", json!({}))];
    let revision = push(&stage, "dev: another value", &objects).await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("once", "theirs").await?;
    // What was there before is not ours to delete, though it left the overlay.
    stage.has_value("foreign", "theirs").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_must_not_be_pruned_stays() -> Result<()> {
    let stage = Stage::new("keep").await?;
    stage.environment("dev", json!({})).await?;
    let keep = config_map("keep", "one", json!({"plumb.dev/prune": "disabled"}));
    let revision = push(&stage, "dev: two", &[keep, config_map("go", "one", json!({}))]).await?;
    stage.ready_at("dev", &revision).await?;
    let revision = push(&stage, "dev: another", &[config_map("other", "one", json!({}))]).await?;
    stage.ready_at("dev", &revision).await?;
    stage.is_gone("go").await?;
    stage.has_value("keep", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_can_not_be_changed_needs_leave_to_make_the_object_anew() -> Result<()> {
    let stage = Stage::new("force").await?;
    stage.environment("dev", json!({})).await?;
    let job = |command: &str, annotations: Value| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "annotations": annotations},
            "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1", "command": [command]}]}}},
        })
    };
    push(&stage, "dev: a job", &[job("one", json!({}))]).await?;
    let uid = stage
        .wait("the job", async || {
            let job = stage.api::<Job>().get_opt("once").await?;
            job.and_then(|job| job.metadata.uid).ok_or_else(|| anyhow::anyhow!("it is not there"))
        })
        .await?;
    push(&stage, "dev: another command", &[job("two", json!({}))]).await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains("plumb.dev/force: enabled") && message.contains("spec.force"), "{message}");
    ensure!(stage.api::<Job>().get("once").await?.metadata.uid.as_deref() == Some(&*uid), "it was deleted");

    push(&stage, "dev: with leave", &[job("two", json!({"plumb.dev/force": "enabled"}))]).await?;
    stage
        .wait("the job to be made anew", async || {
            let job = stage.api::<Job>().get_opt("once").await?;
            ensure!(job.is_some_and(|job| job.metadata.uid.as_deref() != Some(&*uid)), "it is the old one, or gone");
            Ok(())
        })
        .await?;
    let status = stage.status("dev").await?;
    ensure!(status.drifts.is_empty(), "our own deletion was reported: {:?}", status.drifts);

    // The environment may say so for all of its objects.
    stage.environment("dev", json!({"force": true})).await?;
    push(&stage, "dev: a third command", &[job("three", json!({}))]).await?;
    stage
        .wait("the job with the third command", async || {
            let job = stage.api::<Job>().get_opt("once").await?;
            let spec = job.and_then(|job| job.spec?.template.spec);
            let command = spec.and_then(|spec| spec.containers.into_iter().next()?.command);
            ensure!(command == Some(vec!["three".to_owned()]), "{command:?}");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_wave_waits_for_the_health_of_the_one_before() -> Result<()> {
    let stage = Stage::new("waves").await?;
    stage.environment("dev", json!({})).await?;
    let first = |paused: bool| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "first", "annotations": {"plumb.dev/wave": "-1"}},
            "spec": {
                "paused": paused, "replicas": 1, "selector": {"matchLabels": {"app": "first"}},
                "template": {
                    "metadata": {"labels": {"app": "first"}},
                    "spec": {"nodeSelector": if paused { json!({"no": "such-node"}) } else { json!({}) }, "containers": [{"name": "a", "image": "a:1"}]},
                },
            },
        })
    };
    push(&stage, "dev: stuck", &[first(true), config_map("second", "one", json!({}))]).await?;
    let message = stage.not_ready("dev", "Progressing").await?;
    stage
        .wait("the first wave", async || {
            ensure!(stage.api::<Deployment>().get_opt("first").await?.is_some(), "it is not there");
            Ok(())
        })
        .await?;
    ensure!(message.contains("ConfigMap") && message.contains("waits for the waves before it"), "{message}");
    ensure!(stage.value("second").await?.is_none(), "the second wave did not wait");
    let revision = push(&stage, "dev: mended", &[first(false), config_map("second", "one", json!({}))]).await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("second", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_atomic_revision_is_applied_as_a_whole_or_not_at_all() -> Result<()> {
    let stage = Stage::new("atomic").await?;
    stage.environment("dev", json!({"atomic": true})).await?;
    let revision = push(&stage, "dev: one", &[config_map("a", "one", json!({}))]).await?;
    stage.ready_at("dev", &revision).await?;
    let refused =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}, "data": {"not a key": "x"}});
    push(&stage, "dev: two, and one that is refused", &[config_map("a", "two", json!({})), refused]).await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains("spec.atomic"), "{message}");
    stage.has_value("a", "one").await?;
    let objects = [config_map("a", "two", json!({})), config_map("b", "two", json!({}))];
    let revision = push(&stage, "dev: mended", &objects).await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("a", "two").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_waits_for_those_that_it_depends_on() -> Result<()> {
    let stage = Stage::new("depends").await?;
    stage.environment("apps", json!({"dependsOn": [{"name": "base"}]})).await?;
    stage.push_config_maps("apps", &["app"], "one").await?;
    let message = stage.not_ready("apps", "Progressing").await?;
    ensure!(message.contains("base, which does not exist"), "{message}");
    ensure!(stage.value("app").await?.is_none(), "it did not wait");
    stage.environment("base", json!({"dependsOn": [{"name": "apps"}]})).await?;
    let message = stage.not_ready("apps", "ReferenceInvalid").await?;
    ensure!(message.contains("apps -> base -> apps"), "{message}");
    let none = json!({"spec": {"dependsOn": []}});
    stage.api::<Environment>().patch("base", &PatchParams::default(), &Patch::Merge(&none)).await?;
    let revision = stage.push_config_maps("base", &["base"], "one").await?;
    stage.ready_at("base", &revision).await?;
    stage.ready_at("apps", &revision).await?;
    stage.has_value("app", "one").await?;
    stage.end().await
}
