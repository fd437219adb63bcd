//! Strict reading of a kustomization file: every field that is not known, and every value of the wrong type, is a problem.

use std::collections::BTreeMap;

use plumb_yaml::{Data, Node};

use crate::error::Fault;
use crate::unprintable::{check_text, fold_next_lines};

/// A value with its place in the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct At<T> {
    pub(crate) line: u32,
    pub(crate) field: String,
    pub(crate) value: T,
}

impl<T> At<T> {
    /// Another value in the same place.
    pub(crate) fn with<U>(&self, value: U) -> At<U> {
        At { line: self.line, field: self.field.clone(), value }
    }

    pub(crate) fn problem(&self, fault: Fault) -> Problem {
        Problem { line: Some(self.line), field: Some(self.field.clone()), fault }
    }
}

/// Something wrong in a kustomization file.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) line: Option<u32>,
    pub(crate) field: Option<String>,
    pub(crate) fault: Fault,
}

/// Problems beyond these are not told.
const MOST_PROBLEMS: usize = 100;

/// How strictly to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// As kustomization files: every field must be known, and every value of the right type.
    #[default]
    Strict,
    /// As most of kustomize's plugins read their configuration (`sigs.k8s.io/yaml`): fields that are not known do not matter, and numbers and truth
    /// values are taken for strings where a string is expected.
    Lenient,
    /// Like [`Mode::Lenient`], but a string must be a string: so it is in the fields of an embedded struct, where kustomize does not find the type that
    /// it should convert to, which is its bug.
    Embedded,
    /// As the plugins for prefixes and suffixes do (`kyaml`): like [`Mode::Lenient`], but names of fields must match exactly, and `"yes"` is true.
    Exact,
}

/// Collects what is wrong while it reads.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pub(crate) mode: Mode,
    pub(crate) problems: Vec<Problem>,
}

/// The fields of a mapping by their proper names; of a duplicate field the last counts, and null is as if it were not there.
pub(crate) type Fields<'n> = BTreeMap<&'static str, &'n Node>;

impl Decoder {
    pub(crate) fn problem(&mut self, node: &Node, field: &str, fault: Fault) {
        if self.problems.len() >= MOST_PROBLEMS {
            return;
        }
        let field = (!field.is_empty()).then(|| field.to_owned());
        self.problems.push(Problem { line: Some(node.line), field, fault });
    }

