//! The page, the API and the event stream.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use expect_test::expect;
use sha2::{Digest as _, Sha256};

use super::*;

#[tokio::test]
async fn the_api_lists_in_order_and_without_credentials() {
    let server = Server::start().await;
    server.set(|answers| {
        answers.environments = vec![environment("prod"), environment("dev")];
        answers.repositories = vec![repository("config")];
    });
    let answer = server.get("/api/v1/environments").await;
    assert!(answer.head.contains("content-type: application/json"));
    let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let names: Vec<_> = value["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dev", "prod"]);
    expect![[r#"
        {
          "namespace": "plumb-system",
          "name": "dev",
          "repository": "config",
          "path": "overlays/dev",
          "mode": "Following",
          "revision": "1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
          "attemptedRevision": null,
          "suspended": false,
          "ready": {
            "status": "True",
            "reason": "Succeeded",
            "message": "1a2b3c4 is applied and healthy"
          },
          "healthy": {
            "status": "True",
            "reason": "Succeeded",
            "message": ""
          },
          "drifted": {
            "status": "False",
            "reason": "NoDrift",
            "message": ""
          },
          "objects": {
            "total": 3,
            "healthy": 3,
            "progressing": 0,
            "degraded": 0,
            "drifted": 0
          },
          "appliedAt": "2026-01-02T03:04:05Z",
          "promotion": null,
          "events": []
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&environment("dev")).unwrap());
    expect![[r#"200 {"items":[{"namespace":"plumb-system","name":"config","url":"https://git.example.org/config.git","branch":"main","head":"1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d","fetchedAt":"2026-01-02T03:05:00Z","ready":{"status":"True","reason":"Succeeded","message":""},"webhook":true}]}"#]]
        .assert_eq(&server.get("/api/v1/repositories").await.line());
}

#[tokio::test]
async fn the_policy_admits_the_page_s_own_style_and_script_and_nothing_else() {
    let answer = Server::start().await.get("/").await;
    for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
        let inside = answer.body.split_once(open).unwrap().1.split_once(close).unwrap().0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(inside)).to_ascii_lowercase();
        assert!(answer.head.contains(&format!("'sha256-{hash}'")), "{open} {hash} {}", answer.head);
        assert_eq!(answer.body.matches(open).count(), 1);
    }
    for foreign in [" src=", " style=", " onclick=", "@import", "url("] {
        assert!(!answer.body.contains(foreign), "{foreign}");
    }
}

/// Reads a stream until this text has come.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert!(
                stream.read_buf(&mut read).await.unwrap() > 0,
                "ended before {text}: {}",
                String::from_utf8_lossy(&read)
            );
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap();
    String::from_utf8(read).unwrap()
}

const EVENTS: &[u8] = b"GET /events HTTP/1.1\r\nHost: plumb\r\n\r\n";

#[tokio::test]
async fn the_stream_tells_the_number_at_once_and_after_a_burst_once() {
    let server = Server::start_within(Limits { gather: Duration::from_secs(2), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(EVENTS).await.unwrap();
    let first = read_until(&mut stream, "data: 7").await;
    assert!(first.contains("content-type: text/event-stream"), "{first}");
    assert!(server.get("/").await.body.contains(r#"data-change="7""#));

    server.agent.changes.send_replace(8);
    // Gives the stream a turn between the two.
    server.get("/healthz").await;
    server.agent.changes.send_replace(9);
    let rest = read_until(&mut stream, "data: 9").await;
    assert!(!rest.contains("data: 8"), "{rest}");
}

#[tokio::test]
async fn streams_are_limited_and_given_back() {
    let server = Server::start_within(Limits { event_streams: 1, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(EVENTS).await.unwrap();
    read_until(&mut stream, "data: 7").await;
    let refused = server.get("/events").await;
    assert_eq!(refused.code, 503);
    assert!(refused.head.contains("retry-after: 30"));

    drop(stream);
    let again = async {
        loop {
            let mut stream = server.connect().await;
            stream.write_all(EVENTS).await.unwrap();
            if read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200") {
                break;
            }
        }
    };
    tokio::time::timeout(DEADLINE, again).await.unwrap();
}
