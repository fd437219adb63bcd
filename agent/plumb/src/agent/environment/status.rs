//! From what is known to the status that people and `kubectl wait` read.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use plumb_api::{EnvironmentStatus, ObjectCounts, Reason, condition_type, keep_transition_times, set_condition};
use plumb_delivery::{
    DriftPolicy,
    health::{Verdict, summary},
};
use tokio::time::Instant;

use super::{Worker, reconcile::Outcome};

/// How many unhealthy objects a message names.
const NAMED: usize = 10;

/// How the environment fares, in words that the status uses.
struct Assessment {
    verdict: Verdict,
    counts: ObjectCounts,
    message: String,
    unhealthy: Vec<String>,
    deadline: Option<Timestamp>,
}

impl Worker {
    /// Brings the status up to date with what is known.
    pub(super) fn assess(&mut self, now: Timestamp) {
        let generation = self.environment.metadata.generation;
        let time = Time(now);
        self.status.observed_generation = generation;
        let before = self.status.conditions.clone();
        let assessment = self.health(now);
        let drifted = self.drifted();
        let fought_over = !self.repairs.held(std::time::Instant::now()).is_empty();
        let unwatched = self.unwatched.note(self.look_interval());
        let conditions = &mut self.status.conditions;
        conditions.retain(|condition| {
            condition.type_ != condition_type::STALLED && condition.type_ != condition_type::RECONCILING
        });
        let mut set = |type_: &str, status: Option<bool>, reason: Reason, message: &str| {
            set_condition(conditions, type_, status, reason, message, generation, &time);
        };
        let healthy = assessment.as_ref().is_some_and(|assessment| assessment.verdict == Verdict::Healthy);
        let pending = assessment.as_ref().map_or(Reason::Progressing, |assessment| reason(assessment.verdict));
        self.deadline = None;
        let mut message = String::new();
        if let Some(assessment) = assessment {
            set(condition_type::HEALTHY, Some(healthy), pending, &assessment.message);
            if drifted.is_empty() {
                let message = format!("all objects are as git says{unwatched}");
                set(condition_type::DRIFTED, Some(false), Reason::NoDrift, &message);
            } else {
                let named = drifted.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
                let message = format!(
                    "{} of {} objects differ from git: {named}{unwatched}",
                    drifted.len(),
                    assessment.counts.total
                );
                let reason = if fought_over { Reason::RepairsPaused } else { Reason::DriftDetected };
                set(condition_type::DRIFTED, Some(true), reason, &message);
            }
            self.unhealthy_since = if healthy { None } else { self.unhealthy_since.or(Some(Instant::now())) };
            // Once it is past, only an event can change anything.
            let left = assessment.deadline.and_then(|deadline| Duration::try_from(deadline.duration_since(now)).ok());
            self.deadline = left.filter(|left| !left.is_zero()).map(|left| Instant::now() + left);
            self.status.objects = Some(assessment.counts);
            self.status.unhealthy = assessment.unhealthy;
            message = assessment.message;
        }
        match &self.outcome {
            Outcome::Pending => {}
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
            Outcome::Waiting(message) => {
                set(condition_type::READY, Some(false), Reason::Progressing, message);
                set(condition_type::RECONCILING, Some(true), Reason::Progressing, message);
            }
            Outcome::Applied if healthy => {
                let revision = self.status.revision.as_deref().unwrap_or_default();
                let message = format!("revision {revision} is applied and healthy");
                set(condition_type::READY, Some(true), Reason::Succeeded, &message);
            }
            Outcome::Applied => {
                set(condition_type::READY, Some(false), pending, &message);
                if pending == Reason::Progressing {
                    set(condition_type::RECONCILING, Some(true), Reason::Progressing, &message);
                }
            }
        }
        keep_transition_times(&mut self.status.conditions, &before);
        self.note_health(healthy, &time);
    }

    /// The newest record tells since when the revision is healthy without a break.
    fn note_health(&mut self, healthy: bool, time: &Time) {
        let applied = self.outcome == Outcome::Applied;
        let target = self.target.as_ref().map(|target| target.revision.to_string());
        if let Some(newest) = self.status.history.first_mut().filter(|newest| Some(&newest.revision) == target.as_ref())
        {
            if healthy && applied {
                newest.first_healthy.get_or_insert_with(|| time.clone());
            }
            match (&newest.healthy_since, healthy) {
                (None, true) if applied => newest.healthy_since = Some(time.clone()),
                (Some(_), false) => newest.healthy_since = None,
                _ => {}
            }
        }
    }

    /// How the objects fare; `None` as long as it is not known what they shall be.
    fn health(&self, now: Timestamp) -> Option<Assessment> {
        let target = self.target.as_ref()?;
        let objects = target.manifests.objects.values().filter(|desired| !desired.rules.ignore);
        let objects = objects.map(|desired| (&desired.id, self.watched.health(&desired.id)));
        let timeout = Duration::from(self.environment.spec.timeout);
        let timeout = SignedDuration::try_from(timeout).unwrap_or(SignedDuration::MAX);
        // A clock that is set must make nothing time out, nor keep it from that.
        let unhealthy_for = self.unhealthy_since.map_or(Duration::ZERO, |since| since.elapsed());
        let since = now.saturating_sub(unhealthy_for).unwrap_or(now);
        let health = summary(objects, since, timeout, now);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let counts = ObjectCounts {
            total: count(health.counts.total),
            healthy: count(health.counts.healthy + health.counts.suspended),
            progressing: count(health.counts.progressing + health.counts.unknown),
            degraded: count(health.counts.degraded),
        };
        let message = health.message(NAMED);
        let unhealthy = health.unhealthy.iter().take(NAMED).map(|(id, _)| id.to_string()).collect();
        // Other manifests than the newest record's may be on their way.
        let digest = target.manifests.digest.to_string();
        let record = self.status.history.first().filter(|newest| newest.digest == digest);
        let verdict = health.verdict(record.is_some_and(|record| record.first_healthy.is_some()));
        Some(Assessment { verdict, counts, message, unhealthy, deadline: health.deadline })
    }

