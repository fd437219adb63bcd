//! Environments on another cluster: two real ones.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::kubectl,
    cluster::{LocalCluster, Options},
    stage::{Stage, condition, config_map},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, ListParams};
use plumb_api::Environment;
use serde_json::json;

/// A second cluster, and a way to speak to it.
struct Far {
    cluster: LocalCluster,
}

impl Far {
    /// Starts one of its own for each test, for they run side by side.
    async fn start(name: &str) -> Result<Self> {
        Ok(Self { cluster: LocalCluster::start(&Options { name: name.into(), nodes: 1 }).await? })
    }

    fn kubeconfig(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.cluster.layout().kubeconfig())?)
    }

    async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let kubeconfig = format!("--kubeconfig={}", self.cluster.layout().kubeconfig().display());
        kubectl(&[&[kubeconfig.as_str()][..], arguments].concat(), "").await
    }

    async fn has_value(&self, stage: &Stage, name: &str, value: &str) -> Result<()> {
        stage
            .wait(&format!("{name} of the other cluster to have the value {value}"), async || {
                let path = "jsonpath={.data.value}";
                let found = self.kubectl(&["get", "configmap", name, "-n", stage.ns(), "-o", path]).await?;
                ensure!(found == value, "{found}");
                Ok(())
            })
            .await
    }
}

