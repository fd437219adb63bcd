//! A real cluster for the tests: etcd, the Kubernetes control plane and KWOK as the nodes, on loopback.
//!
//! [`LocalCluster`] starts and stops one; [`shared`] connects a test to the one that `KUBECONFIG` names, which may as well be kind, k3d or any other.
//! The binaries come from `e2e/cluster/build.sh`.

mod audit;
mod certificates;
mod component;
mod connection;
mod eventually;
mod kubeconfig;
mod launcher;
mod layout;
mod namespace;
mod process;

pub(crate) use certificates::loopback_certificate;

pub use audit::{AuditLog, Mark, Request, Requests};
pub use component::Component;
pub use connection::{AUDIT_LOG_VARIABLE, Connection, shared};
pub use eventually::eventually;
pub use launcher::{LocalCluster, Options, stop};
pub use layout::Layout;
pub use namespace::Namespace;
