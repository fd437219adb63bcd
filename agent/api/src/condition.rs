//! Conditions as kstatus and `kubectl wait` read them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// The condition types that Plumb writes.
///
/// `Reconciling` and `Stalled` follow kstatus: they are present only while they are true, see
/// <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.
pub mod condition_type {
    /// The last revision is applied and healthy.
    pub const READY: &str = "Ready";
    /// Work is under way, or will be tried again.
    pub const RECONCILING: &str = "Reconciling";
    /// Nothing will happen before somebody changes something.
    pub const STALLED: &str = "Stalled";
    /// All objects are healthy.
    pub const HEALTHY: &str = "Healthy";
    /// Somebody else changed an object, and it was not put back.
    pub const DRIFTED: &str = "Drifted";
    /// What happens is written to the git notes of the repository.
    pub const LEDGER: &str = "LedgerWritten";
    /// Those of an Environment.
    pub const ALL: &[&str] = &[READY, RECONCILING, STALLED, HEALTHY, DRIFTED];
}

/// Machine-readable reasons of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Everything is as git says.
    Succeeded,
    /// Objects are on their way to being healthy.
    Progressing,
    /// Objects did not become healthy in time, and these manifests never were.
    TimedOut,
    /// Objects failed, and these manifests were never healthy.
    HealthCheckFailed,
    /// All objects were healthy with these manifests, and some no longer are: they failed, or did not recover in time.
    Degraded,
    /// The repository could not be fetched.
    FetchFailed,
    /// The overlay could not be rendered.
    RenderFailed,
    /// The pin could not be read, or names no commit.
    PinInvalid,
    /// There is no pin yet, so nothing is applied.
    NotPromoted,
    /// Some objects could not be applied.
    ApplyFailed,
    /// The overlay rendered to nothing, and that is not allowed to delete everything.
    EmptyRender,
    /// The environment refers to something that isn't there.
    ReferenceInvalid,
    /// The spec of the environment says something that can't be understood.
    SpecInvalid,
    /// A hook failed, or took too long.
    HookFailed,
    /// The cluster that the environment is for can't be reached.
    ClusterUnreachable,
    /// The kubeconfig of the environment can't be used.
    KubeConfigInvalid,
    /// More objects would be deleted than the environment allows.
    PruneLimited,
    /// The environment is being deleted.
    Deleting,
    /// The environment is suspended.
    Suspended,
    /// An object differs from what git says.
    DriftDetected,
    /// Somebody changes an object again and again, and it is put back at growing pauses.
    RepairsPaused,
    /// No object differs from what git says.
    NoDrift,
    /// The git server does not take what is pushed.
    PushRefused,
}

impl Reason {
    /// The reason as it stands in a condition: `CamelCase`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Progressing => "Progressing",
            Self::TimedOut => "TimedOut",
            Self::HealthCheckFailed => "HealthCheckFailed",
            Self::Degraded => "Degraded",
            Self::FetchFailed => "FetchFailed",
            Self::RenderFailed => "RenderFailed",
            Self::PinInvalid => "PinInvalid",
            Self::NotPromoted => "NotPromoted",
            Self::ApplyFailed => "ApplyFailed",
            Self::EmptyRender => "EmptyRender",
            Self::ReferenceInvalid => "ReferenceInvalid",
            Self::SpecInvalid => "SpecInvalid",
            Self::HookFailed => "HookFailed",
            Self::ClusterUnreachable => "ClusterUnreachable",
            Self::KubeConfigInvalid => "KubeConfigInvalid",
            Self::PruneLimited => "PruneLimited",
            Self::Deleting => "Deleting",
            Self::Suspended => "Suspended",
            Self::DriftDetected => "DriftDetected",
            Self::RepairsPaused => "RepairsPaused",
            Self::NoDrift => "NoDrift",
            Self::PushRefused => "PushRefused",
        }
    }
}

/// The longest message that the API server accepts in a `metav1.Condition`, in bytes.
const LONGEST_MESSAGE: usize = 32_768;

/// Sets a condition; `lastTransitionTime` moves only when the status changes.
///
/// `Unknown` is what `None` stands for. A message beyond 32 KiB is cut, for the API server would refuse it.
pub fn set_condition(
    conditions: &mut Vec<Condition>,
    type_: &str,
    status: Option<bool>,
    reason: Reason,
    message: &str,
    generation: Option<i64>,
    now: &Time,
) {
    let status = match status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let mut end = message.len().min(LONGEST_MESSAGE);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let message = &message[..end];
    if let Some(found) = conditions.iter_mut().find(|condition| condition.type_ == type_) {
        if found.status != status {
            found.last_transition_time = now.clone();
            found.status = status.into();
        }
        found.reason = reason.as_str().into();
        found.message = message.into();
        found.observed_generation = generation;
        return;
    }
    conditions.push(Condition {
        type_: type_.into(),
        status: status.into(),
        reason: reason.as_str().into(),
        message: message.into(),
        observed_generation: generation,
        last_transition_time: now.clone(),
    });
}

/// Gives conditions that were taken away and set again with the same status the transition times that they had in `before`.
pub fn keep_transition_times(conditions: &mut [Condition], before: &[Condition]) {
    for condition in conditions {
        let same = |old: &&Condition| old.type_ == condition.type_ && old.status == condition.status;
        if let Some(old) = before.iter().find(same) {
            condition.last_transition_time = old.last_transition_time.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).unwrap())
    }

    fn ready(status: bool, second: i64, before: &[Condition]) -> Vec<Condition> {
        let mut conditions = before.to_vec();
        set_condition(
            &mut conditions,
            condition_type::READY,
            Some(status),
            Reason::Succeeded,
            "",
            Some(1),
            &at(second),
        );
        conditions
    }

    #[test]
    fn the_transition_time_moves_with_the_status_only() {
        let first = ready(true, 1, &[]);
        assert_eq!(ready(true, 2, &first)[0].last_transition_time, at(1));
        assert_eq!(ready(false, 2, &first)[0].last_transition_time, at(2));
    }

    #[test]
    fn a_condition_that_was_set_anew_keeps_its_time() {
        let mut again = ready(true, 2, &[]);
        keep_transition_times(&mut again, &ready(true, 1, &[]));
        assert_eq!(again[0].last_transition_time, at(1));
        let mut turned = ready(false, 2, &[]);
        keep_transition_times(&mut turned, &ready(true, 1, &[]));
        assert_eq!(turned[0].last_transition_time, at(2));
    }

    #[test]
    fn a_message_beyond_the_limit_is_cut_between_characters() {
        let mut conditions = Vec::new();
        let long = "é".repeat(LONGEST_MESSAGE);
        set_condition(&mut conditions, condition_type::READY, None, Reason::Progressing, &long, None, &at(1));
        assert_eq!((conditions[0].message.len(), conditions[0].status.as_str()), (LONGEST_MESSAGE, "Unknown"));
    }
}
