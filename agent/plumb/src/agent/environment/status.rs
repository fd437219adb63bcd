//! From what is known to the status that people and `kubectl wait` read.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{DriftPolicy, EnvironmentStatus, ObjectCounts, Reason, condition_type, set_condition};
use plumb_delivery::health::{Health, HealthStatus};
use tokio::time::Instant;

use super::{Worker, reconcile::Outcome};

/// How many unhealthy objects a message names.
const NAMED: usize = 10;

impl Worker {
    /// When objects that are on their way count as degraded.
    pub(super) fn health_deadline(&self) -> Option<Instant> {
        let since = self.unhealthy_since?;
        let timeout = std::time::Duration::from(self.environment.spec.timeout);
        let passed = std::time::Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default();
        // Once it is past, only an event can change anything.
        timeout.checked_sub(passed).map(|left| Instant::now() + left)
    }

    /// Brings the status up to date with what is known.
    pub(super) fn assess(&mut self, now: Timestamp) {
        let generation = self.environment.metadata.generation;
        let time = Time(now);
        self.status.observed_generation = generation;
        let before = self.status.conditions.clone();
        let (counts, unhealthy) = self.health();
        let drifted = self.drifted();
        self.unhealthy_since =
            if self.target.is_none() || unhealthy.is_empty() { None } else { self.unhealthy_since.or(Some(now)) };
        let late = self.unhealthy_since.is_some_and(|since| {
            let timeout = std::time::Duration::from(self.environment.spec.timeout);
            std::time::Duration::try_from(now.duration_since(since)).is_ok_and(|passed| passed >= timeout)
        });
        let degraded = counts.degraded > 0 || late;
        let conditions = &mut self.status.conditions;
        conditions.retain(|condition| {
            condition.type_ != condition_type::STALLED && condition.type_ != condition_type::RECONCILING
        });
        let mut set = |type_: &str, status: Option<bool>, reason: Reason, message: &str| {
            set_condition(conditions, type_, status, reason, message, generation, &time);
        };
        let mut healthy = false;
        if self.target.is_some() {
            self.status.objects = Some(counts);
            let message = describe(counts, &unhealthy, late);
            if unhealthy.is_empty() {
                healthy = true;
                set(condition_type::HEALTHY, Some(true), Reason::Succeeded, &message);
            } else {
                set(
                    condition_type::HEALTHY,
                    Some(false),
                    if degraded { Reason::Degraded } else { Reason::Progressing },
                    &message,
                );
            }
            if drifted.is_empty() {
                set(condition_type::DRIFTED, Some(false), Reason::NoDrift, "all objects are as git says");
            } else {
                let message =
                    format!("{} of {} objects differ from git: {}", drifted.len(), counts.total, shorten(&drifted));
                set(condition_type::DRIFTED, Some(true), Reason::DriftDetected, &message);
            }
        }
        match &self.outcome {
            Outcome::Pending => {
                set(condition_type::READY, None, Reason::Progressing, "waiting for the repository");
                set(condition_type::RECONCILING, Some(true), Reason::Progressing, "waiting for the repository");
            }
            Outcome::Failed { reason, message, transient } => {
                set(condition_type::READY, Some(false), *reason, message);
                if *transient {
                    set(condition_type::RECONCILING, Some(true), *reason, "it is tried again");
                } else if *reason != Reason::Suspended {
                    set(
                        condition_type::STALLED,
                        Some(true),
                        *reason,
                        "nothing will happen before the cause is removed",
                    );
                }
            }
            Outcome::Applied if healthy => {
                let revision = self.status.revision.as_deref().unwrap_or_default();
                set(
                    condition_type::READY,
                    Some(true),
                    Reason::Succeeded,
                    &format!("revision {revision} is applied and healthy"),
                );
            }
            Outcome::Applied => {
                let message = describe(counts, &unhealthy, late);
                set(
                    condition_type::READY,
                    Some(false),
                    if degraded { Reason::Degraded } else { Reason::Progressing },
                    &message,
                );
                if !degraded {
                    set(condition_type::RECONCILING, Some(true), Reason::Progressing, &message);
                }
            }
        }
        // A condition that was taken away and set again with the same status keeps its transition time.
        for condition in &mut self.status.conditions {
            if let Some(old) = before.iter().find(|old| old.type_ == condition.type_ && old.status == condition.status)
            {
                condition.last_transition_time = old.last_transition_time.clone();
            }
        }
        self.note_health(healthy, &time);
    }

    /// The newest record tells since when the revision is healthy without a break.
    fn note_health(&mut self, healthy: bool, time: &Time) {
        let applied = self.outcome == Outcome::Applied;
        let target = self.target.as_ref().map(|target| target.revision.to_string());
        if let Some(newest) = self.status.history.first_mut().filter(|newest| Some(&newest.revision) == target.as_ref())
        {
            match (&newest.healthy_since, healthy) {
                (None, true) if applied => newest.healthy_since = Some(time.clone()),
                (Some(_), false) => newest.healthy_since = None,
                _ => {}
            }
        }
    }

    /// Counts the objects by health, and names those that are not healthy.
    fn health(&self) -> (ObjectCounts, Vec<String>) {
        let mut counts = ObjectCounts::default();
        let mut unhealthy = Vec::new();
        let Some(target) = &self.target else {
            return (counts, unhealthy);
        };
        for id in target.manifests.objects.keys() {
            let Health { status, message } = self.watched.health(id);
            counts.total += 1;
            if status.is_fine() {
                counts.healthy += 1;
                continue;
            }
            if status == HealthStatus::Degraded {
                counts.degraded += 1;
            } else {
                counts.progressing += 1;
            }
            unhealthy.push(format!("{id}: {message}"));
        }
        (counts, unhealthy)
    }

    /// Objects that differ from git and are left so by the policy.
    fn drifted(&self) -> Vec<String> {
        let Some(target) = self.target.as_ref().filter(|_| self.environment.spec.drift.policy == DriftPolicy::Alert)
        else {
            return Vec::new();
        };
        let live = self.watched.live();
        let differs = |id| live.get(id).is_some_and(|live| live.agrees_with.is_none());
        target.manifests.objects.keys().filter(|id| differs(*id)).map(ToString::to_string).collect()
    }
}

fn describe(counts: ObjectCounts, unhealthy: &[String], late: bool) -> String {
    if unhealthy.is_empty() {
        return format!("all {} objects are healthy", counts.total);
    }
    let late = if late { ", longer than spec.timeout allows" } else { "" };
    format!("{} of {} objects are not healthy{late}: {}", unhealthy.len(), counts.total, shorten(unhealthy))
}

fn shorten(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if names.len() > NAMED {
        text += &format!("; and {} more", names.len() - NAMED);
    }
    text
}

/// Whether a change is worth a write of its own: a condition turned, a revision moved, a drift was seen.
pub(super) fn matters(written: &EnvironmentStatus, status: &EnvironmentStatus) -> bool {
    let turns = |status: &EnvironmentStatus| {
        let mut turns: Vec<_> = status
            .conditions
            .iter()
            .map(|condition| (condition.type_.clone(), condition.status.clone(), condition.reason.clone()))
            .collect();
        turns.sort();
        turns
    };
    let healthy = |status: &EnvironmentStatus| status.history.first().map(|record| record.healthy_since.is_some());
    turns(written) != turns(status)
        || written.revision != status.revision
        || written.observed_generation != status.observed_generation
        || written.attempted_revision != status.attempted_revision
        || written.drifts != status.drifts
        || written.promotions != status.promotions
        || healthy(written) != healthy(status)
}
