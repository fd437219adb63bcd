//! The query of a repository's URL, read as Go's `net/url` reads it.

use std::time::Duration;

/// What a query says of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) reference: String,
    pub(super) timeout: Duration,
    pub(super) submodules: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self { reference: String::new(), timeout: Duration::from_secs(27), submodules: true }
    }
}

/// Reads a query. One that is broken anywhere counts as none, and so does each value that is none of its kind.
pub(super) fn parse(query: &str) -> Query {
    let mut found = Query::default();
    let Some(pairs) = pairs(query) else { return found };
    let get = |name: &str| {
        let value = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        value.filter(|value| !value.is_empty())
    };
    get("ref").or_else(|| get("version")).unwrap_or_default().clone_into(&mut found.reference);
    if let Some(timeout) = get("timeout").and_then(|text| seconds(text).or_else(|| duration(text))) {
        found.timeout = timeout;
    }
    if let Some(submodules) = get("submodules").and_then(bool) {
        found.submodules = submodules;
    }
    found
}

/// Whether a query holds nothing but what kustomize reads.
pub(super) fn is_known(query: &str) -> bool {
    pairs(query).is_some_and(|pairs| {
        pairs.iter().all(|(key, _)| matches!(key.as_str(), "ref" | "version" | "timeout" | "submodules"))
    })
}

fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            if part.contains(';') {
                return None;
            }
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            Some((unescape(key)?, unescape(value)?))
        })
        .collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

/// A whole number of seconds above zero.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: i64 = text.parse().ok()?;
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// A duration above zero as Go writes it, such as `1m30s` or `1.5h`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (whole, after) = rest.split_at(end);
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len())),
            None => ("", after),
        };
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?.checked_add(part_of(unit, fraction))?;
        rest = after;
    }
    (total > 0 && total <= u64::try_from(i64::MAX).ok()?).then(|| Duration::from_nanos(total))
}

/// So much of a unit as the digits behind a decimal point say.
fn part_of(unit: u64, digits: &str) -> u64 {
    // More digits than a nanosecond can show change nothing.
    let digits = digits.get(..digits.len().min(15)).unwrap_or_default();
    let scale = digits.bytes().fold(1_u128, |scale, _| scale * 10);
    let value: u128 = digits.parse().unwrap_or_default();
    u64::try_from(u128::from(unit) * value / scale).unwrap_or_default()
}

/// A truth value as Go's `strconv.ParseBool` reads it.
fn bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_go_reads_them() {
        for (query, reference, milliseconds, submodules) in [
            ("", "", 27_000, true),
            ("ref=v1", "v1", 27_000, true),
            ("version=v1", "v1", 27_000, true),
            ("version=v1&ref=v2", "v2", 27_000, true),
            ("version=v1&ref=", "v1", 27_000, true),
            ("ref=a&ref=b", "a", 27_000, true),
            ("ref=feature%2Fx+y", "feature/x y", 27_000, true),
            ("ref=a=b", "a=b", 27_000, true),
            ("&&ref=v1&", "v1", 27_000, true),
            ("timeout=61", "", 61_000, true),
            ("timeout=1m1.5s", "", 61_500, true),
            ("timeout=%2B250ms", "", 250, true),
            ("timeout=.5h", "", 1_800_000, true),
            ("timeout=0", "", 27_000, true),
            ("timeout=-1s", "", 27_000, true),
            ("timeout=1x", "", 27_000, true),
            ("timeout=9223372036855s9223372036855s", "", 27_000, true),
            ("submodules=false", "", 27_000, false),
            ("submodules=F", "", 27_000, false),
            ("submodules=no", "", 27_000, true),
            ("submodules=", "", 27_000, true),
            // One broken pair spoils the others.
            ("ref=v1&a;b", "", 27_000, true),
            ("ref=v1&x=%zz", "", 27_000, true),
            ("ref=v1&x=%a", "", 27_000, true),
        ] {
            let expected =
                Query { reference: reference.to_owned(), timeout: Duration::from_millis(milliseconds), submodules };
            assert_eq!(parse(query), expected, "{query}");
        }
    }
}
