//! What every write to the cluster passes.
//!
//! Writes end with the lease: what a process began as the leader it must not go on with when another one may lead. A process can be stopped between any two of its instructions and go on minutes later, so that it asked for the lease before does not help. Each write is
//! checked against the monotonic clock right before it is sent, and dropped while it waits.
//!
//! And only so many are under way at once, whatever the number of environments: each has a connection of its own, and the API server is not helped by a thousand.

use std::{future::Future, sync::Arc};

use http::{Method, Request};
use kube::{Client, client::Body};
use tokio::{
    sync::{Semaphore, watch},
    time::Instant,
};

use crate::retry_after;

/// How many writes of objects are under way at once.
const WRITES: usize = 32;
/// How many statuses and events: they wait rather than the objects that they tell of.
const REPORTS: usize = 4;

/// Until when this process may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// Nobody is elected: the command line.
    Always,
    /// Another process leads, or none.
    Never,
    Until(Instant),
}

/// Lets writes through while this process leads.
#[derive(Clone, Debug)]
pub(crate) struct Fence(Arc<watch::Sender<Leave>>);

/// Why a write was not sent.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this agent no longer leads, so it writes nothing")]
pub(crate) struct NotLeading;

impl Default for Fence {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Leave::Always)))
    }
}

impl Fence {
    /// No write passes from now on.
    pub(crate) fn close(&self) {
        self.0.send_replace(Leave::Never);
    }

    /// Writes pass until then.
    pub(crate) fn open_until(&self, end: Instant) {
        self.0.send_replace(Leave::Until(end));
    }

    /// Whether a write would pass now.
    pub(crate) fn is_open(&self) -> bool {
        match *self.0.borrow() {
            Leave::Always => true,
            Leave::Never => false,
            Leave::Until(end) => Instant::now() < end,
        }
    }

    /// Returns when no write passes any more.
    async fn closed(&self) {
        let mut leave = self.0.subscribe();
        loop {
            let now = *leave.borrow_and_update();
            let changed = async {
                if leave.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            match now {
                Leave::Never => return,
                Leave::Always => changed.await,
                Leave::Until(end) => tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(end) => return,
                    () = changed => {}
                },
            }
        }
    }

    /// A write that is dropped when the fence closes.
    async fn guard<T>(&self, write: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
        if !self.is_open() {
            return Err(kube::Error::Service(Box::new(NotLeading)));
        }
        tokio::select! {
            biased;
            () = self.closed() => Err(kube::Error::Service(Box::new(NotLeading))),
            answer = write => answer,
        }
    }

    /// A client whose writes pass the fence, and then the connections of `guarded`, which the fence guards as well.
    pub(crate) fn before(&self, client: &Client, guarded: &Client) -> Client {
        let (fence, inner, guarded) = (self.clone(), client.clone(), guarded.clone());
        let (writes, reports) = (Arc::new(Semaphore::new(WRITES)), Arc::new(Semaphore::new(REPORTS)));
        let service = tower::service_fn(move |request: Request<Body>| {
            let (fence, inner, guarded) = (fence.clone(), inner.clone(), guarded.clone());
            let path = request.uri().path();
            let limit = if path.ends_with("/status") || path.ends_with("/events") { &reports } else { &writes };
            let limit = limit.clone();
            async move {
                if request.method() == Method::GET {
                    return retry_after::send(&inner, request).await;
                }
                let write = async {
                    // Nobody closes it.
                    let _turn = limit.acquire().await;
                    retry_after::send(&guarded, request).await
                };
                fence.guard(write).await
            }
        });
        Client::new(service, client.default_namespace())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn outcome(fence: &Fence) -> &'static str {
        match fence.guard(async { Ok(()) }).await {
            Ok(()) => "sent",
            Err(kube::Error::Service(error)) if error.is::<NotLeading>() => "refused",
            Err(_) => "failed",
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_pass_only_while_this_process_leads() {
        let fence = Fence::default();
        assert_eq!(outcome(&fence).await, "sent");
        fence.close();
        assert_eq!(outcome(&fence).await, "refused");
        fence.open_until(Instant::now() + Duration::from_secs(10));
        assert_eq!(outcome(&fence).await, "sent");
        tokio::time::advance(Duration::from_secs(11)).await;
        assert_eq!((outcome(&fence).await, fence.is_open()), ("refused", false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_waits_is_dropped_with_the_end_of_the_lease() {
        let fence = Fence::default();
        fence.open_until(Instant::now() + Duration::from_secs(10));
        let slow = fence.guard(async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Ok(())
        });
        assert!(slow.await.is_err());
        // A lease that is renewed meanwhile carries it on.
        fence.open_until(Instant::now() + Duration::from_secs(10));
        let renewed = fence.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(9)).await;
            renewed.open_until(Instant::now() + Duration::from_secs(10));
        });
        let slow = fence.guard(async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Ok(())
        });
        assert!(slow.await.is_ok());
    }
}
