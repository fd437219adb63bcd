//! Somebody else changes what git says.

use anyhow::{Result, ensure};
use e2e::{
    agent::kubectl,
    stage::{Stage, condition},
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::api::{DeleteParams, Patch, PatchParams};
use plumb_api::Environment;
use serde_json::json;

async fn with_a_deployment(stage: &Stage) -> Result<String> {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
        },
    });
    let kustomization = format!("namespace: {}\nresources: [web.yaml, a.yaml]\n", stage.ns());
    stage
        .push(
            "dev: web",
            &[
                ("overlays/dev/kustomization.yaml", Some(&kustomization)),
                ("overlays/dev/web.yaml", Some(&deployment.to_string())),
                ("overlays/dev/a.yaml", Some(&e2e::stage::config_map("a", "one"))),
            ],
        )
        .await
}

async fn replicas(stage: &Stage) -> Result<Option<i32>> {
    Ok(stage.api::<Deployment>().get("web").await?.spec.and_then(|spec| spec.replicas))
}

async fn has_event(stage: &Stage, text: &str) -> Result<()> {
    stage
        .wait(&format!("an event that says {text}"), async || {
            let events =
                kubectl(&["get", "events", "-n", stage.ns(), "-o", "jsonpath={.items[*].message}"], "").await?;
            ensure!(events.contains(text), "{events}");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_drifted_is_told_though_it_is_repaired_and_secrets_are_not() -> Result<()> {
    let stage = Stage::new("values").await?;
    let hidden = json!({"kind": "ConfigMap", "name": "b", "pointer": "/data", "sensitive": true});
    stage.environment("dev", json!({"drift": {"rules": [hidden]}})).await?;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  value: hunter2\n";
    let kustomization = format!("namespace: {}\nresources: [a.yaml, b.yaml, s.yaml]\n", stage.ns());
    let revision = stage
        .push(
            "dev: a secret",
            &[
                ("overlays/dev/kustomization.yaml", Some(&kustomization)),
                ("overlays/dev/a.yaml", Some(&e2e::stage::config_map("a", "one"))),
                ("overlays/dev/b.yaml", Some(&e2e::stage::config_map("b", "one"))),
                ("overlays/dev/s.yaml", Some(secret)),
            ],
        )
        .await?;
    stage.ready_at("dev", &revision).await?;
    for name in ["configmap/a", "configmap/b"] {
        kubectl(&["patch", name, "-n", stage.ns(), "--type=merge", "-p", r#"{"data":{"value":"mine"}}"#], "").await?;
    }
    kubectl(
        &["patch", "secret/s", "-n", stage.ns(), "--type=merge", "-p", r#"{"stringData":{"value":"hunter3"}}"#],
        "",
    )
    .await?;
    has_event(&stage, r#".data.value is "mine" instead of "one""#).await?;
    let drifts = stage
        .wait("three drifts with what was found", async || {
            let drifts = stage.status("dev").await?.drifts;
            let found = drifts.iter().flat_map(|drift| &drift.values).filter(|value| value.found.is_some()).count();
            ensure!(found == 3 && drifts.iter().all(|drift| drift.repaired), "{drifts:?}");
            Ok(drifts)
        })
        .await?;
    for drift in drifts {
        let told = format!("{:?}", drift.values);
        let expected = if drift.object.ends_with("/a") { (r#""one""#, r#""mine""#) } else { ("<hidden>", "<hidden>") };
        let value = &drift.values[0];
        ensure!((value.expected.as_str(), value.found.as_deref()) == (expected.0, Some(expected.1)), "{told}");
    }
    stage.has_value("a", "one").await?;
    let (_, page) = stage.agent.get("/").await?;
    ensure!(page.contains("mine"), "the page does not tell it: {page}");
    let events = kubectl(&["get", "events", "-n", stage.ns(), "-o", "yaml"], "").await?;
    for secret in ["hunter", "aHVudGVy"] {
        ensure!(!stage.agent.log().contains(secret) && !page.contains(secret) && !events.contains(secret), "{secret}");
    }
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scaled_deployment_is_scaled_back_and_the_writer_is_named() -> Result<()> {
    let stage = Stage::new("scale").await?;
    stage.environment("dev", json!({})).await?;
    let revision = with_a_deployment(&stage).await?;
    stage.ready_at("dev", &revision).await?;
    kubectl(&["scale", "deployment/web", "--replicas=7", "-n", stage.ns()], "").await?;
    stage
        .wait("the drift to be repaired", async || {
            let status = stage.status("dev").await?;
            let drift = status.drifts.first();
            ensure!(drift.is_some_and(|drift| drift.repaired), "{drift:?}");
            ensure!(replicas(&stage).await? == Some(2), "not scaled back");
            Ok(())
        })
        .await?;
    let drift = stage.status("dev").await?.drifts.remove(0);
    ensure!(drift.object == format!("Deployment.apps {}/web", stage.ns()), "{drift:?}");
    ensure!(drift.fields == [".spec.replicas"], "{drift:?}");
    ensure!(drift.writer.as_deref().is_some_and(|writer| writer.contains("kubectl")), "{drift:?}");
    ensure!(stage.metric("plumb_drift_total", &["repair"]).await? >= 1.0, "no metric");
    has_event(&stage, ".spec.replicas is 7 instead of 2").await?;
    let value = stage.status("dev").await?.drifts.remove(0).values.remove(0);
    ensure!((value.expected.as_str(), value.found.as_deref()) == ("2", Some("7")), "{value:?}");
    let through = (value.operation.as_deref(), value.subresource.as_deref());
    ensure!(through == (Some("Update"), Some("scale")) && value.time.is_some(), "{value:?}");
    let told = stage.agent.log();
    ensure!(told.contains(".spec.replicas is 7 instead of 2"), "{told}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_object_comes_back_four_times_in_a_row() -> Result<()> {
    let stage = Stage::new("delete").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    for _ in 0..4 {
        let uid = stage.api::<ConfigMap>().get("a").await?.metadata.uid;
        stage.api::<ConfigMap>().delete("a", &DeleteParams::default()).await?;
        stage
            .wait("the ConfigMap to be back", async || {
                let map = stage.api::<ConfigMap>().get("a").await?;
                ensure!(map.metadata.uid != uid, "it is still the old one");
                Ok(())
            })
            .await?;
        stage.has_value("a", "one").await?;
    }
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_label_is_taken_away_gets_it_back() -> Result<()> {
    let stage = Stage::new("label").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    kubectl(&["label", "configmap/a", "plumb.dev/environment-", "-n", stage.ns()], "").await?;
    stage
        .wait("the label to be back", async || {
            let labels = stage.api::<ConfigMap>().get("a").await?.metadata.labels.unwrap_or_default();
            ensure!(labels.get("plumb.dev/environment").map(String::as_str) == Some("dev"), "{labels:?}");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_alert_the_object_stays_and_the_condition_tells() -> Result<()> {
    let stage = Stage::new("alert").await?;
    stage.environment("dev", json!({"drift": {"policy": "Alert"}})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let change = json!({"data": {"value": "mine"}});
    stage.api::<ConfigMap>().patch("a", &PatchParams::default(), &Patch::Merge(&change)).await?;
    stage
        .wait("the condition Drifted", async || {
            let status = stage.status("dev").await?;
            let drifted = condition(&status.conditions, "Drifted");
            ensure!(
                drifted.is_some_and(|drifted| drifted.status == "True" && drifted.message.contains("/a")),
                "{drifted:?}"
            );
            Ok(())
        })
        .await?;
    stage.has_value("a", "mine").await?;
    // Another manifest is another word: then the object is written.
    stage.push_config_maps("dev", &["a", "b"], "two").await?;
    stage.has_value("a", "two").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_keeps_its_replicas_over_a_new_manifest() -> Result<()> {
    let stage = Stage::new("scaler").await?;
    stage.environment("dev", json!({})).await?;
    let revision = with_a_deployment(&stage).await?;
    stage.ready_at("dev", &revision).await?;
    // The controller of autoscalers scales in this way, under this name.
    let scale = json!({"spec": {"replicas": 5}});
    let scaler = PatchParams { field_manager: Some("kube-controller-manager".into()), ..PatchParams::default() };
    stage.api::<Deployment>().patch_scale("web", &scaler, &Patch::Merge(&scale)).await?;
    // What others change meanwhile is repaired, so the replicas have been seen.
    kubectl(&["label", "deployment/web", "-n", stage.ns(), "--overwrite", "plumb.dev/environment=dev", "app=x"], "")
        .await?;
    let deployment = stage.api::<Deployment>().get("web").await?;
    ensure!(deployment.spec.and_then(|spec| spec.replicas) == Some(5), "it was scaled back");
    let text = stage.worktree.read("overlays/dev/web.yaml")?;
    let revision =
        stage.push("dev: web:2", &[("overlays/dev/web.yaml", Some(&text.replace("web:1", "web:2")))]).await?;
    stage.ready_at("dev", &revision).await?;
    ensure!(replicas(&stage).await? == Some(5), "the new manifest scaled it back");
    ensure!(stage.status("dev").await?.drifts.is_empty(), "{:?}", stage.status("dev").await?.drifts);
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_rule_tells_and_leaves_the_field() -> Result<()> {
    let stage = Stage::new("fields").await?;
    let rule = json!({"kind": "ConfigMap", "name": "a*", "pointer": "/data/value", "policy": "Alert"});
    stage.environment("dev", json!({"drift": {"rules": [rule]}})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    for name in ["a", "b"] {
        let map = format!("configmap/{name}");
        kubectl(&["patch", &map, "-n", stage.ns(), "--type=merge", "-p", r#"{"data":{"value":"x"}}"#], "").await?;
    }
    stage.has_value("b", "one").await?;
    stage
        .wait("the drift to be told", async || {
            let status = stage.status("dev").await?;
            let drifted = condition(&status.conditions, "Drifted");
            let told = drifted.is_some_and(|drifted| drifted.status == "True" && drifted.message.contains("/a"));
            ensure!(told, "{drifted:?}");
            Ok(())
        })
        .await?;
    stage.has_value("a", "x").await?;
    // Without the rule the field is taken back.
    stage.environment("dev", json!({})).await?;
    let none = json!({"spec": {"drift": {"rules": []}}});
    stage.api::<Environment>().patch("dev", &PatchParams::default(), &Patch::Merge(&none)).await?;
    stage.has_value("a", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_applies_in_our_name_is_seen() -> Result<()> {
    let stage = Stage::new("name").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    // The time of an entry has whole seconds: a write within the second of our own apply leaves no trace.
    let applied = stage.api::<ConfigMap>().get("a").await?.metadata;
    let entry = applied.managed_fields.clone().unwrap_or_default().remove(0);
    let time = entry.time.map(|time| time.0.as_second()).unwrap_or_default();
    stage
        .wait("the next second", async || {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
            ensure!(i64::try_from(now)? > time + 1, "it is the same");
            Ok(())
        })
        .await?;
    let (annotations, labels) = (applied.annotations, applied.labels);
    let ours = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "forged"},
        "metadata": {"name": "a", "namespace": stage.ns(), "annotations": annotations, "labels": labels},
    });
    kubectl(&["apply", "--server-side", "--field-manager=plumb", "-f", "-"], &ours.to_string()).await?;
    stage.has_value("a", "one").await?;
    has_event(&stage, r#".data.value is "forged" instead of "one""#).await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fight_is_told() -> Result<()> {
    let stage = Stage::new("fight").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let rival = PatchParams { field_manager: Some("rival".into()), ..PatchParams::default() };
    stage
        .wait("the repairs to pause", async || {
            let change = json!({"data": {"value": "theirs"}});
            stage.api::<ConfigMap>().patch("a", &rival, &Patch::Merge(&change)).await?;
            let status = stage.status("dev").await?;
            let drifted = condition(&status.conditions, "Drifted").map(|drifted| drifted.reason.as_str());
            ensure!(drifted == Some("RepairsPaused"), "{drifted:?}");
            Ok(())
        })
        .await?;
    has_event(&stage, "is changed again and again, last by rival").await?;
    // It is put back all the same.
    stage.has_value("a", "one").await?;
    stage.end().await
}
