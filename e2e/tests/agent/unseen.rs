//! What no watch shows: kinds that can't be watched, APIs that do not answer, and what happened while no agent ran.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::{Agent, kubectl},
    cluster::AuditLog,
    stage::{Stage, condition, config_map},
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    api::{DeleteParams, ListParams, Patch, PatchParams},
    config::Kubeconfig,
};
use serde_json::{Value, json};

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

async fn drifted(stage: &Stage, environment: &str, status: &str, text: &str) -> Result<()> {
    stage
        .wait(&format!("the condition Drifted to be {status} and to say {text}"), async || {
            let found = stage.status(environment).await?;
            let drifted = condition(&found.conditions, "Drifted").context("there is none")?;
            ensure!(drifted.status == status && drifted.message.contains(text), "{drifted:?}");
            Ok(())
        })
        .await
}

async fn inventory(stage: &Stage, environment: &str) -> Result<String> {
    let selector = ListParams::default().labels(&format!("plumb.dev/inventory-of={environment}"));
    let shards = stage.api::<ConfigMap>().list(&selector).await?.items;
    Ok(shards.into_iter().filter_map(|shard| shard.data?.remove("objects")).collect())
}

/// A kubeconfig for this cluster with the right to single ConfigMaps of the namespace, and to no list of them.
async fn narrow_kubeconfig(stage: &Stage) -> Result<String> {
    let ns = stage.ns();
    let account = format!("--serviceaccount={ns}:narrow");
    kubectl(&["create", "serviceaccount", "narrow", "-n", ns], "").await?;
    let verbs = "--verb=get,create,patch,delete";
    kubectl(&["create", "role", "narrow", verbs, "--resource=configmaps", "-n", ns], "").await?;
    kubectl(&["create", "rolebinding", "narrow", "--role=narrow", &account, "-n", ns], "").await?;
    let token = kubectl(&["create", "token", "narrow", "-n", ns], "").await?;
    let admin = serde_json::to_value(Kubeconfig::from_env()?.context("KUBECONFIG is not set")?)?;
    let current = admin["current-context"].clone();
    let contexts = admin["contexts"].as_array().context("no contexts")?;
    let context = contexts.iter().find(|context| context["name"] == current).context("no current context")?;
    Ok(json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": admin["clusters"],
        "users": [{"name": "u", "user": {"token": token.trim()}}],
        "contexts": [{"name": "c", "context": {"cluster": context["context"]["cluster"], "user": "u"}}],
    })
    .to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_can_not_be_watched_are_looked_at() -> Result<()> {
    let stage = Stage::new("narrow").await?;
    stage.secret("narrow", &[("value", &narrow_kubeconfig(&stage).await?)]).await?;
    let spec = json!({"kubeConfig": {"secretRef": {"name": "narrow"}}, "drift": {"interval": "1s"}});
    stage.environment("dev", spec).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    has_event(&stage, "NotWatched", "ConfigMap can't be watched").await?;
    drifted(&stage, "dev", "False", "looked at every 1 s").await?;

    let change = json!({"data": {"value": "mine"}});
    stage.api::<ConfigMap>().patch("a", &PatchParams::default(), &Patch::Merge(&change)).await?;
    stage.has_value("a", "one").await?;
    stage.api::<ConfigMap>().delete("b", &DeleteParams::default()).await?;
    stage.has_value("b", "one").await?;
    stage
        .wait("both drifts to be told", async || {
            let drifts = stage.status("dev").await?.drifts;
            ensure!(drifts.iter().any(|drift| drift.fields == [".data.value"]), "{drifts:?}");
            ensure!(drifts.iter().any(|drift| drift.fields == ["<deleted>"]), "{drifts:?}");
            Ok(())
        })
        .await?;

    let revision = stage.push_config_maps("dev", &["a"], "two").await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("a", "two").await?;
    stage.is_gone("b").await?;
    stage.end().await
}

