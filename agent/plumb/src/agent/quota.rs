//! A rate that many workers share.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Spreads what is not urgent: a burst goes at once, what comes after gets a later time.
pub(crate) struct Quota {
    pause: Duration,
    burst: u32,
    next: Mutex<Option<Instant>>,
}

impl Quota {
    /// One for each `pause`, and up to `burst` at once after a rest.
    pub(crate) fn new(pause: Duration, burst: u32) -> Self {
        Self { pause, burst, next: Mutex::default() }
    }

    /// When it is the caller's turn; `now` when it is already.
    pub(crate) fn turn(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = now.checked_sub(self.pause * self.burst).unwrap_or(now);
        let turn = next.map_or(rested, |next| next.max(rested));
        *next = Some(turn + self.pause);
        turn.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_the_rest_one_after_another() {
        let quota = Quota::new(Duration::from_millis(50), 3);
        let now = Instant::now() + Duration::from_secs(10);
        let after = |turn: Instant| turn.duration_since(now).as_millis();
        let turns: Vec<_> = (0..6).map(|_| after(quota.turn(now))).collect();
        assert_eq!(turns, [0, 0, 0, 0, 50, 100]);
        let later = now + Duration::from_secs(1);
        assert_eq!(quota.turn(later), later);
    }
}
