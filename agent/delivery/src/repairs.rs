//! When a drifted object is put back, so that a fight with another controller does not go on at full speed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use crate::ObjectId;

/// So many repairs of one object within [`WINDOW`] are made at once; what comes after is a fight.
const AT_ONCE: usize = 8;
/// The time in which repairs are counted.
const WINDOW: Duration = Duration::from_mins(1);
/// The first pause in a fight; each further repair doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause in a fight.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The drifts of the recent past, by a clock that nobody sets: a pause must not last an hour because the wall's clock was set back.
#[derive(Clone, Debug, Default)]
pub struct Repairs(BTreeMap<ObjectId, VecDeque<Instant>>);

impl Repairs {
    /// Notes that an object drifted; `true` when that makes it a fight.
    pub fn drifted(&mut self, id: &ObjectId, now: Instant) -> bool {
        self.0.retain(|_, times| times.back().is_some_and(|last| now.duration_since(*last) < LONGEST_PAUSE));
        let times = self.0.entry(id.clone()).or_default();
        let kept = if times.len() > AT_ONCE { LONGEST_PAUSE } else { WINDOW };
        times.push_back(now);
        times.retain(|time| now.duration_since(*time) <= kept);
        times.len() == AT_ONCE + 1
    }

    /// Objects that are fought over, with the time at which the next repair is due.
    #[must_use]
    pub fn held(&self, now: Instant) -> BTreeMap<ObjectId, Instant> {
        self.0
            .iter()
            .filter_map(|(id, times)| Some((id.clone(), next(times)?)))
            .filter(|(_, next)| *next > now)
            .collect()
    }
}

/// When an object that drifted at these times may be repaired; `None` is at once.
fn next(times: &VecDeque<Instant>) -> Option<Instant> {
    let beyond = u32::try_from(times.len().checked_sub(AT_ONCE + 1)?).unwrap_or(u32::MAX);
    let pause = FIRST_PAUSE.saturating_mul(1 << beyond.min(16));
    times.back()?.checked_add(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    fn at(second: u64) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START + Duration::from_secs(second)
    }

    fn drifts(times: impl IntoIterator<Item = u64>) -> (Repairs, ObjectId) {
        let id = ObjectId { group: "".into(), kind: "ConfigMap".into(), namespace: None, name: "a".into() };
        let mut repairs = Repairs::default();
        for time in times {
            repairs.drifted(&id, at(time));
        }
        (repairs, id)
    }

    #[test]
    fn a_few_repairs_in_a_row_are_made_at_once() {
        let (repairs, _) = drifts(0..8);
        assert!(repairs.held(at(7)).is_empty());
    }

    #[test]
    fn a_fight_begins_once() {
        let (mut repairs, id) = drifts(0..7);
        assert_eq!([8, 9, 10, 11].map(|time| repairs.drifted(&id, at(time))), [false, true, false, false]);
    }

    #[test]
    fn a_fight_slows_down_and_pauses_grow() {
        let (repairs, id) = drifts(0..9);
        assert_eq!(repairs.held(at(8))[&id], at(10));
        assert!(repairs.held(at(10)).is_empty());
        let (repairs, id) = drifts(0..11);
        assert_eq!(repairs.held(at(10))[&id], at(18));
        let (repairs, id) = drifts(0..40);
        assert_eq!(repairs.held(at(39))[&id], at(339));
    }

    #[test]
    fn a_drift_now_and_then_is_no_fight() {
        let (repairs, _) = drifts((0..100).map(|time| time * 20));
        assert!(repairs.held(at(1_980)).is_empty());
    }
}
