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
    /// From the moment when it degraded, or else was rolled back, until it was healthy again, by itself or by another revision; the shortest first.
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
            let values_before = before.map(|before| &before.promoted);
            before = Some(run);
            if same || back || run.applied < since {
                continue;
            }
            keys.deployments += 1;
            // Values that were copied came with the commit that they are of, and all else with the one that ran.
            let came =
                if values_before.is_some_and(|values| *values != run.promoted) { run.proven() } else { &run.revision };
            if let (Some(proved), Some(committed)) = (run.proved, committed(came)) {
                keys.lead_times.push(proved.duration_since(committed).max(SignedDuration::ZERO));
            }
            if run.degraded.is_none() && !run.rolled_back {
                continue;
            }
            keys.failures += 1;
            // Who goes back does so for a reason, also when nothing had degraded yet.
            let Some(failed) = run.degraded.or(run.until) else { continue };
            let later = account.runs[place + 1..].iter().filter_map(|run| run.proved);
            let restored = run.healthy.into_iter().chain(later).filter(|time| *time >= failed).min();
            keys.restore_times.extend(restored.map(|time| time.duration_since(failed)));
        }
        keys.lead_times.sort();
        keys.restore_times.sort();
        keys
    }

    /// What there is beyond `before`, which was made of the same ledger when it had fewer lines.
    #[must_use]
    pub fn beyond(&self, before: &Self) -> Self {
        let times = |now: &[SignedDuration], before: &[SignedDuration]| {
            let mut new = now.to_vec();
            for time in before {
                if let Some(place) = new.iter().position(|other| other == time) {
                    new.remove(place);
                }
            }
            new
        };
        Self {
            deployments: self.deployments.saturating_sub(before.deployments),
            failures: self.failures.saturating_sub(before.failures),
            lead_times: times(&self.lead_times, &before.lead_times),
            restore_times: times(&self.restore_times, &before.restore_times),
        }
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
