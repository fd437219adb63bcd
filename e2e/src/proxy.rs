//! A reverse proxy before the API server that can be told to fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use kube::Client;
use kube::config::AuthInfo;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::cluster::Connection;
use crate::tls::HttpsServer;

/// More than any request here has.
const LARGEST_BODY: usize = 64 << 20;

/// What is answered instead of passing a request on.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// The status of the answer.
    pub status: u16,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<u32>,
    /// Of so many requests one is passed on; 0 passes none on.
    pub one_passes_of: usize,
}

/// A proxy before the API server. It passes on the credentials of the clients, and adds none.
pub struct FaultyProxy {
    server: HttpsServer,
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    storm: Mutex<Option<Storm>>,
    /// Counts how often all connections were cut.
    cuts: watch::Sender<usize>,
    asked: AtomicUsize,
    refused: AtomicUsize,
    writes: AtomicUsize,
    /// The objects that the lists at the beginning of watches lack, once history is forgotten.
    forgotten: Mutex<Option<Vec<String>>>,
    left_out: AtomicUsize,
}

impl FaultyProxy {
    /// Starts it before the cluster of this connection, without faults.
    pub async fn start(connection: &Connection) -> Result<Self> {
        let mut config = connection.config.clone();
        config.auth_info = AuthInfo::default();
        let shared = Arc::new(Shared {
            client: Client::try_from(config)?,
            storm: Mutex::default(),
            cuts: watch::Sender::default(),
            asked: AtomicUsize::default(),
            refused: AtomicUsize::default(),
            writes: AtomicUsize::default(),
            forgotten: Mutex::default(),
            left_out: AtomicUsize::default(),
        });
        let server = HttpsServer::start(Router::new().fallback(pass).with_state(shared.clone())).await?;
        Ok(Self { server, shared })
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The authority that signed its certificate, in PEM.
    pub fn authority(&self) -> &str {
        &self.server.authority
    }

    /// From now on requests are refused; `None` ends that.
    pub fn storm(&self, storm: Option<Storm>) {
        *self.shared.storm.lock().unwrap_or_else(PoisonError::into_inner) = storm;
    }

    /// Breaks off all answers that are under way, which are mostly watches.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Breaks off all watches and lets none go on where it was, as an API server does that has started anew. The lists with which they begin again lack the
    /// objects of these names, as when its cache is behind. `None` ends that.
    pub fn forget(&self, lacking: Option<&[&str]>) {
        let names = lacking.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        *self.shared.forgotten.lock().unwrap_or_else(PoisonError::into_inner) = names;
        if lacking.is_some() {
            self.cut();
        }
    }

    /// How often an object was left out of a list so far.
    pub fn left_out(&self) -> usize {
        self.shared.left_out.load(Ordering::SeqCst)
    }

    /// How many requests were refused so far.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// How many requests that write were passed on so far; those for the election of a leader don't count.
    pub fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Whether this request is refused, and how.
    fn refusal(&self) -> Option<Storm> {
        let storm = (*self.storm.lock().unwrap_or_else(PoisonError::into_inner))?;
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let passes = storm.one_passes_of > 0 && number.is_multiple_of(storm.one_passes_of);
        (!passes).then_some(storm)
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if let Some(storm) = shared.refusal() {
        shared.refused.fetch_add(1, Ordering::SeqCst);
        let mut answer = Response::builder().status(storm.status);
        if let Some(seconds) = storm.retry_after {
            answer = answer.header(header::RETRY_AFTER, seconds);
        }
        return answer.body(Body::from("the proxy fails on purpose\n")).unwrap_or_default();
    }
    if request.method() != Method::GET && !request.uri().path().contains("/leases") {
        shared.writes.fetch_add(1, Ordering::SeqCst);
    }
    let forgotten = shared.forgotten.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let query = request.uri().query().unwrap_or_default();
    let is_watch = query.contains("watch=true");
    let begins = query.contains("sendInitialEvents=true");
    if forgotten.is_some() && is_watch && !begins {
        let status =
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410});
        return Response::new(Body::from(format!("{}\n", json!({"type": "ERROR", "object": status}))));
    }
    let lacking = forgotten.filter(|_| is_watch && begins).unwrap_or_default();
    // A cut that comes while the API server is asked is one for this answer too.
    let cuts = shared.cuts.subscribe();
    let (mut head, body) = request.into_parts();
    for own in [header::HOST, header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
        head.headers.remove(own);
    }
    let answer = async {
        let body = to_bytes(body, LARGEST_BODY).await?;
        let request = Request::from_parts(head, kube::client::Body::from(body));
        anyhow::Ok(shared.client.send(request).await?)
    };
    match answer.await {
        Ok(answer) => {
            let (head, body) = answer.into_parts();
            let parts = stream::unfold(Some((Body::new(body).into_data_stream(), cuts)), async |state| {
                let (mut body, mut cuts) = state?;
                tokio::select! {
                    Ok(()) = cuts.changed() => Some((Err(std::io::Error::other("cut")), None)),
                    part = body.next() => Some((part?.map_err(std::io::Error::other), Some((body, cuts)))),
                }
            });
            if lacking.is_empty() {
                return Response::from_parts(head, Body::from_stream(parts));
            }
            Response::from_parts(head, Body::from_stream(without(parts.boxed(), lacking, shared)))
        }
        Err(error) => {
            let mut answer = Response::new(Body::from(format!("{error:#}\n")));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    }
}

type Parts = BoxStream<'static, std::io::Result<Bytes>>;

/// The lines of a watch without those that add one of these objects before the list at its beginning has ended.
fn without(parts: Parts, lacking: Vec<String>, shared: Arc<Shared>) -> impl Stream<Item = std::io::Result<Bytes>> {
    let state = (parts, Vec::new(), true);
    stream::unfold(state, move |(mut parts, mut rest, mut listing)| {
        let (lacking, shared) = (lacking.clone(), shared.clone());
        async move {
            let part = match parts.next().await? {
                Ok(part) => part,
                Err(error) => return Some((Err(error), (parts, rest, listing))),
            };
            rest.extend_from_slice(&part);
            let end = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let mut kept = Vec::new();
            for line in rest.drain(..end).collect::<Vec<_>>().split_inclusive(|byte| *byte == b'\n') {
                let event: Value = serde_json::from_slice(line).unwrap_or_default();
                let name = event.pointer("/object/metadata/name").and_then(Value::as_str).unwrap_or_default();
                if listing && event["type"] == "ADDED" && lacking.iter().any(|lacking| lacking == name) {
                    shared.left_out.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                listing &= event["type"] != "BOOKMARK";
                kept.extend_from_slice(line);
            }
            Some((Ok(Bytes::from(kept)), (parts, rest, listing)))
        }
    })
}
