//! What runs before and after an apply, once for each change.

use anyhow::{Context as _, Result, ensure};
use e2e::{
    agent::{Agent, binary},
    stage::{Stage, config_map},
};
use k8s_openapi::api::{batch::v1::Job, core::v1::Event};
use kube::api::{ListParams, Patch, PatchParams};
use plumb_api::{Environment, HookState};
use serde_json::{Value, json};

fn job(name: &str, phase: &str, policy: &str) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "annotations": {"plumb.dev/hook": phase, "plumb.dev/hook-delete-policy": policy}},
        // Suspended, so that nobody but the test says how it ends.
        "spec": {
            "suspend": true,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a:1"}]}},
        },
    })
}

/// Pushes an overlay of hooks and one ConfigMap `a` with a value.
async fn push(stage: &Stage, hooks: &[Value], value: &str) -> Result<String> {
    let mut kustomization = format!("namespace: {}\nresources:\n  - a.yaml\n", stage.ns());
    let mut files = vec![("overlays/dev/a.yaml".to_owned(), config_map("a", value))];
    for (number, hook) in hooks.iter().enumerate() {
        kustomization.push_str(&format!("  - {number}.yaml\n"));
        files.push((format!("overlays/dev/{number}.yaml"), hook.to_string()));
    }
    files.push(("overlays/dev/kustomization.yaml".to_owned(), kustomization));
    let files: Vec<_> = files.iter().map(|(path, content)| (path.as_str(), Some(content.as_str()))).collect();
    stage.push(&format!("dev: {value}"), &files).await
}

/// The uid of a Job that is there, and another than before.
async fn started(stage: &Stage, name: &str, before: &str) -> Result<String> {
    stage
        .wait(&format!("Job {name} to be started"), async || {
            let job = stage.api::<Job>().get_opt(name).await?.context("it is not there")?;
            ensure!(job.metadata.deletion_timestamp.is_none(), "it is being deleted");
            let uid = job.metadata.uid.context("no uid")?;
            ensure!(uid != before, "it is the one of before");
            Ok(uid)
        })
        .await
}

/// Ends a Job as its controller would.
async fn end(stage: &Stage, name: &str, condition: &str) -> Result<()> {
    let now = k8s_openapi::jiff::Timestamp::now().to_string();
    let (before, counts) = match condition {
        "Complete" => ("SuccessCriteriaMet", json!({"completionTime": now, "succeeded": 1})),
        _ => ("FailureTarget", json!({"failed": 1})),
    };
    let conditions: Vec<_> = [before, condition]
        .iter()
        .map(|kind| json!({"type": kind, "status": "True", "reason": "Told", "message": "so the test says", "lastTransitionTime": now, "lastProbeTime": now}))
        .collect();
    let mut status = json!({"startTime": now, "conditions": conditions});
    for (key, value) in counts.as_object().into_iter().flatten() {
        status[key] = value.clone();
    }
    let body = json!({"status": status});
    stage.api::<Job>().patch_status(name, &PatchParams::default(), &Patch::Merge(&body)).await?;
    Ok(())
}

