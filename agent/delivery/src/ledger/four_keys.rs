//! How well delivery to an environment works, in the four measures of DORA (<https://dora.dev/guides/dora-metrics-four-keys/>).

use jiff::{SignedDuration, Timestamp};

use super::{Account, Run};

/// Deployment frequency, lead time for changes, change failure rate and time to restore service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FourKeys {
    /// How often other manifests were applied, without those that a rollback brought back.
    pub deployments: usize,
    /// How many of them degraded or were rolled back.
    pub failures: usize,
    /// From the commit of a revision until it was healthy here, for each deployment that was; the shortest first.
    pub lead_times: Vec<SignedDuration>,
    /// From the moment when it degraded until it was healthy again, by itself or by another revision; the shortest first.
    pub restore_times: Vec<SignedDuration>,
}

impl FourKeys {
    /// Of the deployments since a time. `committed` tells when a revision was committed, where that is known.
    #[must_use]
    pub fn of(account: &Account, since: Timestamp, committed: impl Fn(&str) -> Option<Timestamp>) -> Self {
        let mut keys = Self::default();
        let mut before: Option<&Run> = None;
        for (place, run) in account.runs.iter().enumerate() {
            let same = before.is_some_and(|before| before.digest.is_some() && before.digest == run.digest);
            let back = before.is_some_and(|before| before.rolled_back);
            before = Some(run);
            if same || back || run.applied < since {
                continue;
            }
            keys.deployments += 1;
            if let (Some(proved), Some(committed)) = (run.proved, committed(&run.revision)) {
                keys.lead_times.push(proved.duration_since(committed).max(SignedDuration::ZERO));
            }
            if run.degraded.is_none() && !run.rolled_back {
                continue;
            }
            keys.failures += 1;
            let Some(failed) = run.degraded else { continue };
            let later = account.runs[place + 1..].iter().filter_map(|run| run.proved);
            let restored = run.healthy.into_iter().chain(later).filter(|time| *time >= failed).min();
            keys.restore_times.extend(restored.map(|time| time.duration_since(failed)));
        }
        keys.lead_times.sort();
        keys.restore_times.sort();
        keys
    }

    /// Which part of the deployments failed, in percent; `None` without deployments.
    #[must_use]
    pub fn failure_percent(&self) -> Option<usize> {
        (self.failures * 100).checked_div(self.deployments)
    }
}

/// The value below which this many percent of the sorted `times` lie (nearest rank); `None` of nothing.
#[must_use]
pub fn percentile(times: &[SignedDuration], percent: usize) -> Option<SignedDuration> {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied()
}
