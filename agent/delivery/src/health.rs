//! Whether a live object does what its manifest asks for.
//!
//! The rules are those of kstatus (`sigs.k8s.io/cli-utils/pkg/kstatus`), with these differences, each because "healthy"
//! lets a revision pass on to the next environment:
//!
//! - A workload whose controller has written no status yet is on its way.
//! - A Job is healthy once it is complete, not as soon as it runs; a Pod that failed is degraded.
//! - A `LoadBalancer` Service is on its way until it has an address.
//! - A condition that carries an `observedGeneration` counts only when it speaks of this generation.
//!
//! An Ingress is healthy as soon as it exists, as in kstatus: many ingress controllers never write an address.

mod apis;
mod certificates;
mod checks;
mod condition;
mod gateways;
mod pods;
mod rollouts;
mod services;
mod summary;
mod workloads;

use jiff::Timestamp;
use serde_json::Value;

use crate::object::{split_api_version, string_at};
pub use checks::{CheckError, CheckSource, HealthChecks};
use condition::{Condition, condition, number};
pub use summary::{Counts, EnvironmentHealth, Verdict, summary};

/// How an object fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthStatus {
    /// It is as its manifest asks.
    Healthy,
    /// Its manifest asks that it rests, and it does.
    Suspended,
    /// It is on its way, and nothing says that it will not arrive.
    Progressing,
    /// Nobody can tell, such as for a pod whose node is lost.
    Unknown,
    /// It failed; another try of its controller, or another manifest, may mend it.
    Degraded,
}

impl HealthStatus {
    /// Whether nothing is left to wait for.
    #[must_use]
    pub fn is_fine(self) -> bool {
        matches!(self, Self::Healthy | Self::Suspended)
    }
}

/// How an object fares, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// How it fares.
    pub status: HealthStatus,
    /// Why, for people; empty where there is nothing to say.
    pub message: String,
}

/// The longest message that is kept: conditions may hold kilobytes, and an environment ten thousand objects.
const MESSAGE: usize = 500;

impl Health {
    fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE {
            message.truncate(message.floor_char_boundary(MESSAGE));
            message.push('…');
        }
        Self { status, message }
    }

    fn healthy() -> Self {
        Self::new(HealthStatus::Healthy, "")
    }

    fn suspended(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Suspended, message)
    }

    fn progressing(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Progressing, message)
    }

    fn degraded(message: impl Into<String>) -> Self {
        Self::new(HealthStatus::Degraded, message)
    }
}

/// A rule for one kind.
type Rule = fn(&Value, Timestamp) -> Health;

/// The rule of a kind: of Kubernetes itself, and of what is installed beside it nearly everywhere.
fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("apps", "Deployment") => |object, _| workloads::deployment(object),
        ("apps", "StatefulSet") => |object, _| workloads::stateful_set(object),
        ("apps", "DaemonSet") => |object, _| workloads::daemon_set(object),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => |object, _| workloads::replica_set(object),
        ("batch", "Job") => |object, _| pods::job(object),
        ("batch", "CronJob") => |object, _| pods::cron_job(object),
        ("", "Pod") => pods::pod,
        ("", "Service") => |object, _| services::service(object),
        ("", "PersistentVolumeClaim") => |object, _| services::claim(object),
        ("", "PersistentVolume") => |object, _| services::volume(object),
        ("autoscaling", "HorizontalPodAutoscaler") => |object, _| services::autoscaler(object),
        ("policy", "PodDisruptionBudget") => |object, _| services::disruption_budget(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => |object, _| apis::definition(object),
        ("apiregistration.k8s.io", "APIService") => |object, _| apis::api_service(object),
        ("gateway.networking.k8s.io", "GatewayClass") => |object, _| gateways::class(object),
        ("gateway.networking.k8s.io", "Gateway") => |object, _| gateways::gateway(object),
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" | "UDPRoute") => {
            |object, _| gateways::route(object)
        }
        ("cert-manager.io", "Certificate") => |object, _| certificates::certificate(object),
        ("cert-manager.io", "Issuer" | "ClusterIssuer") => |object, _| certificates::issuer(object),
        ("cert-manager.io", "CertificateRequest") => |object, _| certificates::request(object),
        ("acme.cert-manager.io", "Order" | "Challenge") => |object, _| certificates::acme(object),
        ("flagger.app", "Canary") => |object, _| rollouts::canary(object),
        ("argoproj.io", "Workflow") => |object, _| pods::workflow(object),
        ("argoproj.io", "Rollout") => |object, _| rollouts::rollout(object),
        _ => return None,
    })
}

/// The API groups of Kubernetes itself. Groups such as `gateway.networking.k8s.io` are not among them: their kinds are
/// custom resources.
const BUILT_IN: [&str; 22] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Whether the health of a kind shows in its status. Where it does not (a `ConfigMap`, RBAC, a `NetworkPolicy`), an
/// object is healthy when it exists and is not being deleted, which its metadata alone tells.
#[must_use]
pub fn needs_status(group: &str, kind: &str) -> bool {
    rule(group, kind).is_some() || !BUILT_IN.contains(&group)
}

/// How a live object fares, at a given time.
///
/// `object` is the whole object; of a kind that does not [need its status](needs_status), its metadata will do. A field of
/// the wrong type counts as missing: the API server keeps such fields out of its own kinds.
#[must_use]
pub fn assess(object: &Value, now: Timestamp) -> Health {
    if let Some(health) = of_any_kind(object) {
        return health;
    }
    let (group, _) = split_api_version(string_at(object, &["apiVersion"]).unwrap_or_default());
    match rule(group, string_at(object, &["kind"]).unwrap_or_default()) {
        Some(rule) => rule(object, now),
        None => apis::conditions(object),
    }
}

/// What the API conventions say of objects of every kind; `None` when they do not decide.
fn of_any_kind(object: &Value) -> Option<Health> {
    if let Some(health) = being_changed(object) {
        return Some(health);
    }
    if let Some(reconciling) = condition(object, "Reconciling").filter(Condition::is_true) {
        return Some(Health::progressing(reconciling.why("is being reconciled")));
    }
    let stalled = condition(object, "Stalled").filter(Condition::is_true)?;
    Some(Health::degraded(stalled.why("has stalled")))
}

/// An object that is being deleted, or whose controller is behind; `None` when neither.
fn being_changed(object: &Value) -> Option<Health> {
    if string_at(object, &["metadata", "deletionTimestamp"]).is_some() {
        return Some(Health::progressing(apis::being_deleted(object)));
    }
    let observed = number(object, "/status/observedGeneration");
    if let (Some(generation), Some(observed)) = (number(object, "/metadata/generation"), observed)
        && observed != generation
    {
        return Some(unseen());
    }
    None
}

fn unseen() -> Health {
    Health::progressing("its controller has not seen the change yet")
}

#[cfg(test)]
mod tests;
