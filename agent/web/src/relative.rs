//! Times as a person tells them.

use jiff::Timestamp;

/// How long ago something was, in its largest whole unit. A time ahead of us is a clock that is off a little, so it is now.
pub(crate) fn ago(now: Timestamp, then: Timestamp) -> String {
    match now.as_second().saturating_sub(then.as_second()) {
        ..=4 => "just now".to_owned(),
        seconds @ ..=59 => format!("{seconds} s ago"),
        seconds @ ..=3_599 => format!("{} min ago", seconds / 60),
        seconds @ ..=86_399 => format!("{} h ago", seconds / 3_600),
        seconds @ ..=172_799 => format!("{} day ago", seconds / 86_400),
        seconds => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(-30, "just now")]
    #[case(4, "just now")]
    #[case(5, "5 s ago")]
    #[case(59, "59 s ago")]
    #[case(60, "1 min ago")]
    #[case(3_599, "59 min ago")]
    #[case(3_600, "1 h ago")]
    #[case(86_400, "1 day ago")]
    #[case(172_800, "2 days ago")]
    fn tells(#[case] seconds: i64, #[case] text: &str) {
        let now = Timestamp::from_second(2_000_000_000).unwrap();
        assert_eq!(ago(now, Timestamp::from_second(2_000_000_000 - seconds).unwrap()), text);
    }
}
