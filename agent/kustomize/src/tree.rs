//! The object that filters work on: YAML with the text of its scalars.
//!
//! kustomize edits YAML nodes and compares the text of scalars, not their values: `8080` and `"8080"` are the same merge key,
//! `1.20` as an annotation becomes `"1.20"`, and an empty null is dropped by a patch where a written `null` stays. So the text
//! is kept beside the value until the object is printed.

mod map;

use plumb_yaml::{Data, Limits, Node, Number, Schema, Style, Value};

use crate::error::Fault;
use crate::scalar_type::Type;
use crate::shared::Shared;

pub(crate) use map::Map;

/// A YAML value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Scalar(Scalar),
    Sequence(Vec<Tree>),
    Mapping(Map),
}

/// The line of what kustomize printed and read again, which is in no file.
const PRINTED: u32 = u32::MAX;

/// How large a value is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Scalars, lists and maps.
    pub(crate) values: usize,
    /// Bytes of keys and scalars.
    pub(crate) text: usize,
    /// Levels of lists and maps.
    pub(crate) depth: usize,
}

impl Size {
    fn with(self, key: usize, item: &Tree) -> Self {
        let size = item.size();
        Self {
            values: self.values + size.values,
            text: self.text + key + size.text,
            depth: self.depth.max(size.depth + 1),
        }
    }
}

/// A scalar with the text that was written for it.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// Whether it was written in quotes or as a block: a value that takes its place stays a string then.
    pub(crate) quoted: bool,
    /// Whether it was written with a tag, which kustomize then writes for what takes its place too.
    pub(crate) tagged: bool,
    /// The other scalars of the object that it is one with.
    pub(crate) shared: Option<Shared>,
    /// What kustomize takes it for, whatever its text is.
    pub(crate) typed: Type,
    /// The line of the file that it was read from; 0 for what a filter made.
    pub(crate) line: u32,
}

/// What a scalar is to filters is no part of its value.
impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.kind == other.kind && self.quoted == other.quoted
    }
}

impl Scalar {
    pub(crate) fn new(text: impl Into<String>, kind: Kind) -> Self {
        let typed = Type::of(&kind);
        Self { text: text.into(), kind, quoted: false, tagged: false, shared: None, typed, line: 0 }
    }
}

/// What a scalar is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    /// Nothing within brackets: null to filters, but kustomize writes it as `''` there and so prints an empty string, its bug.
    Nothing,
    Bool(bool),
    Number(Number),
    String,
    /// A plain date, which kustomize prints in full: the value that it prints.
    Timestamp(Box<str>),
    /// A text that can not be of the type that it has.
    Misfit,
}

impl Tree {
    pub(crate) fn string(text: impl Into<String>) -> Self {
        Self::Scalar(Scalar::new(text, Kind::String))
    }

    /// A string as kustomize puts it into a map: in quotes where a reader of YAML 1.1 would take it for something else, as a block where it has several lines.
    pub(crate) fn entry(text: impl Into<String>) -> Self {
        let text = text.into();
        let quoted = text.contains('\n') || looks_different(&text);
        Self::Scalar(Scalar { quoted, ..Scalar::new(text, Kind::String) })
    }

    /// Puts a string in quotes as [`Tree::entry`] does.
    ///
    /// A scalar that has no type becomes a string by that, whatever it looks like.
    pub(crate) fn quote_as_entry(&mut self) {
        if let Self::Scalar(scalar @ Scalar { quoted: false, .. }) = self
            && (scalar.kind == Kind::String || scalar.typed == Type::Open)
            && looks_different(&scalar.text)
        {
            *scalar = Scalar { kind: Kind::String, quoted: true, typed: Type::String, ..scalar.clone() };
        }
    }

    /// Takes the quotes of a scalar away, which leaves it what it is.
    pub(crate) fn unquote(&mut self) {
        if let Self::Scalar(scalar) = self {
            scalar.quoted = false;
        }
    }

    /// A string that is one with others of its object.
    pub(crate) fn shared_string(text: impl Into<String>, quoted: bool, shared: Shared) -> Self {
        Self::Scalar(Scalar { quoted, shared: Some(shared), ..Scalar::new(text, Kind::String) })
    }

    pub(crate) fn bool(value: bool) -> Self {
        Self::Scalar(Scalar::new(value.to_string(), Kind::Bool(value)))
    }

