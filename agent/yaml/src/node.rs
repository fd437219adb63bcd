//! A document in memory, with the place of each node.

use serde_json::{Map, Number, Value};

use crate::error::Error;

/// A value and where it stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// The line where the node starts, from 1; for an alias the line of the alias.
    pub line: u32,
    /// The column where the node starts, in characters, from 1.
    pub column: u32,
    written: Option<Box<str>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `null`, `~` or nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number; an integer when it has no fraction and fits 64 bits, as JSON of Go prints it.
    Number(Number),
    /// A string.
    String(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file, merge keys expanded; each key is a string and stands there once.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn new(data: Data, line: u32, column: u32) -> Self {
        Self { data, line, column, written: None }
    }

    pub(crate) fn scalar(data: Data, written: &str, line: u32, column: u32) -> Self {
        let same = matches!(&data, Data::String(text) if text == written);
        Self { data, line, column, written: (!same).then(|| written.into()) }
    }

    /// The text of a scalar as the file has it, before it became a value: `1.20`, `0x10`, `~`, `2020-01-01`.
    ///
    /// Quotes, escapes and folding are gone. kustomize compares and copies this text where it edits YAML nodes. None for a
    /// sequence and a mapping.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match (&self.written, &self.data) {
            (Some(written), _) => Some(written),
            (None, Data::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The value of a key of a mapping; none when the key is missing or this is no mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.as_mapping()?.iter().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<&Number> {
        match &self.data {
            Data::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The items of a sequence, if it is one.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Node]> {
        match &self.data {
            Data::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a mapping, if it is one.
    #[must_use]
    pub fn as_mapping(&self) -> Option<&[(Node, Node)]> {
        match &self.data {
            Data::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether this is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// The value without places.
    ///
    /// # Errors
    /// A key that is not a string, which [`parse`](crate::parse()) never returns.
    pub fn to_value(&self) -> Result<Value, Error> {
        Ok(match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Number(number) => Value::Number(number.clone()),
            Data::String(text) => Value::String(text.clone()),
            Data::Sequence(items) => Value::Array(items.iter().map(Node::to_value).collect::<Result<_, _>>()?),
            Data::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let Data::String(name) = &key.data else {
                        return Err(Error::new(key.line, key.column, "a key must be a string; put it in quotes"));
                    };
                    map.insert(name.clone(), value.to_value()?);
                }
                Value::Object(map)
            }
        })
    }
}
