//! Connections: how many, how slow, and how they end.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{App, Error, app};

/// The largest head of a request, in bytes.
const HEAD_LIMIT: usize = 32 * 1024;

/// How long to pause when a connection can't be accepted: what is out (file descriptors) is not back at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What clients may take, and how often they are told.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the head of a request is there, and how long a connection may idle between two requests.
    pub head: Duration,
    /// Until the body of a request is there.
    pub body: Duration,
    /// How long a client may leave what was sent to it unread.
    pub unread: Duration,
    /// How long requests under way may take to end when the server shuts down.
    pub drain: Duration,
    /// How many connections may be open. Further ones wait to be accepted.
    pub connections: usize,
    /// How many of them may be event streams. Further ones are told to come back later.
    pub event_streams: usize,
    /// How long changes gather before open pages are told: a reconcile changes status a few times in a row.
    pub gather: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(20),
            unread: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            connections: 1024,
            event_streams: 128,
            gather: Duration::from_millis(250),
        }
    }
}

/// Serves HTTP/1.1 until `shutdown` is cancelled; then accepts no more and lets requests under way end.
///
/// # Errors
/// When the listener is of no use.
pub async fn serve(listener: TcpListener, state: App, shutdown: CancellationToken) -> Result<(), Error> {
    serve_within(listener, state, shutdown, Limits::default()).await
}

/// As [`serve`], with other limits.
///
/// # Errors
/// When the listener is of no use.
pub async fn serve_within(
    listener: TcpListener,
    state: App,
    shutdown: CancellationToken,
    limits: Limits,
) -> Result<(), Error> {
    let address = listener.local_addr().map_err(Error::Listener)?;
    let router = app::router(state, limits, shutdown.clone());
    let permits = Arc::new(Semaphore::new(limits.connections));
    let connections = TaskTracker::new();
    tracing::info!(%address, "serving HTTP");

    let accepting = async {
        // The semaphore is never closed, so a permit always comes.
        while let Ok(permit) = permits.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = connection(stream, router.clone(), limits, shutdown.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    shutdown.run_until_cancelled(accepting).await;

    drop(listener);
    connections.close();
    connections.wait().await;
    tracing::info!(%address, "stopped serving HTTP");
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, limits: Limits, shutdown: CancellationToken) {
    // The kernel ends a connection whose peer reads nothing for this long (tcp(7), TCP_USER_TIMEOUT).
    if let Err(error) = SockRef::from(&stream).set_tcp_user_timeout(Some(limits.unread)) {
        tracing::debug!(%error, "can't limit how long a client may leave answers unread");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_header_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.drain, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        // Clients hang up all the time, and it concerns nobody but who looks for it.
        tracing::debug!(%error, "a connection ended early");
    }
}
