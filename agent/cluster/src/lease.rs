//! Leader election: of several agents one acts, the others wait.
//!
//! As in client-go, clocks of different machines are never compared, nor is the clock of the wall used at all: an agent that waits takes the Lease when it has
//! seen it unchanged for as long as it lasts, by its own monotonic clock, and the leader stops a good while before that.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use plumb_delivery::FIELD_MANAGER;
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{Cluster, Error, fence::Fence};

/// How long others wait for a leader that is not heard of.
const DURATION: Duration = Duration::from_secs(15);
/// How long a leader acts after the last time that it renewed. The rest is for requests that are under way.
const ACTS: Duration = Duration::from_secs(10);
/// How often the leader renews.
const RENEWAL: Duration = Duration::from_secs(4);
/// How often an agent that waits looks, and how soon after a failure it is tried again.
const LOOK: Duration = Duration::from_secs(1);
/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(3);

/// Whether this process leads, now and later.
pub struct Leadership {
    /// `true` while this process leads.
    pub leads: watch::Receiver<bool>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Leadership {
    /// Gives the lease back, so that another agent needs not wait for its end.
    pub async fn release(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "leader election ended early");
        }
    }
}

/// Takes part in the election for a Lease. From now on the cluster takes no write of this process while it does not lead.
///
/// # Errors
/// When the Lease can be neither read nor made.
pub async fn lead(cluster: &Cluster, namespace: &str, name: &str, identity: &str) -> Result<Leadership, Error> {
    cluster.fence.close();
    let mut candidate = Candidate {
        api: Api::namespaced(cluster.unfenced.clone(), namespace),
        what: format!("Lease {namespace}/{name}"),
        name: name.to_owned(),
        identity: identity.to_owned(),
        fence: cluster.fence.clone(),
        seen: None,
    };
    candidate.read().await?;
    let (leads, receiver) = watch::channel(false);
    let stop = CancellationToken::new();
    let task = tokio::spawn(candidate.run(leads, stop.clone()));
    Ok(Leadership { leads: receiver, stop, task })
}

/// What was last seen of the Lease.
#[derive(Clone, Debug, PartialEq)]
struct Record {
    version: String,
    spec: LeaseSpec,
}

impl Record {
    fn of(lease: Lease) -> Self {
        Self { version: lease.metadata.resource_version.unwrap_or_default(), spec: lease.spec.unwrap_or_default() }
    }

    fn holder(&self) -> &str {
        self.spec.holder_identity.as_deref().unwrap_or_default()
    }

    /// Whether it is to be had: nobody holds it, or nobody was heard of since it was first seen so.
    fn is_free(&self, unchanged: Duration) -> bool {
        let lasts = self.spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        self.holder().is_empty() || unchanged >= lasts.map_or(DURATION, Duration::from_secs)
    }
}

struct Candidate {
    api: Api<Lease>,
    what: String,
    name: String,
    identity: String,
    fence: Fence,
    /// The Lease as it is, and since when it is so.
    seen: Option<(Record, Instant)>,
}

