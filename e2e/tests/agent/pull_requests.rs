//! Promotions as pull requests, on a real Gitea: push, webhook, deployment, pull request, merge, deployment.

use anyhow::{Context as _, Result, ensure};
use e2e::forge_stage::ForgeStage;
use k8s_openapi::api::{
    core::v1::{ConfigMap, Secret},
    events::v1::Event,
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::ledger::plumb;

async fn environments(stage: &ForgeStage, policy: Value) -> Result<()> {
    stage.environment("dev", json!({})).await?;
    let promotion = json!({"from": ["dev"], "mode": "PullRequest", "pullRequest": policy});
    stage.environment("prod", json!({"promotion": promotion})).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_pull_request_is_the_promotion_however_it_is_merged() -> Result<()> {
    let forge = ForgeStage::new("pull").await?;
    environments(&forge, json!({"reviewers": ["ada"]})).await?;
    forge.push("none", "base")?;
    forge.stage.has_value("a-dev", "none").await?;

    let mut before: Option<String> = None;
    for method in ["merge", "squash", "rebase"] {
        let revision = forge.push(method, &format!("base: {method}\n\nPromote-To: prod\n"))?;
        forge.stage.has_value("a-dev", method).await?;
        let pull = forge
            .promotion("prod", |pull| {
                ensure!(pull.title().contains(&revision[..12]), "{}", pull.title());
                ensure!(pull.body().contains("- [x] `upstream/dev`"), "{}", pull.body());
                Ok(())
            })
            .await?;
        let body = pull.body();
        ensure!(body.contains("diff") && body.contains(&format!("+  value: {method}")), "{body}");
        ensure!(body.contains("Against the cluster") && !body.contains("can't be told"), "{body}");
        if let Some(before) = &before {
            ensure!(body.contains(&before[..12]) && body.contains(&format!("`base: {method}`")), "{body}");
            ensure!(body.contains("1 changed"), "{body}");
        }
        let files = forge.gitea.call(
            &forge.ada,
            "GET",
            &forge.gitea.path("platform", &format!("pulls/{}/files", pull.number())),
            &Value::Null,
        )?;
        let files: Vec<_> = files.as_array().into_iter().flatten().map(|file| file["filename"].clone()).collect();
        ensure!(files == [json!("overlays/prod/promoted.yaml")], "{files:?}");
        forge
            .stage
            .wait("the statuses and labels", async || {
                let statuses = forge.statuses(pull.head())?;
                for gate in ["hold", "suspended", "drift", "upstream/dev", "manifests"] {
                    ensure!(
                        statuses.get(&format!("plumb/prod/{gate}")).is_some_and(|state| state == "success"),
                        "{statuses:?}"
                    );
                }
                let pull = forge.promotion("prod", |_| Ok(())).await?;
                let labels = pull.0["labels"].to_string();
                ensure!(labels.contains("\"plumb\"") && labels.contains("environment/prod"), "{labels}");
                ensure!(pull.0["requested_reviewers"][0]["login"] == "ada", "{}", pull.0["requested_reviewers"]);
                Ok(())
            })
            .await?;
        forge
            .stage
            .wait("the status to tell where it is", async || {
                let records = forge.stage.status("prod").await?.promotions;
                let url = pull.0["html_url"].as_str().unwrap_or_default();
                ensure!(
                    records.first().is_some_and(|it| it.state == "Waiting" && it.message.contains(url)),
                    "{records:?}"
                );
                Ok(())
            })
            .await?;
        ensure!(
            forge.stage.value("a-prod").await?.as_deref() == before.as_ref().map(|_| previous(method)),
            "promoted before the merge"
        );

        forge.merge(pull.number(), method).await?;
        forge.stage.has_value("a-prod", method).await?;
        forge.stage.ready_at("prod", &revision).await?;
        forge
            .stage
            .wait("nothing to wait for", async || {
                let records = forge.stage.status("prod").await?.promotions;
                ensure!(records.is_empty(), "{records:?}");
                Ok(())
            })
            .await?;
        forge.stage.worktree.pull()?;
        let pin = forge.stage.worktree.read("overlays/prod/promoted.yaml")?;
        ensure!(pin.contains(&revision), "{pin}");
        before = Some(revision);
    }
    // Nothing is opened for what was answered.
    forge.stage.wait("no pull request", async || none_is_open(&forge)).await?;
    forge
        .stage
        .wait("the ledgers to bear out each merge, with what the gates said", async || {
            let verified = plumb(&forge.stage, &["verify", "--fetch", "--strict"])?;
            ensure!(verified.contains("3 promotion commits"), "{verified}");
            ensure!(verified.contains("0 problems, 0 notices"), "{verified}");
            let history = plumb(&forge.stage, &["history", "prod", "-o", "json"])?;
            let history: Value = serde_json::from_str(&history)?;
            for run in history["runs"].as_array().into_iter().flatten() {
                ensure!(run["gates"].to_string().contains("upstream/dev"), "{run}");
            }
            Ok(())
        })
        .await?;
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_is_too_long_is_attached() -> Result<()> {
    let forge = ForgeStage::new("attached").await?;
    environments(&forge, json!({})).await?;
    let worktree = &forge.stage.worktree;
    worktree.pull()?;
    forge.write("one")?;
    // Gitea takes a million characters, and a line is not cut.
    let names: Vec<String> = (0..6).map(|number| format!("long-{number}")).collect();
    for name in &names {
        worktree.write(&format!("base/{name}.yaml"), e2e::stage::config_map(name, &"x".repeat(250_000)))?;
    }
    worktree.write("base/kustomization.yaml", format!("resources: [a.yaml, {}.yaml]\n", names.join(".yaml, ")))?;
    worktree.commit("long\n\nPromote-To: prod\n")?;
    worktree.push()?;
    let pull = forge
        .promotion("prod", |pull| {
            ensure!(pull.body().contains("They follow as comments."), "{} characters", pull.body().len());
            Ok(())
        })
        .await?;
    let path = forge.gitea.path("platform", &format!("issues/{}/comments", pull.number()));
    forge
        .stage
        .wait("the rest of the difference", async || {
            let comments = forge.gitea.call(&forge.ada, "GET", &path, &Value::Null)?;
            let comments = comments.as_array().cloned().unwrap_or_default();
            let texts = comments.iter().map(|comment| comment["body"].as_str().unwrap_or_default());
            let all =
                texts.filter(|text| text.contains("plumb:difference")).fold(pull.body().to_owned(), |all, it| all + it);
            for name in &names {
                let shown = all.matches(&format!("{name}-prod (added)</summary>")).count();
                ensure!(shown >= 1, "{name} is shown {shown} times");
            }
            Ok(())
        })
        .await?;
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_waits_for_its_statuses_on_the_forge() -> Result<()> {
    let forge = ForgeStage::new("statuses").await?;
    forge.environment("dev", json!({})).await?;
    forge.environment("prod", json!({"promotion": {"from": ["dev"], "statuses": ["ci/build"]}})).await?;
    let revision = forge.push("one", "base\n\nPromote-To: prod\n")?;
    let says = async |verdict: &str, words: &str| {
        forge
            .stage
            .wait(&format!("the gate to say {verdict}"), async || {
                let records = forge.stage.status("prod").await?.promotions;
                let gates = records.first().map(|record| record.gates.clone()).unwrap_or_default();
                let said = gates.iter().find(|gate| gate.name == "status/ci/build");
                ensure!(said.is_some_and(|it| it.verdict == verdict && it.message.contains(words)), "{records:?}");
                Ok(())
            })
            .await
    };
    let report = async |state: &str, why: &str| -> Result<()> {
        let body = json!({"context": "ci/build", "state": state, "description": why});
        forge.gitea.call(&forge.ada, "POST", &forge.gitea.path("platform", &format!("statuses/{revision}")), &body)?;
        forge.stage.hook("forge", e2e::stage::HOOK_TOKEN).await?;
        Ok(())
    };
    says("wait", "has no status ci/build on the forge yet").await?;
    report("pending", "it runs").await?;
    says("wait", "is pending: it runs").await?;
    report("failure", "2 of 40 failed").await?;
    says("fail", "is failure: 2 of 40 failed").await?;
    let told = plumb(&forge.stage, &["promote", "prod", "--explain", "-n", forge.stage.ns()])?;
    ensure!(told.contains("status/ci/build") && told.contains("2 of 40 failed"), "{told}");
    ensure!(forge.stage.value("a-prod").await?.is_none(), "promoted past a closed gate");
    report("success", "in 3 min").await?;
    forge.stage.ready_at("prod", &revision).await?;
    forge.end().await
}

fn previous(method: &str) -> &'static str {
    match method {
        "squash" => "merge",
        _ => "squash",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plumb_merges_once_all_gates_are_open() -> Result<()> {
    let forge = ForgeStage::new("automerge").await?;
    environments(&forge, json!({"automerge": true})).await?;
    let revision = forge.push("one", "base\n\nPromote-To: prod\n")?;
    forge.stage.has_value("a-prod", "one").await?;
    forge.stage.ready_at("prod", &revision).await?;
    forge.stage.worktree.pull()?;
    let log = forge.stage.worktree.git(&["log", "--first-parent", "--format=%(trailers:only,unfold)", "-n", "1"])?;
    for line in ["Promoted-To: prod", "Promoted-From: dev", "Promotion-Gate: upstream/dev=pass"] {
        ensure!(log.contains(line), "{line} is not in\n{log}");
    }

    // A hold closes a gate: the pull request is there and waits.
    let held = format!("{}hold:\n  reason: freeze\n", forge.stage.worktree.read("overlays/prod/promoted.yaml")?);
    forge.stage.worktree.push_files("hold prod", &[("overlays/prod/promoted.yaml", &held)])?;
    let next = forge.push("two", "base: two\n\nPromote-To: prod\n")?;
    forge.stage.ready_at("dev", &next).await?;
    let pull = forge
        .promotion("prod", |pull| {
            ensure!(pull.body().contains("- [ ] `hold`: `prod is held: freeze`"), "{}", pull.body());
            Ok(())
        })
        .await?;
    forge
        .stage
        .wait("the status of the gate", async || {
            let statuses = forge.statuses(pull.head())?;
            ensure!(statuses.get("plumb/prod/hold").is_some_and(|state| state == "pending"), "{statuses:?}");
            Ok(())
        })
        .await?;
    ensure!(forge.stage.value("a-prod").await?.as_deref() == Some("one"), "merged past a closed gate");

    // It is taken out: the branch conflicts with it, is made anew, and merged.
    forge.stage.worktree.pull()?;
    let free = held.replace("hold:\n  reason: freeze\n", "");
    forge.stage.worktree.push_files("release prod", &[("overlays/prod/promoted.yaml", &free)])?;
    forge.push("two", "ask again\n\nPromote-To: prod\n")?;
    forge.stage.has_value("a-prod", "two").await?;
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_request_takes_over_and_never_the_approval_of_an_older_one() -> Result<()> {
    let forge = ForgeStage::new("supersede").await?;
    environments(&forge, json!({})).await?;
    let first = forge.push("one", "one\n\nPromote-To: prod\n")?;
    let shows = |revision: String| {
        move |pull: &e2e::forge_stage::Pull| {
            ensure!(
                pull.title().contains(&revision[..12]) && pull.body().contains("- [x] `upstream/dev`"),
                "{}: {}",
                pull.title(),
                pull.body()
            );
            Ok(())
        }
    };
    let pull = forge.promotion("prod", shows(first.clone())).await?;

    // Nobody has approved it: it becomes the one of the next revision.
    let second = forge.push("two", "two\n\nPromote-To: prod\n")?;
    let same = forge.promotion("prod", shows(second.clone())).await?;
    ensure!(same.number() == pull.number(), "a pull request that nobody approved is used again");

    // Ada approves: the next revision gets another one.
    let review = forge.gitea.path("platform", &format!("pulls/{}/reviews", same.number()));
    forge.gitea.call(&forge.ada, "POST", &review, &json!({"event": "APPROVED", "body": "fine"}))?;
    let third = forge.push("three", "three\n\nPromote-To: prod\n")?;
    let other = forge.promotion("prod", shows(third.clone())).await?;
    ensure!(other.number() != same.number(), "the approval of one revision counts for another");
    let comments = forge.comments(same.number())?;
    ensure!(comments.iter().any(|comment| comment.starts_with("Superseded: ")), "{comments:?}");

    // Ada says no: it is not asked again.
    let path = forge.gitea.path("platform", &format!("pulls/{}", other.number()));
    forge.gitea.call(&forge.ada, "PATCH", &path, &json!({"state": "closed"}))?;
    forge
        .stage
        .wait("the refusal to be told", async || {
            let records = forge.stage.status("prod").await?.promotions;
            ensure!(records.first().is_some_and(|it| it.message.contains("it was closed")), "{records:?}");
            Ok(())
        })
        .await?;
    ensure!(forge.pulls()?.is_empty() && forge.stage.value("a-prod").await?.is_none());
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_what_is_merged() -> Result<()> {
    let forge = ForgeStage::new("approved").await?;
    let promotion = json!({"from": ["dev"], "mode": "PullRequest", "pullRequest": {"automerge": true}});
    forge.environment("dev", json!({})).await?;
    forge.environment("prod", json!({"promotion": promotion, "suspend": true})).await?;
    forge.push("one", "base\n\nPromote-To: prod\n")?;
    let pull = forge
        .promotion("prod", |pull| {
            ensure!(
                pull.body().contains("- [x] `upstream/dev`") && pull.body().contains("- [ ] `suspended`"),
                "{}",
                pull.body()
            );
            Ok(())
        })
        .await?;

    // Ada approved other manifests: as if an upgrade of the agent had changed what the revision renders to.
    let (before, rest) = pull.body().split_once("digest=").context("there is no digest")?;
    let other = format!("{before}digest={}{}", "0".repeat(64), &rest[64..]);
    let path = forge.gitea.path("platform", &format!("pulls/{}", pull.number()));
    let review = json!({"event": "APPROVED", "body": "fine"});
    forge.gitea.call(&forge.ada, "POST", &format!("{path}/reviews"), &review)?;
    forge.gitea.call(&forge.ada, "PATCH", &path, &json!({"body": other}))?;
    let shows = |gate: &str, state: &str| {
        let (gate, state) = (format!("plumb/prod/{gate}"), state.to_owned());
        let head = pull.head().to_owned();
        let forge = &forge;
        async move {
            forge
                .stage
                .wait("the status of the gate", async || {
                    let statuses = forge.statuses(&head)?;
                    ensure!(statuses.get(&gate) == Some(&state), "{gate}: {statuses:?}");
                    Ok(())
                })
                .await
        }
    };
    shows("manifests", "failure").await?;
    forge.environment("prod", json!({"promotion": promotion, "suspend": false})).await?;
    shows("suspended", "success").await?;
    let still = forge
        .promotion("prod", |pull| {
            ensure!(
                pull.body().contains("**failed**") && pull.body().contains("close the pull request"),
                "{}",
                pull.body()
            );
            Ok(())
        })
        .await?;
    ensure!(still.number() == pull.number());
    ensure!(forge.stage.value("a-prod").await?.is_none(), "what nobody approved was merged");

    // She closes it, and another one takes its place.
    forge.gitea.call(&forge.ada, "PATCH", &path, &json!({"state": "closed"}))?;
    forge.stage.has_value("a-prod", "one").await?;
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_visits_each_revision() -> Result<()> {
    let forge = ForgeStage::new("queue").await?;
    environments(&forge, json!({"supersede": "Queue"})).await?;
    let mut revisions = Vec::new();
    for value in ["one", "two", "three"] {
        let revision = forge.push(value, &format!("{value}\n\nPromote-To: prod\n"))?;
        forge.stage.ready_at("dev", &revision).await?;
        revisions.push((value, revision));
    }
    for (value, revision) in revisions {
        let pull = forge
            .promotion("prod", |pull| {
                ensure!(pull.title().contains(&revision[..12]), "{}", pull.title());
                Ok(())
            })
            .await?;
        forge.merge(pull.number(), "merge").await?;
        forge.stage.has_value("a-prod", value).await?;
    }
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_pull_request_that_tells_of_a_later_request_answers_it_not() -> Result<()> {
    let forge = ForgeStage::new("retold").await?;
    environments(&forge, json!({})).await?;
    let first = forge.push("one", "one\n\nPromote-To: prod\n")?;
    let pull = forge.promotion("prod", |_| Ok(())).await?;
    forge.merge(pull.number(), "merge").await?;
    forge.stage.has_value("a-prod", "one").await?;

    // Whoever merges right when the text is written anew leaves a merged pull request with the text of the next.
    forge.stage.worktree.pull()?;
    forge.write("two")?;
    let second = forge.stage.worktree.commit("two\n\nPromote-To: prod\n")?;
    let path = forge.gitea.path("platform", &format!("pulls/{}", pull.number()));
    let retold = pull.body().replace(&first, &second);
    forge.gitea.call(&forge.ada, "PATCH", &path, &json!({"body": retold}))?;
    forge.stage.worktree.push()?;
    let next = forge
        .promotion("prod", |pull| {
            ensure!(pull.title().contains(&second[..12]), "{}", pull.title());
            Ok(())
        })
        .await?;
    forge.merge(next.number(), "merge").await?;
    forge.stage.has_value("a-prod", "two").await?;
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_asks_when_the_forge_lost_the_trailers() -> Result<()> {
    let forge = ForgeStage::new("label").await?;
    forge.stage.environment("dev", json!({"repository": {"name": "forge"}})).await?;
    forge.environment("prod", json!({"promotion": {"from": ["dev"]}})).await?;
    forge.push("one", "base")?;
    forge.stage.has_value("a-dev", "one").await?;

    let pull = forge.open("raise", |forge| forge.write("two")).await?;
    let labels = forge.gitea.path("platform", "labels");
    let label = forge.gitea.call(&forge.ada, "POST", &labels, &json!({"name": "promote/prod", "color": "#1d76db"}))?;
    let path = forge.gitea.path("platform", &format!("issues/{}/labels", pull.number()));
    forge.gitea.call(&forge.ada, "POST", &path, &json!({"labels": [label["id"]]}))?;
    forge.merge(pull.number(), "squash").await?;
    forge.stage.has_value("a-prod", "two").await?;
    forge.stage.worktree.pull()?;
    let promoted = forge.stage.worktree.git(&["log", "-1", "--format=%(trailers:key=Promotion-Request,valueonly)"])?;
    let squashed = forge.stage.worktree.git(&["rev-parse", "HEAD~1"])?;
    ensure!(promoted.trim() == squashed, "{promoted} and not {squashed}");
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_shows_what_it_would_change() -> Result<()> {
    let forge = ForgeStage::new("preview").await?;
    environments(&forge, json!({})).await?;
    forge.environment("dev", json!({"prune": {"limit": 0}})).await?;
    forge.push("one", "base\n\nPromote-To: prod\n")?;
    let promotion = forge.promotion("prod", |_| Ok(())).await?;
    forge.merge(promotion.number(), "merge").await?;
    forge.stage.has_value("a-prod", "one").await?;

    let comment = async |number: u64, words: &[&str]| -> Result<String> {
        forge
            .stage
            .wait("the preview", async || {
                let comments = forge.comments(number)?;
                ensure!(comments.len() == 1, "there must be one comment: {comments:?}");
                let text = comments.into_iter().next().context("no comment")?;
                for word in words {
                    ensure!(text.contains(word), "{word:?} is not in {text}");
                }
                Ok(text)
            })
            .await
    };
    let state = async |commit: &str, wanted: &str| {
        forge
            .stage
            .wait("the status of the preview", async || {
                let statuses = forge.statuses(commit)?;
                ensure!(statuses.get("plumb/preview").is_some_and(|state| state == wanted), "{statuses:?}");
                Ok(())
            })
            .await
    };

    let pull = forge.open("raise", |forge| forge.write("two")).await?;
    let text = comment(pull.number(), &["### dev\n", "### prod (pinned)", "-  value: one", "+  value: two"]).await?;
    ensure!(text.contains("prod stays at"), "{text}");
    state(pull.head(), "success").await?;

    // The same comment tells of the next push, and of what the API server would refuse.
    let pull = forge_push(&forge, "raise", |forge| {
        let bad = "apiVersion: v1\nkind: Service\nmetadata:\n  name: bad\nspec:\n  ports: [{port: 99999}]\n";
        forge.stage.worktree.write("overlays/dev/bad.yaml", bad)?;
        let overlay = format!("namespace: {}\nresources: [bad.yaml]\n", forge.stage.ns());
        forge.stage.worktree.write("overlays/dev/kustomization.yaml", overlay)
    })?;
    let text = comment(pull.number(), &["99999", "❌", "1 objects would be deleted"]).await?;
    ensure!(text.contains(&pull.head()[..12]), "{text}");
    state(pull.head(), "failure").await?;
    ensure!(forge.stage.value("a-dev").await?.as_deref() == Some("one"), "a preview changed the cluster");

    // Nothing that is rendered.
    let quiet = forge.open("notes", |forge| forge.stage.worktree.write("NOTES", "x\n")).await?;
    comment(quiet.number(), &["all environments render as they do now"]).await?;
    state(quiet.head(), "success").await?;
    forge.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_follows_the_cluster_and_tells_no_secret() -> Result<()> {
    let forge = ForgeStage::new("follows").await?;
    forge.environment("dev", json!({})).await?;
    let promotion = json!({"from": ["dev"], "mode": "PullRequest"});
    forge.environment("prod", json!({"promotion": promotion, "drift": {"policy": "Alert"}})).await?;
    let worktree = &forge.stage.worktree;
    let write = |forge: &ForgeStage, value: &str, password: &str| -> Result<()> {
        forge.write(value)?;
        let secret =
            format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\nstringData:\n  password: {password}\n");
        forge.stage.worktree.write("base/s.yaml", secret)?;
        forge.stage.worktree.write("base/kustomization.yaml", "resources: [a.yaml, s.yaml]\n")
    };
    let push = |value: &str, password: &str| -> Result<String> {
        worktree.pull()?;
        write(&forge, value, password)?;
        let revision = worktree.commit(&format!("{value}\n\nPromote-To: prod\n"))?;
        worktree.push()?;
        Ok(revision)
    };
    let first = push("one", "hunter-one")?;
    let pull = forge.promotion("prod", |pull| shows(pull, &[&first[..12], "- [x] `upstream/dev`"])).await?;
    forge.merge(pull.number(), "merge").await?;
    forge.stage.ready_at("prod", &first).await?;

    let second = push("two", "hunter-two")?;
    let words = ["Secret", "s-prod", "-  value: one", "+  value: two", "- [x] `drift`", "- [x] `upstream/dev`"];
    let pull = forge.promotion("prod", |pull| shows(pull, &[&second[..12]]).and_then(|()| shows(pull, &words))).await?;

    // Somebody changes what runs: the text shows what the promotion would make of that, and the gate closes.
    let maps: Api<ConfigMap> = forge.stage.api();
    let secrets: Api<Secret> = forge.stage.api();
    let edit = |value: &str| Patch::Merge(json!({"data": {"value": value}}));
    let by = PatchParams { field_manager: Some("somebody".into()), ..PatchParams::default() };
    maps.patch("a-prod", &by, &edit("mine")).await?;
    let password = Patch::Merge(json!({"stringData": {"password": "hunter-three"}}));
    secrets.patch("s-prod", &by, &password).await?;
    let changed = forge.promotion("prod", |pull| shows(pull, &["-  value: mine", "- [ ] `drift`"])).await?;
    ensure!(changed.number() == pull.number() && changed.head() == pull.head(), "it is another pull request");
    forge
        .stage
        .wait("the status of the gate", async || {
            let statuses = forge.statuses(pull.head())?;
            ensure!(statuses.get("plumb/prod/drift").is_some_and(|state| state != "success"), "{statuses:?}");
            Ok(())
        })
        .await?;
    let preview = forge.open("raise", |forge| write(forge, "three", "hunter-four")).await?;
    let told = forge
        .stage
        .wait("the preview", async || {
            let comments = forge.comments(preview.number())?.concat();
            ensure!(comments.contains("s-dev") && comments.contains("+  value: three"), "{comments}");
            Ok(comments)
        })
        .await?;

    // They put it back.
    maps.patch("a-prod", &by, &edit("one")).await?;
    let password = Patch::Merge(json!({"stringData": {"password": "hunter-one"}}));
    secrets.patch("s-prod", &by, &password).await?;
    let back = forge
        .promotion("prod", |pull| {
            ensure!(!pull.body().contains("value: mine"), "{}", pull.body());
            shows(pull, &["- [x] `drift`"])
        })
        .await?;

    let events = events_of(&forge).await?;
    let path = forge.gitea.path("platform", &format!("commits/{}/status", pull.head()));
    let statuses = forge.gitea.call(&forge.ada, "GET", &path, &Value::Null)?.to_string();
    let status = serde_json::to_string(&forge.stage.status("prod").await?)?;
    let comments = forge.comments(pull.number())?.concat();
    let all = [pull.0.to_string(), changed.0.to_string(), back.0.to_string(), told, comments, statuses, events, status];
    for (place, text) in all.iter().chain([&forge.stage.agent.log()]).enumerate() {
        // Also as they stand in a manifest: the beginning of each is the same.
        for secret in ["hunter-", "aHVudGVyL"] {
            ensure!(!text.contains(secret), "text {place} tells a secret: {text}");
        }
    }
    forge.end().await
}

fn shows(pull: &e2e::forge_stage::Pull, words: &[&str]) -> Result<()> {
    for word in words {
        ensure!(pull.body().contains(word) || pull.title().contains(word), "{word:?} is not in {}", pull.body());
    }
    Ok(())
}

/// All events of the namespace.
async fn events_of(forge: &ForgeStage) -> Result<String> {
    let events: Api<Event> = forge.stage.api();
    Ok(serde_json::to_string(&events.list(&ListParams::default()).await?.items)?)
}

/// Pushes another commit to the branch of a pull request.
fn forge_push(
    forge: &ForgeStage,
    branch: &str,
    write: impl FnOnce(&ForgeStage) -> Result<()>,
) -> Result<e2e::forge_stage::Pull> {
    let worktree = &forge.stage.worktree;
    worktree.git(&["checkout", "-q", branch])?;
    write(forge)?;
    let head = worktree.commit("more")?;
    worktree.git(&["push", "-q", "origin", branch])?;
    worktree.git(&["checkout", "-q", "main"])?;
    let mut pull =
        forge.pulls()?.into_iter().find(|pull| pull.0["head"]["ref"] == branch).context("the pull request is gone")?;
    pull.0["head"]["sha"] = json!(head);
    Ok(pull)
}

fn none_is_open(forge: &ForgeStage) -> Result<()> {
    ensure!(forge.pulls()?.is_empty(), "there is one");
    Ok(())
}
