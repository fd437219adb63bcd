//! The connection to one cluster.

use std::{sync::Arc, time::Duration};

use http::header::USER_AGENT;
use kube::{Client, Config};

use crate::{Error, Watches, fence::Fence, fresh, guarded, kinds::Kinds, kubeconfig};

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
        config.headers.push((USER_AGENT, kubeconfig::agent()));
        Self::with(config, Fence::default()).await
    }

    /// Connects to another cluster with the text of a kubeconfig, which comes from somebody who must not run programs or read files here, and reads which kinds the cluster
    /// serves. There as well nothing is written while another process leads here.
    ///
    /// # Errors
    /// When something in it is refused, or the API server does not answer.
    pub async fn remote(&self, kubeconfig: &str) -> Result<Self, Error> {
        let cluster = Self::with(kubeconfig::read(kubeconfig).await?, self.fence.clone()).await?;
        cluster.refresh_kinds().await?;
        Ok(cluster)
    }

    /// Whether the API server answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> Result<(), Error> {
        let answer = self.client.apiserver_version().await;
        answer.map(drop).map_err(|error| Error::request("asking the API server for its version", error))
    }

    /// Whether both are one connection.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.kinds, &other.kinds)
    }

    async fn with(mut config: Config, fence: Fence) -> Result<Self, Error> {
        config.connect_timeout = Some(Duration::from_secs(10));
        // The client's own attempts have no end that could be set, and go on for minutes; ours are told apart by what is at stake. `retry_after` does what the
        // API server asks for.
        config.default_retry = false;
        let writer = guarded::client(&config, &fence).map_err(|error| Error::Config(error.to_string()))?;
        let client = Client::try_from(config).map_err(|error| Error::Config(error.to_string()))?;
        let version = client
            .apiserver_version()
            .await
            .map_err(|error| Error::request("asking the API server for its version", error))?;
        let minor: u32 = version.minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
        let watches = Watches::new(fresh::client(&client), minor >= STREAMING_LISTS);
        let unfenced = client;
        let client = fence.before(&unfenced, &writer);
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
