//! Connections on which nothing goes out while the fence is closed.
//!
//! A request that has passed the fence may still lie in a buffer when the process is stopped, and would be sent when it goes on. So the fence is asked once more
//! right before bytes are handed to the operating system.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioExecutor,
};
use kube::{Client, Config, client::ConfigExt as _};
use tower::{Service, ServiceBuilder};

use crate::fence::{Fence, NotLeading};

/// A client with connections of its own, all of them behind the fence.
///
/// # Errors
/// When the configuration is of no use.
pub(crate) fn client(config: &Config, fence: &Fence) -> kube::Result<Client> {
    let mut inner = HttpConnector::new();
    inner.enforce_http(false);
    inner.set_nodelay(true);
    inner.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(Connector { inner, fence: fence.clone() })?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(tower::BoxError::from)
        .service(hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector));
    Ok(Client::new(service, config.default_namespace.clone()))
}

#[derive(Clone)]
struct Connector {
    inner: HttpConnector,
    fence: Fence,
}

impl Service<Uri> for Connector {
    type Response = Guarded<<HttpConnector as Service<Uri>>::Response>;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connected, fence) = (self.inner.call(to), self.fence.clone());
        async move { Ok(Guarded { inner: connected.await?, fence }) }.boxed()
    }
}

struct Guarded<S> {
    inner: S,
    fence: Fence,
}

impl<S> Guarded<S> {
    fn check(&self) -> io::Result<()> {
        if self.fence.is_open() { Ok(()) } else { Err(io::Error::other(NotLeading)) }
    }
}

impl<S: Read + Unpin> Read for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl<S: Write + Unpin> Write for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }
}

impl<S: Connection> Connection for Guarded<S> {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper_util::rt::TokioIo;
    use tokio::{io::AsyncReadExt as _, time::Instant};

    use super::*;

    async fn write(to: &mut (impl Write + Unpin), bytes: &[u8]) -> io::Result<usize> {
        std::future::poll_fn(|cx| Pin::new(&mut *to).poll_write(cx, bytes)).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_lies_in_a_buffer_when_the_lease_ends_is_not_sent() {
        let fence = Fence::default();
        fence.open_until(Instant::now() + Duration::from_secs(10));
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut guarded = Guarded { inner: TokioIo::new(ours), fence };
        assert_eq!(write(&mut guarded, b"PATCH").await.unwrap(), 5);
        tokio::time::advance(Duration::from_secs(11)).await;
        assert!(write(&mut guarded, b"{}").await.unwrap_err().to_string().contains("no longer leads"));
        drop(guarded);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, b"PATCH");
    }
}
