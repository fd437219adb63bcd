use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    thread::JoinHandle,
};

use super::*;
use crate::Class;

const TOKEN: &str = "hunter2-hunter2";

/// Answers as many requests as there are answers, and gives what was asked: the first line, headers and body of each.
fn server(answers: Vec<String>) -> (Url, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = Url::parse(&format!("http://{}/api/", listener.local_addr().unwrap())).unwrap();
    let thread = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = String::new();
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                request.push_str(&line);
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            request.push_str(&String::from_utf8(body).unwrap());
            asked.push(request);
            stream.write_all(answer.as_bytes()).unwrap();
        }
        asked
    });
    (base, thread)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn api(base: &Url) -> Api {
    let limits = Limits { wait: Duration::from_secs(2), answer: 1_000, pages: 2, ..Limits::default() };
    Api::new(base, "GitHub", "application/json", Arc::new(Fixed(format!("Bearer {TOKEN}"))), limits)
}

fn refused(status: &str, headers: &str, body: &str) -> (Error, usize) {
    let (base, thread) = server(vec![answer(status, headers, body)]);
    let error = api(&base).post::<Value>(&["a"], &json_body()).unwrap_err();
    assert!(!error.to_string().contains(TOKEN), "{error}");
    (error, thread.join().unwrap().len())
}

fn json_body() -> Value {
    serde_json::json!({"a": 1})
}

#[test]
fn a_request_has_what_a_forge_expects() {
    let (base, thread) = server(vec![answer("200 OK", "", "{\"b\": 2}")]);
    let found: Value = api(&base).get(&["repos", "o/o", "a b"], &[("q", "x=\"y\"&z")]).unwrap();
    assert_eq!(found, serde_json::json!({"b": 2}));
    let asked = thread.join().unwrap().remove(0);
    assert!(asked.starts_with("GET /api/repos/o%2Fo/a%20b?q=x%3D%22y%22%26z HTTP/1.1"), "{asked}");
    let lower = asked.to_ascii_lowercase();
    assert!(
        lower.contains(&format!("authorization: bearer {TOKEN}")) && lower.contains("user-agent: plumb/"),
        "{asked}"
    );
}

#[test]
fn what_is_read_is_asked_again_and_what_is_written_is_not() {
    let (base, thread) = server(vec![answer("502 Bad Gateway", "", ""), answer("200 OK", "", "[]")]);
    let found: Vec<Value> = api(&base).get(&["a"], &[]).unwrap();
    assert!(found.is_empty());
    assert_eq!(thread.join().unwrap().len(), 2);
    let (error, requests) = refused("502 Bad Gateway", "", "<html>");
    // A second attempt would find nobody.
    assert!(matches!(error, Error::Server { status: 502, .. }) && requests == 1, "{error}");
}

#[test]
fn a_forge_that_has_had_enough_is_left_alone() {
    let (base, thread) =
        server(vec![answer("429 Too Many Requests", "Retry-After: 1\r\n", ""), answer("201 Created", "", "{}")]);
    api(&base).post::<Value>(&["a"], &json_body()).unwrap();
    let asked = thread.join().unwrap();
    assert!(asked.len() == 2 && asked[1].ends_with("{\"a\":1}"), "{asked:?}");

    let (error, _) =
        refused("403 Forbidden", "Retry-After: 90\r\n", "{\"message\": \"You have exceeded a secondary rate limit\"}");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(90)));
    let (error, _) = refused("403 Forbidden", "", "{\"message\": \"Resource not accessible by integration\"}");
    assert!(matches!(&error, Error::Credentials { message, .. } if message.starts_with("Resource")), "{error}");
}

