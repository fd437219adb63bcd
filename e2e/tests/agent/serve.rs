//! Webhooks, probes, metrics, logs.

use anyhow::{Result, ensure};
use e2e::stage::{HOOK_TOKEN, Stage};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_needs_the_right_signature() -> Result<()> {
    let stage = Stage::new("hook").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let fetches = stage.metric("plumb_fetch_total", &[]).await?;
    for (repository, token) in [("platform", "wrong"), ("nonesuch", "wrong")] {
        let (status, body) = stage.hook(repository, token).await?;
        ensure!(status == 401, "{repository} with {token}: {status} {body}");
    }
    let (status, _) = stage.agent.request("POST", "/hooks/platform", &[], "{}").await?;
    ensure!(status == 401, "without a signature: {status}");
    ensure!((stage.metric("plumb_fetch_total", &[]).await? - fetches).abs() < 0.5, "a refused webhook caused a fetch");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_webhook_may_come_late() -> Result<()> {
    let stage = Stage::new("late").await?;
    stage.repository("other", json!({"webhook": {"secretRef": {"name": "late"}}})).await?;
    let answered = async |expected: u16| -> Result<()> {
        let (status, body) = stage.hook("other", HOOK_TOKEN).await?;
        ensure!(status == expected, "{status} {body}");
        Ok(())
    };
    stage
        .wait("the secret to be missed", async || {
            ensure!(stage.agent.log().contains("the secret of the webhook can't be read"), "nothing was said");
            Ok(())
        })
        .await?;
    answered(401).await?;
    stage.secret("late", &[("token", HOOK_TOKEN)]).await?;
    stage.wait("the webhook to be accepted", async || answered(202).await).await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_metrics_page_and_logs_are_there() -> Result<()> {
    let stage = Stage::new("serve").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    for path in ["/healthz", "/readyz"] {
        let (status, body) = stage.agent.get(path).await?;
        ensure!(status == 200, "{path}: {status} {body}");
    }
    ensure!(
        (stage.metric("plumb_environment_condition", &["dev", "Ready"]).await? - 1.0).abs() < 0.5,
        "no metric of the condition"
    );
    let (status, page) = stage.agent.get("/").await?;
    ensure!(status == 200 && page.contains("dev") && page.contains(&revision[..7]), "{status}: {page}");

    // Each line is JSON, and all lines of one reconcile share an id.
    let log = stage.agent.log();
    let lines = log.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    let applied = lines.iter().find(|line| line["message"] == "applied" && line["revision"] == revision.as_str());
    let id = applied.map(|line| line["span"]["reconcile"].clone()).unwrap_or_default();
    ensure!(id.is_string(), "no line says that the revision was applied, with an id:\n{log}");
    let same = lines.iter().filter(|line| line["span"]["reconcile"] == id).count();
    ensure!(same >= 2, "only {same} lines have the id {id}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_and_compares() -> Result<()> {
    let stage = Stage::new("cli").await?;
    stage.environment("dev", json!({})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let plumb = async |arguments: &[&str]| {
        let output = tokio::process::Command::new(e2e::agent::binary()?)
            .args(arguments)
            .current_dir(stage.worktree.path())
            .output()
            .await?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok::<_, anyhow::Error>((output.status.code().unwrap_or(-1), text))
    };
    let (code, text) = plumb(&["status", "-n", stage.ns()]).await?;
    ensure!(code == 0 && text.contains("dev") && text.contains(&revision[..12]), "{code}: {text}");
    let (code, text) = plumb(&["status", "-n", stage.ns(), "-o", "json"]).await?;
    let status: Value = serde_json::from_str(&text)?;
    ensure!(code == 0 && status["environments"][0]["revision"] == revision.as_str(), "{code}: {text}");
    let (code, text) = plumb(&["diff", "dev", "-n", stage.ns()]).await?;
    ensure!(code == 0, "{code}: {text}");
    stage.worktree.write("overlays/dev/a.yaml", e2e::stage::config_map("a", "two"))?;
    let (code, text) = plumb(&["diff", "dev", "-n", stage.ns()]).await?;
    ensure!(code == 1 && text.contains("-  value: one") && text.contains("+  value: two"), "{code}: {text}");
    let (code, text) = plumb(&["render", "overlays/dev"]).await?;
    ensure!(code == 0 && text.contains("value: two"), "{code}: {text}");
    let (code, text) = plumb(&["render", "overlays/dev", "--revision", &revision]).await?;
    ensure!(code == 0 && text.contains("value: one"), "{code}: {text}");
    let (code, text) = plumb(&["render", "nowhere"]).await?;
    ensure!(code == 3 && text.contains("nowhere"), "{code}: {text}");
    let (code, text) = plumb(&["crds"]).await?;
    ensure!(code == 0 && text.contains("environments.plumb.dev"), "{code}: {text}");

    stage.worktree.git(&["checkout", "--", "."])?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    let overlay = format!("namespace: {}\nresources: [b.yaml]\n", stage.ns());
    let files = [
        ("overlays/staging/kustomization.yaml", Some(overlay.as_str())),
        ("overlays/staging/b.yaml", Some(&*e2e::stage::config_map("b", "one"))),
    ];
    let revision = stage.push("staging", &files).await?;
    let (code, text) = plumb(&["promote", "staging", "--branch", "main"]).await?;
    ensure!(code == 0, "{code}: {text}");
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    stage.ready_at("staging", &revision).await?;
    stage.has_value("b", "one").await?;
    stage.end().await
}