/// Kills the agent and starts another, which begins when the lease of the first has run out: until then nobody watches.
async fn replace_agent(stage: &mut Stage, name: &str) -> Result<()> {
    let next = Agent::spawn(&stage.installation, name, &[])?;
    std::mem::replace(&mut stage.agent, next).kill().await?;
    stage.agent.ready().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_while_no_agent_ran_is_only_told_under_alert() -> Result<()> {
    let mut stage = Stage::new("vanished").await?;
    stage.environment("dev", json!({"drift": {"policy": "Alert"}})).await?;
    let revision = stage.push_config_maps("dev", &["a", "b"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    replace_agent(&mut stage, "two").await?;
    stage.api::<ConfigMap>().delete("a", &DeleteParams::default()).await?;
    drifted(&stage, "dev", "True", "/a").await?;
    ensure!(stage.value("a").await?.is_none(), "it was created again");
    let drifts = stage.status("dev").await?.drifts;
    ensure!(drifts.first().is_some_and(|drift| drift.fields == ["<deleted>"] && !drift.repaired), "{drifts:?}");
    // Another manifest is another word.
    stage.push_config_maps("dev", &["a", "b"], "two").await?;
    stage.has_value("a", "two").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_somebody_deletes_slowly_is_waited_for() -> Result<()> {
    let stage = Stage::new("slowly").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let finalizer = |list: Value| json!({"metadata": {"finalizers": list}});
    let hold = Patch::Merge(finalizer(json!(["example.com/hold"])));
    let held = stage.api::<ConfigMap>().patch("a", &PatchParams::default(), &hold).await?;
    stage.api::<ConfigMap>().delete("a", &DeleteParams::default()).await?;
    let message = stage.not_ready("dev", "Progressing").await?;
    ensure!(message.contains("is being deleted by somebody else"), "{message}");
    let let_go = Patch::Merge(finalizer(json!(null)));
    stage.api::<ConfigMap>().patch("a", &PatchParams::default(), &let_go).await?;
    stage.ready_at("dev", &revision).await?;
    ensure!(stage.api::<ConfigMap>().get("a").await?.metadata.uid != held.metadata.uid, "it is the old one");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_two_environments_is_told_and_not_fought_over() -> Result<()> {
    let stage = Stage::new("twice").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "dev").await?;
    stage.ready_at("dev", &revision).await?;
    // Somebody's label of an environment that does not exist is a drift.
    kubectl(&["label", "configmap/a", "plumb.dev/environment=nobody", "--overwrite", "-n", stage.ns()], "").await?;
    stage
        .wait("the label to be back", async || {
            let labels = stage.api::<ConfigMap>().get("a").await?.metadata.labels.unwrap_or_default();
            ensure!(labels.get("plumb.dev/environment").is_some_and(|name| name == "dev"), "{labels:?}");
            Ok(())
        })
        .await?;
    let mark = stage.connection.audit().map(AuditLog::mark).transpose()?;
    let revision = stage.push_config_maps("staging", &["a"], "staging").await?;
    stage.ready_at("staging", &revision).await?;
    has_event(&stage, "OwnedTwice", "staging as well").await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("a", "staging").await?;
    if let (Some(audit), Some(mark)) = (stage.connection.audit(), mark) {
        let requests = audit.settled_since(&stage.connection.client, mark).await?;
        let writes = stage.work_of_the_agent(requests).only(|request| request.verb == "patch" && request.name == "a");
        ensure!(writes.len() <= 2, "{writes:?}");
    }
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_of_an_api_that_does_not_answer_are_neither_gone_nor_forgotten() -> Result<()> {
    let mut stage = Stage::new("stale").await?;
    let group = format!("{}.example.com", stage.ns());
    let service = format!("v1.{group}");
    // The chart's deployer role leaves kinds that it can't know to the user.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": format!("{}-widgets", stage.ns()), "labels": {"rbac.plumb.dev/aggregate-to-deployer": "true"}},
        "rules": [{"apiGroups": [group], "resources": ["*"], "verbs": ["*"]}],
    })
    .to_string();
    kubectl(&["apply", "-f", "-"], &role).await?;
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": format!("widgets.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
            }}}],
        },
    })
    .to_string();
    let widget = json!({"apiVersion": format!("{group}/v1"), "kind": "Widget", "metadata": {"name": "w"}}).to_string();
    let overlay = |files: &str| format!("namespace: {}\nresources: [{files}]\n", stage.ns());
    let (both, one) = (overlay("crd.yaml, w.yaml, a.yaml"), overlay("crd.yaml, a.yaml"));
    stage.environment("dev", json!({"retryInterval": "1s"})).await?;
    let path = "overlays/dev/kustomization.yaml";
    let revision = stage
        .push(
            "dev: a widget",
            &[
                (path, Some(&both)),
                ("overlays/dev/crd.yaml", Some(&definition)),
                ("overlays/dev/w.yaml", Some(&widget)),
                ("overlays/dev/a.yaml", Some(&config_map("a", "one"))),
            ],
        )
        .await?;
    stage.ready_at("dev", &revision).await?;

    // From now on the API server asks a service that is not there for this group.
    let dead = json!({
        "metadata": {"labels": {"kube-aggregator.kubernetes.io/automanaged": null}},
        "spec": {"service": {"name": "none", "namespace": stage.ns(), "port": 443}, "insecureSkipTLSVerify": true},
    });
    kubectl(&["patch", "apiservice", &service, "--type=merge", "-p", &dead.to_string()], "").await?;
    stage
        .wait("the API to be unavailable", async || {
            let path = r#"jsonpath={.status.conditions[?(@.type=="Available")].status}"#;
            let available = kubectl(&["get", "apiservice", &service, "-o", path], "").await?;
            ensure!(available == "False", "{available}");
            Ok(())
        })
        .await?;
    // An agent that begins now has never seen the kind; it works on all the same.
    replace_agent(&mut stage, "two").await?;
    let revision = stage
        .push("dev: no widget", &[(path, Some(&one)), ("overlays/dev/a.yaml", Some(&config_map("a", "two")))])
        .await?;
    stage.has_value("a", "two").await?;
    stage
        .wait("the revision to be tried", async || {
            let status = stage.status("dev").await?;
            ensure!([&status.revision, &status.attempted_revision].contains(&&Some(revision.clone())), "{status:?}");
            Ok(())
        })
        .await?;
    ensure!(
        inventory(&stage, "dev").await?.contains("Widget"),
        "the inventory forgot it: {}",
        inventory(&stage, "dev").await?
    );

    // The API server makes its own entry for the group again.
    kubectl(&["delete", "apiservice", &service], "").await?;
    stage
        .wait("the widget to be pruned", async || {
            let left = kubectl(&["get", &format!("widgets.{group}"), "-n", stage.ns(), "-o", "name"], "").await?;
            ensure!(left.is_empty(), "{left}");
            Ok(())
        })
        .await?;
    stage.ready_at("dev", &revision).await?;
    stage
        .wait("the inventory", async || {
            let inventory = inventory(&stage, "dev").await?;
            ensure!(!inventory.contains("Widget"), "{inventory}");
            Ok(())
        })
        .await?;
    // The agent would put a deleted definition back, so it ends first.
    stage.end().await?;
    kubectl(&["delete", "customresourcedefinition", &format!("widgets.{group}"), "--wait=false"], "").await?;
    kubectl(&["delete", "-f", "-"], &role).await.map(drop)
}
