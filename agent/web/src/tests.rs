//! The server on a real listener, and clients that speak bare TCP to it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use hmac::Mac as _;
use prometheus::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Agent, App, ConditionView, EnvironmentView, Error, HookToken, Limits, Mode, NoHookToken, ObjectCounts,
    RepositoryView, Status, serve_within,
};

mod connections;
mod hooks;
mod probes;
mod status;

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(20);
/// The token of the Repository `config`.
const TOKEN: &[u8] = b"correct horse";

/// An agent whose answers a test sets.
struct Told {
    answers: Mutex<Answers>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Answers {
    dead: Vec<String>,
    missing: Vec<String>,
    environments: Vec<EnvironmentView>,
    repositories: Vec<RepositoryView>,
    fetched: Vec<String>,
}

impl Agent for Told {
    fn alive(&self) -> Result<(), Vec<String>> {
        let dead = self.answers.lock().unwrap().dead.clone();
        if dead.is_empty() { Ok(()) } else { Err(dead) }
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let missing = self.answers.lock().unwrap().missing.clone();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    fn environments(&self) -> Vec<EnvironmentView> {
        self.answers.lock().unwrap().environments.clone()
    }

    fn repositories(&self) -> Vec<RepositoryView> {
        self.answers.lock().unwrap().repositories.clone()
    }

    fn hook_token(&self, namespace: Option<&str>, repository: &str) -> Result<HookToken, NoHookToken> {
        match (namespace, repository) {
            (None, "config") => Ok(HookToken::new(TOKEN).unwrap()),
            (Some("team"), "config") => Ok(HookToken::new(b"of the team").unwrap()),
            (None, "bare") => Err(NoHookToken::NotConfigured),
            _ => Err(NoHookToken::UnknownRepository),
        }
    }

    fn fetch(&self, namespace: Option<&str>, repository: &str) {
        self.answers.lock().unwrap().fetched.push(format!("{}/{repository}", namespace.unwrap_or("-")));
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// A server under test.
struct Server {
    address: SocketAddr,
    agent: Arc<Told>,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), Error>>,
}

impl Server {
    async fn start() -> Self {
        Self::start_within(Limits::default()).await
    }

    async fn start_within(limits: Limits) -> Self {
        let agent = Arc::new(Told { answers: Mutex::default(), changes: watch::Sender::new(7) });
        let app = App::new(agent.clone(), Registry::new()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let ended = tokio::spawn(serve_within(listener, app, shutdown.clone(), limits));
        Self { address, agent, shutdown, ended }
    }

    fn set(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.agent.answers.lock().unwrap());
    }

    fn fetched(&self) -> Vec<String> {
        self.agent.answers.lock().unwrap().fetched.clone()
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: plumb\r\nConnection: close\r\n\r\n").as_bytes()).await
    }

    /// Posts a body with these header lines.
    async fn post(&self, path: &str, lines: &[String], body: &[u8]) -> Answer {
        let lines = lines.iter().fold(String::new(), |lines, line| lines + line + "\r\n");
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: plumb\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n"
        );
        self.send(&[head.as_bytes(), body].concat()).await
    }

    async fn send(&self, request: &[u8]) -> Answer {
        let (mut reader, mut writer) = self.connect().await.into_split();
        let exchange = async {
            // A server that refuses a body closes its end while we still write, which is fine.
            let (_, bytes) = tokio::join!(writer.write_all(request), read_all(&mut reader));
            Answer::parse(&bytes)
        };
        tokio::time::timeout(DEADLINE, exchange).await.unwrap()
    }
}

/// Reads until the end or the reset of a connection.
async fn read_all(reader: &mut (impl tokio::io::AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = reader.read_to_end(&mut bytes).await;
    bytes
}

/// An answer of the server.
struct Answer {
    code: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer in {text:?}"));
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { code, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Code and body, for comparing.
    fn line(&self) -> String {
        format!("{} {}", self.code, self.body)
    }
}

/// HMAC-SHA-256 in hex.
fn hmac_hex(key: &[u8], body: &[u8]) -> String {
    hex::encode(HookToken::new(key).unwrap().mac().unwrap().chain_update(body).finalize().into_bytes())
}

fn condition(status: Status, reason: &str, message: &str) -> ConditionView {
    ConditionView { status, reason: reason.into(), message: message.into() }
}

/// A healthy environment of the repository `config`.
fn environment(name: &str) -> EnvironmentView {
    EnvironmentView {
        namespace: "plumb-system".into(),
        name: name.into(),
        repository: "config".into(),
        path: format!("overlays/{name}"),
        mode: Mode::Following,
        revision: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into()),
        attempted_revision: None,
        suspended: false,
        ready: condition(Status::True, "Succeeded", "1a2b3c4 is applied and healthy"),
        healthy: condition(Status::True, "Succeeded", ""),
        drifted: condition(Status::False, "NoDrift", ""),
        objects: ObjectCounts { total: 3, healthy: 3, ..ObjectCounts::default() },
        applied_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        promotion: None,
        events: vec![],
    }
}

fn repository(name: &str) -> RepositoryView {
    RepositoryView {
        namespace: "plumb-system".into(),
        name: name.into(),
        url: "https://bot:hunter2@git.example.org/config.git".into(),
        branch: "main".into(),
        head: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into()),
        fetched_at: Some("2026-01-02T03:05:00Z".parse().unwrap()),
        ready: condition(Status::True, "Succeeded", ""),
        webhook: true,
    }
}
