//! Probes, metrics and what every answer has.

use expect_test::expect;
use rstest::rstest;

use super::*;

#[tokio::test]
async fn healthz_tells_which_task_died() {
    let server = Server::start().await;
    assert_eq!(server.get("/healthz").await.line(), "200 ok\n");
    server.set(|answers| answers.dead = vec!["the watch of Environments ended".into(), "the lease is lost".into()]);
    assert_eq!(server.get("/healthz").await.line(), "503 the watch of Environments ended\nthe lease is lost\n");
    assert_eq!(server.get("/readyz").await.code, 200);
}

#[tokio::test]
async fn readyz_tells_what_is_missing() {
    let server = Server::start().await;
    server.set(|answers| answers.missing = vec!["the cache of Repositories is not filled yet".into()]);
    assert_eq!(server.get("/readyz").await.line(), "503 the cache of Repositories is not filled yet\n");
    assert_eq!(server.get("/healthz").await.code, 200);
    server.set(|answers| answers.missing.clear());
    assert_eq!(server.get("/readyz").await.line(), "200 ok\n");
}

#[tokio::test]
async fn metrics_count_by_what_exists_and_not_by_what_callers_write() {
    let server = Server::start().await;
    server.get("/healthz").await;
    server.get("/wp-login.php?x=1").await;
    server.post("/hooks/config", &["X-Gitlab-Token: correct horse".into()], b"").await;
    server.post("/hooks/config", &["X-Gitlab-Token: wrong".into()], b"").await;
    server.post("/hooks/bare", &["X-Gitlab-Token: wrong".into()], b"").await;
    server.post("/hooks/made-up-1", &["X-Gitlab-Token: wrong".into()], b"").await;
    server.post("/hooks/made-up-2/x", &["X-Gitlab-Token: wrong".into()], b"").await;
    server
        .post("/hooks/team/config", &["X-Gitlab-Token: of the team".into(), "X-GitHub-Event: ping".into()], b"")
        .await;
    let answer = server.get("/metrics").await;
    assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{}", answer.head);
    expect![[r##"
        # HELP plumb_http_requests_total HTTP requests answered, by the route's template and the status code.
        # TYPE plumb_http_requests_total counter
        plumb_http_requests_total{code="200",path="/healthz"} 1
        plumb_http_requests_total{code="200",path="/hooks/{namespace}/{repository}"} 1
        plumb_http_requests_total{code="202",path="/hooks/{repository}"} 1
        plumb_http_requests_total{code="401",path="/hooks/{namespace}/{repository}"} 1
        plumb_http_requests_total{code="401",path="/hooks/{repository}"} 3
        plumb_http_requests_total{code="404",path="none"} 1
        # HELP plumb_webhooks_total Webhooks received, by Repository (empty when there is none by that name) and result.
        # TYPE plumb_webhooks_total counter
        plumb_webhooks_total{repository="",result="refused"} 2
        plumb_webhooks_total{repository="bare",result="refused"} 1
        plumb_webhooks_total{repository="config",result="accepted"} 1
        plumb_webhooks_total{repository="config",result="refused"} 1
        plumb_webhooks_total{repository="team/config",result="ping"} 1
    "##]]
    .assert_eq(&answer.body);
}

#[test]
fn one_registry_is_for_one_server() {
    let registry = Registry::new();
    let agent = || Arc::new(Told { answers: Mutex::default(), changes: watch::Sender::new(0) });
    App::new(agent(), registry.clone()).unwrap();
    let message = App::new(agent(), registry).err().unwrap().to_string();
    assert!(message.starts_with("can't register the server's metrics; use one registry for one server: "), "{message}");
}

#[rstest]
#[case("/", 200)]
#[case("/healthz", 200)]
#[case("/api/v1/environments", 200)]
#[case("/nothing", 404)]
#[case("/hooks/config", 405)]
#[tokio::test]
async fn every_answer_keeps_browsers_in_bounds(#[case] path: &str, #[case] code: u16) {
    let server = Server::start().await;
    let answer = server.get(path).await;
    assert_eq!(answer.code, code);
    for line in [
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "form-action 'none'; frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "cross-origin-opener-policy: same-origin",
    ] {
        assert!(answer.head.contains(line), "{line} is not in {}", answer.head);
    }
    assert!(!answer.head.contains("unsafe"), "{}", answer.head);
}
