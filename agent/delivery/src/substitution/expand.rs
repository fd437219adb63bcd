//! From a text with references to one without.

use super::{Variables, is_name};

/// How often a default may hold another reference.
const DEEPEST: usize = 8;

pub(super) enum Fault {
    Undefined(String),
    Form(String, &'static str),
    TooLarge,
}

/// Replaces all references; `most` is how many bytes may come out.
pub(super) fn expand(text: &str, variables: &Variables, most: usize) -> Result<String, Fault> {
    within(text, variables, most, 0)
}

fn within(text: &str, variables: &Variables, most: usize, depth: usize) -> Result<String, Fault> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            // Two dollars stand for one that begins no reference.
            out.push_str(before);
            out.push_str("${");
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        out.push_str(before);
        if let Some((reference, after)) = Reference::parse(from)? {
            out.push_str(&reference.value(variables, most, depth)?);
            rest = after;
        } else {
            // What no shell would take for a variable is left as it is: templates of other languages look like that.
            out.push_str("${");
            rest = from.get(2..).unwrap_or_default();
        }
        if out.len() > most {
            return Err(Fault::TooLarge);
        }
    }
    out.push_str(rest);
    if out.len() > most { Err(Fault::TooLarge) } else { Ok(out) }
}

/// Whether a text is one reference and nothing else.
pub(super) fn is_one_reference(text: &str) -> bool {
    matches!(Reference::parse(text), Ok(Some((_, ""))))
}

struct Reference<'t> {
    name: &'t str,
    /// What stands between the name and the closing brace.
    operation: &'t str,
    length: bool,
}

impl<'t> Reference<'t> {
    /// Reads a reference at the beginning of a text, and what follows it; `None` when it is none.
    fn parse(text: &'t str) -> Result<Option<(Self, &'t str)>, Fault> {
        let Some(inner) = text.strip_prefix("${") else { return Ok(None) };
        let length = inner.starts_with('#');
        let inner = inner.strip_prefix('#').unwrap_or(inner);
        let end = inner.find(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        let (name, operation) = inner.split_at(end.unwrap_or(inner.len()));
        if !is_name(name) {
            return Ok(None);
        }
        if !operation.starts_with(['}', ':', '=', '-', '/', '^', ',', '#', '%']) && !operation.is_empty() {
            return Ok(None);
        }
        let Some(end) = closing(operation) else {
            return Err(Fault::Form(name.to_owned(), "expected a closing brace"));
        };
        let (operation, after) = operation.split_at(end);
        if length && !operation.is_empty() {
            return Err(Fault::Form(name.to_owned(), "a length takes nothing but the name"));
        }
        Ok(Some((Self { name, operation, length }, after.get(1..).unwrap_or_default())))
    }

    fn value(&self, variables: &Variables, most: usize, depth: usize) -> Result<String, Fault> {
        let name = self.name;
        let form = |message| Fault::Form(name.to_owned(), message);
        let known = variables.values.get(name).map(String::as_str);
        for (operator, when_empty) in [(":=", true), (":-", true), ("=", false), ("-", false)] {
            let Some(default) = self.operation.strip_prefix(operator) else { continue };
            return match known.filter(|value| !when_empty || !value.is_empty()) {
                Some(value) => Ok(value.to_owned()),
                None if depth >= DEEPEST => Err(form("defaults are nested too deeply")),
                None => within(default, variables, most, depth + 1),
            };
        }
        let value = match known {
            Some(value) => value,
            None if variables.strict => return Err(Fault::Undefined(name.to_owned())),
            None => "",
        };
        if self.length {
            return Ok(value.chars().count().to_string());
        }
        let strip = |value: Option<&str>, whole: &str| Ok(value.unwrap_or(whole).to_owned());
        match self.operation {
            "" => Ok(value.to_owned()),
            "^" => Ok(first(value, |first| first.to_uppercase().collect())),
            "^^" => Ok(value.to_uppercase()),
            "," => Ok(first(value, |first| first.to_lowercase().collect())),
            ",," => Ok(value.to_lowercase()),
            operation if operation.contains(['*', '?', '[']) && operation.starts_with(['#', '%', '/']) => {
                Err(form("patterns are not supported, only plain text"))
            }
            operation => {
                if let Some(place) = operation.strip_prefix(':') {
                    return substring(value, place)
                        .ok_or_else(|| form("expected :=default, :-default, :start or :start:length"));
                }
                if let Some(prefix) = operation.strip_prefix("##").or(operation.strip_prefix('#')) {
                    return strip(value.strip_prefix(prefix), value);
                }
                if let Some(suffix) = operation.strip_prefix("%%").or(operation.strip_prefix('%')) {
                    return strip(value.strip_suffix(suffix), value);
                }
                replaced(value, operation, most).ok_or_else(|| form("expected /text/replacement"))?
            }
        }
    }
}

/// Where the brace is that closes a reference, past the references in between.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes.get(at - 1) == Some(&b'$') => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn first(text: &str, change: impl Fn(char) -> String) -> String {
    let mut characters = text.chars();
    characters.next().map(change).unwrap_or_default() + characters.as_str()
}

/// `start` or `start:length`, in characters.
fn substring(text: &str, place: &str) -> Option<String> {
    let (start, length) = match place.split_once(':') {
        Some((start, length)) => (start, length.parse().ok()?),
        None => (place, usize::MAX),
    };
    Some(text.chars().skip(start.parse().ok()?).take(length).collect())
}

/// `/text/replacement` for the first, `//` for all, `/#` at the beginning, `/%` at the end.
fn replaced(value: &str, operation: &str, most: usize) -> Option<Result<String, Fault>> {
    let operation = operation.strip_prefix('/')?;
    let (how, rest) = match operation.chars().next()? {
        how @ ('/' | '#' | '%') => (how, operation.get(1..)?),
        _ => ('1', operation),
    };
    let (from, to) = rest.split_once('/').unwrap_or((rest, ""));
    if from.is_empty() {
        return None;
    }
    let text = match how {
        '/' => {
            let grown = value.matches(from).count().saturating_mul(to.len()).saturating_add(value.len());
            if grown > most {
                return Some(Err(Fault::TooLarge));
            }
            value.replace(from, to)
        }
        '#' => value.strip_prefix(from).map_or_else(|| value.to_owned(), |rest| format!("{to}{rest}")),
        '%' => value.strip_suffix(from).map_or_else(|| value.to_owned(), |rest| format!("{rest}{to}")),
        _ => value.replacen(from, to, 1),
    };
    Some(Ok(text))
}
