//! Bad input: a clear condition, and what runs stays as it was.

use anyhow::{Result, ensure};
use e2e::stage::{PASSWORD, Stage, condition, config_map};
use plumb_api::Repository;
use serde_json::json;

/// Sets `dev` up with one ConfigMap that runs.
async fn running(prefix: &str) -> Result<Stage> {
    let stage = Stage::new(prefix).await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    Ok(stage)
}

async fn repository_message(stage: &Stage, name: &str) -> Result<String> {
    stage
        .wait("the Repository not to be ready", async || {
            let status = stage.api::<Repository>().get(name).await?.status.unwrap_or_default();
            let ready = condition(&status.conditions, "Ready");
            ensure!(ready.is_some_and(|ready| ready.status == "False"), "{ready:?}");
            Ok(ready.map(|ready| ready.message.clone()).unwrap_or_default())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn overlays_that_do_not_render_name_the_file_and_leave_what_runs_alone() -> Result<()> {
    let stage = running("broken").await?;
    let good = format!("namespace: {}\nresources:\n  - a.yaml\n", stage.ns());

    stage.push("no kustomization", &[("overlays/dev/kustomization.yaml", None)]).await?;
    let message = stage.not_ready("dev", "RenderFailed").await?;
    ensure!(message.contains("overlays/dev") && message.contains("kustomization.yaml"), "{message}");
    stage.has_value("a", "one").await?;

    stage
        .push(
            "a syntax error",
            &[
                ("overlays/dev/kustomization.yaml", Some(&good)),
                ("overlays/dev/a.yaml", Some("apiVersion: v1\nkind: ConfigMap\n  bad: [\n")),
            ],
        )
        .await?;
    stage
        .wait("the file and the line", async || {
            let message = stage.not_ready("dev", "RenderFailed").await?;
            ensure!(message.contains("overlays/dev/a.yaml:3"), "{message}");
            Ok(())
        })
        .await?;
    stage.has_value("a", "one").await?;

    let escaping = format!("{good}  - ../../../outside.yaml\n");
    stage
        .push(
            "a path out of the repository",
            &[
                ("overlays/dev/kustomization.yaml", Some(&escaping)),
                ("overlays/dev/a.yaml", Some(&config_map("a", "one"))),
            ],
        )
        .await?;
    stage
        .wait("the path", async || {
            let message = stage.not_ready("dev", "RenderFailed").await?;
            ensure!(message.contains("../../../outside.yaml"), "{message}");
            Ok(())
        })
        .await?;
    stage.has_value("a", "one").await?;

    let revision = stage.push("mended", &[("overlays/dev/kustomization.yaml", Some(&good))]).await?;
    stage.ready_at("dev", &revision).await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_object_stops_no_other_and_every_bad_one_is_named() -> Result<()> {
    let stage = running("invalid").await?;
    let kustomization = format!("namespace: {}\nresources: [a.yaml, b.yaml, bad.yaml, unknown.yaml]\n", stage.ns());
    let bad = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bad"}, "spec": {"ports": [{"port": 99999}]}});
    let unknown = json!({"apiVersion": "example.com/v1", "kind": "Nonesuch", "metadata": {"name": "n"}});
    stage
        .push(
            "dev: two good, two bad",
            &[
                ("overlays/dev/kustomization.yaml", Some(&kustomization)),
                ("overlays/dev/b.yaml", Some(&config_map("b", "one"))),
                ("overlays/dev/bad.yaml", Some(&bad.to_string())),
                ("overlays/dev/unknown.yaml", Some(&unknown.to_string())),
            ],
        )
        .await?;
    stage.has_value("b", "one").await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains("Service") && message.contains("/bad") && message.contains("99999"), "{message}");
    ensure!(message.contains("Nonesuch") && message.contains("overlays/dev/unknown.yaml"), "{message}");
    stage.has_value("a", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_secret_is_not_quoted() -> Result<()> {
    let stage = running("secret").await?;
    let kustomization = format!("namespace: {}\nresources: [a.yaml, secret.yaml]\n", stage.ns());
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "kubernetes.io/tls", "stringData": {"tls.crt": "hunter2", "not a key": "hunter2"}});
    stage
        .push(
            "dev: a bad secret",
            &[
                ("overlays/dev/kustomization.yaml", Some(&kustomization)),
                ("overlays/dev/secret.yaml", Some(&secret.to_string())),
            ],
        )
        .await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains("Secret") && !message.contains("hunter2"), "{message}");
    ensure!(!stage.agent.log().contains("hunter2"), "the log quotes the secret");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_unknown_branches_are_told_without_the_credentials() -> Result<()> {
    let stage = running("access").await?;
    stage.secret("wrong", &[("username", "plumb"), ("password", "wrong-hunter2")]).await?;
    stage.git.create_repository("other")?;
    stage.repository("other", json!({"secretRef": {"name": "wrong"}})).await?;
    let message = repository_message(&stage, "other").await?;
    ensure!(!message.contains("hunter2") && !message.contains(PASSWORD), "{message}");
    ensure!(!stage.agent.log().contains("hunter2"), "the log quotes the password");

    stage.repository("platform", json!({"branch": "nonesuch"})).await?;
    let message = repository_message(&stage, "platform").await?;
    ensure!(message.contains("nonesuch"), "{message}");
    stage.has_value("a", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_names_no_commit_leaves_what_runs_alone() -> Result<()> {
    let stage = running("pin").await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    let overlay = format!("namespace: {}\nresources: [b.yaml]\n", stage.ns());
    let promoted = stage
        .push(
            "staging\n\nPromote-To: staging\n",
            &[
                ("overlays/staging/kustomization.yaml", Some(&overlay)),
                ("overlays/staging/b.yaml", Some(&config_map("b", "one"))),
            ],
        )
        .await?;
    stage.ready_at("staging", &promoted).await?;
    stage.worktree.pull()?;
    let pin = stage.worktree.read("overlays/staging/promoted.yaml")?;
    let wrong = pin.replace(&promoted, &"0123456789".repeat(4));
    stage.push("staging: a wrong pin", &[("overlays/staging/promoted.yaml", Some(&wrong))]).await?;
    let message = stage.not_ready("staging", "PinInvalid").await?;
    ensure!(message.contains("overlays/staging/promoted.yaml") && message.contains("0123456789"), "{message}");
    stage.has_value("b", "one").await?;

    stage.push("staging: no pin at all", &[("overlays/staging/promoted.yaml", Some("revision: [1\n"))]).await?;
    stage
        .wait("the file and the line", async || {
            let message = stage.not_ready("staging", "PinInvalid").await?;
            ensure!(message.contains("overlays/staging/promoted.yaml, line"), "{message}");
            Ok(())
        })
        .await?;
    stage.has_value("b", "one").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_refuses_what_can_not_work() -> Result<()> {
    let stage = Stage::new("schema").await?;
    for (spec, words) in [
        (json!({"path": "/overlays/dev"}), "relative to the root"),
        (json!({"path": "overlays/../../dev"}), "must not leave the repository"),
        (json!({"timeout": "0s"}), "at least 1s"),
        (json!({"drift": {"policy": "Maybe"}}), "Unsupported value"),
    ] {
        let error =
            stage.environment("dev", spec.clone()).await.err().map(|error| format!("{error:#}")).unwrap_or_default();
        ensure!(error.contains(words), "{spec} gave: {error}");
    }
    for (spec, words) in [
        (json!({"url": "https://me:hunter2@git.example.com/a.git"}), "must not hold a password"),
        (json!({"url": "ftp://git.example.com/a.git"}), "must begin with"),
        (json!({"interval": "10ms"}), "at least 1s"),
    ] {
        let error = stage
            .repository("platform", spec.clone())
            .await
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        ensure!(error.contains(words), "{spec} gave: {error}");
    }
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_the_api_server_does_not_know_is_told_and_the_object_stays() -> Result<()> {
    let stage = running("unknown").await?;
    let misspelt =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "datum": {"value": "two"}});
    let custom = json!({
        "apiVersion": "plumb.dev/v1alpha1", "kind": "Promotion", "metadata": {"name": "never"},
        "spec": {"environment": "nowhere", "revision": "HEAD", "colour": "blue"},
    });
    let kustomization = format!("namespace: {}\nresources: [a.yaml, never.yaml]\n", stage.ns());
    let files = [
        ("overlays/dev/kustomization.yaml", kustomization),
        ("overlays/dev/a.yaml", misspelt.to_string()),
        ("overlays/dev/never.yaml", custom.to_string()),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    stage.push("misspelt", &files).await?;
    let message = stage.not_ready("dev", "ApplyFailed").await?;
    ensure!(message.contains(".datum") && message.contains(".spec.colour"), "{message}");
    stage.has_value("a", "one").await?;
    stage.end().await
}
