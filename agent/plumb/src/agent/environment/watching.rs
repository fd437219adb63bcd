//! Watching: which kinds, and what becomes of what the watches say.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{DriftRecord, EnvironmentSpec};
use plumb_delivery::{Drift, DriftPolicy, FieldRule, FieldRules, GroupKind, WatchEvent, Watching};
use tokio::time::Instant;

use super::{Events, Worker};

/// How long the first list of a kind may take before the reconcile goes on without it.
const FIRST_LIST: Duration = Duration::from_secs(30);
/// How many drifts the status keeps.
const DRIFTS_KEPT: usize = 10;

impl Worker {
    /// Takes in what a watch says; `true` when there is something to repair.
    pub(super) async fn absorb(&mut self, event: WatchEvent) -> bool {
        let now = Timestamp::now();
        let manifests = self.target.as_ref().map(|target| &target.manifests);
        let lost = matches!(event, WatchEvent::Lost(_));
        let mut drifts = self.watched.absorb(event, manifests, now);
        // What we delete ourselves, to create it anew, is no drift.
        drifts.retain(|drift| !self.recreating.contains(&drift.id));
        if drifts.is_empty() {
            return lost;
        }
        let repair = drifts.iter().any(|drift| drift.policy == DriftPolicy::Repair);
        for drift in drifts {
            self.report_drift(drift, now).await;
        }
        repair && !self.environment.spec.suspend
    }

    async fn report_drift(&mut self, drift: Drift, now: Timestamp) {
        let policy = drift.policy;
        let policy_name = match policy {
            DriftPolicy::Repair => "repair",
            DriftPolicy::Alert => "alert",
            DriftPolicy::Ignore => "ignore",
        };
        self.cx.metrics.drifts.with_label_values(&[&self.key.namespace, &self.key.name, policy_name]).inc();
        if policy == DriftPolicy::Ignore {
            return;
        }
        self.repairs.drifted(&drift.id, now);
        let by = drift.writer.as_ref().map(|writer| format!(" by {writer}")).unwrap_or_default();
        let fields = drift.fields.join(", ");
        tracing::info!(environment = %self.key, object = %drift.id, fields, writer = drift.writer, policy = policy_name, "drift");
        let record = DriftRecord {
            object: drift.id.to_string(),
            fields: drift.fields.iter().take(20).cloned().collect(),
            writer: drift.writer.clone(),
            time: Time(now),
            repaired: false,
        };
        self.status.drifts.insert(0, record);
        self.status.drifts.truncate(DRIFTS_KEPT);
        self.notify(
            policy == DriftPolicy::Alert,
            "DriftDetected",
            "Observe",
            format!("{} was changed{by}: {fields}", drift.id),
        )
        .await;
    }

    /// When the next object that is fought over is due for a repair.
    pub(super) fn next_repair(&self) -> Option<Instant> {
        let now = Timestamp::now();
        let due = self.repairs.held(now).into_values().min()?;
        Some(Instant::now() + Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    /// Watches all these kinds, and returns when what exists of them is known. Kinds that can't be watched are returned with the reason.
    pub(super) async fn watch(&mut self, kinds: BTreeSet<GroupKind>, events: &mut Events) -> Vec<(GroupKind, String)> {
        for kind in &kinds {
            if self.watched.watching(kind).is_none()
                && let Some(known) = self.cx.cluster.kind(kind, None)
            {
                self.watched.asked(kind.clone());
                let whole = self.watched.checks().cover(kind);
                self.cx.cluster.watches().subscribe(&known, self.owner.clone(), self.events_in.clone(), whole);
            }
        }
        let deadline = Instant::now() + FIRST_LIST;
        while kinds
            .iter()
            .any(|kind| matches!(self.watched.watching(kind), Some(Watching::Asked | Watching::Listing(..))))
        {
            match tokio::time::timeout_at(deadline, events.recv()).await {
                // What drifted while nobody watched is repaired by the plan that follows.
                Ok(Some(event)) => drop(self.absorb(event).await),
                Ok(None) | Err(_) => break,
            }
        }
        kinds
            .into_iter()
            .filter_map(|kind| {
                let why = match self.watched.watching(&kind)? {
                    Watching::Synced => return None,
                    Watching::Failed(why) => format!("{why}; the agent needs the verbs list and watch on it"),
                    Watching::Asked | Watching::Listing(..) => {
                        format!("the API server did not list it within {} s", FIRST_LIST.as_secs())
                    }
                };
                Some((kind, why))
            })
            .collect()
    }
}

/// What an Environment says about changes that others make.
pub(super) fn field_rules(spec: &EnvironmentSpec) -> FieldRules {
    let policy = |policy: plumb_api::DriftPolicy| match policy {
        plumb_api::DriftPolicy::Repair => DriftPolicy::Repair,
        plumb_api::DriftPolicy::Alert => DriftPolicy::Alert,
        plumb_api::DriftPolicy::Ignore => DriftPolicy::Ignore,
    };
    let rules = spec.drift.rules.iter().map(|rule| FieldRule {
        kind: rule.kind.clone(),
        name: rule.name.clone(),
        pointer: rule.pointer.clone(),
        manager: rule.manager.clone(),
        policy: policy(rule.policy),
    });
    FieldRules { default: policy(spec.drift.policy), rules: rules.collect() }
}
