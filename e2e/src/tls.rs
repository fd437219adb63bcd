//! HTTPS servers on loopback, which stop when they are dropped.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::cluster::loopback_certificate;

/// A running HTTPS server.
pub(crate) struct HttpsServer {
    address: SocketAddr,
    /// The authority that signed its certificate, in PEM.
    pub(crate) authority: String,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl HttpsServer {
    /// Starts it on a free port.
    pub(crate) async fn start(router: Router) -> Result<Self> {
        let (authority, certificate, key) = loopback_certificate()?;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).context("our own certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).context("our own key")?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (shaken, connections) = mpsc::channel(16);
        // A client that is slow to shake hands must not keep the others waiting.
        let accepting = tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (acceptor, shaken) = (acceptor.clone(), shaken.clone());
                tokio::spawn(async move {
                    stream.set_nodelay(true).ok();
                    if let Ok(stream) = acceptor.accept(stream).await {
                        shaken.send((stream, peer)).await.ok();
                    }
                });
            }
        });
        let serving = tokio::spawn(async move {
            axum::serve(Connections { connections, address }, router).await.ok();
        });
        Ok(Self { address, authority, tasks: [accepting, serving] })
    }

    /// Where it is, such as `https://127.0.0.1:8443`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

struct Connections {
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl axum::serve::Listener for Connections {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
