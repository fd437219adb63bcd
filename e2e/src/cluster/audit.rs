//! Reading the API server's audit log: who asked what.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kube::Client;
use serde::Deserialize;

use super::eventually::eventually;

/// The audit log of the cluster (`audit.k8s.io/v1` events, one per line, level Metadata).
#[derive(Clone, Debug)]
pub struct AuditLog {
    path: PathBuf,
}

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(u64);

/// One request, as the API server logged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The same in all events of the request.
    pub audit_id: String,
    /// Who asked, for instance `kubernetes-admin` or `system:serviceaccount:plumb-system:plumb`.
    pub user: String,
    /// How the client named itself.
    pub user_agent: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other URLs the HTTP method in lower case.
    pub verb: String,
    /// The path and the query.
    pub uri: String,
    /// The plural, for instance `deployments`. Empty for a URL that names none.
    pub resource: String,
    /// For instance `status`; mostly empty.
    pub subresource: String,
    /// Empty for the core group.
    pub group: String,
    /// Empty for what has no namespace.
    pub namespace: String,
    /// Empty for a list and the like.
    pub name: String,
    /// The HTTP status of the answer.
    pub code: u16,
}

/// Requests in the order in which they ended (a watch: began).
#[derive(Clone, Debug, Default)]
pub struct Requests(Vec<Request>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    audit_id: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    object_ref: Option<ObjectRef>,
    response_status: Option<ResponseStatus>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    resource: String,
    subresource: String,
    api_group: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

impl AuditLog {
    /// The log in this file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The end of the log as it is now.
    pub fn mark(&self) -> Result<Mark> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) => Ok(Mark(metadata.len())),
            // The API server makes the file with the first event.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Mark(0)),
            Err(error) => Err(error).with_context(|| format!("can't read the audit log {}", self.path.display())),
        }
    }

    /// What was logged after `mark`. A request may be logged a moment after its answer: see [`AuditLog::settled_since`].
    pub fn since(&self, mark: Mark) -> Result<Requests> {
        let mut bytes = Vec::new();
        File::open(&self.path)
            .and_then(|mut file| {
                file.seek(SeekFrom::Start(mark.0))?;
                file.read_to_end(&mut bytes)
            })
            .with_context(|| format!("can't read the audit log {}", self.path.display()))?;
        parse(&bytes)
    }

    /// What was logged after `mark`, when everything that was answered before this call is in the log. It makes a request (`GET /livez`) and waits
    /// until it appears; that one is left out.
    pub async fn settled_since(&self, client: &Client, mark: Mark) -> Result<Requests> {
        let now = self.mark()?;
        let fence = format!("/livez?plumb-e2e-fence={}-{}", std::process::id(), now.0);
        client.request_text(http::Request::get(&fence).body(Vec::new())?).await?;
        eventually(Duration::from_secs(30), "a request to appear in the audit log", async || {
            let mut requests = self.since(mark)?;
            ensure!(requests.0.iter().any(|request| request.uri == fence), "{} requests, not ours", requests.len());
            requests.0.retain(|request| !request.uri.contains("plumb-e2e-fence="));
            Ok(requests)
        })
        .await
    }
}

/// Reads whole lines; a last line that is still being written is left for the next time. A watch, which has an event at its start and one at
/// its end, is one request.
fn parse(bytes: &[u8]) -> Result<Requests> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut known = BTreeSet::new();
    let mut requests = Vec::new();
    for line in bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let event: Event = serde_json::from_slice(line)
            .with_context(|| format!("not an audit event: {}", String::from_utf8_lossy(line)))?;
        if !known.insert(event.audit_id.clone()) {
            continue;
        }
        let object = event.object_ref.unwrap_or_default();
        requests.push(Request {
            audit_id: event.audit_id,
            user: event.user.username,
            user_agent: event.user_agent,
            verb: event.verb,
            uri: event.uri,
            resource: object.resource,
            subresource: object.subresource,
            group: object.api_group,
            namespace: object.namespace,
            name: object.name,
            code: event.response_status.map_or(0, |status| status.code),
        });
    }
    Ok(Requests(requests))
}

