//! When a request is sent again.

use std::time::Duration;

/// The most attempts at one request.
pub(crate) const ATTEMPTS: u32 = 4;
/// The pause after the first attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// What a forge that has had enough gets when it does not say how long.
const UNSAID: Duration = Duration::from_mins(1);

/// What an answer says about sending the request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is an answer.
    Final,
    /// The forge failed; the same request may succeed after this pause.
    Again(Duration),
    /// The forge has had too many requests and wants none for so long.
    Limited(Duration),
}

/// What matters of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// `Retry-After`: seconds, or a date.
    pub(crate) retry_after: Option<&'a str>,
    /// `X-RateLimit-Remaining`, or GitLab's `RateLimit-Remaining`.
    pub(crate) remaining: Option<&'a str>,
    /// `X-RateLimit-Reset`, or GitLab's `RateLimit-Reset`, in seconds since 1970-01-01 UTC.
    pub(crate) reset: Option<&'a str>,
    /// Whether the body speaks of a rate limit, as GitHub's does when the headers don't.
    pub(crate) speaks_of_limit: bool,
}

/// Judges an answer to the attempt with this number, from 1; `now` in seconds since 1970-01-01 UTC.
///
/// A request that makes something is sent again only when the forge says that it refused it: after a failure it may have been heard.
pub(crate) fn judge(answer: &Answer<'_>, repeatable: bool, attempt: u32, now: i64) -> Verdict {
    let asked = answer.retry_after.and_then(|text| seconds(text, now));
    let exhausted = answer.remaining.is_some_and(|left| left.trim() == "0");
    let limited = match answer.status {
        429 => true,
        // GitHub refuses with 403, and says it in one of three ways.
        403 => asked.is_some() || exhausted || answer.speaks_of_limit,
        _ => false,
    };
    if limited {
        let reset = answer.reset.filter(|_| exhausted).and_then(|text| text.trim().parse::<i64>().ok());
        let until_reset = reset.map(|reset| Duration::from_secs(u64::try_from(reset.saturating_sub(now)).unwrap_or(0)));
        return Verdict::Limited(asked.or(until_reset).unwrap_or(UNSAID).max(Duration::from_secs(1)));
    }
    if answer.status == 503 && asked.is_some() {
        return Verdict::Limited(asked.unwrap_or(UNSAID));
    }
    if answer.status >= 500 && repeatable && attempt < ATTEMPTS {
        return Verdict::Again(pause(attempt));
    }
    Verdict::Final
}

/// The pause after an attempt.
pub(crate) fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(6))
}

/// The seconds of a `Retry-After` (RFC 9110, section 10.2.3).
fn seconds(text: &str, now: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_second();
    Some(Duration::from_secs(u64::try_from(date.saturating_sub(now)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_445_412_400;

    fn check(answer: Answer<'_>, repeatable: bool, attempt: u32, expected: Verdict) {
        assert_eq!(judge(&answer, repeatable, attempt, NOW), expected, "{answer:?}");
    }

    #[test]
    fn failures_are_tried_again_a_few_times() {
        let failed = Answer { status: 502, ..Answer::default() };
        check(failed, true, 1, Verdict::Again(Duration::from_millis(250)));
        check(failed, true, 3, Verdict::Again(Duration::from_secs(1)));
        check(failed, true, ATTEMPTS, Verdict::Final);
        check(failed, false, 1, Verdict::Final);
        for status in [200, 304, 400, 401, 403, 404, 409, 422] {
            check(Answer { status, ..Answer::default() }, true, 1, Verdict::Final);
        }
    }

    #[test]
    fn limits_are_heard_however_they_are_said() {
        let after = |text| Answer { status: 429, retry_after: Some(text), ..Answer::default() };
        check(after("7"), false, 1, Verdict::Limited(Duration::from_secs(7)));
        check(after("Wed, 21 Oct 2015 07:28:00 GMT"), false, 1, Verdict::Limited(Duration::from_secs(80)));
        check(after("Wed, 21 Oct 2014 07:28:00 GMT"), false, 1, Verdict::Limited(Duration::from_mins(1)));
        check(after("0"), false, 1, Verdict::Limited(Duration::from_secs(1)));
        let primary = Answer { status: 403, remaining: Some("0"), reset: Some("1445412410"), ..Answer::default() };
        check(primary, true, 1, Verdict::Limited(Duration::from_secs(10)));
        check(
            Answer { status: 403, remaining: Some("17"), reset: Some("1445412410"), ..Answer::default() },
            true,
            1,
            Verdict::Final,
        );
        check(Answer { status: 403, speaks_of_limit: true, ..Answer::default() }, true, 1, Verdict::Limited(UNSAID));
        check(
            Answer { status: 403, retry_after: Some("3"), ..Answer::default() },
            true,
            1,
            Verdict::Limited(Duration::from_secs(3)),
        );
        check(
            Answer { status: 503, retry_after: Some("3"), ..Answer::default() },
            true,
            1,
            Verdict::Limited(Duration::from_secs(3)),
        );
        check(
            Answer { status: 429, reset: Some("nonsense"), remaining: Some("0"), ..Answer::default() },
            true,
            1,
            Verdict::Limited(UNSAID),
        );
    }
}