async fn push(stage: &Stage, environment: &str, value: &str) -> Result<String> {
    let namespace = format!("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {}\n", stage.ns());
    let overlay = format!("namespace: {}\nresources: [{environment}.yaml, namespace.yaml]\n", stage.ns());
    stage
        .push(
            &format!("{environment}: {value}"),
            &[
                (&format!("overlays/{environment}/kustomization.yaml"), Some(&overlay)),
                (&format!("overlays/{environment}/namespace.yaml"), Some(&namespace)),
                (&format!("overlays/{environment}/{environment}.yaml"), Some(&config_map(environment, value))),
            ],
        )
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_live_on_another_cluster_and_wait_for_it_alone() -> Result<()> {
    let stage = Stage::new("remote").await?;
    let far = Far::start("test-far").await?;
    let kubeconfig = far.kubeconfig()?;
    let remote = json!({"kubeConfig": {"secretRef": {"name": "far"}}, "retryInterval": "1s"});

    // Before there is a Secret, the environment says so.
    stage.environment("dev", remote.clone()).await?;
    let revision = push(&stage, "dev", "one").await?;
    let message = stage.not_ready("dev", "KubeConfigInvalid").await?;
    ensure!(message.contains("does not exist"), "{message}");

    // What it refuses it names, and quotes nothing.
    let program = kubeconfig.replace("client-certificate-data:", "exec: {command: /bin/hunter2}\n    x:");
    stage.secret("far", &[("value", &program)]).await?;
    let message = stage
        .wait("the program to be refused", async || {
            let message = stage.not_ready("dev", "KubeConfigInvalid").await?;
            ensure!(message.contains("exec of user"), "{message}");
            Ok(message)
        })
        .await?;
    ensure!(!message.contains("hunter2"), "{message}");

    stage.secret("far", &[("value", &kubeconfig)]).await?;
    stage.ready_at("dev", &revision).await?;
    far.has_value(&stage, "dev", "one").await?;
    ensure!(stage.value("dev").await?.is_none(), "it was applied to this cluster");
    let inventory = ListParams::default().labels("plumb.dev/inventory-of=dev");
    ensure!(stage.api::<ConfigMap>().list(&inventory).await?.items.len() == 1, "the inventory is not here");

    // Drift is seen and repaired over there.
    let change = r#"{"data":{"value":"mine"}}"#;
    far.kubectl(&["patch", "configmap/dev", "-n", stage.ns(), "--type=merge", "-p", change]).await?;
    far.has_value(&stage, "dev", "one").await?;
    stage
        .wait("the drift", async || {
            let drifts = stage.status("dev").await?.drifts;
            let found = drifts.first().and_then(|drift| drift.values.first()?.found.clone());
            ensure!(found.as_deref() == Some("\"mine\""), "{drifts:?}");
            Ok(())
        })
        .await?;

    // Another environment shares the connection.
    stage.environment("staging", remote).await?;
    let revision = push(&stage, "staging", "one").await?;
    stage.ready_at("staging", &revision).await?;
    ensure!(stage.agent.log().matches("connected").count() == 1, "there is more than one connection");

    // One that is out of reach delays no other, and comes back by itself.
    let server = kubeconfig.lines().find_map(|line| line.trim().strip_prefix("server: ")).context("no server")?;
    stage.secret("far", &[("value", &kubeconfig.replace(server, "https://127.0.0.1:1"))]).await?;
    stage.not_ready("dev", "ClusterUnreachable").await?;
    stage.environment("prod", json!({})).await?;
    let revision = stage.push_config_maps("prod", &["near"], "one").await?;
    stage.ready_at("prod", &revision).await?;
    push(&stage, "dev", "two").await?;
    stage.secret("far", &[("value", &kubeconfig)]).await?;
    far.has_value(&stage, "dev", "two").await?;

    // And so it is with an environment's end.
    let deleting = json!({"kubeConfig": {"secretRef": {"name": "far"}}, "deletionPolicy": "Delete"});
    stage.environment("dev", deleting).await?;
    stage
        .wait("the finalizer", async || {
            let environment = stage.api::<Environment>().get("dev").await?;
            ensure!(environment.metadata.finalizers.is_some(), "there is none");
            let status = environment.status.unwrap_or_default();
            let ready = condition(&status.conditions, "Ready").is_some_and(|ready| ready.status == "True");
            ensure!(ready, "it is not ready");
            Ok(())
        })
        .await?;
    stage.api::<Environment>().delete("dev", &DeleteParams::default()).await?;
    stage
        .wait("the environment to be gone with its object", async || {
            ensure!(stage.api::<Environment>().get_opt("dev").await?.is_none(), "it is there");
            let left = far.kubectl(&["get", "configmap", "dev", "-n", stage.ns(), "--ignore-not-found"]).await?;
            ensure!(left.is_empty(), "{left}");
            Ok(())
        })
        .await?;
    stage.api::<Secret>().delete("far", &DeleteParams::default()).await?;
    far.kubectl(&["delete", "namespace", stage.ns(), "--wait=false"]).await?;
    stage.end().await
}

/// A gate asks the cluster to which the revision goes, and not the one that the agent runs in.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_other_cluster_would_refuse_is_not_promoted_to_it() -> Result<()> {
    let stage = Stage::new("remote-dry").await?;
    let far = Far::start("test-far-dry").await?;
    stage.secret("far", &[("value", &far.kubeconfig()?)]).await?;
    stage.environment("dev", json!({})).await?;
    let remote = json!({"kubeConfig": {"secretRef": {"name": "far"}}, "promotion": {"from": ["dev"]}});
    stage.environment("prod", remote).await?;
    push(&stage, "dev", "one").await?;
    push(&stage, "prod", "one").await?;
    let first = stage.push("ask\n\nPromote-To: prod\n", &[]).await?;
    stage.ready_at("prod", &first).await?;
    // A quota of the other cluster alone stands in the way.
    far.kubectl(&["create", "quota", "none", "-n", stage.ns(), "--hard=count/configmaps=0"]).await?;
    stage
        .wait("the quota to be known over there", async || {
            let path = "jsonpath={.status.hard}";
            let known = far.kubectl(&["get", "quota", "none", "-n", stage.ns(), "-o", path]).await?;
            ensure!(known.contains("configmaps"), "{known}");
            Ok(())
        })
        .await?;
    let overlay = format!("namespace: {}\nresources: [prod.yaml, more.yaml, namespace.yaml]\n", stage.ns());
    let request = stage
        .push(
            "two\n\nPromote-To: prod\n",
            &[
                ("overlays/prod/kustomization.yaml", Some(&overlay)),
                ("overlays/prod/more.yaml", Some(&config_map("more", "two"))),
            ],
        )
        .await?;
    stage
        .wait("the dry run to be refused over there", async || {
            let promotions = stage.status("prod").await?.promotions;
            let record = promotions.iter().find(|record| record.request == request).context("no record")?;
            let gate = record.gates.iter().find(|gate| gate.name == "dry-run").context("no gate")?;
            ensure!(gate.verdict == "wait" && gate.message.contains("more"), "{gate:?}");
            Ok(())
        })
        .await?;
    far.kubectl(&["delete", "quota", "none", "-n", stage.ns()]).await?;
    stage.ready_at("prod", &request).await?;
    far.has_value(&stage, "more", "two").await?;
    far.kubectl(&["delete", "namespace", stage.ns(), "--wait=false"]).await?;
    stage.end().await
}
