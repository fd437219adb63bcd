//! Telling of drifts: at once that there is one, and what it changed as soon as somebody looked.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{DriftRecord, DriftedValue};
use plumb_delivery::{Drift, DriftPolicy, DriftedField};

use super::Worker;

/// How many drifts the status keeps.
const DRIFTS_KEPT: usize = 10;

/// A drift of which the values are known now.
pub(super) struct Looked {
    drift: Drift,
    /// When it was seen.
    seen: Timestamp,
    why: Why,
}

/// Why somebody looked.
enum Why {
    /// It was told, without the values.
    Told,
    /// It was only a suspicion, and is true.
    Suspected,
    /// It was told before, and seems to be undone.
    ChangedAgain,
}

impl Worker {
    /// Counts a drift, puts it into the status and tells it. Nothing of this is waited for: a repair comes first.
    pub(super) fn report_drift(&mut self, drift: Drift, now: Timestamp) {
        let policy = match drift.policy {
            DriftPolicy::Repair => "repair",
            DriftPolicy::Alert => "alert",
            DriftPolicy::Ignore => "ignore",
        };
        self.cx.metrics.drifts.with_label_values(&[&self.key.namespace, &self.key.name, policy]).inc();
        if drift.policy == DriftPolicy::Ignore {
            return;
        }
        if self.repairs.drifted(&drift.id, std::time::Instant::now()) && drift.policy == DriftPolicy::Repair {
            self.tell_of_fight(&drift);
        }
        tracing::info!(environment = %self.key, object = %drift.id, fields = drift.names().join(", "), policy, "drift");
        self.status.drifts.insert(0, record(&drift, now));
        self.status.drifts.truncate(DRIFTS_KEPT);
        self.find_values(drift, now);
    }

    fn tell_of_fight(&self, drift: &Drift) {
        let by = drift.writer().map(|writer| format!(", last by {writer}")).unwrap_or_default();
        let message = format!(
            "{} is changed again and again{by}, so it is put back at growing pauses; stop who does that, or leave the fields to them with a rule in spec.drift.rules",
            drift.id
        );
        let notifier = self.notifier();
        tokio::spawn(async move { notifier.notify(true, "RepairsPaused", "Observe", message).await });
    }

    /// Asks the API server about objects that somebody else may have applied in our name: only it knows what an apply would change.
    pub(super) fn suspect(&mut self) {
        for suspicion in self.watched.take_suspicions() {
            let desired = self.target.as_ref().and_then(|target| target.manifests.objects.get(&suspicion.id));
            let Some(desired) = desired.map(|desired| self.watched.yielding(desired)) else { continue };
            let (cluster, rules, looked) = (self.cluster.clone(), self.watched.rules().clone(), self.looked_in.clone());
            tokio::spawn(async move {
                match cluster.dry_run(&desired).await {
                    Ok((Some(live), merged)) => {
                        if let Some(drift) = suspicion.confirm(&live, &merged, &rules) {
                            let _ = looked.send(Looked { drift, seen: Timestamp::now(), why: Why::Suspected });
                        }
                    }
                    Ok((None, _)) => {}
                    Err(error) => tracing::warn!(object = %desired.id, %error, "a suspicion could not be looked into"),
                }
            });
        }
    }

    /// Looks whether drifts that were only reported were undone. Then our apply changes nothing, and takes the fields back from whoever wrote them. `true` when
    /// there is something to take back.
    pub(super) fn look_again(&mut self) -> bool {
        let mut some = false;
        for mut drift in self.watched.take_changed_again() {
            if !drift.wants_values() {
                some |= self.take_back(&drift);
                continue;
            }
            let desired = self.target.as_ref().and_then(|target| target.manifests.objects.get(&drift.id)).cloned();
            let (cluster, looked) = (self.cluster.clone(), self.looked_in.clone());
            tokio::spawn(async move {
                let Some(desired) = desired else { return };
                match cluster.object_at(&drift.id, drift.resource_version).await {
                    Ok(live) => drift.look(&desired, live.as_ref()),
                    Err(error) => {
                        tracing::warn!(object = %drift.id, %error, "what drifted could not be looked at again");
                    }
                }
                let _ = looked.send(Looked { drift, seen: Timestamp::now(), why: Why::ChangedAgain });
            });
        }
        some
    }

    fn take_back(&mut self, drift: &Drift) -> bool {
        if !drift.is_undone() || !self.watched.undone(drift) {
            return false;
        }
        tracing::info!(environment = %self.key, object = %drift.id, "the drift was undone");
        !self.environment.spec.suspend
    }

    /// Fetches what the fields of a drift said, unless a watch brought it, and tells it then.
    fn find_values(&self, mut drift: Drift, seen: Timestamp) {
        let desired = self.target.as_ref().and_then(|target| target.manifests.objects.get(&drift.id)).cloned();
        let (cluster, notifier, looked) = (self.cluster.clone(), self.notifier(), self.looked_in.clone());
        tokio::spawn(async move {
            if let Some(desired) = desired.filter(|_| drift.wants_values()) {
                match cluster.object_at(&drift.id, drift.resource_version).await {
                    Ok(live) => drift.look(&desired, live.as_ref()),
                    Err(error) => tracing::warn!(object = %drift.id, %error, "what drifted could not be looked at"),
                }
            }
            let warning = drift.policy == DriftPolicy::Alert;
            tracing::info!(object = %drift.id, "{drift}");
            let message = drift.to_string();
            // A receiver that is gone is an environment that ends.
            let _ = looked.send(Looked { drift, seen, why: Why::Told });
            notifier.notify(warning, "DriftDetected", "Observe", message).await;
        });
    }

    /// Takes in what was found: completes the record of a drift, or tells one that only looking could show. `true` when there is something to repair.
    pub(super) fn looked(&mut self, looked: &Looked) -> bool {
        match looked.why {
            Why::Suspected => {
                if !self.watched.confirm(&looked.drift) {
                    return false;
                }
                self.report_drift(looked.drift.clone(), looked.seen);
                return looked.drift.policy == DriftPolicy::Repair && !self.environment.spec.suspend;
            }
            Why::ChangedAgain => return self.take_back(&looked.drift),
            Why::Told => {}
        }
        let found = record(&looked.drift, looked.seen);
        let same = |record: &&mut DriftRecord| record.object == found.object && record.time == found.time;
        if let Some(record) = self.status.drifts.iter_mut().find(same) {
            record.fields = found.fields;
            record.values = found.values;
        }
        false
    }
}

fn record(drift: &Drift, seen: Timestamp) -> DriftRecord {
    DriftRecord {
        object: drift.id.to_string(),
        fields: drift.names(),
        writer: drift.writer().map(|writer| writer.manager.clone()),
        values: drift.told().map(value).collect(),
        time: Time(seen),
        repaired: false,
    }
}

fn value(field: &DriftedField) -> DriftedValue {
    let writer = field.writer.as_ref();
    DriftedValue {
        field: field.name(),
        expected: field.expected.clone(),
        found: field.found.clone(),
        manager: writer.map(|writer| writer.manager.clone()),
        operation: writer.map(|writer| writer.operation.clone()),
        subresource: writer.map(|writer| writer.subresource.clone()).filter(|subresource| !subresource.is_empty()),
        time: writer.map(|writer| writer.time.clone()),
    }
}
