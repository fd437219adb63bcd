//! On which cluster an environment is: the one that the agent runs in, or another by a kubeconfig.

use plumb_api::{Environment, Reason};
use plumb_cluster::Cluster;
use plumb_delivery::Watched;
use tokio::sync::mpsc;

use super::{Events, Worker, reconcile::Outcome, watching};
use crate::agent::{
    Context,
    board::Key,
    remotes::{Address, Link, Remote},
};

/// Where the kubeconfig of an environment is, if it has one.
pub(super) fn address(environment: &Environment) -> Option<Address> {
    let reference = &environment.spec.kube_config.as_ref()?.secret_ref;
    let namespace = Key::of(environment).namespace;
    Some(Address { secret: Key { namespace, name: reference.name.clone() }, entry: reference.key.clone() })
}

/// The cluster of an environment, or why it can't be asked now.
pub(crate) fn connection(cx: &Context, environment: &Environment) -> Result<Cluster, String> {
    let Some(address) = address(environment) else { return Ok(cx.cluster.clone()) };
    let remote = cx.remotes.connect(&address);
    let link = remote.link.borrow().clone();
    match link {
        Link::Up(cluster) => Ok(cluster),
        Link::Connecting => Err("connecting to the cluster of spec.kubeConfig".into()),
        Link::Down { why, .. } => Err(why),
    }
}

/// Waits until the connection of an environment on another cluster changes.
pub(super) async fn changed(remote: &mut Option<Remote>) {
    match remote {
        Some(remote) => {
            if remote.link.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

impl Worker {
    /// Sees to it that the environment's cluster is the one that is spoken to.
    pub(super) fn connect(&mut self, events: &mut Events) -> Result<(), Outcome> {
        let cluster = match &mut self.remote {
            None => self.cx.cluster.clone(),
            Some(remote) => match remote.link.borrow_and_update().clone() {
                Link::Up(cluster) => cluster,
                Link::Connecting => {
                    return Err(Outcome::Waiting("connecting to the cluster of spec.kubeConfig".into()));
                }
                Link::Down { why, transient: true } => return Err(Outcome::transient(Reason::ClusterUnreachable, why)),
                Link::Down { why, transient: false } => return Err(Outcome::config(Reason::KubeConfigInvalid, why)),
            },
        };
        if !cluster.is(&self.cluster) {
            self.cluster = cluster;
            // What was known, and which kinds there are, was true of the other connection.
            self.watched = Watched::new(watching::field_rules(&self.environment.spec), self.expressions.checks.clone());
            (self.events_in, *events) = mpsc::unbounded_channel();
            self.unwatched = super::looking::Unwatched::default();
            self.target = None;
        }
        Ok(())
    }
}
