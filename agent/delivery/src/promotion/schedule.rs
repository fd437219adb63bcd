//! When revisions may come: windows that open them, and freezes.

use cronexpr::Crontab;
use jiff::{SignedDuration, Timestamp};

use super::gates::{Gate, GateVerdict};

/// Looking further back for the beginning of a window finds nothing that anybody means.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 400);

/// A time that comes again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeWindow {
    /// When it begins, in the form of crontab(5).
    pub schedule: String,
    /// The time zone of the schedule, such as `Europe/Berlin`.
    pub time_zone: String,
    /// How long it lasts.
    pub duration: SignedDuration,
    /// Whether nothing comes while it lasts; else revisions come only within such windows.
    pub freeze: bool,
}

impl TimeWindow {
    /// The schedule, read.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(&self) -> Result<Crontab, String> {
        let text = format!("{} {}", self.schedule, self.time_zone);
        cronexpr::parse_crontab(&text)
            .map_err(|error| format!("the window {:?} in {:?} can't be read: {error}", self.schedule, self.time_zone))
    }

    /// When it ends, if it lasts now, and else when it begins next.
    fn at(&self, now: Timestamp) -> Result<Result<Timestamp, Option<Timestamp>>, String> {
        let crontab = self.parse()?;
        let next = |after: Timestamp| crontab.find_next(after).ok().map(|time| time.timestamp());
        let before = now.saturating_sub(self.duration.min(LONGEST)).unwrap_or(Timestamp::MIN);
        let mut ends = None;
        let mut begins = next(before);
        // Windows may overlap: what counts is the last one that began.
        while let Some(begin) = begins.filter(|begin| *begin <= now) {
            ends = begin.checked_add(self.duration).ok();
            let following = next(begin);
            if following.is_none_or(|following| following <= begin) {
                break;
            }
            begins = following;
        }
        Ok(ends.filter(|end| *end > now).ok_or(begins))
    }
}

/// Whether a revision may come now.
pub(super) fn gate(windows: &[TimeWindow], now: Timestamp) -> Gate {
    let (verdict, why) = match closed(windows, now) {
        Ok(None) => (GateVerdict::Pass, format!("it is {now:.0}, and revisions may come")),
        Ok(Some((until, why))) => (GateVerdict::Wait { until }, why),
        Err(why) => (GateVerdict::Fail, format!("{why}: correct spec.promotion.windows")),
    };
    Gate { name: "window".into(), verdict, why }
}

/// Until when revisions may not come, and why; `None` when they may.
fn closed(windows: &[TimeWindow], now: Timestamp) -> Result<Option<(Option<Timestamp>, String)>, String> {
    let (mut any, mut open) = (false, false);
    let mut opens: Option<Timestamp> = None;
    let mut frozen: Option<Timestamp> = None;
    for window in windows {
        match (window.freeze, window.at(now)?) {
            (true, Ok(end)) => frozen = frozen.max(Some(end)),
            (true, Err(_)) => {}
            (false, at) => {
                any = true;
                open |= at.is_ok();
                if let Err(Some(begin)) = at {
                    opens = Some(opens.map_or(begin, |opens| opens.min(begin)));
                }
            }
        }
    }
    if let Some(end) = frozen {
        return Ok(Some((Some(end), format!("a freeze lasts until {end:.0}"))));
    }
    if !any || open {
        return Ok(None);
    }
    let when = opens.map_or_else(|| "never opens".to_owned(), |opens| format!("opens at {opens:.0}"));
    Ok(Some((opens, format!("the next window {when}"))))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn window(schedule: &str, hours: i64, freeze: bool) -> TimeWindow {
        let duration = SignedDuration::from_hours(hours);
        TimeWindow { schedule: schedule.into(), time_zone: "Europe/Berlin".into(), duration, freeze }
    }

    #[allow(clippy::needless_pass_by_value, reason = "as `expect!` is written")]
    fn check(windows: &[TimeWindow], now: &str, expected: Expect) {
        let gate = gate(windows, now.parse().unwrap());
        let until = match gate.verdict {
            GateVerdict::Wait { until: Some(until) } => format!(" until {until}"),
            _ => String::new(),
        };
        expected.assert_eq(&format!("{}{until}: {}", gate.verdict, gate.why));
    }

    #[test]
    fn working_hours_where_people_work() {
        let hours = [window("0 9 * * MON-FRI", 8, false)];
        check(
            &hours,
            "2026-11-26T07:59:59Z",
            expect!["wait until 2026-11-26T08:00:00Z: the next window opens at 2026-11-26T08:00:00Z"],
        );
        check(&hours, "2026-11-26T08:00:00Z", expect!["pass: it is 2026-11-26T08:00:00Z, and revisions may come"]);
        check(
            &hours,
            "2026-11-26T16:00:00Z",
            expect!["wait until 2026-11-27T08:00:00Z: the next window opens at 2026-11-27T08:00:00Z"],
        );
        // In summer Berlin is two hours before UTC, and Saturday is no working day.
        check(&hours, "2026-07-17T07:00:00Z", expect!["pass: it is 2026-07-17T07:00:00Z, and revisions may come"]);
        check(
            &hours,
            "2026-07-17T15:00:00Z",
            expect!["wait until 2026-07-20T07:00:00Z: the next window opens at 2026-07-20T07:00:00Z"],
        );
        check(&[], "2026-07-18T15:00:00Z", expect!["pass: it is 2026-07-18T15:00:00Z, and revisions may come"]);
    }

    #[test]
    fn freezes_win_and_windows_overlap() {
        let all = [window("0 9 * * *", 8, false), window("0 14 * * *", 8, false), window("0 0 24 12 *", 72, true)];
        check(&all, "2026-12-20T17:00:00Z", expect!["pass: it is 2026-12-20T17:00:00Z, and revisions may come"]);
        check(
            &all,
            "2026-12-20T22:00:00Z",
            expect!["wait until 2026-12-21T08:00:00Z: the next window opens at 2026-12-21T08:00:00Z"],
        );
        check(
            &all,
            "2026-12-25T10:00:00Z",
            expect!["wait until 2026-12-26T23:00:00Z: a freeze lasts until 2026-12-26T23:00:00Z"],
        );
        check(
            &[window("0 0 * * *", 36, true)],
            "2026-12-25T10:00:00Z",
            expect!["wait until 2026-12-26T11:00:00Z: a freeze lasts until 2026-12-26T11:00:00Z"],
        );
    }

    #[test]
    fn what_is_no_schedule() {
        check(
            &[window("every morning", 1, false)],
            "2026-12-25T10:00:00Z",
            expect![[r#"
            fail: the window "every morning" in "Europe/Berlin" can't be read: failed to parse crontab expression:
            every morning Europe/Berlin
            ^ malformed expression: correct spec.promotion.windows"#]],
        );
        let nowhere = TimeWindow { time_zone: "Mars/Base".into(), ..window("0 9 * * *", 1, false) };
        check(
            &[nowhere],
            "2026-12-25T10:00:00Z",
            expect![[r#"
            fail: the window "0 9 * * *" in "Mars/Base" can't be read: failed to parse crontab expression:
            0 9 * * * Mars/Base
                      ^ failed to find timezone Mars/Base; for a list of time zones, see the list of tz database time zones on Wikipedia: https://en.wikipedia.org/wiki/List_of_tz_database_time_zones#List: correct spec.promotion.windows"#]],
        );
        check(&[window("0 0 31 2 *", 1, false)], "2026-12-25T10:00:00Z", expect!["wait: the next window never opens"]);
    }
}