    /// Objects that differ from git and are left so: by the policy, or because somebody else changes them again and again.
    fn drifted(&self) -> Vec<String> {
        let Some(target) = &self.target else {
            return Vec::new();
        };
        let live = self.watched.live();
        let now = std::time::Instant::now();
        let held = self.repairs.held(now);
        let objects = target.manifests.objects.keys();
        let drifted = objects.filter_map(|id| live.get(id).filter(|live| live.drifted).map(|live| (id, live)));
        let named = drifted.filter_map(|(id, live)| match (live.policy, held.get(id)) {
            (DriftPolicy::Alert, _) => Some(id.to_string()),
            (DriftPolicy::Repair, Some(due)) => {
                let due = Timestamp::now().saturating_add(*due - now).unwrap_or(Timestamp::MAX);
                Some(format!("{id} (somebody changes it again and again; the next repair is at {due})"))
            }
            (DriftPolicy::Repair, None) | (DriftPolicy::Ignore, _) => None,
        });
        named.collect()
    }
}

/// The reason of the condition `Healthy`.
fn reason(verdict: Verdict) -> Reason {
    match verdict {
        Verdict::Healthy => Reason::Succeeded,
        Verdict::Progressing => Reason::Progressing,
        Verdict::TimedOut => Reason::TimedOut,
        Verdict::Failed => Reason::HealthCheckFailed,
        Verdict::Degraded => Reason::Degraded,
    }
}

/// The condition that says that objects failed, or did not become healthy in time.
pub(crate) fn degraded(conditions: &[Condition]) -> Option<&Condition> {
    let failed = [Reason::TimedOut, Reason::HealthCheckFailed, Reason::Degraded];
    conditions.iter().find(|condition| {
        condition.type_ == condition_type::HEALTHY && failed.iter().any(|reason| condition.reason == reason.as_str())
    })
}

/// Whether the health of an environment turned in a way that a person wants to hear of: for better or worse, and what it says.
///
/// That it is on its way is no news.
pub(super) fn turn<'s>(before: &EnvironmentStatus, status: &'s EnvironmentStatus) -> Option<(Reason, &'s str)> {
    let news = [Reason::Succeeded, Reason::TimedOut, Reason::HealthCheckFailed, Reason::Degraded];
    let now = status.conditions.iter().find(|condition| condition.type_ == condition_type::HEALTHY)?;
    let reason = news.into_iter().find(|reason| reason.as_str() == now.reason)?;
    let was = before.conditions.iter().find(|condition| condition.type_ == condition_type::HEALTHY);
    was.is_none_or(|was| was.reason != now.reason).then_some((reason, now.message.as_str()))
}

/// How soon a change of the status must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// At once: a condition turned, other manifests were applied, a drift was seen.
    Urgent,
    /// Soon: it counts.
    Light,
    /// When it is its turn among all environments: a revision came that changed nothing here.
    Quiet,
}

pub(super) fn weight(written: &EnvironmentStatus, status: &EnvironmentStatus) -> Weight {
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
    if turns(written) != turns(status)
        || written.digest != status.digest
        || written.observed_generation != status.observed_generation
        || written.attempted_revision != status.attempted_revision
        || written.drifts != status.drifts
        || written.promotions != status.promotions
        || written.hooks != status.hooks
        || written.hold != status.hold
        || healthy(written) != healthy(status)
    {
        Weight::Urgent
    } else if written.revision == status.revision {
        Weight::Light
    } else {
        Weight::Quiet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(reason: Reason) -> EnvironmentStatus {
        let mut status = EnvironmentStatus::default();
        let (healthy, time) = (reason == Reason::Succeeded, Time(Timestamp::UNIX_EPOCH));
        set_condition(&mut status.conditions, condition_type::HEALTHY, Some(healthy), reason, "so it is", None, &time);
        status
    }

    #[test]
    fn a_turn_for_better_or_worse_is_told_once() {
        let none = EnvironmentStatus::default();
        for reason in [Reason::Succeeded, Reason::TimedOut, Reason::HealthCheckFailed, Reason::Degraded] {
            assert_eq!(turn(&none, &status(reason)), Some((reason, "so it is")));
            assert_eq!(turn(&status(Reason::Progressing), &status(reason)), Some((reason, "so it is")));
            assert_eq!(turn(&status(reason), &status(reason)), None);
            assert_eq!(turn(&status(reason), &status(Reason::Progressing)), None);
        }
        assert_eq!(turn(&status(Reason::Degraded), &status(Reason::Succeeded)), Some((Reason::Succeeded, "so it is")));
    }

    #[test]
    fn the_end_of_a_hook_is_written_at_once() {
        let ended = EnvironmentStatus { hooks: Some(plumb_api::HookRun::default()), ..EnvironmentStatus::default() };
        assert_eq!(weight(&EnvironmentStatus::default(), &ended), Weight::Urgent);
    }
}
