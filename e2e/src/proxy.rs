//! A reverse proxy before the API server that can be told to fail.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Response, StatusCode, header};
use futures::{StreamExt as _, stream};
use kube::Client;
use kube::config::AuthInfo;
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
            Response::from_parts(head, Body::from_stream(parts))
        }
        Err(error) => {
            let mut answer = Response::new(Body::from(format!("{error:#}\n")));
            *answer.status_mut() = StatusCode::BAD_GATEWAY;
            answer
        }
    }
}