#[test]
fn refusals_are_told_apart() {
    for (status, class) in
        [("401 Unauthorized", Class::Config), ("404 Not Found", Class::Config), ("422 Unprocessable", Class::Config)]
    {
        let (error, _) =
            refused(status, "", "{\"message\": \"no\\nway\", \"errors\": [{\"message\": \"A pull request exists\"}]}");
        assert_eq!(error.class(), class);
        assert!(error.to_string().contains("no way: A pull request exists"), "{error}");
    }
    let (error, _) = refused("307 Temporary Redirect", "Location: /api/b?token=x\r\n", "");
    assert!(matches!(&error, Error::Moved { to, .. } if to.ends_with("/api/b")), "{error}");
    let (error, _) = refused("200 OK", "", "<html>");
    assert!(matches!(&error, Error::Answer { .. }), "{error}");
    let (error, _) = refused("200 OK", "", &format!("\"{}\"", "x".repeat(1_000)));
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
}

#[test]
fn a_list_is_read_to_its_end_or_to_the_last_page_that_may_be() {
    let next = "Link: <http://x/?page=9>; rel=\"next\", <http://x/?page=1>; rel=\"first\"\r\n";
    let (base, thread) = server(vec![answer("200 OK", next, "[1]"), answer("200 OK", "", "[2]")]);
    let all: Vec<u32> = api(&base).list(&["a"], &[("per_page", "1")], |page| (page, false)).unwrap();
    assert_eq!(all, [1, 2]);
    let asked = thread.join().unwrap();
    assert!(asked[1].starts_with("GET /api/a?per_page=1&page=2 "), "{asked:?}");
    let (base, thread) = server(vec![answer("200 OK", next, "[1]"), answer("200 OK", next, "[2]")]);
    let all: Vec<u32> = api(&base).list(&["a"], &[], |page| (page, false)).unwrap();
    assert_eq!((all.len(), thread.join().unwrap().len()), (2, 2));
}

#[test]
fn a_token_that_no_header_may_hold_is_told_and_not_shown() {
    let base = Url::parse("http://127.0.0.1:9/").unwrap();
    let api = Api::new(
        &base,
        "GitHub",
        "application/json",
        Arc::new(Fixed("Bearer hunter2\nhunter2".into())),
        Limits::default(),
    );
    let error = api.get::<Value>(&["a"], &[]).unwrap_err();
    assert!(error.to_string().contains("line breaks") && !error.to_string().contains("hunter2"), "{error}");
    assert!(!format!("{api:?}").contains("hunter2"));
}

#[test]
fn a_closed_port_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = api(&base).get::<Value>(&["a"], &[]).unwrap_err();
    assert_eq!(error.class(), Class::Transient, "{error}");
}

#[test]
fn a_refused_token_is_renewed_once() {
    struct Two(std::sync::Mutex<Vec<&'static str>>);
    impl Authorize for Two {
        fn authorization(&self) -> Result<String, Error> {
            Ok(self.0.lock().unwrap().last().copied().unwrap_or("none").to_owned())
        }
        fn refused(&self) -> bool {
            self.0.lock().unwrap().pop().is_some()
        }
    }
    let unauthorized = || answer("401 Unauthorized", "", "{}");
    let (base, thread) = server(vec![unauthorized(), answer("200 OK", "", "1")]);
    let tokens = Arc::new(Two(std::sync::Mutex::new(vec!["new", "old"])));
    let limits = Limits::default();
    let api = Api::new(&base, "GitHub", "application/json", tokens, limits);
    assert_eq!(api.get::<u32>(&["a"], &[]).unwrap(), 1);
    assert!(thread.join().unwrap()[1].to_ascii_lowercase().contains("authorization: new"));
    let (base, thread) = server(vec![unauthorized(), unauthorized()]);
    let tokens = Arc::new(Two(std::sync::Mutex::new(vec!["new", "old"])));
    let api = Api::new(&base, "GitHub", "application/json", tokens, limits);
    assert!(matches!(api.get::<u32>(&["a"], &[]), Err(Error::Credentials { .. })));
    assert_eq!(thread.join().unwrap().len(), 2);
}
