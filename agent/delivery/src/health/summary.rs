//! How an environment fares, from how its objects do.

use std::cmp::Reverse;
use std::fmt::Display;

use jiff::{SignedDuration, Timestamp};

use super::{Health, HealthStatus};

/// How many objects fare how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub total: usize,
    /// As their manifests ask.
    pub healthy: usize,
    /// At rest because their manifests ask for it.
    pub suspended: usize,
    /// On their way.
    pub progressing: usize,
    /// Nobody can tell.
    pub unknown: usize,
    /// Failed, or not healthy in time.
    pub degraded: usize,
    /// Those of the degraded that are only late.
    pub late: usize,
}

/// What is to be told of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All objects are as their manifests ask.
    Healthy,
    /// Some are on their way.
    Progressing,
    /// Some were not healthy in time, and these manifests never were.
    TimedOut,
    /// Some failed, and these manifests were never healthy.
    Failed,
    /// All were healthy with these manifests, and no longer are.
    Degraded,
}

/// How an environment fares. `L` names an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentHealth<L> {
    /// `Healthy`, `Progressing` or `Degraded`; an environment without objects is healthy.
    pub status: HealthStatus,
    /// How many objects fare how.
    pub counts: Counts,
    /// The objects that are not fine: the worst first, else in the order of the input.
    pub unhealthy: Vec<(L, Health)>,
    /// When the environment becomes degraded if nothing happens until then.
    pub deadline: Option<Timestamp>,
}

/// How an environment fares whose manifests were applied at `since`, and whose objects have `timeout` from then on to
/// become healthy: what is not by then counts as degraded.
pub fn summary<L>(
    objects: impl IntoIterator<Item = (L, Health)>,
    since: Timestamp,
    timeout: SignedDuration,
    now: Timestamp,
) -> EnvironmentHealth<L> {
    let deadline = since.saturating_add(timeout).unwrap_or(Timestamp::MAX);
    let overdue = now >= deadline;
    let mut counts = Counts::default();
    let mut unhealthy = Vec::new();
    for (label, mut health) in objects {
        if overdue && matches!(health.status, HealthStatus::Progressing | HealthStatus::Unknown) {
            let late = format!("not healthy within {timeout:#}");
            let message = if health.message.is_empty() { late } else { format!("{late}: {}", health.message) };
            health = Health::degraded(message);
            counts.late += 1;
        }
        counts.total += 1;
        *match health.status {
            HealthStatus::Healthy => &mut counts.healthy,
            HealthStatus::Suspended => &mut counts.suspended,
            HealthStatus::Progressing => &mut counts.progressing,
            HealthStatus::Unknown => &mut counts.unknown,
            HealthStatus::Degraded => &mut counts.degraded,
        } += 1;
        if !health.status.is_fine() {
            unhealthy.push((label, health));
        }
    }
    unhealthy.sort_by_key(|(_, health)| Reverse(health.status));
    let waits = counts.progressing + counts.unknown > 0;
    let status = match (counts.degraded > 0, waits) {
        (true, _) => HealthStatus::Degraded,
        (false, true) => HealthStatus::Progressing,
        (false, false) => HealthStatus::Healthy,
    };
    EnvironmentHealth { status, counts, unhealthy, deadline: waits.then_some(deadline) }
}

impl<L> EnvironmentHealth<L> {
    /// What is to be told, when it is known whether all objects were healthy before with these manifests.
    #[must_use]
    pub fn verdict(&self, was_healthy: bool) -> Verdict {
        match self.status {
            HealthStatus::Degraded if was_healthy => Verdict::Degraded,
            HealthStatus::Degraded if self.counts.degraded > self.counts.late => Verdict::Failed,
            HealthStatus::Degraded => Verdict::TimedOut,
            HealthStatus::Progressing | HealthStatus::Unknown => Verdict::Progressing,
            HealthStatus::Healthy | HealthStatus::Suspended => Verdict::Healthy,
        }
    }
}

impl<L: Display> EnvironmentHealth<L> {
    /// One line for people that names at most `most` objects.
    #[must_use]
    pub fn message(&self, most: usize) -> String {
        let total = self.counts.total;
        if self.unhealthy.is_empty() {
            return format!("{total} objects are healthy");
        }
        let named = self.unhealthy.iter().take(most).map(|(label, health)| {
            if health.message.is_empty() { label.to_string() } else { format!("{label}: {}", health.message) }
        });
        let mut text = named.collect::<Vec<_>>().join("; ");
        let more = self.unhealthy.len().saturating_sub(most);
        if more > 0 {
            text.push_str("; and ");
            text.push_str(&more.to_string());
            text.push_str(" more");
        }
        format!("{} of {total} objects are not healthy: {text}", self.unhealthy.len())
    }
}
