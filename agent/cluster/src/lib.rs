//! The Kubernetes API as Plumb uses it: discovery, server-side apply, watches, status, events, the lease.
//!
//! Nothing here decides: what to send comes in as plain data of `plumb-delivery`, and what the API server says goes out as such.

mod apply;
mod connect;
mod error;
mod events;
mod fence;
mod fresh;
mod guarded;
mod inventory;
mod kinds;
mod kubeconfig;
mod lease;
mod observe;
mod references;
mod resources;
mod retry_after;
mod watch;

pub use apply::{Applied, Deletion};
pub use connect::Cluster;
pub use error::{Class, Error};
pub use events::{Notice, Recorder};
pub use kinds::Kind;
pub use lease::{Leadership, lead};
pub use references::{ReferenceKind, Referenced, References};
pub use resources::{ResourceEvent, SecretData, SecretEvent, watch_resources, watch_secret};
pub use watch::Watches;
