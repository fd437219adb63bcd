//! Objects that others made or applied before: who gets which field, and what becomes of what they applied.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::{Agent, binary, kubectl, tool},
    cluster::AuditLog,
    stage::{Stage, config_map},
};
use k8s_openapi::{api::core::v1::ConfigMap, jiff::Timestamp};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use tokio::process::Command;

fn map(name: &str, data: &Value) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}).to_string()
}

async fn applied_by(stage: &Stage, manager: &str, manifest: &str) -> Result<()> {
    let manager = format!("--field-manager={manager}");
    kubectl(&["apply", "--server-side", &manager, "-n", stage.ns(), "-f", "-"], manifest).await.map(drop)
}

async fn data(stage: &Stage, name: &str) -> Result<Value> {
    Ok(serde_json::to_value(stage.api::<ConfigMap>().get(name).await?.data)?)
}

async fn has_data(stage: &Stage, name: &str, expected: Value) -> Result<()> {
    stage
        .wait(&format!("{name} to hold {expected}"), async || {
            let found = data(stage, name).await?;
            ensure!(found == expected, "{found}");
            Ok(())
        })
        .await
}

async fn has_event(stage: &Stage, reason: &str, text: &str) -> Result<()> {
    stage
        .wait(&format!("an event {reason} that says {text}"), async || {
            let selector = format!("--field-selector=reason={reason}");
            let path = "jsonpath={.items[*].message}";
            let events = kubectl(&["get", "events", "-n", stage.ns(), &selector, "-o", path], "").await?;
            ensure!(events.contains(text), "{events}");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_others_are_taken_over_and_that_is_told() -> Result<()> {
    let stage = Stage::new("takeover").await?;
    applied_by(&stage, "operator", &map("a", &json!({"value": "theirs", "more": "theirs"}))).await?;
    let mark = stage.connection.audit().map(AuditLog::mark).transpose()?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    ensure!(data(&stage, "a").await? == json!({"value": "one", "more": "theirs"}), "{}", data(&stage, "a").await?);
    has_event(&stage, "TookOver", "took over .data.value of operator").await?;
    ensure!(stage.status("dev").await?.drifts.is_empty(), "a take-over is no drift");
    if let (Some(audit), Some(mark)) = (stage.connection.audit(), mark) {
        let requests = audit.settled_since(&stage.connection.client, mark).await?;
        let work = stage.work_of_the_agent(requests);
        let writes = |name: &str| work.iter().filter(|request| request.verb == "patch" && request.name == name).count();
        ensure!((writes("a"), writes("b")) == (2, 1), "{work:?}");
    }
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_yield_a_field_stays_with_its_owner_until_that_lets_go() -> Result<()> {
    let mut stage = Stage::new("yield").await?;
    applied_by(&stage, "operator", &map("a", &json!({"value": "theirs"}))).await?;
    applied_by(&stage, "other", &map("b", &json!({"value": "theirs"}))).await?;
    stage.environment("dev", json!({"drift": {"rules": [{"manager": "oper*", "conflict": "Yield"}]}})).await?;
    let overlay = format!("namespace: {}\nresources: [a.yaml, b.yaml]\n", stage.ns());
    let files = |value: &str| {
        let a = map("a", &json!({"value": value, "more": value}));
        (a, config_map("b", value))
    };
    let (a, b) = files("one");
    let paths = ["overlays/dev/kustomization.yaml", "overlays/dev/a.yaml", "overlays/dev/b.yaml"];
    let revision =
        stage.push("dev: one", &[(paths[0], Some(&overlay)), (paths[1], Some(&a)), (paths[2], Some(&b))]).await?;
    stage.ready_at("dev", &revision).await?;
    has_data(&stage, "a", json!({"value": "theirs", "more": "one"})).await?;
    has_data(&stage, "b", json!({"value": "one"})).await?;
    has_event(&stage, "Yielded", ".data.value of operator").await?;

    // A diff does not promise what will not happen.
    let output = Command::new(binary()?)
        .args(["diff", "dev", "-n", stage.ns(), "-C"])
        .arg(stage.worktree.path())
        .output()
        .await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    // The next manifest leaves it alone as well.
    let (a, b) = files("two");
    let revision = stage.push("dev: two", &[(paths[1], Some(&a)), (paths[2], Some(&b))]).await?;
    stage.ready_at("dev", &revision).await?;
    has_data(&stage, "a", json!({"value": "theirs", "more": "two"})).await?;

    // And so does a new agent, which writes nothing.
    let replacement = Agent::spawn(&stage.installation, "two", &[])?;
    let first = std::mem::replace(&mut stage.agent, replacement);
    ensure!(first.stop().await?, "the agent did not end well");
    let mark = stage.connection.audit().map(AuditLog::mark).transpose()?;
    stage.agent.ready().await?;
    stage
        .wait("the new agent to have reconciled", async || {
            ensure!(stage.metric("plumb_reconcile_total", &["success"]).await? >= 1.0, "not yet");
            Ok(())
        })
        .await?;
    if let (Some(audit), Some(mark)) = (stage.connection.audit(), mark) {
        let requests = audit.settled_since(&stage.connection.client, mark).await?;
        let writes = stage.work_of_the_agent(requests).with_verb("patch");
        ensure!(writes.is_empty(), "a restart wrote {writes:?}");
    }
    // What is ours is repaired all the same.
    kubectl(&["patch", "configmap/a", "-n", stage.ns(), "--type=merge", "-p", r#"{"data":{"more":"x"}}"#], "").await?;
    has_data(&stage, "a", json!({"value": "theirs", "more": "two"})).await?;
    stage
        .wait("one drift to be told", async || {
            let drifts = stage.status("dev").await?.drifts;
            ensure!(drifts.len() == 1, "{drifts:?}");
            Ok(())
        })
        .await?;

    applied_by(&stage, "operator", &map("a", &json!({}))).await?;
    has_data(&stage, "a", json!({"value": "two", "more": "two"})).await?;
    stage.end().await
}

async fn helm_install(stage: &Stage, name: &str, manifest: &str) -> Result<()> {
    let chart = tempfile::tempdir()?;
    std::fs::create_dir(chart.path().join("templates"))?;
    std::fs::write(chart.path().join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n"))?;
    std::fs::write(chart.path().join("templates/map.yaml"), manifest)?;
    let output = Command::new(tool("helm")?)
        .args(["install", name, "--namespace", stage.ns()])
        .arg(chart.path())
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure!(output.status.success(), "helm install: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_tool_applied_goes_also_when_the_agent_died_right_after_its_first_apply() -> Result<()> {
    let mut stage = Stage::new("died").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let maps = stage.api::<ConfigMap>();
    let applied = maps.get("a").await?;
    stage.agent.crash().await?;

    // The same as an agent leaves it that ends between the two requests.
    kubectl(&["delete", "-n", stage.ns(), "configmap/a"], "").await?;
    applied_by(&stage, "kustomize-controller", &map("a", &json!({"value": "one", "gone": "theirs"}))).await?;
    let made = maps.get("a").await?.creation_timestamp().context("it has no age")?;
    stage
        .wait("a later second, in which the times of the owners are told", async || {
            ensure!(Timestamp::now().as_second() > made.0.as_second(), "not yet");
            Ok(())
        })
        .await?;
    let digest = applied.annotations().get("plumb.dev/applied-digest").context("no digest")?;
    let digest = format!("{}+", digest.trim_end_matches('+'));
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"value": "one"},
        "metadata": {"name": "a", "labels": applied.labels(), "annotations": {"plumb.dev/applied-digest": digest}},
    });
    applied_by(&stage, "plumb", &manifest.to_string()).await?;

    stage.agent.start_again(&[])?;
    stage.agent.ready().await?;
    has_data(&stage, "a", json!({"value": "one"})).await?;
    let managers = maps.get("a").await?.metadata.managed_fields.unwrap_or_default();
    let managers: Vec<_> = managers.into_iter().filter_map(|entry| entry.manager).collect();
    ensure!(managers == ["plumb"], "{managers:?}");
    has_event(&stage, "Adopted", "was applied by kustomize-controller before").await?;
    stage.end().await
}

/// All tools that Plumb takes the place of, each with an object of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_other_tools_applied_goes_when_it_leaves_git() -> Result<()> {
    let stage = Stage::new("migrate").await?;
    let names = ["kubectl", "ssa", "flux", "argo", "helm", "before"];
    let theirs = json!({"value": "one", "stays": "one", "gone": "theirs"});
    for name in names {
        let manifest = map(name, &theirs);
        match name {
            "kubectl" => drop(kubectl(&["apply", "-n", stage.ns(), "-f", "-"], &manifest).await?),
            "ssa" => applied_by(&stage, "kubectl", &manifest).await?,
            "flux" => applied_by(&stage, "kustomize-controller", &manifest).await?,
            "argo" => applied_by(&stage, "argocd-controller", &manifest).await?,
            "helm" => helm_install(&stage, name, &manifest).await?,
            _ => {
                // An object without any managed fields is as one from before there were such.
                kubectl(&["create", "-n", stage.ns(), "-f", "-"], &manifest).await?;
                let none = r#"{"metadata":{"managedFields":[{}]}}"#;
                kubectl(&["patch", "configmap/before", "-n", stage.ns(), "--type=merge", "-p", none], "").await?;
            }
        }
    }
    let before = stage.api::<ConfigMap>().get("helm").await?;
    ensure!(before.metadata.managed_fields.context("no managers")?[0].manager.as_deref() == Some("helm"), "not helm's");

    stage.environment("dev", json!({})).await?;
    let push = async |message: &str, data: Value| {
        let files: Vec<_> = names.iter().map(|name| (format!("overlays/dev/{name}.yaml"), map(name, &data))).collect();
        let resources: Vec<_> = names.iter().map(|name| format!("{name}.yaml")).collect();
        let overlay = format!("namespace: {}\nresources: [{}]\n", stage.ns(), resources.join(", "));
        let mut all = vec![("overlays/dev/kustomization.yaml", Some(overlay.as_str()))];
        all.extend(files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))));
        let revision = stage.push(message, &all).await?;
        stage.ready_at("dev", &revision).await
    };
    let status = push("dev: without what is gone", json!({"value": "two", "stays": "one"})).await?;
    ensure!(status.drifts.is_empty(), "{:?}", status.drifts);
    for name in names {
        let object = stage.api::<ConfigMap>().get(name).await?;
        let found = serde_json::to_value(&object.data)?;
        ensure!(found == json!({"value": "two", "stays": "one"}), "{name}: {found}");
        let managers: Vec<_> =
            object.metadata.managed_fields.unwrap_or_default().into_iter().filter_map(|entry| entry.manager).collect();
        ensure!(managers == ["plumb"], "{name}: {managers:?}");
        let annotations = object.metadata.annotations.unwrap_or_default();
        ensure!(annotations.keys().all(|key| key.starts_with("plumb.dev/")), "{name}: {annotations:?}");
    }
    has_event(&stage, "Adopted", "was applied by kustomize-controller before").await?;
    // What both had with the same value goes as well when it leaves git.
    let status = push("dev: one key less", json!({"value": "two"})).await?;
    for name in names {
        ensure!(data(&stage, name).await? == json!({"value": "two"}), "{name}: {}", data(&stage, name).await?);
    }
    ensure!(status.drifts.is_empty(), "{:?}", status.drifts);

    // Once it is ours, who applies beside us is somebody else, whatever it is called.
    applied_by(&stage, "kustomize-controller", &map("flux", &json!({"beside": "theirs"}))).await?;
    let status = push("dev: again", json!({"value": "three"})).await?;
    has_data(&stage, "flux", json!({"value": "three", "beside": "theirs"})).await?;
    ensure!(status.drifts.is_empty(), "{:?}", status.drifts);
    stage.end().await
}
