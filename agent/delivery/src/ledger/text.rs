//! Lines and notes as text.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Entry, Event, Objects};
use crate::Digest;

/// A note beyond this many bytes is read up to here, and nothing is added to it.
pub const LONGEST_NOTE: usize = 256 << 10;
/// A line beyond this many bytes is none of ours.
const LONGEST_LINE: usize = 4 << 10;
/// Gates beyond this many bytes are left out of a line.
const LONGEST_GATES: usize = 2 << 10;
/// A text beyond this many characters is cut before it is written.
const LONGEST_TEXT: usize = 300;

/// What a note says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Note {
    /// Its lines, in the order of their times.
    pub entries: Vec<Entry>,
    /// How many lines are none of the ledger, such as what a person wrote there.
    pub foreign: usize,
}

/// Reads a note. What is no line of the ledger is counted and passed over; so is what a later version of Plumb may add.
#[must_use]
pub fn parse(note: &[u8]) -> Note {
    let whole = &note[..note.len().min(LONGEST_NOTE)];
    let mut read = Note::default();
    for line in whole.split(|byte| *byte == b'\n') {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match std::str::from_utf8(line).ok().filter(|line| line.len() <= LONGEST_LINE).and_then(entry) {
            Some(entry) => read.entries.push(entry),
            None => read.foreign += 1,
        }
    }
    read.entries.sort_by_key(|entry| entry.time);
    read.entries.dedup();
    read
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = Words(line.trim_end());
    let time = words.next()?.parse().ok()?;
    let mut entry = Entry::new(time, Event::parse(&words.next()?)?);
    let mut objects = Objects::default();
    let mut counted = false;
    for word in words {
        let (key, value) = word.split_once('=')?;
        let mut count = |field: fn(&mut Objects) -> &mut u32| {
            counted = true;
            *field(&mut objects) = value.parse().ok()?;
            Some(())
        };
        match key {
            "since" => entry.since = Some(value.parse().ok()?),
            "digest" => entry.digest = Some(Digest::from_hex(value)?),
            "path" => entry.path = Some(value.to_owned()),
            "promoted" => entry.promoted = Some(value.to_owned()),
            "objects" => count(|objects| &mut objects.total)?,
            "healthy" => count(|objects| &mut objects.healthy)?,
            "progressing" => count(|objects| &mut objects.progressing)?,
            "degraded" => count(|objects| &mut objects.degraded)?,
            "request" => entry.request = Some(value.to_owned()),
            "gates" => entry.gates = gates(value),
            "agent" => entry.agent = Some(value.to_owned()),
            "reason" => entry.reason = Some(value.to_owned()),
            _ => {}
        }
    }
    entry.objects = counted.then_some(objects);
    Some(entry)
}

/// The gates of a line. What is none is passed over.
fn gates(text: &str) -> Vec<(String, String)> {
    let split = |word: &str| word.rsplit_once('=').map(|(name, verdict)| (name.to_owned(), verdict.to_owned()));
    text.split(',').filter_map(split).collect()
}

/// Splits a line at blanks. A word may hold a JSON string behind its `=`, which is given without its quotes.
struct Words<'a>(&'a str);

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let rest = self.0.trim_start_matches(' ');
        let end = rest.find(' ').unwrap_or(rest.len());
        let quoted = rest.find("=\"").filter(|equals| *equals < end);
        let Some(equals) = quoted else {
            self.0 = &rest[end..];
            return (!rest.is_empty()).then(|| rest[..end].to_owned());
        };
        let (key, value) = rest.split_at(equals + 1);
        let mut values = serde_json::Deserializer::from_str(value).into_iter::<String>();
        let Some(Ok(text)) = values.next() else {
            // A word without `=` is no word of a line.
            self.0 = "";
            return Some(String::new());
        };
        self.0 = &value[values.byte_offset()..];
        Some(format!("{key}{text}"))
    }
}

/// The line that says it, with the line break at its end.
#[must_use]
pub fn print(entry: &Entry) -> String {
    let mut line = format!("{} {}", milliseconds(entry.time), entry.event.as_str());
    let mut word = |key: &str, value: &str| {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        // Writing to a string can't fail, hence the discarded results.
        let _ = if !value.is_empty() && value.chars().all(plain) {
            write!(line, " {key}={value}")
        } else {
            write!(line, " {key}={}", serde_json::Value::from(value))
        };
    };
    if let Some(since) = entry.since {
        word("since", &seconds(since));
    }
    if let Some(digest) = entry.digest {
        word("digest", &digest.to_string());
    }
    if let Some(path) = &entry.path {
        word("path", &short(path));
    }
    if let Some(promoted) = &entry.promoted {
        word("promoted", &short(promoted));
    }
    if let Some(objects) = entry.objects {
        word("objects", &objects.total.to_string());
        for (key, count) in
            [("healthy", objects.healthy), ("progressing", objects.progressing), ("degraded", objects.degraded)]
        {
            if count > 0 {
                word(key, &count.to_string());
            }
        }
    }
    let mut gates = String::new();
    for (name, verdict) in entry.gates.iter().filter(|(name, _)| !name.contains([',', '\n'])) {
        if gates.len() + name.len() + verdict.len() > LONGEST_GATES {
            break;
        }
        let comma = if gates.is_empty() { "" } else { "," };
        // Writing to a string can't fail, hence the discarded result.
        let _ = write!(gates, "{comma}{name}={verdict}");
    }
    let gates = Some(gates).filter(|gates| !gates.is_empty());
    for (key, value) in [("request", &entry.request), ("agent", &entry.agent), ("reason", &entry.reason)] {
        if let Some(value) = value {
            word(key, &short(value));
        }
    }
    if let Some(gates) = gates {
        word("gates", &gates);
    }
    line.push('\n');
    line
}

/// A text that is not too long for a line, without line ends and what else steers a terminal.
pub(super) fn short(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut text = text.chars().map(clean);
    let mut kept: String = text.by_ref().take(LONGEST_TEXT).collect();
    if text.next().is_some() {
        kept.push('…');
    }
    kept
}

/// A time to the millisecond, always of the same length, so that sorted lines are lines in order.
fn milliseconds(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn seconds(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The note with the lines that it does not have yet; `None` when it has them all, or has no room for more.
///
/// What is there stays as it is, byte for byte.
#[must_use]
pub fn merge(note: &[u8], lines: &[String]) -> Option<Vec<u8>> {
    if note.len() > LONGEST_NOTE {
        return None;
    }
    let known: std::collections::BTreeSet<&[u8]> = note.split(|byte| *byte == b'\n').collect();
    let mut merged = note.to_vec();
    if !merged.is_empty() && merged.last() != Some(&b'\n') {
        merged.push(b'\n');
    }
    let before = merged.len();
    for line in lines.iter().filter(|line| !known.contains(line.trim_end_matches('\n').as_bytes())) {
        merged.extend_from_slice(line.as_bytes());
    }
    (merged.len() > before).then_some(merged)
}