impl Candidate {
    async fn run(mut self, leads: watch::Sender<bool>, stop: CancellationToken) {
        let mut acts_until: Option<Instant> = None;
        loop {
            let began = Instant::now();
            let held = tokio::select! {
                () = stop.cancelled() => break,
                held = self.attempt() => held,
            };
            let pause = match held {
                Ok(true) => {
                    // What was asked for before the request was sent holds at least from then on.
                    acts_until = Some(began + ACTS);
                    self.fence.open_until(began + ACTS);
                    RENEWAL
                }
                Ok(false) => {
                    acts_until = None;
                    LOOK
                }
                Err(error) => {
                    tracing::warn!(%error, "the lease could not be taken or renewed; it is tried again");
                    LOOK
                }
            };
            let leading = acts_until.is_some_and(|end| Instant::now() < end);
            if !leading {
                self.fence.close();
            }
            leads.send_if_modified(|leads| {
                let changed = *leads != leading;
                *leads = leading;
                if changed {
                    tracing::info!(identity = self.identity, leading, "leadership changed");
                }
                changed
            });
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.fence.close();
        if acts_until.is_some_and(|end| Instant::now() < end)
            && let Err(error) = self.write("").await
        {
            tracing::warn!(%error, "the lease could not be given back; another agent takes over when it ends");
        }
        leads.send_replace(false);
    }

    /// Renews the Lease or takes it, if it is to be had; `true` when it is ours.
    async fn attempt(&mut self) -> Result<bool, Error> {
        let ours = |candidate: &Self| candidate.record().is_some_and(|record| record.holder() == candidate.identity);
        if ours(self) {
            // A version that is no longer there is refused: then somebody else wrote, and it is looked at.
            match self.write(&self.identity.clone()).await {
                Err(error) if error.code() == Some(409) => {}
                other => return other.map(|()| true),
            }
        }
        self.read().await?;
        let free = self.seen.as_ref().is_some_and(|(record, since)| record.is_free(since.elapsed()));
        if !free && !ours(self) {
            return Ok(false);
        }
        match self.write(&self.identity.clone()).await {
            Ok(()) => Ok(true),
            // Another one was faster.
            Err(error) if error.code() == Some(409) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn record(&self) -> Option<&Record> {
        self.seen.as_ref().map(|(record, _)| record)
    }

    fn see(&mut self, lease: Lease) {
        let record = Record::of(lease);
        if self.record() != Some(&record) {
            self.seen = Some((record, Instant::now()));
        }
    }

    /// Looks at the Lease, which is made if it is missing.
    async fn read(&mut self) -> Result<(), Error> {
        let look = async {
            if let Some(lease) = self.api.get_opt(&self.name).await? {
                return Ok(lease);
            }
            let empty =
                Lease { metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() }, spec: None };
            match self.api.create(&PostParams::default(), &empty).await {
                Err(kube::Error::Api(status)) if status.code == 409 => self.api.get(&self.name).await,
                other => other,
            }
        };
        let lease = self.bounded(look).await?;
        self.see(lease);
        Ok(())
    }

    /// Writes who holds the Lease, if it still is as it was seen.
    async fn write(&mut self, holder: &str) -> Result<(), Error> {
        let record = self.record().cloned().ok_or_else(|| self.failed("it was not read yet"))?;
        let now = MicroTime(Timestamp::now());
        let changes_hands = record.holder() != holder;
        let transitions = record.spec.lease_transitions.unwrap_or(0) + i32::from(changes_hands && !holder.is_empty());
        let acquired = if changes_hands { Some(now.clone()) } else { record.spec.acquire_time.clone() };
        let body = json!({
            "metadata": {"resourceVersion": record.version},
            "spec": {
                "holderIdentity": holder, "leaseDurationSeconds": DURATION.as_secs(),
                "acquireTime": acquired, "renewTime": now, "leaseTransitions": transitions,
            },
        });
        let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let lease = self.bounded(self.api.patch(&self.name, &parameters, &Patch::Merge(&body))).await?;
        self.see(lease);
        Ok(())
    }

    fn failed(&self, message: &str) -> Error {
        Error::Request { what: self.what.clone(), code: None, message: message.into() }
    }

    async fn bounded<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
        match tokio::time::timeout(REQUEST, request).await {
            Ok(answer) => answer.map_err(|error| Error::request(self.what.clone(), error)),
            Err(_) => Err(self.failed("the API server did not answer in time")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(holder: Option<&str>) -> Record {
        let spec = LeaseSpec {
            holder_identity: holder.map(str::to_owned),
            lease_duration_seconds: Some(15),
            // In the future of every clock here: times of others prove nothing.
            renew_time: Some(MicroTime(Timestamp::MAX)),
            ..LeaseSpec::default()
        };
        Record { version: "1".into(), spec }
    }

    #[test]
    fn a_lease_is_free_when_it_was_given_back_or_nobody_is_heard_of() {
        let seconds = Duration::from_secs;
        for free in [record(None), record(Some(""))] {
            assert!(free.is_free(Duration::ZERO));
        }
        let held = record(Some("other"));
        assert!(!held.is_free(seconds(14)));
        assert!(held.is_free(seconds(15)));
    }

    #[test]
    fn a_leader_stops_before_another_may_begin() {
        assert!(ACTS + REQUEST < DURATION && RENEWAL + REQUEST + LOOK < ACTS);
    }
}
