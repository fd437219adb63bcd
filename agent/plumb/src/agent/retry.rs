//! How long to wait before something that failed is tried again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Growing pauses between attempts, until one succeeds.
#[derive(Default)]
pub(crate) struct Retry(Option<ExponentialBackoff>);

impl Retry {
    /// An attempt succeeded: the next failure begins with the first pause.
    pub(crate) fn succeeded(&mut self) {
        self.0 = None;
    }

    /// An attempt failed: how long to wait before the next. The pauses double from `first` to `longest`, with some jitter.
    pub(crate) fn failed(&mut self, first: Duration, longest: Duration) -> Duration {
        let longest = longest.max(first);
        let pauses = self.0.get_or_insert_with(|| {
            ExponentialBuilder::default()
                .with_min_delay(first)
                .with_max_delay(longest)
                .with_jitter()
                .without_max_times()
                .build()
        });
        pauses.next().unwrap_or(longest).min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_begin_anew_after_a_success() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(1));
        let mut retry = Retry::default();
        let pauses: Vec<_> = (0..50).map(|_| retry.failed(first, longest)).collect();
        assert!(pauses[0] >= first && pauses[0] < Duration::from_millis(201), "{:?}", pauses[0]);
        assert_eq!(pauses[49], longest);
        retry.succeeded();
        assert!(retry.failed(first, longest) < Duration::from_millis(201));
    }
}
