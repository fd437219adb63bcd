//! The way back: to the former tree exactly, held there until somebody says otherwise.

use anyhow::{Result, ensure};
use e2e::{
    agent::kubectl,
    stage::{Stage, config_map, unschedulable},
};
use serde_json::{Value, json};

use crate::ledger::plumb;

/// The objects of an environment as the API server has them, by name; `exact` with all that it adds, else only what git says, and not whether the agent
/// applied it for the first time, which stands behind the digest.
async fn objects(stage: &Stage, environment: &str, exact: bool) -> Result<Value> {
    let selector = format!("plumb.dev/environment={environment}");
    let listed =
        kubectl(&["get", "configmap", "-n", stage.ns(), "-l", &selector, "-o", "json", "--show-managed-fields"], "")
            .await?;
    let mut items = serde_json::from_str::<Value>(&listed)?["items"].take();
    for item in items.as_array_mut().into_iter().flatten() {
        if exact {
            continue;
        }
        for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
            item["metadata"].as_object_mut().map(|metadata| metadata.remove(field));
        }
        let digest = &mut item["metadata"]["annotations"]["plumb.dev/applied-digest"];
        *digest = digest.as_str().map(|digest| digest.trim_end_matches('+')).into();
    }
    Ok(items)
}

/// Promotes two revisions; gives both, and the objects of the first.
async fn two_revisions(stage: &Stage) -> Result<(String, String, Value)> {
    let overlay = |names: &str| format!("namespace: {}\nresources: [{names}]\n", stage.ns());
    let first = stage
        .push(
            "one\n\nPromote-To: staging\n",
            &[
                ("overlays/dev/kustomization.yaml", Some(&overlay("d.yaml"))),
                ("overlays/dev/d.yaml", Some(&config_map("d", "one"))),
                ("overlays/staging/kustomization.yaml", Some(&overlay("a.yaml, b.yaml"))),
                ("overlays/staging/a.yaml", Some(&config_map("a", "one"))),
                ("overlays/staging/b.yaml", Some(&config_map("b", "one"))),
            ],
        )
        .await?;
    stage.ready_at("staging", &first).await?;
    let former = objects(stage, "staging", false).await?;
    let second = stage
        .push(
            "two: b goes, c comes\n\nPromote-To: staging\n",
            &[
                ("overlays/dev/d.yaml", Some(&config_map("d", "two"))),
                ("overlays/staging/kustomization.yaml", Some(&overlay("a.yaml, c.yaml"))),
                ("overlays/staging/a.yaml", Some(&config_map("a", "two"))),
                ("overlays/staging/b.yaml", None),
                ("overlays/staging/c.yaml", Some(&config_map("c", "two"))),
            ],
        )
        .await?;
    Ok((first, second, former))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_restores_the_former_tree_and_holds_it() -> Result<()> {
    let stage = Stage::new("rollback").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    let (first, second, former) = two_revisions(&stage).await?;
    stage.ready_at("staging", &second).await?;
    stage.is_gone("b").await?;
    let changed = objects(&stage, "staging", false).await?;

    plumb(&stage, &["rollback", "staging", "--hold", "until the cause is known"])?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    stage.ready_at("staging", &first).await?;
    stage.is_gone("c").await?;
    let restored = objects(&stage, "staging", false).await?;
    ensure!(restored == former && restored != changed, "not what it was:\n{restored}\n{former}");

    // It is held, everybody sees why, and what is asked for waits.
    let status = stage.status("staging").await?;
    ensure!(status.hold.as_deref() == Some("until the cause is known"), "{:?}", status.hold);
    let third = stage
        .push("three\n\nPromote-To: staging\n", &[("overlays/staging/a.yaml", Some(&config_map("a", "three")))])
        .await?;
    stage
        .wait("the request to wait for the end of the hold", async || {
            let promotions = stage.status("staging").await?.promotions;
            ensure!(
                promotions.iter().any(|it| it.request == third && it.message.contains("until the cause is known")),
                "{promotions:?}"
            );
            Ok(())
        })
        .await?;
    plumb(&stage, &["release", "staging"])?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    stage.ready_at("staging", &third).await?;
    stage.has_value("a", "three").await?;
    ensure!(stage.status("staging").await?.hold.is_none(), "it is held still");
    stage
        .wait("the ledger to tell of it, and to agree", async || {
            stage.worktree.git(&["fetch", "-q", "origin", "+refs/notes/plumb/*:refs/notes/plumb/*"])?;
            let note = |revision: &str| stage.worktree.git(&["notes", "--ref", "plumb/staging", "show", revision]);
            let (first, second, third) = (note(&first)?, note(&second)?, note(&third)?);
            ensure!(second.contains(" healthy ") && second.contains(" rolled-back "), "{second}");
            ensure!(first.contains(" held "), "{first}");
            ensure!(
                third.contains(" healthy ") && [&first, &third].iter().any(|note| note.contains(" released ")),
                "{third}"
            );
            Ok(())
        })
        .await?;
    stage.worktree.pull()?;
    let verified = plumb(&stage, &["verify", "--strict"])?;
    ensure!(verified.contains("0 problems, 0 notices"), "{verified}");
    let history = plumb(&stage, &["history", "staging"])?;
    ensure!(history.contains("rolled back after"), "{history}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_degrades_soon_after_a_promotion_goes_back_by_itself() -> Result<()> {
    let stage = Stage::new("back").await?;
    stage.environment("dev", json!({})).await?;
    let promotion = json!({"from": ["dev"], "rollback": {"within": "5m"}});
    stage.environment("staging", json!({"promotion": promotion, "timeout": "2s"})).await?;
    let overlay = |names: &str| format!("namespace: {}\nresources: [{names}]\n", stage.ns());
    let first = stage
        .push(
            "one\n\nPromote-To: staging\n",
            &[
                ("overlays/dev/kustomization.yaml", Some(&overlay("d.yaml"))),
                ("overlays/dev/d.yaml", Some(&config_map("d", "one"))),
                ("overlays/staging/kustomization.yaml", Some(&overlay("a.yaml"))),
                ("overlays/staging/a.yaml", Some(&config_map("a", "one"))),
            ],
        )
        .await?;
    stage.ready_at("staging", &first).await?;
    let broken = unschedulable("web");
    let second = stage
        .push(
            "two\n\nPromote-To: staging\n",
            &[
                ("overlays/staging/kustomization.yaml", Some(&overlay("a.yaml, web.yaml"))),
                ("overlays/staging/a.yaml", Some(&config_map("a", "two"))),
                ("overlays/staging/web.yaml", Some(&broken.to_string())),
            ],
        )
        .await?;
    // Forwards, and back again.
    stage
        .wait("staging to be held at the first revision", async || {
            let status = stage.status("staging").await?;
            let back = status.revision.as_deref() == Some(&*first) && status.hold.is_some();
            ensure!(back, "{:?} {:?}", status.revision, status.hold);
            Ok(())
        })
        .await?;
    stage.has_value("a", "one").await?;
    stage.ready_at("staging", &first).await?;
    stage.worktree.pull()?;
    let message = stage.worktree.git(&["log", "-1", "--format=%B", "--", "overlays/staging/promoted.yaml"])?;
    ensure!(message.contains(&format!("Rolled-Back-From: {second}")), "{message}");
    ensure!(!message.contains("Promotion-Request"), "nobody asked: {message}");

    // The measures of delivery tell the same as the ledger: two deployments, of which the second failed and was restored.
    stage
        .wait("the measures of delivery", async || {
            let measures = [
                ("plumb_deployment_total", 2.0),
                ("plumb_deployment_failure_total", 1.0),
                ("plumb_lead_time_seconds_count", 1.0),
                ("plumb_time_to_restore_seconds_count", 1.0),
            ];
            for (name, wanted) in measures {
                let seen = stage.metric(name, &["staging"]).await?;
                #[allow(clippy::float_cmp, reason = "counts are whole numbers")]
                let same = seen == wanted;
                ensure!(same, "{name} is {seen} and not {wanted}");
            }
            let said = plumb(&stage, &["history", "staging", "--fetch", "--metrics", "-o", "json"])?;
            let said: Value = serde_json::from_str(&said)?;
            ensure!(said["deployments"] == 2 && said["failures"] == 1, "{said}");
            Ok(())
        })
        .await?;
    stage
        .wait("the ledger to name what degraded", async || {
            stage.worktree.git(&["fetch", "-q", "origin", "+refs/notes/plumb/*:refs/notes/plumb/*"])?;
            let note = stage.worktree.git(&["notes", "--ref", "plumb/staging", "show", &second])?;
            let degraded = note.lines().find(|line| line.contains(" degraded ")).unwrap_or_default();
            ensure!(degraded.contains("Deployment") && degraded.contains("/web"), "{note}");
            ensure!(note.contains(" rolled-back "), "{note}");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_change_after_a_promotion_leaves_the_objects_byte_for_byte() -> Result<()> {
    let stage = Stage::new("leak").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("prod", json!({"promotion": {"from": ["dev"]}})).await?;
    let overlay = |suffix: &str| format!("namespace: {}\nresources: [../../base]\nnameSuffix: -{suffix}\n", stage.ns());
    let files = |value: &str| {
        [
            ("base/kustomization.yaml", "resources: [a.yaml]\n".to_owned()),
            ("base/a.yaml", config_map("a", value)),
            ("overlays/dev/kustomization.yaml", overlay("dev")),
            ("overlays/prod/kustomization.yaml", overlay("prod")),
        ]
    };
    let push = async |message: &str, value: &str| {
        let files = files(value);
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
        stage.push(message, &files).await
    };
    let promoted = push("one\n\nPromote-To: prod\n", "one").await?;
    stage.ready_at("prod", &promoted).await?;
    let before = objects(&stage, "prod", true).await?;
    ensure!(before.as_array().is_some_and(|objects| objects.len() == 1), "{before}");
    for value in ["two", "three"] {
        let revision = push(value, value).await?;
        stage.ready_at("dev", &revision).await?;
        stage.has_value("a-dev", value).await?;
    }
    let after = objects(&stage, "prod", true).await?;
    ensure!(before == after, "the base leaked into prod:\n{before}\n{after}");
    stage.end().await
}
