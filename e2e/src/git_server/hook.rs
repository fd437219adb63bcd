//! The webhook that a forge sends after a push.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);
const NOTHING: &str = "0000000000000000000000000000000000000000";

/// A text that is known, or will be in a file when it is needed.
#[derive(Clone)]
pub enum Setting {
    /// The text itself.
    Value(String),
    /// The file that holds it; white space around it does not count.
    File(PathBuf),
}

impl Setting {
    async fn read(&self) -> Result<String> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::File(path) => read(path).await,
        }
    }
}

async fn read(path: &Path) -> Result<String> {
    let text = tokio::fs::read_to_string(path).await.with_context(|| format!("can't read {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Where to tell of pushes: each branch that moved is a POST like GitHub's `push` event, signed with the token.
#[derive(Clone)]
pub struct Hook {
    /// An `http://` URL.
    pub url: Setting,
    /// The secret that signs the body.
    pub token: Setting,
}

impl Hook {
    /// Tells of all references that differ; nobody, while the file with the URL is missing.
    pub(super) async fn tell(&self, repository: &str, before: &References, after: &References) -> Result<()> {
        if let Setting::File(path) = &self.url
            && !path.exists()
        {
            return Ok(());
        }
        let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for name in names.into_iter().filter(|name| before.get(*name) != after.get(*name)) {
            let id = |references: &References| references.get(name).cloned().unwrap_or_else(|| NOTHING.into());
            let body = json!({
                "ref": name, "before": id(before), "after": id(after),
                "repository": {"name": repository, "full_name": repository},
            });
            let sent = tokio::time::timeout(PATIENCE, self.post(&body.to_string())).await;
            sent.context("the webhook was not answered in time")??;
        }
        Ok(())
    }

    async fn post(&self, body: &str) -> Result<()> {
        let (url, token) = (self.url.read().await?, self.token.read().await?);
        let rest = url.strip_prefix("http://").with_context(|| format!("the webhook {url:?} is no http:// url"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut mac = Hmac::<Sha256>::new_from_slice(token.as_bytes())?;
        mac.update(body.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let request = format!(
            "POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n\
             X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let mut stream = TcpStream::connect(address).await.with_context(|| format!("can't reach the webhook {url}"))?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        ensure!(status.starts_with('2'), "the webhook {url} answered {status:?}");
        Ok(())
    }
}

/// The branches and tags of a repository with what they point to.
pub(super) type References = BTreeMap<String, String>;

pub(super) async fn references(repository: &Path) -> Result<References> {
    let mut command = tokio::process::Command::new("git");
    super::git::isolate(repository, |name, value| {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    });
    command.arg("-C").arg(repository).args(["for-each-ref", "--format=%(objectname) %(refname)"]);
    let output = command.output().await?;
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = lines.lines().filter_map(|line| line.split_once(' '));
    Ok(pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect())
}
