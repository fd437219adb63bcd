//! The gates of a promotion, each asked on the real cluster.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU16, Ordering},
};

use anyhow::{Result, ensure};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri},
};
use e2e::stage::{Stage, config_map};
use kube::api::{Patch, PatchParams};
use plumb_api::{Environment, PromotionRecord};
use serde_json::{Value, json};

use crate::ledger::plumb;

/// `dev`, and `staging` with these fields of `spec.promotion`; both hold a ConfigMap.
async fn environments(stage: &Stage, promotion: Value) -> Result<String> {
    stage.environment("dev", json!({})).await?;
    let mut all = json!({"from": ["dev"]});
    if let (Some(all), Value::Object(fields)) = (all.as_object_mut(), promotion) {
        all.extend(fields);
    }
    stage.environment("staging", json!({"promotion": all})).await?;
    let overlay = |name: &str| format!("namespace: {}\nresources: [{name}.yaml]\n", stage.ns());
    let files = [
        ("overlays/dev/kustomization.yaml", overlay("d")),
        ("overlays/dev/d.yaml", config_map("d", "one")),
        ("overlays/staging/kustomization.yaml", overlay("s")),
        ("overlays/staging/s.yaml", config_map("s", "one")),
    ];
    let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(text.as_str()))).collect();
    let revision = stage.push("one", &files).await?;
    stage.ready_at("dev", &revision).await?;
    Ok(revision)
}

