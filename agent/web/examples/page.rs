//! Serves the status page with sample data: `cargo run -p plumb-web --example page [ADDRESS]`, then open <http://127.0.0.1:8080/>.
//!
//! A webhook signed with the token `example` makes the page change:
//! `curl -X POST -H 'X-Gitlab-Token: example' http://127.0.0.1:8080/hooks/config`.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use plumb_web::{
    Agent, App, ConditionView, EnvironmentView, EventView, HookToken, Mode, NoHookToken, ObjectCounts, PromotionView,
    RepositoryView, Status, Verdict, VerdictView,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;

struct Sample {
    changes: watch::Sender<u64>,
    missing: Vec<String>,
}

const HEAD: &str = "9f31c2d7a0b4e58861f3dd02c7be9a154e60b8aa";
const BEFORE: &str = "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";
const OLD: &str = "c0ffee1234567890abcdef1234567890abcdef12";

fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

fn condition(status: Status, reason: &str, message: &str) -> ConditionView {
    ConditionView { status, reason: reason.into(), message: message.into() }
}

fn event(seconds: i64, warning: bool, reason: &str, message: &str) -> EventView {
    EventView { at: ago(seconds), warning, reason: reason.into(), message: message.into() }
}

fn healthy(name: &str, mode: Mode, revision: &str, total: u32, applied: i64) -> EnvironmentView {
    EnvironmentView {
        namespace: "plumb-system".into(),
        name: name.into(),
        repository: "config".into(),
        path: format!("overlays/{name}"),
        mode,
        revision: Some(revision.into()),
        attempted_revision: None,
        suspended: false,
        ready: condition(Status::True, "Succeeded", &format!("{} is applied and healthy", &revision[..7])),
        healthy: condition(Status::True, "Healthy", &format!("all {total} objects are healthy")),
        drifted: condition(Status::False, "NoDrift", "every object is as git says"),
        objects: ObjectCounts { total, healthy: total, ..ObjectCounts::default() },
        applied_at: Some(ago(applied)),
        promotion: None,
        events: vec![event(
            applied,
            false,
            "Applied",
            &format!("{} applied: 1 changed, {} unchanged", &revision[..7], total.saturating_sub(1)),
        )],
    }
}

fn dev(moves: u64) -> EnvironmentView {
    let mut dev = healthy("dev", Mode::Following, HEAD, 24, 8);
    dev.ready = condition(Status::False, "Progressing", "9f31c2d is applied; 2 of 24 objects are not healthy yet");
    dev.healthy = condition(
        Status::False,
        "Progressing",
        "Deployment mcp-mesh/weather: 1 of 3 replicas are updated; StatefulSet mcp-mesh/registry: 0 of 1 replicas are ready",
    );
    dev.objects = ObjectCounts { total: 24, healthy: 22, progressing: 2, ..ObjectCounts::default() };
    dev.events = vec![
        event(8, false, "Applied", "9f31c2d applied: 2 changed, 22 unchanged"),
        event(65, true, "DriftRepaired", "Deployment mcp-mesh/weather: kubectl-scale wrote .spec.replicas; put back"),
        event(3_700, false, "Applied", "1a2b3c4 applied: 1 changed, 23 unchanged"),
        event(9_000, true, "ApplyFailed", "ConfigMap mcp-mesh/settings: data.retries must be a string"),
        event(90_000, false, "Applied", "c0ffee1 applied: 24 created"),
    ];
    if moves > 0 {
        dev.events.insert(0, event(0, false, "Fetched", &format!("webhook number {moves} arrived")));
    }
    dev
}

impl Agent for Sample {
    fn alive(&self) -> Result<(), Vec<String>> {
        Ok(())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        if self.missing.is_empty() { Ok(()) } else { Err(self.missing.clone()) }
    }

