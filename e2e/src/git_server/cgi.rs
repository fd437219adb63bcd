//! One request to `git http-backend` (RFC 3875, and git-http-backend(1)).

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, header, request};
use futures::StreamExt as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use super::git;

const LARGEST_HEAD: usize = 64 << 10;

/// Answers a request; both bodies are passed on as they come. `ended` runs when git has ended well.
pub(super) async fn answer<F>(
    root: &Path,
    head: &request::Parts,
    body: Body,
    user: Option<&str>,
    ended: F,
) -> Result<Response<Body>>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut child = spawn(root, head, user)?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else { bail!("git has no pipes") };
    tokio::spawn(feed(stdin, body));
    let mut stdout = BufReader::new(stdout);
    let (status, headers) = read_head(&mut stdout).await?;

    let (send, mut receive) = mpsc::channel::<std::io::Result<Bytes>>(4);
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let chunk = match stdout.read(&mut buffer).await {
                Ok(0) => break,
                Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                Err(error) => Err(error),
            };
            // A client that has gone must not keep a push from being finished.
            send.send(chunk).await.ok();
        }
        if child.wait().await.is_ok_and(|status| status.success()) {
            ended.await;
        }
    });
    let stream = futures::stream::poll_fn(move |context| receive.poll_recv(context));
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

fn spawn(root: &Path, head: &request::Parts, user: Option<&str>) -> Result<Child> {
    let mut command = Command::new(git::exec_path()?.join("git-http-backend"));
    git::isolate(root, |name, value| {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    });
    command.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", head.method.as_str()).env("PATH_INFO", head.uri.path());
    command.env("QUERY_STRING", head.uri.query().unwrap_or_default());
    command.env("SERVER_PROTOCOL", "HTTP/1.1").env("REMOTE_ADDR", "127.0.0.1");
    if let Some(user) = user {
        command.env("REMOTE_USER", user);
    }
    for (header, variable) in [
        (header::CONTENT_TYPE.as_str(), "CONTENT_TYPE"),
        (header::CONTENT_LENGTH.as_str(), "CONTENT_LENGTH"),
        (header::CONTENT_ENCODING.as_str(), "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = head.headers.get(header).and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().context("can't start git http-backend")
}

async fn feed(mut stdin: ChildStdin, body: Body) {
    let mut stream = body.into_data_stream();
    while let Some(Ok(chunk)) = stream.next().await {
        if stdin.write_all(&chunk).await.is_err() {
            break;
        }
    }
}

async fn read_head(stdout: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Result<(StatusCode, HeaderMap)> {
    let (mut status, mut headers, mut size) = (StatusCode::OK, HeaderMap::new(), 0);
    loop {
        let mut line = String::new();
        size += stdout.read_line(&mut line).await?;
        if line.is_empty() || size > LARGEST_HEAD {
            bail!("git http-backend gave no answer");
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok((status, headers));
        }
        let Some((name, value)) = line.split_once(':') else { bail!("git http-backend answered {line:?}") };
        if name.eq_ignore_ascii_case("status") {
            status = value.split_whitespace().next().unwrap_or_default().parse()?;
        } else {
            headers.append(header::HeaderName::from_bytes(name.as_bytes())?, value.trim().parse()?);
        }
    }
}