/// Waits until a gate says so to a request.
async fn gate_says(stage: &Stage, request: &str, gate: &str, verdict: &str, words: &str) -> Result<PromotionRecord> {
    stage
        .wait(&format!("the gate {gate} to say {verdict} to {request}"), async || {
            let promotions = stage.status("staging").await?.promotions;
            let record = promotions.iter().find(|record| record.request == request);
            let said = record.and_then(|record| record.gates.iter().find(|it| it.name == gate));
            ensure!(said.is_some_and(|it| it.verdict == verdict && it.message.contains(words)), "{promotions:?}");
            Ok(record.cloned().into_iter().next())
        })
        .await?
        .ok_or_else(|| anyhow::anyhow!("no record"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_soaks_and_waits_for_its_window() -> Result<()> {
    let stage = Stage::new("soak").await?;
    let never = json!({"schedule": "0 0 29 2 *", "timeZone": "Europe/Berlin", "duration": "1m"});
    environments(&stage, json!({"soak": "2s", "windows": [never]})).await?;
    let request = stage.push("ask\n\nPromote-To: staging\n", &[]).await?;
    let record = gate_says(&stage, &request, "window", "wait", "the next window opens at").await?;
    ensure!(record.gates.iter().any(|gate| gate.name == "window" && gate.until.is_some()), "{record:?}");
    gate_says(&stage, &request, "upstream/dev", "pass", "").await?;
    let always = json!({"schedule": "* * * * *", "duration": "2m"});
    stage.environment("staging", json!({"promotion": {"from": ["dev"], "soak": "2s", "windows": [always]}})).await?;
    stage.ready_at("staging", &request).await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_waits_for_what_others_say_for_consent_to_prune_and_for_the_end_of_a_freeze() -> Result<()> {
    let stage = Stage::new("consent").await?;
    let service = Service::start().await?;
    let checks = json!([{"name": "slo", "url": service.url}]);
    environments(&stage, json!({"checks": checks})).await?;
    let more = format!("namespace: {}\nresources: [s.yaml, t.yaml]\n", stage.ns());
    let files = [
        ("overlays/staging/kustomization.yaml", Some(&*more)),
        ("overlays/staging/t.yaml", Some(&*config_map("t", "one"))),
    ];
    let first = stage.push("two objects\n\nPromote-To: staging\n", &files).await?;
    gate_says(&stage, &first, "http/slo", "wait", "503").await?;
    ensure!(stage.value("s").await?.is_none(), "promoted past a closed gate");
    let asked = service.asked();
    let names = |text: &str| text.contains("environment=staging") && text.contains(&format!("revision={first}"));
    ensure!(asked.iter().all(|query| names(query)) && !asked.is_empty(), "{asked:?}");
    service.answer(StatusCode::OK);
    stage.ready_at("staging", &first).await?;

    // One object less, within a freeze.
    let freeze = json!([{"schedule": "* * * * *", "duration": "2m", "freeze": true}]);
    let spec = |windows: &Value| json!({"promotion": {"from": ["dev"], "checks": checks, "windows": windows}, "prune": {"limit": 0}});
    stage.environment("staging", spec(&freeze)).await?;
    let fewer = format!("namespace: {}\nresources: [s.yaml]\n", stage.ns());
    let files = [("overlays/staging/kustomization.yaml", Some(&*fewer)), ("overlays/staging/t.yaml", None)];
    let second = stage.push("one object\n\nPromote-To: staging\n", &files).await?;
    gate_says(&stage, &second, "window", "wait", "freeze").await?;
    let promotion = spec(&json!([]));
    stage.environment("staging", promotion).await?;
    gate_says(&stage, &second, "prune", "wait", "plumb.dev/allow-prune").await?;
    ensure!(stage.value("t").await?.is_some(), "it was pruned without consent");
    let consent = json!({"metadata": {"annotations": {"plumb.dev/allow-prune": second}}});
    stage.api::<Environment>().patch("staging", &PatchParams::default(), &Patch::Merge(consent)).await?;
    stage.ready_at("staging", &second).await?;
    stage
        .wait("the object to go", async || {
            ensure!(stage.value("t").await?.is_none(), "it is there");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_server_would_refuse_is_not_promoted() -> Result<()> {
    let stage = Stage::new("dry").await?;
    environments(&stage, json!({})).await?;
    let refused = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Not_A_Name\n";
    let request = stage.push("refused\n\nPromote-To: staging\n", &[("overlays/staging/s.yaml", Some(refused))]).await?;
    gate_says(&stage, &request, "dry-run", "wait", "Not_A_Name").await?;
    let broken = "namespace: x\nresources: [nowhere.yaml]\n";
    let files = [("overlays/staging/kustomization.yaml", Some(broken))];
    let request = stage.push("broken\n\nPromote-To: staging\n", &files).await?;
    let record = gate_says(&stage, &request, "render", "fail", "nowhere.yaml").await?;
    ensure!(record.state == "Refused", "{record:?}");
    let message = stage.not_ready("staging", "NotPromoted").await?;
    ensure!(message.contains("Promote-To"), "{message}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_may_ask_whose_signature_is_trusted() -> Result<()> {
    let stage = Stage::new("approve").await?;
    let keys = tempfile::tempdir()?;
    let mut allowed = String::new();
    for name in ["ada", "eve"] {
        let path = keys.path().join(name);
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&path)
            .status()?;
        ensure!(made.success(), "ssh-keygen failed");
        allowed += &format!("{name} {}", std::fs::read_to_string(path.with_extension("pub"))?);
    }
    let gpg = |arguments: &[&str]| -> Result<String> {
        let mut command = std::process::Command::new("gpg");
        command.env("GNUPGHOME", keys.path()).args(["--batch", "--quiet", "--passphrase", ""]).args(arguments);
        let output = command.output()?;
        ensure!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?)
    };
    gpg(&["--quick-generate-key", "Grace <grace@example.com>", "ed25519", "sign", "never"])?;
    let grace = gpg(&["--armor", "--export", "grace"])?;
    stage.secret("signers", &[("allowed_signers", &allowed), ("grace.asc", &grace)]).await?;
    stage.repository("platform", json!({"verify": {"secretRef": {"name": "signers"}}})).await?;
    environments(&stage, json!({"approvers": ["ada", "grace@example.com"]})).await?;
    let sign = |name: &str| -> Result<()> {
        let key = keys.path().join(name).display().to_string();
        for (option, value) in [("gpg.format", "ssh"), ("commit.gpgsign", "true"), ("user.signingkey", &key)] {
            stage.worktree.git(&["config", option, value])?;
        }
        Ok(())
    };
    let request = stage.push("nobody\n\nPromote-To: staging\n", &[]).await?;
    gate_says(&stage, &request, "approval", "fail", "is not signed").await?;
    sign("eve")?;
    let request = stage.push("eve\n\nPromote-To: staging\n", &[]).await?;
    gate_says(&stage, &request, "approval", "fail", "signed by eve").await?;
    gate_says(&stage, &request, "signature", "pass", "signed by eve").await?;
    sign("ada")?;
    let request = stage.push("ada\n\nPromote-To: staging\n", &[]).await?;
    stage.ready_at("staging", &request).await?;
    let program = keys.path().join("gpg.sh");
    std::fs::write(&program, format!("#!/bin/sh\nexec gpg --homedir '{}' \"$@\"\n", keys.path().display()))?;
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    stage.worktree.git(&["config", "gpg.format", "openpgp"])?;
    stage.worktree.git(&["config", "gpg.program", &program.display().to_string()])?;
    stage.worktree.git(&["config", "user.signingkey", "grace@example.com"])?;
    let request = stage.push("grace\n\nPromote-To: staging\n", &[]).await;
    // What gpg starts in the background is stopped, whatever came of it.
    std::process::Command::new("gpgconf").arg("--homedir").arg(keys.path()).args(["--kill", "all"]).status()?;
    let request = request?;
    stage.ready_at("staging", &request).await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expression_is_a_gate() -> Result<()> {
    let stage = Stage::new("cel").await?;
    let ticket =
        json!({"name": "ticket", "expression": "request.message.contains('CHG-')", "message": "name a change"});
    let own = json!({"name": "own", "expression": "upstreams.dev.healthy && revision.id == request.id"});
    let broken = json!({"name": "broken", "expression": "revision.", "message": "x"});
    let from = |expressions: Value| json!({"promotion": {"from": ["dev"], "expressions": expressions}});
    environments(&stage, json!({"expressions": [broken]})).await?;
    let request = stage.push("ask\n\nPromote-To: staging\n", &[]).await?;
    gate_says(&stage, &request, "cel/broken", "fail", "spec.promotion.expressions").await?;
    stage.environment("staging", from(json!([ticket, own]))).await?;
    gate_says(&stage, &request, "cel/ticket", "wait", "name a change").await?;
    gate_says(&stage, &request, "cel/own", "pass", "").await?;
    let explained = plumb(&stage, &["promote", "staging", "--explain", "--namespace", stage.ns()])?;
    ensure!(explained.contains("wait  cel/ticket") && explained.contains("name a change"), "{explained}");
    let request = stage.push("CHG-7: ask\n\nPromote-To: staging\n", &[]).await?;
    stage.ready_at("staging", &request).await?;
    stage.worktree.pull()?;
    let log = stage.worktree.git(&["log", "--first-parent", "--format=%(trailers:only,unfold)", "-n", "1"])?;
    ensure!(log.contains("Promotion-Gate: cel/ticket=pass"), "{log}");
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proven_comes_by_itself_and_promotions_cause_none() -> Result<()> {
    let stage = Stage::new("auto").await?;
    let first = environments(&stage, json!({"automatic": true})).await?;
    stage.ready_at("staging", &first).await?;
    let second = stage
        .push(
            "two",
            &[
                ("overlays/dev/d.yaml", Some(&*config_map("d", "two"))),
                ("overlays/staging/s.yaml", Some(&*config_map("s", "two"))),
            ],
        )
        .await?;
    stage.ready_at("staging", &second).await?;
    stage.has_value("s", "two").await?;
    // A change of dev alone, and the promotion commits themselves, bring nothing to staging.
    let third = stage.push("three", &[("overlays/dev/d.yaml", Some(&*config_map("d", "three")))]).await?;
    stage.ready_at("dev", &third).await?;
    let fourth = stage.push("four", &[("overlays/staging/s.yaml", Some(&*config_map("s", "four")))]).await?;
    stage.ready_at("staging", &fourth).await?;
    stage.worktree.pull()?;
    let promotions = stage.worktree.git(&["log", "--format=%s", "--grep=^Promoted-To: staging"])?;
    ensure!(promotions.lines().count() == 3, "{promotions}");
    stage
        .wait("the ledgers to agree", async || {
            let verified = plumb(&stage, &["verify", "--fetch", "--strict"])?;
            ensure!(verified.contains("3 promotion commits"), "{verified}");
            Ok(())
        })
        .await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_revisions_come_faster_than_they_are_promoted() -> Result<()> {
    let stage = Stage::new("fast").await?;
    environments(&stage, json!({})).await?;
    let mut newest = String::new();
    for number in 0..200 {
        stage.worktree.pull()?;
        for (name, path) in [("d", "overlays/dev/d.yaml"), ("s", "overlays/staging/s.yaml")] {
            stage.worktree.write(path, config_map(name, &format!("n{number}")))?;
        }
        newest = stage.worktree.commit(&format!("{number}\n\nPromote-To: staging\n"))?;
        while stage.worktree.push().is_err() {
            stage.worktree.pull()?;
            newest = stage.worktree.head()?;
        }
        if number % 5 == 0 {
            stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
        }
    }
    stage.hook("platform", e2e::stage::HOOK_TOKEN).await?;
    stage.ready_at("staging", &newest).await?;
    stage.has_value("s", "n199").await?;
    stage
        .wait("the ledgers to bear out every gate", async || {
            let verified = plumb(&stage, &["verify", "--fetch", "--strict"])?;
            ensure!(verified.contains(" 0 problems, 0 notices"), "{verified}");
            Ok(())
        })
        .await?;
    stage.end().await
}

/// What is asked by the gate `http/…`: it answers with one status, and remembers how it was asked.
struct Service {
    url: String,
    state: Arc<(AtomicU16, Mutex<Vec<String>>)>,
}

impl Service {
    async fn start() -> Result<Self> {
        let state = Arc::new((AtomicU16::new(503), Mutex::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/ok", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, state })
    }

    fn answer(&self, status: StatusCode) {
        self.state.0.store(status.as_u16(), Ordering::SeqCst);
    }

    /// The queries so far.
    fn asked(&self) -> Vec<String> {
        self.state.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(state): State<Arc<(AtomicU16, Mutex<Vec<String>>)>>, uri: Uri) -> StatusCode {
    state.1.lock().unwrap_or_else(PoisonError::into_inner).push(uri.query().unwrap_or_default().to_owned());
    StatusCode::from_u16(state.0.load(Ordering::SeqCst)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