    fn environments(&self) -> Vec<EnvironmentView> {
        let mut staging = healthy("staging", Mode::Pinned, BEFORE, 24, 3_500);
        let verdict = |revision: &str, verdict, message: &str, seconds| VerdictView {
            revision: revision.into(),
            request: revision.into(),
            verdict,
            message: message.into(),
            at: Some(ago(seconds)),
        };
        staging.promotion = Some(PromotionView {
            from: vec!["dev".into()],
            hold: None,
            verdicts: vec![
                verdict(HEAD, Verdict::Waiting, "dev is not healthy at 9f31c2d yet", 7),
                verdict(BEFORE, Verdict::Promoted, "", 3_510),
            ],
        });
        staging.drifted = condition(
            Status::True,
            "Drifted",
            "Service mcp-mesh/registry: kubectl-edit wrote .spec.ports; the policy is Alert",
        );
        staging.objects.drifted = 1;

        let mut prod = healthy("prod", Mode::Pinned, OLD, 31, 400_000);
        prod.promotion = Some(PromotionView {
            from: vec!["staging".into()],
            hold: Some("rolled back from 9f31c2d: until the cause is known".into()),
            verdicts: vec![verdict(
                BEFORE,
                Verdict::Refused,
                "no revision that ran in staging has this commit; promote it there first",
                1_200,
            )],
        });

        let mut eu = healthy("prod-eu", Mode::Pinned, OLD, 31, 400_100);
        eu.promotion = Some(PromotionView { from: vec!["staging".into()], hold: None, verdicts: vec![] });
        eu.suspended = true;

        let mut broken = healthy("preview", Mode::Following, BEFORE, 12, 5_000);
        broken.attempted_revision = Some(HEAD.into());
        broken.ready = condition(
            Status::False,
            "RenderFailed",
            "overlays/preview/kustomization.yaml: line 7: resource ../bases/mcp-mesh/agents.yaml does not exist; 1a2b3c4 keeps running",
        );
        broken
            .events
            .insert(0, event(31, true, "RenderFailed", "9f31c2d: overlays/preview/kustomization.yaml: line 7"));

        let mut tools = healthy("tools", Mode::Following, OLD, 1, 40);
        tools.repository = "tools".into();
        tools.path = "clusters/main".into();
        let mut qa = healthy("qa", Mode::Pinned, HEAD, 0, 0);
        (qa.revision, qa.applied_at, qa.events) = (None, None, vec![]);
        qa.promotion = Some(PromotionView { from: vec!["dev".into()], hold: None, verdicts: vec![] });
        qa.ready = condition(
            Status::False,
            "NotPromoted",
            "there is no pin yet: push a commit with `Promote-To: qa`, or run `plumb promote qa`",
        );
        (qa.healthy, qa.drifted) = (ConditionView::default(), ConditionView::default());
        vec![prod, qa, dev(*self.changes.borrow()), staging, eu, broken, tools]
    }

    fn repositories(&self) -> Vec<RepositoryView> {
        let config = RepositoryView {
            namespace: "plumb-system".into(),
            name: "config".into(),
            url: "https://bot:hunter2@git.example.org/platform/config.git".into(),
            branch: "main".into(),
            head: Some(HEAD.into()),
            fetched_at: Some(ago(12)),
            ready: condition(Status::True, "Fetched", ""),
            webhook: true,
        };
        let tools = RepositoryView {
            name: "tools".into(),
            url: "git@git.example.org:platform/tools.git".into(),
            head: Some(OLD.into()),
            fetched_at: Some(ago(4_000)),
            ready: condition(
                Status::False,
                "FetchFailed",
                "git.example.org refused the deploy key; add it to the repository, with read access",
            ),
            webhook: false,
            ..config.clone()
        };
        vec![tools, config]
    }

    fn hook_token(&self, _: Option<&str>, repository: &str) -> Result<HookToken, NoHookToken> {
        match repository {
            "config" => HookToken::new(b"example").ok_or(NoHookToken::NotConfigured),
            "tools" => Err(NoHookToken::NotConfigured),
            _ => Err(NoHookToken::UnknownRepository),
        }
    }

    fn fetch(&self, _: Option<&str>, _: &str) {
        self.changes.send_modify(|number| *number += 1);
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let sample = Sample { changes: watch::Sender::new(0), missing: std::env::args().skip(2).collect() };
    let app = App::new(Arc::new(sample), prometheus::Registry::new())?;
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
    });
    plumb_web::serve(TcpListener::bind(address).await?, app, shutdown).await?;
    Ok(())
}
