//! Leader election: of several agents one acts, the others wait.

use kube_lease_manager::{LeaseManagerBuilder, LeaseManagerError};
use tokio::{sync::watch, task::JoinHandle};

use crate::{Cluster, Error};

/// How long a leader that died is waited for, in seconds.
const DURATION: u64 = 15;
/// How long before the end the leader renews, in seconds.
const GRACE: u64 = 5;

/// Whether this process leads, now and later. Dropping the channel gives the lease back.
pub struct Leadership {
    /// `true` while this process leads.
    pub leads: watch::Receiver<bool>,
    task: JoinHandle<Result<kube_lease_manager::LeaseManager, LeaseManagerError>>,
}

impl Leadership {
    /// Gives the lease back, so that another agent needs not wait for its end.
    pub async fn release(self) {
        drop(self.leads);
        match self.task.await {
            Ok(Ok(manager)) => {
                if let Err(error) = manager.release().await {
                    tracing::warn!(%error, "the lease could not be given back; another agent takes over when it ends");
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the lease could not be given back; another agent takes over when it ends");
            }
            Err(error) => tracing::warn!(%error, "leader election ended early"),
        }
    }
}

/// Takes part in the election for a Lease.
///
/// # Errors
/// When the Lease can be neither read nor made.
pub async fn lead(cluster: &Cluster, namespace: &str, name: &str, identity: &str) -> Result<Leadership, Error> {
    let failed = |error: LeaseManagerError| Error::Request {
        what: format!("Lease {namespace}/{name}"),
        code: None,
        message: error.to_string(),
    };
    let manager = LeaseManagerBuilder::new(cluster.client.clone(), name)
        .with_namespace(namespace)
        .with_identity(identity)
        .with_duration(DURATION)
        .with_grace(GRACE)
        .build()
        .await
        .map_err(failed)?;
    let (leads, task) = manager.watch().await;
    Ok(Leadership { leads, task })
}
