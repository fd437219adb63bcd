//! Values go from one overlay to the next, for environments that all run the head of the branch.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    cluster::{Connection, LocalCluster, Options},
    forge_stage::ForgeStage,
    stage::{Stage, config_map},
};
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};

use crate::ledger::plumb;

const DEV: &str = "overlays/dev/kustomization.yaml";
const STAGING: &str = "overlays/staging/kustomization.yaml";
const PROD: &str = "overlays/prod/kustomization.yaml";

/// An overlay as somebody keeps it: with comments, and in a form of their own.
fn overlay(namespace: &str, environment: &str, tag: &str) -> String {
    format!(
        "# Kept by the people of {environment}.\nnamespace: {namespace}\nnameSuffix: -{environment}\n\nresources:\n    - ../../base\n\
         patches: [{{path: settings.yaml}}]\n\nimages:\n    - name: web\n      newTag: {tag}   # what runs\n"
    )
}

fn settings(value: &str) -> String {
    format!("# Read by web.\n{}", config_map("a", value))
}

fn base(value: &str) -> String {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {"base": value}},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]}},
        },
    });
    deployment.to_string()
}

/// Writes the base and all overlays, dev at a newer value than the others.
fn files(namespace: &str) -> Vec<(String, String)> {
    let mut files = vec![
        ("base/kustomization.yaml".to_owned(), "resources: [a.yaml, web.yaml]\n".to_owned()),
        ("base/a.yaml".into(), config_map("a", "base")),
        ("base/web.yaml".into(), base("one")),
    ];
    for (name, tag) in [("dev", "v1"), ("staging", "v0"), ("prod", "v0")] {
        files.push((format!("overlays/{name}/kustomization.yaml"), overlay(namespace, name, tag)));
        files.push((format!("overlays/{name}/settings.yaml"), settings(tag)));
    }
    files
}

