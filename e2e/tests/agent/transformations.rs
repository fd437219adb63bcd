//! What an Environment changes in what its overlay renders to.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::{binary, kubectl},
    cluster::AuditLog,
    stage::{Stage, config_map},
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret},
};
use kube::api::{DeleteParams, Patch, PatchParams};
use plumb_api::Environment;
use serde_json::{Value, json};

fn deployment(replicas: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "registry.example/web:1", "env": [{"name": "PORT", "value": "${port:=80}"}]}]},
            },
        },
    })
}

async fn set(stage: &Stage, spec: Value) -> Result<()> {
    let patch = Patch::Merge(json!({"spec": spec}));
    stage.api::<Environment>().patch("dev", &PatchParams::default(), &patch).await?;
    Ok(())
}

/// What the command line says would change: its exit code and its output.
async fn diff(stage: &Stage) -> Result<(i32, String)> {
    let output = tokio::process::Command::new(binary()?)
        .args(["diff", "dev", "-n", stage.ns(), "-C"])
        .arg(stage.worktree.path())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.code().context("no exit code")?, text))
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_metadata_and_images_are_changed_as_by_a_kustomization_around() -> Result<()> {
    let stage = Stage::new("override").await?;
    let files = [
        ("overlays/dev/kustomization.yaml", Some("resources: [web.yaml]\n")),
        ("overlays/dev/web.yaml", Some(&*deployment(&json!(1)).to_string())),
    ];
    let revision = stage.push("dev: web", &files).await?;
    let images = json!([{"name": "registry.example/web", "newName": "mirror.example/web", "newTag": "2"}]);
    let metadata = json!({"labels": {"team": "shop"}, "annotations": {"example.org/owner": "them"}});
    stage
        .environment("dev", json!({"targetNamespace": stage.ns(), "commonMetadata": metadata, "images": images}))
        .await?;
    stage.ready_at("dev", &revision).await?;
    let web = stage.api::<Deployment>().get("web").await?;
    let value = serde_json::to_value(&web)?;
    ensure!(value["metadata"]["labels"]["team"] == "shop", "{}", value["metadata"]);
    ensure!(value["metadata"]["annotations"]["example.org/owner"] == "them", "{}", value["metadata"]);
    ensure!(value["spec"]["template"]["metadata"]["labels"] == json!({"app": "web"}), "the template was changed");
    ensure!(value["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror.example/web:2");
    let (code, text) = diff(&stage).await?;
    ensure!(code == 0, "the diff sees another render: {text}");

    set(&stage, json!({"images": [{"name": "registry.example/web", "newTag": "3"}]})).await?;
    stage
        .wait("the other image", async || {
            let web = serde_json::to_value(stage.api::<Deployment>().get("web").await?)?;
            let image = &web["spec"]["template"]["spec"]["containers"][0]["image"];
            ensure!(image == "registry.example/web:3", "{image}");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_come_from_the_spec_and_from_what_it_names() -> Result<()> {
    let stage = Stage::new("vars").await?;
    let kustomization = format!("namespace: {}\nresources: [web.yaml, a.yaml, off.yaml]\n", stage.ns());
    let off = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "off", "annotations": {"plumb.dev/substitute": "disabled"}},
        "data": {"value": "${greeting}"},
    });
    let files = [
        ("overlays/dev/kustomization.yaml", Some(kustomization.as_str())),
        ("overlays/dev/web.yaml", Some(&*deployment(&json!("${replicas}")).to_string())),
        ("overlays/dev/a.yaml", Some(&*config_map("a", "\"${greeting} $${greeting} ${token:0:2}\""))),
        ("overlays/dev/off.yaml", Some(&*off.to_string())),
    ];
    let revision = stage.push("dev: variables", &files).await?;
    let from = json!([{"kind": "ConfigMap", "name": "vars"}, {"kind": "Secret", "name": "secrets", "optional": true}]);
    let substitute = json!({"variables": {"replicas": "2"}, "from": from, "strict": true});
    stage.environment("dev", json!({"substitute": substitute})).await?;
    stage.not_ready_saying("dev", "ReferenceInvalid", &format!("ConfigMap {}/vars", stage.ns())).await?;

    let vars = |greeting: &str| -> Result<ConfigMap> {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "vars"},
            "data": {"greeting": greeting, "replicas": "9"},
        });
        Ok(serde_json::from_value(body)?)
    };
    let apply = PatchParams::apply("e2e").force();
    stage.api::<ConfigMap>().patch("vars", &apply, &Patch::Apply(&vars("hello")?)).await?;
    // Others of the overlay are applied all the same.
    stage.has_value("off", "${greeting}").await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains("/a: .data.value: the variable token is not defined"), "{message}");
    stage.secret("secrets", &[("token", "hunter2")]).await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("a", "hello ${greeting} hu").await?;
    let web = serde_json::to_value(stage.api::<Deployment>().get("web").await?)?;
    ensure!(web["spec"]["replicas"] == 2, "{}", web["spec"]["replicas"]);
    ensure!(web["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "80");
    let (code, text) = diff(&stage).await?;
    ensure!(code == 0, "the diff sees another render: {text}");

    // What variables come from is watched, so a reconcile that changes nothing asks for nothing.
    let audit = stage.connection.audit();
    let mark = audit.map(AuditLog::mark).transpose()?;
    let revision = stage.push("another file", &[("README", Some("x"))]).await?;
    stage.ready_at("dev", &revision).await?;
    if let (Some(audit), Some(mark)) = (audit, mark) {
        let requests = stage.work_of_the_agent(audit.settled_since(&stage.connection.client, mark).await?);
        ensure!(requests.is_empty(), "a commit without effect sent {requests:?}");
    }

    stage.api::<ConfigMap>().patch("vars", &apply, &Patch::Apply(&vars("good morning")?)).await?;
    stage.has_value("a", "good morning ${greeting} hu").await?;
    // A missing Secret that is optional leaves its variables undefined; what runs stays.
    stage.api::<Secret>().delete("secrets", &DeleteParams::default()).await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains("the variable token") && !message.contains("hunter2"), "{message}");
    stage.has_value("a", "good morning ${greeting} hu").await?;
    let described = kubectl(&["get", "environments,events", "-n", stage.ns(), "-o", "yaml"], "").await?;
    ensure!(!described.contains("hunter2"), "a secret was told");
    ensure!(!stage.agent.log().contains("hunter2"), "a secret was logged");
    stage.end().await
}
