//! A day of what happens in a live cluster, compressed: none of it is a drift, and the agent writes nothing.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::Installation,
    cluster::{Connection, LocalCluster, Options},
    proxy::FaultyProxy,
    stage::{HOOK_TOKEN, Stage},
    webhook::MutatingWebhook,
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Service},
    networking::v1::Ingress,
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use plumb_api::Environment;
use serde_json::{Value, json};

/// Hours, and status updates in each.
const HOURS: usize = 24;
const UPDATES: usize = 60;

/// As little as possible is said, so that the API server fills in the rest.
const OBJECTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: app
          image: registry.example.com/app:1
          ports: [{containerPort: 8080}]
          env: [{name: A, value: a}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  defaultBackend: {service: {name: web, port: {number: 80}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 9
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {value: ours}
";

/// A sidecar, an annotation, and the image from a mirror: a field that we own, changed as it passes.
fn inject(object: &Value) -> Value {
    let mut patch = vec![];
    if object["metadata"]["annotations"].is_null() {
        patch.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    patch.push(json!({"op": "add", "path": "/metadata/annotations/inject.example.com~1by", "value": "the mesh"}));
    if object["kind"] == "ConfigMap" && object["data"].is_object() {
        patch.push(json!({"op": "add", "path": "/data/injected", "value": "theirs"}));
    }
    let containers = object["spec"]["template"]["spec"]["containers"].as_array();
    for (place, container) in containers.into_iter().flatten().enumerate() {
        if let Some(rest) = container["image"].as_str().and_then(|image| image.strip_prefix("registry.example.com/")) {
            let image = format!("mirror.example.com/{rest}");
            patch.push(json!({"op": "replace", "path": format!("/spec/template/spec/containers/{place}/image"), "value": image}));
        }
    }
    if containers.is_some_and(|containers| containers.iter().all(|container| container["name"] != "sidecar")) {
        let sidecar = json!({"name": "sidecar", "image": "mirror.example.com/sidecar:1"});
        patch.push(json!({"op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar}));
    }
    Value::Array(patch)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_other_peoples_writes_is_no_drift() -> Result<()> {
    let cluster = LocalCluster::start(&Options { name: "test-day".into(), nodes: 1 }).await?;
    let connection = Connection::to(cluster.layout()).await?;
    let namespace = connection.fresh_namespace("day").await?;
    let mut installation = Installation::new(&connection, namespace.name()).await?;
    let proxy = FaultyProxy::start(&connection).await?;
    installation.go_through(&proxy)?;
    let webhook = MutatingWebhook::start(&connection, namespace.name(), inject).await?;
    let mut stage = Stage::with(connection, namespace, installation).await?;
    stage.environment("dev", json!({})).await?;
    let kustomization = format!("namespace: {}\nresources: [objects.yaml]\n", stage.ns());
    let files = [
        ("overlays/dev/kustomization.yaml", Some(kustomization.as_str())),
        ("overlays/dev/objects.yaml", Some(OBJECTS)),
    ];
    let revision = stage.push("start", &files).await?;
    let maps: Api<ConfigMap> = stage.api();
    stage
        .wait("the webhook to have had its way", async || {
            let map = maps.get("settings").await?;
            ensure!(map.data.is_some_and(|data| data.contains_key("injected")), "not yet");
            Ok(())
        })
        .await?;
    let (deployments, services, ingresses): (Api<Deployment>, Api<Service>, Api<Ingress>) =
        (stage.api(), stage.api(), stage.api());
    stage
        .wait("the pods to be ready", async || {
            let web = deployments.get("web").await?;
            ensure!(web.status.and_then(|status| status.ready_replicas) == Some(2), "not yet");
            Ok(())
        })
        .await?;
    let address = |number: usize| json!({"status": {"loadBalancer": {"ingress": [{"ip": format!("192.0.2.{}", 1 + number % 200)}]}}});
    services.patch_status("web", &PatchParams::default(), &Patch::Merge(&address(0))).await?;
    ingresses.patch_status("web", &PatchParams::default(), &Patch::Merge(&address(0))).await?;
    stage
        .connection
        .kubectl(
            &[
                "patch",
                "hpa",
                "web",
                "-n",
                stage.ns(),
                "--subresource=status",
                "--type=merge",
                "-p",
                r#"{"status":{"desiredReplicas":2,"currentReplicas":2}}"#,
            ],
            "",
        )
        .await?;
    stage
        .wait("the agent to have applied", async || {
            let status = stage.status("dev").await?;
            ensure!(status.revision.as_deref() == Some(revision.as_str()), "{status:?}");
            Ok(())
        })
        .await?;
    let audit = stage.connection.audit().context("the cluster has no audit log")?.clone();
    let mark = audit.mark()?;

    let by = |manager: &str| PatchParams { field_manager: Some(manager.into()), ..PatchParams::default() };
    for hour in 0..HOURS {
        for number in 0..UPDATES {
            let address = Patch::Merge(address(hour * UPDATES + number + 1));
            services.patch_status("web", &by("cloud-controller-manager"), &address).await?;
            ingresses.patch_status("web", &by("ingress-controller"), &address).await?;
        }
        // An autoscaler, somebody's note, and a controller's annotation.
        let replicas = json!({"spec": {"replicas": 2 + hour % 3}});
        deployments.patch_scale("web", &by("kube-controller-manager"), &Patch::Merge(&replicas)).await?;
        let note = json!({"metadata": {"annotations": {"example.com/note": hour.to_string()}}, "data": {"added": hour.to_string()}});
        maps.patch("settings", &by("somebody"), &Patch::Merge(&note)).await?;
        let annotated = json!({"metadata": {"annotations": {"example.com/seen": hour.to_string()}, "labels": {"example.com/shift": (hour % 2).to_string()}}});
        deployments.patch("web", &by("some-controller"), &Patch::Merge(&annotated)).await?;
        let wish = json!({"metadata": {"annotations": {"plumb.dev/reconcile-requested-at": hour.to_string()}}});
        stage.api::<Environment>().patch("dev", &by("e2e"), &Patch::Merge(&wish)).await?;
        stage.hook("platform", HOOK_TOKEN).await?;
        if hour % 6 == 5 {
            proxy.cut();
        }
        if hour % 8 == 7 {
            no_drift(&stage, hour).await?;
            stage.agent.crash().await?;
            stage.agent.start_again(&["--lease-name", &format!("day-{hour}")])?;
            stage.agent.ready().await?;
            stage
                .wait("a reconcile", async || {
                    ensure!(stage.metric("plumb_reconcile_total", &["success"]).await? > 0.5, "not yet");
                    Ok(())
                })
                .await?;
        }
    }
    // What the agent sees last it has seen all of: a change of its own to a field that is git's.
    let writes = |requests: e2e::cluster::Requests| {
        stage.work_of_the_agent(requests).only(|request| !matches!(request.verb.as_str(), "get" | "list" | "watch"))
    };
    no_drift(&stage, HOURS).await?;
    let wrote = writes(audit.settled_since(&stage.connection.client, mark).await?);
    ensure!(wrote.is_empty(), "the agent wrote:\n{wrote}{}", stage.agent.log());
    let changed = json!({"data": {"value": "mine"}});
    maps.patch("settings", &by("somebody"), &Patch::Merge(&changed)).await?;
    stage.has_value("settings", "ours").await?;
    let wrote = writes(audit.settled_since(&stage.connection.client, mark).await?);
    ensure!(wrote.len() == 1, "one repair is one write:\n{wrote}");
    ensure!(webhook.calls() > HOURS, "the webhook was asked {} times", webhook.calls());
    webhook.delete().await?;
    stage.end().await
}

async fn no_drift(stage: &Stage, hour: usize) -> Result<()> {
    let drifts = stage.metric("plumb_drift_total", &[]).await?;
    ensure!(drifts < 0.5, "{drifts} drifts by hour {hour}:\n{}", stage.agent.log());
    Ok(())
}