impl Requests {
    /// Those of this user.
    pub fn by_user(self, user: &str) -> Self {
        self.only(|request| request.user == user)
    }

    /// Those of a client whose `User-Agent` begins so.
    pub fn by_user_agent(self, beginning: &str) -> Self {
        self.only(|request| request.user_agent.starts_with(beginning))
    }

    /// Those with this verb.
    pub fn with_verb(self, verb: &str) -> Self {
        self.only(|request| request.verb == verb)
    }

    /// Those for this resource (the plural) and its subresources.
    pub fn for_resource(self, resource: &str) -> Self {
        self.only(|request| request.resource == resource)
    }

    /// Those for this namespace and what is in it.
    pub fn in_namespace(self, namespace: &str) -> Self {
        self.only(|request| request.namespace == namespace)
    }

    /// Those that `wanted` picks.
    pub fn only(mut self, wanted: impl Fn(&Request) -> bool) -> Self {
        self.0.retain(wanted);
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Request> {
        self.0.iter()
    }
}

/// One line per request, for a failed assertion.
impl fmt::Display for Requests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for request in &self.0 {
            let Request { user, user_agent, verb, uri, code, .. } = request;
            writeln!(formatter, "{verb} {uri} -> {code} by {user} ({user_agent})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"kind":"Event","auditID":"1","stage":"ResponseStarted","requestURI":"/api/v1/pods?watch=1","verb":"watch","user":{"username":"ann"},"userAgent":"plumb/0.1","objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200}}
{"kind":"Event","auditID":"2","stage":"ResponseComplete","requestURI":"/apis/apps/v1/namespaces/a/deployments/web/status","verb":"patch","user":{"username":"bob"},"userAgent":"kubectl","objectRef":{"resource":"deployments","subresource":"status","namespace":"a","name":"web","apiGroup":"apps"},"responseStatus":{"code":403}}
{"kind":"Event","auditID":"1","stage":"ResponseComplete","requestURI":"/api/v1/pods?watch=1","verb":"watch","user":{"username":"ann"},"userAgent":"plumb/0.1","responseStatus":{"code":200}}
{"kind":"Event","auditID":"3","stage":"Respo"#;

    #[test]
    fn a_watch_is_one_request_and_half_a_line_is_none() {
        let requests = parse(LOG.as_bytes()).unwrap();
        assert_eq!(
            requests.to_string(),
            "watch /api/v1/pods?watch=1 -> 200 by ann (plumb/0.1)\n\
             patch /apis/apps/v1/namespaces/a/deployments/web/status -> 403 by bob (kubectl)\n"
        );
    }

    #[test]
    fn filters_narrow() {
        let requests = || parse(LOG.as_bytes()).unwrap();
        assert_eq!(requests().by_user("ann").len(), 1);
        assert_eq!(requests().by_user_agent("plumb/").with_verb("watch").for_resource("pods").len(), 1);
        assert_eq!(requests().in_namespace("a").only(|request| request.code == 403).len(), 1);
        assert!(requests().by_user("ann").with_verb("patch").is_empty());
    }

    #[test]
    fn reads_from_the_mark_on() {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::new(directory.path().join("audit.log"));
        let start = log.mark().unwrap();
        let (first, rest) = LOG.split_at(LOG.find('\n').unwrap() + 1);
        std::fs::write(&log.path, first).unwrap();
        let middle = log.mark().unwrap();
        std::fs::write(&log.path, format!("{first}{rest}")).unwrap();
        assert_eq!(log.since(start).unwrap().len(), 2);
        assert_eq!(log.since(middle).unwrap().by_user("bob").len(), 1);
    }

    #[test]
    fn what_is_no_event_is_an_error_that_shows_it() {
        let error = parse(b"hello\n").unwrap_err().to_string();
        assert_eq!(error, "not an audit event: hello");
    }
}
