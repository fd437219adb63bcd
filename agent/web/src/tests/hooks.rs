//! Webhooks: who is let in, who is not, and what they learn.

use rstest::rstest;

use super::*;

const BODY: &[u8] = br#"{"ref":"refs/heads/main"}"#;
const LIMIT: usize = 5 * 1024 * 1024;

/// Header lines with `{hex}` replaced by the right signature, `{wrong}` by that of another token.
fn lines(template: &str, body: &[u8]) -> Vec<String> {
    let filled = template.replace("{hex}", &hmac_hex(TOKEN, body)).replace("{wrong}", &hmac_hex(b"another", body));
    filled.split('|').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[rstest]
#[case::github("X-Hub-Signature-256: sha256={hex}|X-GitHub-Event: push")]
#[case::github_with_sha1_beside("X-Hub-Signature: sha1=00|X-Hub-Signature-256: sha256={hex}")]
#[case::bitbucket("X-Hub-Signature: sha256={hex}|X-Event-Key: repo:push")]
#[case::gitea("X-Gitea-Signature: {hex}|X-Gitea-Event: push")]
#[case::gitlab("X-Gitlab-Token: correct horse|X-Gitlab-Event: Push Hook")]
#[tokio::test]
async fn a_signed_webhook_fetches(#[case] template: &str) {
    let server = Server::start().await;
    let answer = server.post("/hooks/config", &lines(template, BODY), BODY).await;
    assert_eq!(answer.line(), r#"202 {"repository":"config","fetch":"requested"}"#);
    assert_eq!(server.fetched(), ["-/config"]);
}

#[rstest]
#[case::unsigned("")]
#[case::github("X-Hub-Signature-256: sha256={wrong}")]
#[case::bitbucket("X-Hub-Signature: sha256={wrong}")]
#[case::gitea("X-Gitea-Signature: {wrong}")]
#[case::gitlab("X-Gitlab-Token: correct hors")]
#[case::empty_gitlab("X-Gitlab-Token: ")]
#[case::sha1("X-Hub-Signature: sha1=f572d396fae9206628714fb2ce00f72e94f2258f")]
#[case::cut("X-Gitea-Signature: 00")]
#[case::not_hex("X-Hub-Signature-256: sha256=correct")]
#[case::right_for_another_name("X-Gitlab-Token: of the team")]
#[tokio::test]
async fn an_unproven_webhook_is_refused(#[case] template: &str) {
    let server = Server::start().await;
    let answer = server.post("/hooks/config", &lines(template, BODY), BODY).await;
    assert_eq!(answer.line(), "401 the webhook is refused; the agent's log says why\n");
    assert!(server.fetched().is_empty());
}

#[tokio::test]
async fn a_signature_is_of_this_very_body() {
    let server = Server::start().await;
    let answer = server.post("/hooks/config", &lines("X-Gitea-Signature: {hex}", BODY), b"{}").await;
    assert_eq!(answer.code, 401);
}

#[rstest]
#[case::unknown("/hooks/nothing")]
#[case::no_secret("/hooks/bare")]
#[case::unknown_in_namespace("/hooks/team/nothing")]
#[case::not_a_name("/hooks/Config")]
#[case::line_break("/hooks/a%0Ab")]
#[case::not_utf8("/hooks/%ff")]
#[case::climbing("/hooks/..%2f..%2fetc")]
#[case::long("/hooks/LONG")]
#[tokio::test]
async fn no_answer_tells_which_names_exist(#[case] path: &str) {
    let server = Server::start().await;
    let path = path.replace("LONG", &"a".repeat(300));
    for template in ["X-Gitea-Signature: {hex}", "X-Gitlab-Token: correct horse", ""] {
        let known = server.post("/hooks/config", &lines("X-Gitea-Signature: {wrong}", BODY), BODY).await;
        let unknown = server.post(&path, &lines(template, BODY), BODY).await;
        let undated = |answer: &Answer| {
            let lines: Vec<_> =
                answer.head.lines().filter(|line| !line.starts_with("date:")).map(str::to_owned).collect();
            (lines, answer.body.clone())
        };
        assert_eq!(undated(&unknown), undated(&known), "{path} {template}");
    }
    assert!(server.fetched().is_empty());
}

#[tokio::test]
async fn the_stand_in_for_a_missing_token_opens_nothing() {
    let server = Server::start().await;
    let line = "X-Gitlab-Token: no token is known by this name".to_owned();
    assert_eq!(server.post("/hooks/bare", &[line], BODY).await.code, 401);
    assert!(server.fetched().is_empty());
}

#[tokio::test]
async fn a_namespace_has_names_of_its_own() {
    let server = Server::start().await;
    let answer = server.post("/hooks/team/config", &["X-Gitlab-Token: of the team".into()], BODY).await;
    assert_eq!(answer.line(), r#"202 {"repository":"team/config","fetch":"requested"}"#);
    assert_eq!(server.fetched(), ["team/config"]);
}

#[rstest]
#[case("X-Hub-Signature-256: sha256={hex}|X-GitHub-Event: ping")]
#[case("X-Hub-Signature: sha256={hex}|X-Event-Key: diagnostics:ping")]
#[tokio::test]
async fn a_ping_is_answered_and_fetches_nothing(#[case] template: &str) {
    let server = Server::start().await;
    let answer = server.post("/hooks/config", &lines(template, BODY), BODY).await;
    assert_eq!(answer.line(), r#"200 {"repository":"config","fetch":"not needed"}"#);
    let unsigned = server.post("/hooks/config", &["X-GitHub-Event: ping".into()], BODY).await;
    assert_eq!(unsigned.code, 401);
    assert!(server.fetched().is_empty());
}

#[rstest]
#[case::empty(0, 202)]
#[case::full(LIMIT, 202)]
#[case::too_large(LIMIT + 1, 413)]
#[tokio::test]
async fn bodies_end_at_5_mib(#[case] size: usize, #[case] code: u16) {
    let server = Server::start().await;
    let body = vec![b'x'; size];
    let answer = server.post("/hooks/config", &lines("X-Gitea-Signature: {hex}", &body), &body).await;
    assert_eq!(answer.code, code, "{}", answer.body);
}

#[tokio::test]
async fn a_body_of_unknown_length_ends_at_5_mib_too() {
    let server = Server::start().await;
    let head = "POST /hooks/config HTTP/1.1\r\nHost: plumb\r\nTransfer-Encoding: chunked\r\nX-Gitlab-Token: correct horse\r\n\r\n";
    let chunk = [b"10000\r\n".as_slice(), &vec![b'x'; 65_536], b"\r\n"].concat();
    let mut request = head.as_bytes().to_vec();
    for _ in 0..=LIMIT / 65_536 {
        request.extend_from_slice(&chunk);
    }
    assert_eq!(server.send(&request).await.code, 413);
    assert!(server.fetched().is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start_within(Limits { body: Duration::from_millis(50), ..Limits::default() }).await;
    let head =
        "POST /hooks/config HTTP/1.1\r\nHost: plumb\r\nContent-Length: 10\r\nX-Gitlab-Token: correct horse\r\n\r\nhalf";
    assert_eq!(server.send(head.as_bytes()).await.code, 408);
    assert!(server.fetched().is_empty());
}

#[tokio::test]
async fn only_post_is_a_webhook() {
    assert_eq!(Server::start().await.get("/hooks/config").await.code, 405);
}
