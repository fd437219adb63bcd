//! When a drifted object is put back, so that a fight with another controller does not go on at full speed.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::ObjectId;

/// So many repairs of one object within [`WINDOW`] are made at once; what comes after is a fight.
const AT_ONCE: usize = 8;
/// The time in which repairs are counted.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// The first pause in a fight; each further repair doubles it.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// The longest pause in a fight.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(300);

/// The drifts of the recent past.
#[derive(Clone, Debug, Default)]
pub struct Repairs(BTreeMap<ObjectId, VecDeque<Timestamp>>);

impl Repairs {
    /// Notes that an object drifted; `true` when that makes it a fight.
    pub fn drifted(&mut self, id: &ObjectId, now: Timestamp) -> bool {
        self.0.retain(|_, times| times.back().is_some_and(|last| now.duration_since(*last) < LONGEST_PAUSE));
        let times = self.0.entry(id.clone()).or_default();
        let kept = if times.len() > AT_ONCE { LONGEST_PAUSE } else { WINDOW };
        times.push_back(now);
        times.retain(|time| now.duration_since(*time) <= kept);
        times.len() == AT_ONCE + 1
    }

    /// Objects that are fought over, with the time at which the next repair is due.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> BTreeMap<ObjectId, Timestamp> {
        self.0
            .iter()
            .filter_map(|(id, times)| Some((id.clone(), next(times)?)))
            .filter(|(_, next)| *next > now)
            .collect()
    }
}

/// When an object that drifted at these times may be repaired; `None` is at once.
fn next(times: &VecDeque<Timestamp>) -> Option<Timestamp> {
    let beyond = u32::try_from(times.len().checked_sub(AT_ONCE + 1)?).unwrap_or(u32::MAX);
    let pause = FIRST_PAUSE.checked_mul(1_i32.checked_shl(beyond.min(16)).unwrap_or(i32::MAX)).unwrap_or(LONGEST_PAUSE);
    times.back()?.saturating_add(pause.min(LONGEST_PAUSE)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn drifts(times: impl IntoIterator<Item = i64>) -> (Repairs, ObjectId) {
        let id = ObjectId { group: String::new(), kind: "ConfigMap".into(), namespace: None, name: "a".into() };
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