    pub(crate) fn integer(value: i64) -> Self {
        Self::Scalar(Scalar::new(value.to_string(), Kind::Number(value.into())))
    }

    pub(crate) fn empty_mapping() -> Self {
        Self::Mapping(Map::new())
    }

    /// A plain scalar: what it is depends on its text, as in a file.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        if is_surely_a_string(&text) {
            return Self::Scalar(Scalar { typed: Type::Open, ..Scalar::new(text, Kind::String) });
        }
        let kind = match plumb_yaml::plain(&text, Schema::Resource) {
            // Nothing is written in quotes where it needs something, and is a string then.
            Some(Data::Null) if !text.is_empty() => Kind::Null,
            Some(Data::Bool(value)) => Kind::Bool(value),
            Some(Data::Number(value)) => Kind::Number(value),
            Some(Data::String(value)) if is_timestamp(&text, &value) => Kind::Timestamp(value.into()),
            _ => Kind::String,
        };
        Self::Scalar(Scalar { typed: Type::Open, ..Scalar::new(text, kind) })
    }

    /// A scalar that a filter adds without quotes: nothing at all is null.
    pub(crate) fn added(text: impl Into<String>) -> Self {
        match Self::plain(text) {
            Self::Scalar(scalar) if scalar.text.is_empty() => Self::Scalar(Scalar { kind: Kind::Null, ..scalar }),
            plain => plain,
        }
    }

    /// Lets a text in the place of this one make it another type, unless it stands in quotes.
    pub(crate) fn forget_type(&mut self) {
        if let Self::Scalar(scalar) = self {
            scalar.typed = if scalar.quoted { Type::String } else { Type::Open };
            let text = std::mem::take(&mut scalar.text);
            scalar.change_text(&text);
        }
    }

    /// Takes a node of a file.
    pub(crate) fn from_node(node: Node) -> Result<Self, Fault> {
        let line = node.line;
        // A number in quotes has a tag that says that it is one.
        let quoted = node.style() != Style::Plain;
        let (flow, nothing) = (node.is_flow(), node.style() == Style::Plain);
        let (tagged, float) = (node.is_tagged(), node.is_float());
        let (data, written) = node.into_parts();
        let scalar = |text, kind| Self::Scalar(Scalar { quoted, tagged, line, ..Scalar::new(text, kind) });
        let text = |written: Option<Box<str>>| written.map_or_else(String::new, String::from);
        Ok(match data {
            Data::Null => scalar(text(written), Kind::Null),
            Data::Bool(value) => scalar(text(written), Kind::Bool(value)),
            Data::Number(value) => {
                let new = Scalar::new(text(written), Kind::Number(value));
                let typed = if float { Type::Float } else { new.typed };
                Self::Scalar(Scalar { quoted, tagged, typed, line, ..new })
            }
            Data::String(value) => match written {
                Some(written) if is_timestamp(&written, &value) => {
                    scalar(written.into(), Kind::Timestamp(value.into()))
                }
                written if value.is_empty() && nothing => scalar(text(written), Kind::Nothing),
                _ => scalar(value, Kind::String),
            },
            Data::Sequence(items) => Self::Sequence(items.into_iter().map(Self::from_node).collect::<Result<_, _>>()?),
            Data::Mapping(entries) => {
                let entry = |(key, value): (Node, Node)| {
                    let line = key.line;
                    match key.into_parts().0 {
                        Data::String(name) => Ok((name, Self::from_node(value)?)),
                        _ => Err(Fault::syntax(format!(
                            "line {line}: a key of an object must be a string; put it in quotes"
                        ))),
                    }
                };
                let map = entries.into_iter().map(entry).collect::<Result<Map, _>>()?;
                Self::Mapping(map.written(flow).at_line(line))
            }
        })
    }

    /// Takes a value that kustomize prints and reads in between.
    pub(crate) fn from_value(value: Value) -> Self {
        match value {
            Value::Null => Self::printed("null", Kind::Null),
            Value::Bool(value) => Self::printed(value.to_string(), Kind::Bool(value)),
            Value::Number(value) => Self::printed(number_text(&value), Kind::Number(value)),
            Value::String(text) => {
                // It has quotes only where it must have them.
                let quoted = prints_quoted(&text);
                Self::Scalar(Scalar { quoted, line: PRINTED, ..Scalar::new(text, Kind::String) })
            }
            Value::Array(items) => Self::Sequence(items.into_iter().map(Self::from_value).collect()),
            Value::Object(map) => {
                // Only an empty map is printed in braces.
                let flow = map.is_empty();
                let map: Map = map.into_iter().map(|(k, v)| (k, Self::from_value(v))).collect();
                Self::Mapping(map.written(flow).at_line(PRINTED))
            }
        }
    }

    fn printed(text: impl Into<String>, kind: Kind) -> Self {
        Self::Scalar(Scalar { line: PRINTED, ..Scalar::new(text, kind) })
    }

    pub(crate) fn into_value(self) -> Value {
        self.into_value_within(false)
    }

    /// `flow` tells that it stands within brackets or braces.
    fn into_value_within(self, flow: bool) -> Value {
        match self {
            Self::Scalar(scalar) => match scalar.kind {
                Kind::Null if flow && scalar.text.is_empty() => Value::String(String::new()),
                Kind::Null => Value::Null,
                Kind::Nothing => Value::String(String::new()),
                Kind::Bool(value) => Value::Bool(value),
                Kind::Number(value) => Value::Number(value),
                Kind::String | Kind::Misfit => Value::String(scalar.text),
                Kind::Timestamp(value) => Value::String(value.into()),
            },
            Self::Sequence(items) => Value::Array(items.into_iter().map(|item| item.into_value_within(flow)).collect()),
            Self::Mapping(map) => {
                let flow = flow || map.is_flow();
                Value::Object(map.into_iter().map(|(k, v)| (k, v.into_value_within(flow))).collect())
            }
        }
    }

    /// What the value takes, itself included.
    pub(crate) fn size(&self) -> Size {
        match self {
            Self::Scalar(scalar) => Size { values: 1, text: scalar.text.len(), depth: 0 },
            Self::Sequence(items) => {
                items.iter().fold(Size { values: 1, text: 0, depth: 1 }, |size, item| size.with(0, item))
            }
            Self::Mapping(map) => {
                map.iter().fold(Size { values: 1, text: 0, depth: 1 }, |size, (key, value)| size.with(key.len(), value))
            }
        }
    }

    /// Makes a plain null of nothing within brackets, where kustomize takes the value and not what it writes for it.
    pub(crate) fn settle_nothing(&mut self) {
        match self {
            Self::Scalar(scalar) if scalar.kind == Kind::Nothing => *scalar = Scalar::new("null", Kind::Null),
            Self::Scalar(_) => {}
            Self::Sequence(items) => items.iter_mut().for_each(Self::settle_nothing),
            Self::Mapping(map) => map.values_mut().for_each(Self::settle_nothing),
        }
    }

    /// Whether it is null to filters, which nothing at all is not when a filter has added it.
    pub(crate) fn is_null(&self) -> bool {
        match self {
            Self::Scalar(Scalar { kind: Kind::Null, text, typed: Type::Open, .. }) => !text.is_empty(),
            Self::Scalar(Scalar { kind: Kind::Null | Kind::Nothing, .. }) => true,
            _ => false,
        }
    }

    /// Whether it is a scalar in quotes or a block.
    pub(crate) fn is_quoted(&self) -> bool {
        matches!(self, Self::Scalar(Scalar { quoted: true, .. }))
    }

    pub(crate) fn is_string(&self) -> bool {
        matches!(self, Self::Scalar(Scalar { kind: Kind::String, .. }))
    }

    /// Whether kustomize has the same nodes for both: also written in the same places, and of the same types.
    pub(crate) fn is_same_node(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a == b && a.typed == b.typed && a.line == b.line,
            (Self::Sequence(a), Self::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same_node(b))
            }
            (Self::Mapping(a), Self::Mapping(b)) => {
                let same =
                    |((key, a), (other, b)): ((&String, &Self), (&String, &Self))| key == other && a.is_same_node(b);
                a.len() == b.len() && a.line() == b.line() && a.iter().zip(b.iter()).all(same)
            }
            _ => false,
        }
    }

    /// Null, `{}` or `[]`.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(_) => self.is_null(),
            Self::Sequence(items) => items.is_empty(),
            Self::Mapping(map) => map.is_empty(),
        }
    }

    /// The text of a scalar, whatever its type; nothing for mappings and sequences.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Scalar(scalar) => &scalar.text,
            _ => "",
        }
    }

    pub(crate) fn as_mapping(&self) -> Option<&Map> {
        match self {
            Self::Mapping(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_mapping_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Mapping(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_sequence(&self) -> Option<&[Tree]> {
        match self {
            Self::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Tree> {
        self.as_mapping()?.get(key)
    }

    /// What the value is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Scalar(Scalar { kind: Kind::Null | Kind::Nothing, .. }) => "null",
            Self::Scalar(_) => "a scalar",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a map",
        }
    }

    /// Writes `text` into a scalar without saying of what type it is, as kustomize does for names and images: a quoted scalar
    /// stays quoted, a plain one becomes what its text looks like.
    pub(crate) fn set_text(&mut self, text: impl Into<String>) {
        self.assign(Self::plain(text));
    }

    /// Makes it as it is when it is read from JSON: strings in quotes, so that what takes their place stays a string, and maps in braces.
    pub(crate) fn write_as_json(&mut self) {
        match self {
            Self::Scalar(scalar) => scalar.quoted |= scalar.kind == Kind::String,
            Self::Sequence(items) => items.iter_mut().for_each(Self::write_as_json),
            Self::Mapping(map) => {
                *map = std::mem::take(map).written(true);
                map.values_mut().for_each(Self::write_as_json);
            }
        }
    }

    /// Puts a scalar in the place of this one, which leaves it its quotes.
    pub(crate) fn assign(&mut self, new: Self) {
        let (was_quoted, tagged, shared) = match self {
            Self::Scalar(scalar) => (scalar.quoted, scalar.tagged, scalar.shared.map(Shared::changed)),
            _ => (false, false, None),
        };
        *self = match new {
            Self::Scalar(Scalar { text, kind, typed, .. }) if was_quoted => {
                let kind = if kind == Kind::Misfit { kind } else { typed.within_quotes(&text, kind, tagged) };
                Self::Scalar(Scalar { text, kind, quoted: true, tagged, shared, typed, line: 0 })
            }
            Self::Scalar(scalar) => Self::Scalar(Scalar { quoted: false, tagged, shared, ..scalar }),
            other => other,
        };
    }
}

/// Whether a value is another text than was written, which only dates are: they start with a year.
fn is_timestamp(written: &str, value: &str) -> bool {
    written != value && written.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a string is printed in quotes or as a block.
fn prints_quoted(text: &str) -> bool {
    let simple =
        is_surely_a_string(text) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    !simple && plumb_yaml::print(&Value::String(text.to_owned())).starts_with(['"', '\'', '|', '>'])
}

/// Whether a reader of YAML 1.1 takes a text for something else than a string.
pub(crate) fn looks_different(text: &str) -> bool {
    let simple = is_surely_a_string(text) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_./".contains(&c));
    if simple || text.is_empty() || text.contains('\n') {
        return false;
    }
    plumb_yaml::parse(text.as_bytes(), Schema::Yaml11, &Limits::default())
        .is_ok_and(|documents| !matches!(documents.first(), Some(Node { data: Data::String(_), .. })))
}

/// A cheap test for the common case, so that a name is not parsed as YAML only to learn that it is a string.
fn is_surely_a_string(text: &str) -> bool {
    let Some(first) = text.bytes().next() else { return false };
    first.is_ascii_alphabetic() && text.len() > 5 || first.is_ascii_lowercase() && !"nytfo".contains(first as char)
}

fn number_text(value: &Number) -> String {
    value.to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use plumb_yaml::Limits;

    use super::*;

    /// What becomes of a scalar when another text is put into it.
    fn assigned(written: &str) -> Tree {
        let mut nodes = plumb_yaml::parse(written.as_bytes(), Schema::Resource, &Limits::default()).unwrap();
        let mut tree = Tree::from_node(nodes.remove(0)).unwrap();
        tree.set_text("8080");
        tree
    }

    #[test]
    fn what_was_no_plain_scalar_stays_a_string() {
        for written in ["'1'", "\"1\"", "|\n  1\n", ">-\n  1\n", "|\n  text\n"] {
            assert!(assigned(written).is_string(), "{written}");
        }
        for written in ["1", "text", "true", "1.5", "!!str 1"] {
            assert!(!assigned(written).is_string(), "{written}");
        }
    }
}