async fn has_event(stage: &Stage, reason: &str) -> Result<()> {
    stage
        .wait(&format!("the event {reason}"), async || {
            let events = stage.api::<Event>().list(&ListParams::default()).await?;
            ensure!(events.iter().any(|event| event.reason.as_deref() == Some(reason)), "it is not there");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_once_for_each_change_and_the_apply_waits_for_them() -> Result<()> {
    let mut stage = Stage::new("hooks").await?;
    stage.environment("dev", json!({})).await?;
    let hooks = [job("before", "before-apply", "before-creation"), job("after", "after-apply", "succeeded")];
    let revision = push(&stage, &hooks, "one").await?;
    let before = started(&stage, "before", "").await?;
    let message = stage.not_ready("dev", "Progressing").await?;
    ensure!(message.contains("waits for hooks (before-apply)"), "{message}");
    ensure!(stage.value("a").await?.is_none(), "the apply did not wait");

    // An agent that is killed while a hook runs finds it again.
    let fresh = Agent::start(&stage.installation).await?;
    std::mem::replace(&mut stage.agent, fresh).kill().await?;
    end(&stage, "before", "Complete").await?;
    stage.has_value("a", "one").await?;
    started(&stage, "after", "").await?;
    ensure!(stage.api::<Job>().get("before").await?.metadata.uid.as_deref() == Some(&*before), "it ran twice");
    end(&stage, "after", "Complete").await?;
    stage.ready_at("dev", &revision).await?;
    stage
        .wait("the hook to be deleted by its policy", async || {
            ensure!(stage.api::<Job>().get_opt("after").await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
    has_event(&stage, "HookSucceeded").await?;
    let run = stage.status("dev").await?.hooks.context("no run is noted")?;
    ensure!(run.number == 1 && run.hooks.iter().all(|hook| hook.state == HookState::Succeeded), "{run:?}");

    // Neither a reconcile that changes nothing nor the repair of a drift runs them.
    let drift = Patch::Merge(json!({"data": {"value": "theirs"}}));
    stage.api::<k8s_openapi::api::core::v1::ConfigMap>().patch("a", &PatchParams::default(), &drift).await?;
    stage.has_value("a", "one").await?;
    let asked = Patch::Merge(json!({"metadata": {"annotations": {"plumb.dev/reconcile-requested-at": "now"}}}));
    stage.api::<Environment>().patch("dev", &PatchParams::default(), &asked).await?;
    let other = stage.push("another file", &[("README", Some("x"))]).await?;
    stage.ready_at("dev", &other).await?;
    ensure!(stage.api::<Job>().get("before").await?.metadata.uid.as_deref() == Some(&*before), "it ran again");

    // Other manifests do, and a diff says so before.
    stage.worktree.write("overlays/dev/a.yaml", config_map("a", "two"))?;
    let output = tokio::process::Command::new(binary()?)
        .args(["diff", "dev", "-n", stage.ns(), "-C"])
        .arg(stage.worktree.path())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        text.contains(&format!("Job.batch {}/before is a hook and would run (before-apply)", stage.ns())),
        "{text}"
    );
    stage.worktree.git(&["checkout", "--", "."])?;
    push(&stage, &hooks, "two").await?;
    started(&stage, "before", &before).await?;
    stage.has_value("a", "one").await?;
    end(&stage, "before", "Complete").await?;
    stage.has_value("a", "two").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_fails_leaves_what_runs() -> Result<()> {
    let stage = Stage::new("hookfail").await?;
    stage.environment("dev", json!({})).await?;
    let revision = push(&stage, &[], "one").await?;
    stage.ready_at("dev", &revision).await?;
    let hooks =
        [job("before", "before-apply", "before-creation"), job("sorry", "on-failure", "before-creation,succeeded")];
    let revision = push(&stage, &hooks, "two").await?;
    let first = started(&stage, "before", "").await?;
    end(&stage, "before", "Failed").await?;
    let message = stage.not_ready("dev", "HookFailed").await?;
    ensure!(message.contains("before: so the test says"), "{message}");
    has_event(&stage, "HookFailed").await?;
    stage.has_value("a", "one").await?;

    // The hook for it runs, once.
    started(&stage, "sorry", "").await?;
    end(&stage, "sorry", "Complete").await?;
    stage
        .wait("the hook for the failure to end", async || {
            ensure!(stage.api::<Job>().get_opt("sorry").await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
    stage.not_ready("dev", "HookFailed").await?;

    // A person lets them run again.
    let asked = Patch::Merge(json!({"metadata": {"annotations": {"plumb.dev/reconcile-requested-at": "again"}}}));
    stage.api::<Environment>().patch("dev", &PatchParams::default(), &asked).await?;
    started(&stage, "before", &first).await?;
    end(&stage, "before", "Complete").await?;
    stage.ready_at("dev", &revision).await?;
    stage.has_value("a", "two").await?;
    ensure!(stage.api::<Job>().get_opt("sorry").await?.is_none(), "it ran without a failure");
    // What left the overlay as a hook is not pruned.
    let revision = push(&stage, &[], "three").await?;
    stage.ready_at("dev", &revision).await?;
    ensure!(stage.api::<Job>().get_opt("before").await?.is_some(), "the hook was pruned");

    // One that takes too long has failed.
    stage.environment("dev", json!({"timeout": "1s"})).await?;
    push(&stage, &hooks, "four").await?;
    let message = stage.not_ready("dev", "HookFailed").await?;
    ensure!(message.contains("did not end within 1s"), "{message}");
    stage.has_value("a", "three").await?;
    stage.end().await
}
