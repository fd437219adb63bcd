//! A group of kinds whose server is gone, on a cluster of its own: a broken APIService also holds up the deletion of namespaces.

use anyhow::{Result, ensure};
use e2e::{
    cluster::{Connection, LocalCluster, Options},
    stage::Stage,
};
use serde_json::json;

const DEFINITION: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.faults.example.com}
spec:
  group: faults.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
";

/// The group as if a server that is gone served it: without its label, nobody corrects it.
const BROKEN: &str = "
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.faults.example.com, labels: {e2e: broken}}
spec:
  group: faults.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: nowhere, namespace: default, port: 443}
";

fn gadget(name: &str) -> String {
    format!("apiVersion: faults.example.com/v1\nkind: Gadget\nmetadata:\n  name: {name}\nspec:\n  size: 1\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_whose_server_is_gone_do_not_look_deleted() -> Result<()> {
    let cluster = LocalCluster::start(&Options { name: "test-aggregated".into(), nodes: 1 }).await?;
    let connection = Connection::to(cluster.layout()).await?;
    connection.kubectl(&["apply", "-f", "-"], DEFINITION).await?;
    connection.kubectl(&["wait", "--for=condition=Established", "crd/gadgets.faults.example.com"], "").await?;
    let mut stage = Stage::on(connection, "aggregated").await?;
    // The chart gives rights on what it knows.
    stage
        .connection
        .kubectl(
            &[
                "create",
                "clusterrolebinding",
                "e2e-gadgets",
                "--clusterrole=cluster-admin",
                &format!("--serviceaccount={0}:{0}", stage.ns()),
            ],
            "",
        )
        .await?;
    stage.environment("dev", json!({"retryInterval": "1s"})).await?;
    let overlay = |gadgets: &[&str], value: &str| {
        let ns = stage.ns();
        let objects: Vec<_> =
            gadgets.iter().map(|name| gadget(name)).chain([e2e::stage::config_map("plain", value)]).collect();
        (format!("namespace: {ns}\nresources: [objects.yaml]\n"), objects.join("---\n"))
    };
    let push = async |stage: &Stage, (kustomization, objects): (String, String), message: &str| {
        let files = [
            ("overlays/dev/kustomization.yaml", Some(kustomization.as_str())),
            ("overlays/dev/objects.yaml", Some(objects.as_str())),
        ];
        stage.push(message, &files).await
    };
    let (whole, fewer, none) = (overlay(&["a", "b"], "one"), overlay(&["a"], "two"), overlay(&["a"], "three"));
    let revision = push(&stage, whole, "one").await?;
    stage.ready_at("dev", &revision).await?;
    let uids = stage
        .connection
        .kubectl(&["get", "gadgets", "-n", stage.ns(), "-o", "jsonpath={.items[*].metadata.uid}"], "")
        .await?;

    stage.connection.kubectl(&["delete", "apiservice", "v1.faults.example.com"], "").await?;
    stage
        .wait("the broken APIService to stay", async || {
            stage
                .connection
                .kubectl(&["apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "-f", "-"], BROKEN)
                .await?;
            stage
                .connection
                .kubectl(
                    &["label", "apiservice", "v1.faults.example.com", "kube-aggregator.kubernetes.io/automanaged-"],
                    "",
                )
                .await?;
            let answer = stage.connection.kubectl(&["get", "--raw", "/apis/faults.example.com/v1/gadgets"], "").await;
            ensure!(answer.is_err(), "the group is served");
            Ok(())
        })
        .await?;

    // Of the revision that takes one away, the rest is applied; what can't be seen is neither called healthy nor deleted.
    push(&stage, fewer, "two").await?;
    stage.has_value("plain", "two").await?;
    // A new agent, which never saw the group.
    stage.agent.crash().await?;
    stage.agent.start_again(&["--lease-name", "anew"])?;
    push(&stage, none, "three").await?;
    let revision = stage.worktree.head()?;
    stage.has_value("plain", "three").await?;
    let inventory = stage
        .connection
        .kubectl(&["get", "configmap", "plumb-inventory-dev-0", "-n", stage.ns(), "-o", "jsonpath={.data.objects}"], "")
        .await?;
    for name in ["a", "b"] {
        ensure!(
            inventory.lines().any(|line| line.ends_with(&format!("Gadget {} {name}", stage.ns()))),
            "the inventory forgot {name}:\n{inventory}"
        );
    }
    ensure!(stage.metric("plumb_drift_total", &[]).await? < 0.5, "told as a drift:\n{}", stage.agent.log());

    stage.connection.kubectl(&["delete", "apiservice", "v1.faults.example.com"], "").await?;
    stage.ready_at("dev", &revision).await?;
    stage
        .wait("the gadget that left git to go, and no other", async || {
            let left = stage
                .connection
                .kubectl(&["get", "gadgets", "-n", stage.ns(), "-o", "jsonpath={.items[*].metadata.uid}"], "")
                .await?;
            ensure!(uids.starts_with(&left) && !left.is_empty() && left != uids, "{left} of {uids}");
            Ok(())
        })
        .await?;
    stage.end().await
}
