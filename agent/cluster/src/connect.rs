//! The connection to one cluster.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, header::USER_AGENT};
use kube::{Client, Config};

use crate::{Error, Watches, fence::Fence, kinds::Kinds};

/// From this minor version on, lists are streamed by default (KEP-3157).
const STREAMING_LISTS: u32 = 34;

/// One cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Writes nothing while another process leads.
    pub(crate) client: Client,
    /// For what agents that wait may write: the election itself, and webhooks that they pass on.
    pub(crate) unfenced: Client,
    pub(crate) fence: Fence,
    pub(crate) kinds: Arc<Kinds>,
    watches: Watches,
}

impl Cluster {
    /// Connects with `KUBECONFIG` or `~/.kube/config`, else with the service account of the pod.
    ///
    /// # Errors
    /// When there is no configuration, or the API server does not answer.
    pub async fn connect() -> Result<Self, Error> {
        let mut config = Config::infer().await.map_err(|error| Error::Config(error.to_string()))?;
        config.connect_timeout = Some(Duration::from_secs(10));
        // The client's own attempts have no end that could be set, and go on for minutes; ours are told apart by what is at stake.
        config.default_retry = false;
        // Audit logs tell the agent by it.
        config.headers.push((USER_AGENT, HeaderValue::from_static(concat!("plumb/", env!("CARGO_PKG_VERSION")))));
        let client = Client::try_from(config).map_err(|error| Error::Config(error.to_string()))?;
        let version = client
            .apiserver_version()
            .await
            .map_err(|error| Error::request("asking the API server for its version", error))?;
        let minor: u32 = version.minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
        let watches = Watches::new(client.clone(), minor >= STREAMING_LISTS);
        let (fence, unfenced) = (Fence::default(), client);
        let client = fence.before(&unfenced);
        Ok(Self { kinds: Arc::new(Kinds::new(client.clone())), client, unfenced, fence, watches })
    }

    /// The client, for typed requests.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether this process may write: it leads, or takes part in no election.
    #[must_use]
    pub fn may_write(&self) -> bool {
        self.fence.is_open()
    }

    /// The watches that all environments share.
    #[must_use]
    pub fn watches(&self) -> &Watches {
        &self.watches
    }
}
