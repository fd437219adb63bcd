//! The routes, and the probes and metrics behind them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use prometheus::{Registry, TextEncoder};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{Agent, Limits, events, hook, metrics::Metrics, page, respond};

/// Why the server can't be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server's counters can't be registered.
    #[error("can't register the server's metrics; use one registry for one server: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The listener is of no use.
    #[error("can't serve on the listener; bind another address: {0}")]
    Listener(#[source] std::io::Error),
}

/// What the server serves.
#[derive(Clone)]
pub struct App {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) metrics: Metrics,
    registry: Registry,
}

impl App {
    /// Serves this agent, and the metrics of this registry, to which the server adds its own.
    ///
    /// # Errors
    /// When the registry holds the metrics of a server already.
    pub fn new(agent: Arc<dyn Agent>, registry: Registry) -> Result<Self, Error> {
        Ok(Self { agent, metrics: Metrics::new(&registry)?, registry })
    }
}

/// What a handler gets.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) app: App,
    pub(crate) limits: Limits,
    /// Ends the event streams, which would otherwise hold up the end of the server.
    pub(crate) shutdown: CancellationToken,
    /// One permit for each event stream that may be open.
    pub(crate) streams: Arc<Semaphore>,
}

pub(crate) fn router(app: App, limits: Limits, shutdown: CancellationToken) -> Router {
    let streams = Arc::new(Semaphore::new(limits.event_streams));
    let context = Context { app, limits, shutdown, streams };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/hooks/{repository}", post(hook::in_own_namespace))
        .route("/hooks/{namespace}/{repository}", post(hook::in_namespace))
        .route("/api/v1/environments", get(environments))
        .route("/api/v1/repositories", get(repositories))
        .route("/events", get(events::stream))
        .route("/", get(page::show))
        .fallback(not_found)
        .layer(middleware::from_fn_with_state(context.clone(), respond::observe))
        .with_state(context)
}

async fn healthz(State(context): State<Context>) -> Response {
    probe(context.app.agent.alive())
}

async fn readyz(State(context): State<Context>) -> Response {
    probe(context.app.agent.ready())
}

fn probe(answer: Result<(), Vec<String>>) -> Response {
    match answer {
        Ok(()) => (StatusCode::OK, "ok\n").into_response(),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response(),
    }
}

async fn metrics(State(context): State<Context>) -> Response {
    match TextEncoder::new().encode_to_string(&context.app.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "can't write the metrics");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A list, as an object so that it can grow fields.
#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
}

async fn environments(State(context): State<Context>) -> Response {
    let mut items = context.app.agent.environments();
    items.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Json(List { items }).into_response()
}

async fn repositories(State(context): State<Context>) -> Response {
    let mut items = context.app.agent.repositories();
    items.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    Json(List { items }).into_response()
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "there is nothing here; the status page is at /\n").into_response()
}