fn promotion(from: &str, more: &Value) -> Value {
    let mut spec = json!({
        "from": [from], "strategy": "Fields", "fields": {"named": [{"file": "settings.yaml", "field": "data.value"}]},
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    json!({"promotion": spec})
}

async fn runs(stage: &Stage, environment: &str, tag: &str) -> Result<()> {
    stage.has_value(&format!("a-{environment}"), tag).await?;
    runs_image(stage, environment, &format!("web:{tag}")).await
}

async fn runs_image(stage: &Stage, environment: &str, wanted: &str) -> Result<()> {
    stage
        .wait(&format!("{environment} to run {wanted}"), async || {
            let image = image(stage, environment).await?;
            ensure!(image == wanted, "{image}");
            Ok(())
        })
        .await
}

async fn image(stage: &Stage, environment: &str) -> Result<String> {
    let web = stage.api::<Deployment>().get(&format!("web-{environment}")).await?;
    let pod = web.spec.and_then(|spec| spec.template.spec).context("a Deployment has a template")?;
    Ok(pod.containers.into_iter().next().and_then(|container| container.image).unwrap_or_default())
}

async fn stage_of_three() -> Result<Stage> {
    let stage = Stage::new("fields").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", promotion("dev", &json!({}))).await?;
    stage.environment("prod", promotion("staging", &json!({}))).await?;
    let files = files(stage.ns());
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    stage.push("start", &files).await?;
    for (name, tag) in [("dev", "v1"), ("staging", "v0"), ("prod", "v0")] {
        runs(&stage, name, tag).await?;
    }
    Ok(stage)
}

/// The newest commit that promotes to an environment, and the files that it changes.
fn promoted(stage: &Stage, environment: &str) -> Result<(String, Vec<String>)> {
    stage.worktree.pull()?;
    let grep = format!("--grep=^Promoted-To: {environment}$");
    let commit = stage.worktree.git(&["log", "--first-parent", "-n", "1", "--format=%H", &grep])?;
    let files = stage.worktree.git(&["show", "--format=", "--name-only", &commit])?;
    Ok((commit, files.lines().map(str::to_owned).collect()))
}

async fn refused(stage: &Stage, environment: &str, words: &[&str]) -> Result<()> {
    stage
        .wait(&format!("a request for {environment} to say {words:?}"), async || {
            let records = stage.status(environment).await?.promotions;
            let told = records.first().is_some_and(|record| words.iter().all(|word| record.message.contains(word)));
            ensure!(told, "{records:?}");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_go_down_the_line_and_nothing_else_of_the_files_changes() -> Result<()> {
    let stage = stage_of_three().await?;
    let first = stage
        .push(
            "v2\n\nPromote-To: staging\nPromote-To: prod\n",
            &[(DEV, Some(&overlay(stage.ns(), "dev", "v2"))), ("overlays/dev/settings.yaml", Some(&settings("v2")))],
        )
        .await?;
    for name in ["dev", "staging", "prod"] {
        runs(&stage, name, "v2").await?;
    }
    // Prod waited for staging at these very values, and not at what it ran before.
    let (to_staging, files) = promoted(&stage, "staging")?;
    let (to_prod, _) = promoted(&stage, "prod")?;
    ensure!(
        files
            == [
                "overlays/staging/kustomization.yaml",
                "overlays/staging/promoted.yaml",
                "overlays/staging/settings.yaml"
            ],
        "{files:?}"
    );
    stage.worktree.git(&["merge-base", "--is-ancestor", &to_staging, &to_prod])?;
    ensure!(stage.worktree.read(STAGING)? == overlay(stage.ns(), "staging", "v2"), "{}", stage.worktree.read(STAGING)?);
    ensure!(stage.worktree.read("overlays/prod/settings.yaml")? == settings("v2"), "the comment is gone");
    let pin = stage.worktree.read("overlays/prod/promoted.yaml")?;
    ensure!(pin.contains(&first) && pin.contains("strategy: Fields"), "{pin}");

    // The base reaches all of them at once, and no value with it.
    stage.push("base: two", &[("base/web.yaml", Some(&base("two")))]).await?;
    stage
        .wait("the base to reach prod", async || {
            let web = stage.api::<Deployment>().get("web-prod").await?;
            let annotations = web.metadata.annotations.unwrap_or_default();
            ensure!(annotations.get("base").is_some_and(|base| base == "two"), "{annotations:?}");
            Ok(())
        })
        .await?;

    // Another revision, and back: the values come back, the base stays, and it is held.
    let second = stage
        .push(
            "v3\n\nPromote-To: staging\nPromote-To: prod\n",
            &[(DEV, Some(&overlay(stage.ns(), "dev", "v3"))), ("overlays/dev/settings.yaml", Some(&settings("v3")))],
        )
        .await?;
    runs(&stage, "prod", "v3").await?;
    stage
        .wait("prod to be healthy", async || {
            let status = stage.status("prod").await?;
            ensure!(status.history.first().is_some_and(|it| it.healthy_since.is_some()), "{:?}", status.history);
            Ok(())
        })
        .await?;
    plumb(&stage, &["rollback", "prod", "--hold", "see the incident"])?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    runs(&stage, "prod", "v2").await?;
    stage
        .wait("the hold to be shown", async || {
            let status = stage.status("prod").await?;
            ensure!(status.hold.as_deref() == Some("see the incident"), "{:?}", status.hold);
            Ok(())
        })
        .await?;
    let web = stage.api::<Deployment>().get("web-prod").await?;
    ensure!(web.metadata.annotations.unwrap_or_default().get("base").is_some_and(|base| base == "two"));
    stage.worktree.pull()?;
    let pin = stage.worktree.read("overlays/prod/promoted.yaml")?;
    ensure!(pin.contains(&first) && pin.contains(&format!("rollbackOf: {second}")), "{pin}");

    // All of it agrees, and the ledger tells whose values ran.
    stage
        .wait("the ledger to tell of it", async || {
            let history = plumb(&stage, &["verify", "--fetch", "--strict"])?;
            let notes = stage.worktree.git(&["fetch", "-q", "origin", "+refs/notes/plumb/*:refs/notes/plumb/*"]);
            notes?;
            let shown = stage.worktree.git(&["log", "--notes=plumb/prod", "--format=%N"])?;
            let told = |revision: &str| shown.contains(&format!("promoted={revision}"));
            ensure!(told(&first) && told(&second) && shown.contains("rolled-back"), "{history}\n{shown}");
            Ok(())
        })
        .await?;

    // Who writes the commit anew with another value is found out, though it says all that it said.
    stage.worktree.git(&["checkout", "-q", "-b", "forged", &to_prod])?;
    stage.worktree.write(PROD, overlay(stage.ns(), "prod", "v9"))?;
    stage.worktree.git(&["commit", "-q", "--amend", "--no-edit", PROD])?;
    let forged = plumb(&stage, &["verify", "--branch", "forged"]).err().context("verify finds nothing")?.to_string();
    ensure!(forged.contains(&format!("forged: the values of {} are not in {PROD}", &first[..12])), "{forged}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_from_an_environment_on_another_cluster() -> Result<()> {
    let stage = Stage::new("nearfields").await?;
    let cluster = LocalCluster::start(&Options { name: "test-far-fields".into(), nodes: 1 }).await?;
    let far = stage.beside(Connection::to(cluster.layout()).await?, "farfields").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", promotion("dev", &json!({}))).await?;
    far.environment("prod", promotion("staging", &json!({}))).await?;
    far.repository("platform", json!({"interval": "1s"})).await?;
    let mut start = files(stage.ns());
    for (path, text) in &mut start {
        if path == PROD {
            *text = overlay(far.ns(), "prod", "v0");
        }
    }
    let start: Vec<_> = start.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    stage.push("start", &start).await?;
    runs(&stage, "staging", "v0").await?;
    runs(&far, "prod", "v0").await?;

    let revision = stage
        .push(
            "v2\n\nPromote-To: staging\nPromote-To: prod\n",
            &[(DEV, Some(&overlay(stage.ns(), "dev", "v2"))), ("overlays/dev/settings.yaml", Some(&settings("v2")))],
        )
        .await?;
    runs(&stage, "staging", "v2").await?;
    runs(&far, "prod", "v2").await?;
    ensure!(stage.value("a-prod").await?.is_none() && far.value("a-staging").await?.is_none(), "they mixed");
    let (_, copied) = promoted(&stage, "prod")?;
    let expected = [PROD, "overlays/prod/promoted.yaml", "overlays/prod/settings.yaml"];
    ensure!(copied == expected, "{copied:?}");
    ensure!(stage.worktree.read("overlays/prod/promoted.yaml")?.contains(&revision), "another revision");

    // The other cluster has only the ledger to learn from that staging proved it, and a person can check that.
    stage
        .wait("the ledgers to bear it out", async || {
            let verified = plumb(&stage, &["verify", "--fetch", "--strict"])?;
            ensure!(
                verified.contains("2 promotion commits") && verified.contains("0 problems, 0 notices"),
                "{verified}"
            );
            let history = plumb(&stage, &["history", "prod", "-o", "json"])?;
            ensure!(history.contains("upstream/staging"), "{history}");
            Ok(())
        })
        .await?;

    // What staging does not run yet does not come.
    let unproven = overlay(stage.ns(), "dev", "v3");
    stage.push("v3\n\nPromote-To: prod\n", &[(DEV, Some(&unproven))]).await?;
    refused(&far, "prod", &["upstream/staging"]).await?;
    ensure!(image(&far, "prod").await? == "web:v2", "a gate was skipped");
    far.end().await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_copied_is_told_and_leaves_everything_as_it_was() -> Result<()> {
    let stage = stage_of_three().await?;
    let broken = overlay(stage.ns(), "dev", "v2").replace("newTag: v2 ", "newTag: [v2]");
    stage.push("broken\n\nPromote-To: staging\n", &[(DEV, Some(&broken))]).await?;
    // Dev can't run it either, so nothing comes of it. Where only a named field is missing, the copy itself fails.
    refused(&stage, "staging", &["upstream/dev"]).await?;
    let without = "# Read by web.\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata: {}\n";
    stage
        .push(
            "no value\n\nPromote-To: staging\n",
            &[(DEV, Some(&overlay(stage.ns(), "dev", "v2"))), ("overlays/dev/settings.yaml", Some(without))],
        )
        .await?;
    refused(&stage, "staging", &["overlays/dev/settings.yaml, line 6", "there is no value"]).await?;
    stage.worktree.pull()?;
    ensure!(stage.worktree.read(STAGING)? == overlay(stage.ns(), "staging", "v0"), "half of it was copied");
    ensure!(image(&stage, "staging").await? == "web:v0", "something of it was applied");

    // Values that somebody changes by hand are not those of the revision, so they prove nothing of it.
    let healthy = stage
        .push(
            "v4\n\nPromote-To: staging\n",
            &[(DEV, Some(&overlay(stage.ns(), "dev", "v4"))), ("overlays/dev/settings.yaml", Some(&settings("v4")))],
        )
        .await?;
    runs(&stage, "staging", "v4").await?;
    stage.push("by hand", &[(STAGING, Some(&overlay(stage.ns(), "staging", "v5")))]).await?;
    runs_image(&stage, "staging", "web:v5").await?;
    plumb(&stage, &["promote", "prod", "--revision", &healthy])?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    // It was healthy in staging before somebody changed it, and that is proof enough.
    runs(&stage, "prod", "v4").await?;

    // A record that lies proves nothing: the pin names a revision whose values nobody copied.
    let newer = stage.push("v6", &[(DEV, Some(&overlay(stage.ns(), "dev", "v6")))]).await?;
    runs_image(&stage, "dev", "web:v6").await?;
    stage.worktree.pull()?;
    let record = "overlays/staging/promoted.yaml";
    let lie = stage.worktree.read(record)?.replace(&format!("revision: {healthy}"), &format!("revision: {newer}"));
    let head = stage.push("moved by hand", &[(record, Some(&lie))]).await?;
    stage
        .wait("staging to be healthy with it", async || {
            let history = stage.status("staging").await?.history;
            let newest = history.first().context("it ran nothing")?;
            ensure!(newest.revision == head && newest.healthy_since.is_some(), "{history:?}");
            Ok(())
        })
        .await?;
    plumb(&stage, &["promote", "prod", "--revision", &newer])?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    refused(&stage, "prod", &["upstream/staging", "staging has the values of no revision"]).await?;
    ensure!(image(&stage, "prod").await? == "web:v4", "a gate was skipped");
    let told = format!("by-hand: the values of {} are not in {STAGING}", &newer[..12]);
    stage
        .wait("the ledgers to be written, and nothing but that to be told", async || {
            let verified = plumb(&stage, &["verify", "--fetch"])?;
            ensure!(verified.contains(&told), "{verified}");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_copies_values_and_follows_the_base() -> Result<()> {
    let forge = ForgeStage::new("pullfields").await?;
    let stage = &forge.stage;
    forge.environment("dev", json!({})).await?;
    forge.environment("prod", promotion("dev", &json!({"mode": "PullRequest"}))).await?;
    let push = |message: &str, files: &[(&str, String)]| -> Result<String> {
        stage.worktree.pull()?;
        for (path, text) in files {
            stage.worktree.write(path, text)?;
        }
        let revision = stage.worktree.commit(message)?;
        stage.worktree.push()?;
        Ok(revision)
    };
    let start = files(stage.ns());
    let start: Vec<_> = start.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    push("start", &start)?;
    runs(stage, "prod", "v0").await?;
    let revision = push(
        "v2\n\nPromote-To: prod\n",
        &[(DEV, overlay(stage.ns(), "dev", "v2")), ("overlays/dev/settings.yaml", settings("v2"))],
    )?;
    let pull = forge
        .promotion("prod", |pull| {
            ensure!(
                pull.title().contains(&revision[..12]) && pull.body().contains("- [x] `upstream/dev`"),
                "{}",
                pull.body()
            );
            Ok(())
        })
        .await?;
    let body = pull.body();
    for words in
        ["`overlays/prod/kustomization.yaml`", "`overlays/prod/settings.yaml`", "image: web:v2", "Digest of the values"]
    {
        ensure!(body.contains(words), "{words} is not in\n{body}");
    }
    ensure!(image(stage, "prod").await? == "web:v0", "promoted before the merge");

    // Somebody changes the same file meanwhile: the branch is made anew, on top of it.
    let changed = overlay(stage.ns(), "prod", "v0").replace("# Kept", "# Well kept");
    push("prod: a comment", &[(PROD, changed.clone())])?;
    let renewed = forge
        .promotion("prod", |now| {
            ensure!(now.number() == pull.number() && now.head() != pull.head(), "{}", now.head());
            Ok(())
        })
        .await?;
    forge.merge(renewed.number(), "squash").await?;
    runs(stage, "prod", "v2").await?;
    stage.worktree.pull()?;
    ensure!(
        stage.worktree.read(PROD)? == changed.replace("newTag: v0", "newTag: v2"),
        "{}",
        stage.worktree.read(PROD)?
    );
    stage
        .wait("nothing to wait for", async || {
            let records = stage.status("prod").await?.promotions;
            ensure!(records.is_empty(), "{records:?}");
            Ok(())
        })
        .await?;
    forge.end().await
}