    /// Reads what is an embedded struct in kustomize.
    pub(crate) fn embedded<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let mode = self.mode;
        if mode == Mode::Lenient {
            self.mode = Mode::Embedded;
        }
        let value = read(self);
        self.mode = mode;
        value
    }

    fn wrong_type(&mut self, node: &Node, field: &str, expected: &str) {
        let hint = match (&node.data, expected) {
            (Data::Number(_) | Data::Bool(_), "a string") => "; put it in quotes",
            (Data::String(_) | Data::Mapping(_), "a list") => "; write - before each entry",
            _ => "",
        };
        let message = format!("expected {expected}, found {}{hint}", describe(node));
        self.problem(node, field, Fault::syntax(message));
    }

    /// The fields of a mapping. Their names are compared without regard to case, as kustomize does; of two spellings of one name it
    /// takes the last in the order of bytes, because it sorts them on the way.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, path: &str, known: &[&'static str]) -> Fields<'n> {
        let mut fields = Fields::new();
        let mut spellings: BTreeMap<&str, String> = BTreeMap::new();
        let Data::Mapping(entries) = &node.data else {
            if !matches!(node.data, Data::Null) {
                self.wrong_type(node, path, "a map");
            }
            return fields;
        };
        for (key, value) in entries {
            let name = key_text(key);
            let exact = known.iter().find(|known| **known == name);
            let folded = || known.iter().find(|known| self.mode != Mode::Exact && known.eq_ignore_ascii_case(&name));
            match exact.or_else(folded) {
                Some(_) if matches!(value.data, Data::Null) => {}
                Some(known) => {
                    if spellings.get(known).is_none_or(|other| *other <= name) {
                        fields.insert(known, value);
                        spellings.insert(known, name);
                    }
                }
                None if self.mode != Mode::Strict || self.problems.len() >= MOST_PROBLEMS => {}
                None => {
                    let message = match closest(&name, known) {
                        Some(close) => format!("unknown field; is {close} meant?"),
                        None if known.len() > 20 => {
                            "unknown field; no field of a kustomization has this name".to_owned()
                        }
                        None => format!("unknown field; known are {}", known.join(", ")),
                    };
                    self.problem(key, &dotted(path, &name), Fault::syntax(message));
                }
            }
        }
        fields
    }

    /// Checks that a node is a mapping, whatever is in it.
    pub(crate) fn mapping(&mut self, node: &Node, path: &str) {
        if !matches!(node.data, Data::Mapping(_) | Data::Null) {
            self.wrong_type(node, path, "a map");
        }
    }

    pub(crate) fn string(&mut self, node: &Node, field: &str) -> String {
        match &node.data {
            Data::String(text) => {
                if let Err(fault) = check_text(text) {
                    self.problem(node, field, fault);
                }
                fold_next_lines(text).unwrap_or_else(|| text.clone())
            }
            Data::Null => String::new(),
            Data::Number(number) if self.mode == Mode::Lenient && number.is_f64() => {
                short_float(number.as_f64().unwrap_or_default())
            }
            Data::Number(_) | Data::Bool(_) if matches!(self.mode, Mode::Lenient | Mode::Exact) => {
                node.text().unwrap_or_default().to_owned()
            }
            _ => {
                self.wrong_type(node, field, "a string");
                String::new()
            }
        }
    }

    pub(crate) fn bool(&mut self, node: &Node, field: &str) -> bool {
        match &node.data {
            Data::Bool(value) => *value,
            Data::Null => false,
            Data::String(text) if self.mode == Mode::Exact && old_bool(text).is_some() => old_bool(text) == Some(true),
            _ => {
                self.wrong_type(node, field, "true or false");
                false
            }
        }
    }

    pub(crate) fn integer(&mut self, node: &Node, field: &str) -> i64 {
        match &node.data {
            Data::Number(value) if value.as_i64().is_some() => value.as_i64().unwrap_or_default(),
            Data::Null => 0,
            _ => {
                self.wrong_type(node, field, "a whole number");
                0
            }
        }
    }

    /// The items of a list with their fields, such as `patches[2]`.
    pub(crate) fn items<'n>(&mut self, node: &'n Node, field: &str) -> Vec<(String, &'n Node)> {
        match &node.data {
            Data::Sequence(items) => {
                items.iter().enumerate().map(|(index, item)| (format!("{field}[{index}]"), item)).collect()
            }
            Data::Null => Vec::new(),
            _ => {
                self.wrong_type(node, field, "a list");
                Vec::new()
            }
        }
    }

    pub(crate) fn strings(&mut self, node: Option<&&Node>, field: &str) -> Vec<At<String>> {
        let Some(node) = node else { return Vec::new() };
        let items = self.items(node, field);
        let read = |(field, item): (String, &Node)| At { line: item.line, value: self.string(item, &field), field };
        items.into_iter().map(read).collect()
    }

    pub(crate) fn string_map(&mut self, node: &Node, field: &str) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        match &node.data {
            Data::Mapping(entries) => {
                for (key, value) in entries {
                    let name = key_text(key);
                    let value = self.string(value, &dotted(field, &name));
                    map.insert(name, value);
                }
            }
            Data::Null => {}
            _ => self.wrong_type(node, field, "a map of strings"),
        }
        map
    }

    /// A string in its place.
    pub(crate) fn located(&mut self, node: Option<&&Node>, field: &str) -> At<String> {
        node.map_or_else(At::default, |node| At {
            line: node.line,
            field: field.to_owned(),
            value: self.string(node, field),
        })
    }

    pub(crate) fn text_of(&mut self, fields: &Fields<'_>, path: &str, name: &str) -> String {
        fields.get(name).map_or_else(String::new, |node| self.string(node, &dotted(path, name)))
    }

    pub(crate) fn bool_of(&mut self, fields: &Fields<'_>, path: &str, name: &str) -> bool {
        fields.get(name).is_some_and(|node| self.bool(node, &dotted(path, name)))
    }
}

/// A fraction as a string: kustomize keeps only as many digits as 32 bits need, and writes it as Go does.
#[allow(clippy::cast_possible_truncation, reason = "the digits beyond are lost in kustomize too")]
fn short_float(value: f64) -> String {
    let text = format!("{:e}", value as f32);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent @ (..-4 | 6..)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => (value as f32).to_string(),
    }
}

/// What YAML 1.1 takes for a truth value besides `true` and `false`.
fn old_bool(text: &str) -> Option<bool> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// The known name that differs least, if it differs little.
fn closest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let near = known.iter().map(|known| (distance(name, known), *known)).min()?;
    (near.0 <= 2 && near.0 < name.len()).then_some(near.1)
}

/// How many characters must be added, removed or changed to make one word of another, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().take(64).enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let costs = [
                row.get(j).map(|cost| cost + usize::from(x != *y)),
                row.get(j + 1).map(|cost| cost + 1),
                next.last().map(|cost| cost + 1),
            ];
            next.push(costs.into_iter().flatten().min().unwrap_or_default());
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

/// Keys become strings, as in kustomize: an unquoted `n` is the key `false`.
pub(crate) fn key_text(key: &Node) -> String {
    match &key.data {
        Data::String(text) => text.clone(),
        Data::Bool(value) => value.to_string(),
        Data::Number(value) => value.to_string(),
        Data::Null => "null".to_owned(),
        Data::Sequence(_) | Data::Mapping(_) => String::new(),
    }
}

pub(crate) fn dotted(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

pub(crate) fn describe(node: &Node) -> String {
    match &node.data {
        Data::Null => "nothing".to_owned(),
        Data::Bool(value) => value.to_string(),
        Data::Number(value) => format!("the number {value}"),
        Data::String(_) => "a string".to_owned(),
        Data::Sequence(_) => "a list".to_owned(),
        Data::Mapping(_) => "a map".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_short() {
        for (value, expected) in [
            (1.1, "1.1"),
            (-0.000_12, "-0.00012"),
            (0.000_012, "1.2e-05"),
            (999_999.5, "999999.5"),
            (1_234_567.5, "1.2345675e+06"),
            (1.234_567_890_123_456_8e22, "1.2345679e+22"),
        ] {
            assert_eq!(short_float(value), expected);
        }
    }
}
