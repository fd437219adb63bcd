//! A server that expects certain requests, one after the other, and nothing else.

#![allow(clippy::unwrap_used, reason = "what can not be served fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::Value;

/// A request with its answer: method and path with query (below the prefix, or after two slashes from the root), the body or null, the
/// status, the answer.
pub(crate) type Exchange = (&'static str, Value, u16, Value);

/// Expects these requests, below `prefix`, with this value of the header `Authorization`.
pub(crate) fn expect(
    prefix: &'static str,
    authorization: &'static str,
    exchanges: Vec<Exchange>,
) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        for (request, body, status, answer) in exchanges {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut lines, mut length) = (Vec::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.trim_end().to_owned();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
                lines.push(line);
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).unwrap();
            let sent: Value = if sent.is_empty() { Value::Null } else { serde_json::from_slice(&sent).unwrap() };
            let (method, path) = request.split_once(' ').unwrap();
            let path = path
                .strip_prefix('/')
                .filter(|path| path.starts_with('/'))
                .map_or_else(|| format!("{prefix}{path}"), str::to_owned);
            assert_eq!(lines[0], format!("{method} {path} HTTP/1.1"));
            assert!(
                lines.iter().any(|line| line.eq_ignore_ascii_case(&format!("authorization: {authorization}"))),
                "{lines:?}"
            );
            assert_eq!(sent, body, "{request}");
            let text = if answer.is_null() { String::new() } else { answer.to_string() };
            let head = format!(
                "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}",
                text.len()
            );
            stream.write_all(format!("{head}\r\n\r\n{text}").as_bytes()).unwrap();
        }
    });
    (url, thread)
}
