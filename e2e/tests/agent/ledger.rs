//! What ran where is written into the repository, where git shows it.

use anyhow::{Result, ensure};
use e2e::{
    agent::Agent,
    cluster::{Connection, LocalCluster, Options},
    stage::{Stage, condition},
};
use plumb_api::Repository;
use serde_json::json;

const FETCH: [&str; 4] = ["fetch", "-q", "origin", "+refs/notes/plumb/*:refs/notes/plumb/*"];

/// Waits until the note on a revision holds all of these words.
async fn noted(stage: &Stage, environment: &str, revision: &str, words: &[&str]) -> Result<String> {
    let reference = format!("plumb/{environment}");
    stage
        .wait(&format!("the note of {environment} on {revision} to tell of {}", words.join(", ")), async || {
            stage.worktree.git(&FETCH)?;
            let note = stage.worktree.git(&["notes", "--ref", &reference, "show", revision])?;
            ensure!(words.iter().all(|word| note.contains(word)), "{note}");
            Ok(note)
        })
        .await
}

/// Waits until the Repository says whether its ledger is written.
async fn ledger_is(stage: &Stage, status: &str) -> Result<String> {
    stage
        .wait(&format!("LedgerWritten to be {status}"), async || {
            let repository = stage.api::<Repository>().get("platform").await?;
            let conditions = repository.status.unwrap_or_default().conditions;
            let found = condition(&conditions, "LedgerWritten");
            ensure!(found.is_some_and(|found| found.status == status), "{conditions:?}");
            Ok(found.map(|found| found.message.clone()).unwrap_or_default())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_written_into_notes_that_git_shows() -> Result<()> {
    let mut stage = Stage::new("ledger").await?;
    stage.environment("dev", json!({})).await?;
    let first = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &first).await?;
    let note =
        noted(&stage, "dev", &first, &[" applied ", " healthy ", "path=overlays/dev", "digest=", "agent="]).await?;
    ensure!(note.lines().count() == 2, "two things happened:\n{note}");
    ledger_is(&stage, "True").await?;
    let log = stage.worktree.git(&["log", "--notes=plumb/*", "-1", &first])?;
    ensure!(log.contains("Notes (plumb/dev):") && log.contains(" healthy "), "{log}");

    // The next revision: the first note stays as it is, and the history of the notes grows by commits on top of each other.
    let before = stage.worktree.git(&["rev-parse", "refs/notes/plumb/dev"])?;
    let second = stage.push_config_maps("dev", &["a", "b"], "two").await?;
    stage.ready_at("dev", &second).await?;
    noted(&stage, "dev", &second, &[" applied ", " healthy "]).await?;
    ensure!(stage.worktree.git(&["notes", "--ref", "plumb/dev", "show", &first])? == note, "a note was rewritten");
    stage.worktree.git(&["merge-base", "--is-ancestor", &before, "refs/notes/plumb/dev"])?;

    // A person adds a line by hand, which makes git lay the tree out anew; another agent starts, and has nothing to add but what is new.
    stage.worktree.git(&["notes", "--ref", "plumb/dev", "append", "-m", "looked at it myself", &second])?;
    stage.worktree.git(&["push", "-q", "origin", "refs/notes/plumb/dev"])?;
    let by_hand = stage.worktree.git(&["rev-parse", "refs/notes/plumb/dev"])?;
    let next = Agent::spawn(&stage.installation, "two", &[])?;
    ensure!(std::mem::replace(&mut stage.agent, next).stop().await?, "the agent did not end well");
    stage.agent.ready().await?;
    let third = stage.push_config_maps("dev", &["a"], "three").await?;
    stage.ready_at("dev", &third).await?;
    noted(&stage, "dev", &third, &[" applied ", " healthy "]).await?;
    let note = noted(&stage, "dev", &second, &["looked at it myself"]).await?;
    ensure!(note.matches(" applied ").count() == 1, "{note}");
    stage.worktree.git(&["merge-base", "--is-ancestor", &by_hand, "refs/notes/plumb/dev"])?;
    stage.git.repositories().git("platform", &["fsck", "--strict"])?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_can_not_be_written_is_followed_and_nothing_is_promoted() -> Result<()> {
    let stage = Stage::new("read-only").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    let revision = stage.push_config_maps("dev", &["a"], "one").await?;
    stage.ready_at("dev", &revision).await?;
    ledger_is(&stage, "True").await?;
    stage.worktree.pull()?;
    stage
        .worktree
        .write("overlays/staging/kustomization.yaml", format!("namespace: {}\nresources: [b.yaml]\n", stage.ns()))?;
    stage.worktree.write("overlays/staging/b.yaml", e2e::stage::config_map("b", "one"))?;
    stage.worktree.write("overlays/dev/a.yaml", e2e::stage::config_map("a", "two"))?;
    let request = stage.worktree.commit("two\n\nPromote-To: staging\n")?;
    stage.worktree.push()?;
    // From here on these credentials read, and no more.
    stage.git.repositories().git("platform", &["config", "http.receivepack", "false"])?;
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    stage.ready_at("dev", &request).await?;
    let message = ledger_is(&stage, "False").await?;
    ensure!(message.contains("nothing is promoted") && message.contains("rights"), "{message}");
    stage
        .wait("the request to wait for the repository", async || {
            let promotions = stage.status("staging").await?.promotions;
            ensure!(
                promotions.iter().any(|it| it.request == request && it.message.contains("can't be written")),
                "{promotions:?}"
            );
            Ok(())
        })
        .await?;
    ensure!(stage.value("a").await?.as_deref() == Some("two"), "dev is not followed any more");

    // Other credentials: what happened meanwhile is written, and the request is answered.
    stage.git.repositories().git("platform", &["config", "http.receivepack", "true"])?;
    stage.repository("platform", json!({"interval": "4m"})).await?;
    noted(&stage, "dev", &request, &[" applied ", " healthy "]).await?;
    ledger_is(&stage, "True").await?;
    stage.ready_at("staging", &request).await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_and_promotions_are_signed_with_the_key_of_the_repository() -> Result<()> {
    let stage = Stage::new("signed").await?;
    let keys = tempfile::tempdir()?;
    let key = keys.path().join("key").display().to_string();
    let made = std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status()?;
    ensure!(made.success(), "ssh-keygen failed");
    stage.secret("signing", &[("identity", &std::fs::read_to_string(&key)?)]).await?;
    stage.repository("platform", json!({"signingKey": {"secretRef": {"name": "signing"}}})).await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    stage.push_config_maps("staging", &["b"], "one").await?;
    stage.push_config_maps("dev", &["a"], "one").await?;
    let request = stage.push("ask\n\nPromote-To: staging\n", &[]).await?;
    stage.ready_at("staging", &request).await?;
    noted(&stage, "staging", &request, &[" applied ", " healthy "]).await?;
    let public = std::fs::read_to_string(format!("{key}.pub"))?;
    std::fs::write(keys.path().join("signers"), format!("plumb@plumb.dev {public}"))?;
    let signers = format!("gpg.ssh.allowedSignersFile={}", keys.path().join("signers").display());
    stage.worktree.pull()?;
    for reference in ["origin/main", "refs/notes/plumb/staging"] {
        stage.worktree.git(&["-c", &signers, "verify-commit", reference])?;
    }
    ensure!(stage.worktree.git(&["log", "-1", "--format=%s"])?.starts_with("promote staging"), "no promotion commit");
    noted(&stage, "dev", &request, &[" applied ", " healthy "]).await?;
    let signers = keys.path().join("signers").display().to_string();
    let verified = plumb(&stage, &["verify", "--strict", "--signers", &signers])?;
    ensure!(verified.contains("0 problems, 0 notices"), "{verified}");

    // Forged so well that only the missing signature tells.
    let time = k8s_openapi::jiff::Timestamp::now();
    let forged = format!("{time:.3} degraded objects=1 degraded=1 agent={}", env!("CARGO_PKG_VERSION"));
    stage.worktree.git(&["notes", "--ref", "plumb/staging", "append", "-m", &forged, &request])?;
    let verified = plumb(&stage, &["verify", "--strict"])?;
    ensure!(verified.contains("0 problems, 0 notices"), "{verified}");
    let error = plumb(&stage, &["verify", "--signers", &signers]).err().map(|error| error.to_string());
    ensure!(error.as_ref().is_some_and(|error| error.contains("staging: unsigned")), "{error:?}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_on_two_clusters_promote_through_the_repository_alone() -> Result<()> {
    let stage = Stage::new("near").await?;
    let cluster = LocalCluster::start(&Options { name: "test-elsewhere".into(), nodes: 1 }).await?;
    let far = stage.beside(Connection::to(cluster.layout()).await?, "far").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("staging", json!({"promotion": {"from": ["dev"]}})).await?;
    far.environment("prod", json!({"promotion": {"from": ["staging"]}})).await?;
    far.repository("platform", json!({"interval": "1s"})).await?;

    let overlay = |stage: &Stage| format!("namespace: {}\nresources: [a.yaml]\n", stage.ns());
    let (near, there) = (overlay(&stage), overlay(&far));
    let value = |value: &str| e2e::stage::config_map("a", value);
    let (dev, staging, prod) = (value("one"), value("two"), value("three"));
    let first = stage
        .push(
            "platform",
            &[
                ("overlays/dev/kustomization.yaml", Some(&*near.replace("a.yaml", "d.yaml"))),
                ("overlays/dev/d.yaml", Some(&*dev.replace("name: a", "name: d"))),
                ("overlays/staging/kustomization.yaml", Some(&*near)),
                ("overlays/staging/a.yaml", Some(&*staging)),
                ("overlays/prod/kustomization.yaml", Some(&*there)),
                ("overlays/prod/a.yaml", Some(&*prod)),
            ],
        )
        .await?;
    stage.ready_at("dev", &first).await?;
    let request = stage.push("ship it\n\nPromote-To: prod\nPromote-To: staging\n", &[]).await?;
    stage.ready_at("staging", &request).await?;
    far.ready_at("prod", &request).await?;
    ensure!(far.value("a").await?.as_deref() == Some("three"), "prod runs something else");
    ensure!(far.value("d").await?.is_none() && stage.value("d").await?.is_some(), "dev runs on the wrong cluster");

    // What git says of it, and that it agrees with itself.
    noted(&stage, "prod", &request, &[" applied ", " healthy "]).await?;
    noted(&stage, "staging", &request, &[" applied ", " healthy "]).await?;
    noted(&stage, "dev", &request, &[" applied ", " healthy "]).await?;
    stage.worktree.pull()?;
    let verified = plumb(&stage, &["verify", "--strict"])?;
    ensure!(verified.contains("2 promotion commits") && verified.contains("0 problems, 0 notices"), "{verified}");
    let history = plumb(&stage, &["history", "prod"])?;
    for words in ["ship it", "asked for by Ada Example", "upstream/staging=pass", "is healthy"] {
        ensure!(history.contains(words), "{words} is not in\n{history}");
    }
    let metrics = plumb(&stage, &["history", "prod", "--metrics", "-o", "json"])?;
    let metrics: serde_json::Value = serde_json::from_str(&metrics)?;
    ensure!(metrics["deployments"] == 1 && metrics["failures"] == 0, "{metrics}");

    // A pin that is moved by hand is followed, and told as such.
    let pin = stage.worktree.read("overlays/prod/promoted.yaml")?.replace(&request, &first);
    stage.push("go back by hand", &[("overlays/prod/promoted.yaml", Some(&pin))]).await?;
    far.ready_at("prod", &first).await?;
    noted(&stage, "prod", &first, &[" applied "]).await?;
    stage.worktree.pull()?;
    let verified = plumb(&stage, &["verify"])?;
    ensure!(verified.contains("by-hand") && verified.contains("0 problems, 1 notices"), "{verified}");
    ensure!(plumb(&stage, &["verify", "--strict"]).is_err(), "what was done by hand counts when it shall");

    // Forged: a line on a revision that did run there, of a time when it can't have.
    stage.worktree.git(&["notes", "--ref", "plumb/staging", "append", "-m", "2026-01-01T00:00:00Z applied", &first])?;
    let error = plumb(&stage, &["verify"]).err().map(|error| error.to_string()).unwrap_or_default();
    for word in ["staging: out-of-order", "staging: forged", "staging: foreign"] {
        ensure!(error.contains(word), "{word} is not in {error}");
    }
    far.end().await?;
    stage.end().await
}

/// Runs the command line in the checkout.
pub(crate) fn plumb(stage: &Stage, arguments: &[&str]) -> Result<String> {
    // The repository was empty when it was cloned, so git does not know which branch is the default one.
    stage.worktree.git(&["remote", "set-head", "origin", "main"])?;
    let output = std::process::Command::new(e2e::agent::binary()?)
        .args(arguments)
        .current_dir(stage.worktree.path())
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "plumb {} ended with {}:\n{said}", arguments.join(" "), output.status);
    Ok(said)
}
