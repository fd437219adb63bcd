//! Timestamps of YAML 1.1, as Go's YAML library knows them.

/// A moment as it was written, with its offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timestamp {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanosecond: u32,
    /// Minutes east of UTC.
    offset: i32,
}

/// The text of a timestamp in RFC 3339, or none when the text is not a timestamp.
///
/// Known forms: `2006-1-2`, `2006-1-2 15:4:5.9` and `2006-1-2T15:4:5.9Z` (or `t`, or an offset `+07:00`).
pub(crate) fn rfc3339(text: &str) -> Option<String> {
    Timestamp::parse(text).map(|timestamp| timestamp.print())
}

impl Timestamp {
    fn parse(text: &str) -> Option<Self> {
        let year = text.get(..4).filter(|year| year.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let mut cursor = Cursor(&text[4..]);
        cursor.expect('-')?;
        let month = cursor.one_or_two_digits()?;
        cursor.expect('-')?;
        let day = cursor.one_or_two_digits()?;
        if !(1..=12).contains(&month) || day < 1 || day > days_in(month, year) {
            return None;
        }
        let mut found = Self { year, month, day, hour: 0, minute: 0, second: 0, nanosecond: 0, offset: 0 };
        if cursor.0.is_empty() {
            return Some(found);
        }
        let zoned = match cursor.next()? {
            'T' | 't' => true,
            // Blanks in the layout stand for one or more blanks.
            ' ' => {
                cursor.0 = cursor.0.trim_start_matches(' ');
                false
            }
            _ => return None,
        };
        found.hour = cursor.one_or_two_digits()?;
        cursor.expect(':')?;
        found.minute = cursor.one_or_two_digits()?;
        cursor.expect(':')?;
        found.second = cursor.one_or_two_digits()?;
        if found.hour > 23 || found.minute > 59 || found.second > 59 {
            return None;
        }
        found.nanosecond = cursor.fraction();
        if zoned {
            found.offset = cursor.offset()?;
        }
        cursor.0.is_empty().then_some(found)
    }

    fn print(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        let fraction = match self.nanosecond {
            0 => String::new(),
            nanosecond => format!(".{}", format!("{nanosecond:09}").trim_end_matches('0')),
        };
        let offset = match self.offset {
            0 => "Z".to_owned(),
            minutes => {
                let sign = if minutes < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
        };
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}")
    }
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Cursor<'t>(&'t str);

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.0.chars();
        let next = chars.next()?;
        self.0 = chars.as_str();
        Some(next)
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        (self.next()? == wanted).then_some(())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let count = self.0.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits.parse().ok()
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        self.digits(1, 2)
    }

    /// Nanoseconds behind a point or a comma; digits beyond the ninth are dropped, and without digits there is no fraction.
    fn fraction(&mut self) -> u32 {
        let Some(rest) = self.0.strip_prefix(['.', ',']) else { return 0 };
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return 0;
        }
        let (digits, rest) = rest.split_at(count);
        self.0 = rest;
        let nine: String = digits.chars().chain("00000000".chars()).take(9).collect();
        nine.parse().unwrap_or(0)
    }

    fn offset(&mut self) -> Option<i32> {
        let sign = match self.next()? {
            'Z' => return Some(0),
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let hours = self.digits(2, 2)?;
        self.expect(':')?;
        let minutes = self.digits(2, 2)?;
        // JSON of Go refuses more than 23 hours.
        if hours > 23 || minutes > 59 {
            return None;
        }
        i32::try_from(hours * 60 + minutes).ok().map(|minutes| sign * minutes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forms that `time.Parse` of Go takes; what it refuses stays text.
    #[test]
    fn forms() {
        for (text, expected) in [
            ("2020-01-02", Some("2020-01-02T00:00:00Z")),
            ("2020-1-2 3:4:5", Some("2020-01-02T03:04:05Z")),
            ("2020-1-2t3:4:5.60Z", Some("2020-01-02T03:04:05.6Z")),
            ("2020-01-02T03:04:05,5-07:30", Some("2020-01-02T03:04:05.5-07:30")),
            ("2000-02-29", Some("2000-02-29T00:00:00Z")),
            ("1900-02-29", None),
            ("2020-04-31", None),
            ("2020-13-01", None),
            ("2020-00-01", None),
            ("20-01-01", None),
            ("2020-001-01", None),
            ("2020-01-01T24:00:00Z", None),
            ("2020-01-01T10:20:30", None),
            ("2020-01-01 10:20:30Z", None),
            ("2020-01-01T10:20:30+7:00", None),
            ("2020-01-01x", None),
            ("20é0-01-01", None),
            ("2020-01-é", None),
        ] {
            assert_eq!(rfc3339(text).as_deref(), expected, "{text}");
        }
    }
}
