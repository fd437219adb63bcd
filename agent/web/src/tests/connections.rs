//! Slow clients, full servers, and the end.

use super::*;

/// Waits until the server closes the connection.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    tokio::time::timeout(DEADLINE, read_all(stream)).await.unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let server = Server::start_within(Limits { head: Duration::from_millis(50), ..Limits::default() }).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: pl").await.unwrap();
    closed(&mut silent).await;
    assert!(!String::from_utf8_lossy(&closed(&mut slow).await).contains("200 OK"));
}

#[tokio::test]
async fn an_idle_connection_is_not_kept() {
    let server = Server::start_within(Limits { head: Duration::from_millis(50), ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: plumb\r\n\r\n").await.unwrap();
    assert!(String::from_utf8_lossy(&closed(&mut stream).await).starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let server = Server::start().await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: plumb\r\nX-Large: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert_eq!(server.send(request.as_bytes()).await.code, 431);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped() {
    let server =
        Server::start_within(Limits { unread: Duration::from_millis(500), connections: 1, ..Limits::default() }).await;
    // Larger than what the kernel buffers for a connection.
    let note = "x".repeat(64 * 1024);
    server.set(|answers| answers.missing = vec![note; 512]);
    let mut stuck = server.connect().await;
    stuck.write_all(b"GET /readyz HTTP/1.1\r\nHost: plumb\r\n\r\n").await.unwrap();
    // The one connection that is allowed comes free although `stuck` is still open here.
    assert_eq!(server.get("/healthz").await.code, 200);
    drop(stuck);
}

#[tokio::test]
async fn shutdown_lets_requests_under_way_end_and_takes_no_more() {
    let server = Server::start().await;
    let mut webhook = server.connect().await;
    let head = "POST /hooks/config HTTP/1.1\r\nHost: plumb\r\nContent-Length: 4\r\nX-Gitlab-Token: correct horse\r\nExpect: 100-continue\r\n\r\n";
    webhook.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body once the handler reads it, so the request is under way.
    let mut asked = [0; 25];
    tokio::time::timeout(DEADLINE, webhook.read_exact(&mut asked)).await.unwrap().unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut events = server.connect().await;
    events.write_all(b"GET /events HTTP/1.1\r\nHost: plumb\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    tokio::time::timeout(DEADLINE, events.read_exact(&mut first)).await.unwrap().unwrap();

    server.shutdown.cancel();
    closed(&mut events).await;
    webhook.write_all(b"body").await.unwrap();
    let answer = Answer::parse(&closed(&mut webhook).await);
    assert_eq!(answer.line(), r#"202 {"repository":"config","fetch":"requested"}"#);

    tokio::time::timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_what_never_ends() {
    let server = Server::start_within(Limits { drain: Duration::from_millis(50), ..Limits::default() }).await;
    let mut webhook = server.connect().await;
    let head = "POST /hooks/config HTTP/1.1\r\nHost: plumb\r\nContent-Length: 4\r\nX-Gitlab-Token: correct horse\r\nExpect: 100-continue\r\n\r\n";
    webhook.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    tokio::time::timeout(DEADLINE, webhook.read_exact(&mut asked)).await.unwrap().unwrap();
    server.shutdown.cancel();
    tokio::time::timeout(DEADLINE, server.ended).await.unwrap().unwrap().unwrap();
    assert!(server.agent.answers.lock().unwrap().fetched.is_empty());
}
