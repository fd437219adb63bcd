//! A push deploys, with as few requests as can be.

use anyhow::{Result, ensure};
use e2e::{
    cluster::eventually,
    stage::{PATIENCE, Stage, condition, config_map},
};
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_push_deploys_and_an_unchanged_tree_sends_nothing() -> Result<()> {
    let stage = Stage::new("deploy").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b", "c"], "one").await?;
    stage.has_value("b", "one").await?;
    stage.ready_at("dev", &revision).await?;

    // The same head again: nothing at all is sent.
    let audit = stage.connection.audit();
    let reconciles = stage.metric("plumb_fetch_total", &["success"]).await?;
    let mark = audit.map(e2e::cluster::AuditLog::mark).transpose()?;
    let writes = stage.metric("plumb_objects_written_total", &[]).await?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    stage
        .wait("the fetch to be over", async || {
            ensure!(stage.metric("plumb_fetch_total", &["success"]).await? > reconciles, "no fetch yet");
            Ok(())
        })
        .await?;
    if let (Some(audit), Some(mark)) = (audit, mark) {
        let requests = audit.settled_since(&stage.connection.client, mark).await?.by_user(&stage.installation.user());
        let requests = requests.only(|request| request.resource != "leases" && request.verb != "watch");
        ensure!(requests.is_empty(), "an unchanged tree sent {requests:?}");
    }
    ensure!(
        (stage.metric("plumb_objects_written_total", &[]).await? - writes).abs() < 0.5,
        "an unchanged tree wrote objects"
    );

    // A commit that touches nothing the environment reads: not even a render.
    let renders = stage.metric("plumb_render_total", &["done"]).await?;
    let mark = audit.map(e2e::cluster::AuditLog::mark).transpose()?;
    let revision = stage.push("docs: nothing to deploy", &[("README.md", Some("hello\n"))]).await?;
    stage.ready_at("dev", &revision).await?;
    ensure!((stage.metric("plumb_render_total", &["done"]).await? - renders).abs() < 0.5, "it was rendered again");
    if let (Some(audit), Some(mark)) = (audit, mark) {
        let requests = stage.work_of_the_agent(audit.settled_since(&stage.connection.client, mark).await?);
        ensure!(requests.is_empty(), "a commit without effect sent {requests:?}");
    }

    // One changed ConfigMap: one PATCH.
    let mark = audit.map(e2e::cluster::AuditLog::mark).transpose()?;
    let writes = stage.metric("plumb_objects_written_total", &[]).await?;
    let revision = stage.push("dev: b = two", &[("overlays/dev/b.yaml", Some(&config_map("b", "two")))]).await?;
    stage.has_value("b", "two").await?;
    stage.ready_at("dev", &revision).await?;
    ensure!(
        (stage.metric("plumb_objects_written_total", &[]).await? - writes - 1.0).abs() < 0.5,
        "one change wrote more than one object"
    );
    if let (Some(audit), Some(mark)) = (audit, mark) {
        let requests = stage.work_of_the_agent(audit.settled_since(&stage.connection.client, mark).await?);
        let seen: Vec<_> = requests
            .iter()
            .map(|request| (request.verb.as_str(), request.resource.as_str(), request.name.as_str()))
            .collect();
        ensure!(seen == [("patch", "configmaps", "b")], "one changed ConfigMap sent {seen:?}");
    }
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_overlay_is_pruned_and_an_empty_one_prunes_nothing() -> Result<()> {
    let stage = Stage::new("prune").await?;
    stage.environment("dev", json!({})).await?;
    stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.has_value("b", "one").await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.is_gone("b").await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("a", "one").await?;

    stage.push_config_maps("dev", &[], "one").await?;
    let message = stage.not_ready("dev", "EmptyRender").await?;
    ensure!(message.contains("spec.prune.allowEmpty"), "{message}");
    stage.has_value("a", "one").await?;

    stage.environment("dev", json!({"prune": {"allowEmpty": true}})).await?;
    stage.is_gone("a").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_and_its_resources_come_in_one_push() -> Result<()> {
    let stage = Stage::new("define").await?;
    let group = format!("{}.example.com", stage.ns());
    // The chart's deployer role leaves kinds that it can't know to the user: here a role for them.
    let role = format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {ns}-widgets\n  labels:\n    rbac.plumb.dev/aggregate-to-deployer: \"true\"\nrules:\n- apiGroups: [{group}]\n  resources: ['*']\n  verbs: ['*']\n",
        ns = stage.ns()
    );
    e2e::agent::kubectl(&["apply", "-f", "-"], &role).await?;
    stage.environment("dev", json!({})).await?;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}],
        },
    });
    let widget =
        json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}});
    let kustomization = format!("namespace: {}\nresources:\n  - widget.yaml\n  - definition.yaml\n", stage.ns());
    let revision = stage
        .push(
            "dev: widgets",
            &[
                ("overlays/dev/kustomization.yaml", Some(&kustomization)),
                ("overlays/dev/definition.yaml", Some(&definition.to_string())),
                ("overlays/dev/widget.yaml", Some(&widget.to_string())),
            ],
        )
        .await?;
    let status = stage.ready_at("dev", &revision).await?;
    ensure!(status.objects.is_some_and(|objects| objects.total == 2), "{status:?}");
    let size = e2e::agent::kubectl(
        &["get", &format!("widgets.{group}"), "w", "-n", stage.ns(), "-o", "jsonpath={.spec.size}"],
        "",
    )
    .await?;
    ensure!(size == "3", "{size}");
    // The agent would put a deleted definition back, so it ends first.
    stage.end().await?;
    e2e::agent::kubectl(&["delete", "crd", &format!("widgets.{group}")], "").await?;
    e2e::agent::kubectl(&["delete", "-f", "-"], &role).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_is_healthy_when_its_workloads_are() -> Result<()> {
    let stage = Stage::new("health").await?;
    stage.environment("dev", json!({})).await?;
    let deployment = |image: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}},
            },
        })
        .to_string()
    };
    let kustomization = format!("namespace: {}\nresources: [web.yaml]\n", stage.ns());
    let files = [
        ("overlays/dev/kustomization.yaml", Some(kustomization.as_str())),
        ("overlays/dev/web.yaml", Some(&*deployment("web:1"))),
    ];
    let revision = stage.push("dev: web", &files).await?;
    stage.ready_at("dev", &revision).await?;
    let web = stage.api::<Deployment>().get("web").await?;
    ensure!(web.status.is_some_and(|status| status.available_replicas == Some(2)), "ready before its pods are");

    // A new revision supersedes; the condition tells the truth all the while.
    let revision = stage.push("dev: web 2", &[("overlays/dev/web.yaml", Some(&deployment("web:2")))]).await?;
    let status = stage.ready_at("dev", &revision).await?;
    ensure!(condition(&status.conditions, "Healthy").is_some_and(|healthy| healthy.status == "True"), "{status:?}");
    let waited = e2e::agent::kubectl(
        &["wait", "--for=condition=Ready", "environment/dev", "-n", stage.ns(), "--timeout=10s"],
        "",
    )
    .await?;
    ensure!(waited.contains("condition met"), "{waited}");
    let rollout = eventually(PATIENCE, "both pods to have the new image", async || {
        let web = stage.api::<Deployment>().get("web").await?;
        ensure!(web.status.as_ref().is_some_and(|status| status.updated_replicas == Some(2)), "{:?}", web.status);
        Ok(())
    });
    rollout.await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_renders_only_what_it_touches() -> Result<()> {
    let stage = Stage::new("touch").await?;
    let names: Vec<String> = (0..8).map(|number| format!("env-{number}")).collect();
    let kustomization = format!("namespace: {}\nresources: [map.yaml]\n", stage.ns());
    let mut files = Vec::new();
    for name in &names {
        stage.environment(name, json!({})).await?;
        files.push((format!("overlays/{name}/kustomization.yaml"), kustomization.clone()));
        files.push((format!("overlays/{name}/map.yaml"), config_map(name, "one")));
    }
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), Some(content.as_str()))).collect();
    let revision = stage.push("all", &files).await?;
    for name in &names {
        stage.ready_at(name, &revision).await?;
    }
    let rendered = stage.metric("plumb_render_total", &["done"]).await?;
    let file = [("overlays/env-3/map.yaml", Some(&*config_map("env-3", "two")))];
    let revision = stage.push("one", &file).await?;
    for name in &names {
        stage.ready_at(name, &revision).await?;
    }
    stage.has_value("env-3", "two").await?;
    let more = stage.metric("plumb_render_total", &["done"]).await? - rendered;
    ensure!((more - 1.0).abs() < f64::EPSILON, "{more} overlays were rendered");
    stage.end().await
}
