//! A document in memory, with the place of each node.

use serde_json::{Map, Number, Value};

use crate::error::Error;
use crate::scan::Style;

/// A value and where it stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// The line where the node starts, from 1; for an alias the line of the alias.
    pub line: u32,
    column: u16,
    style: Style,
    traits: Traits,
    written: Option<Box<str>>,
}

/// What the composer must know of a node until the document is complete, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Traits(u8);

/// What may be true of a node while its document is composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trait {
    /// It can not be in JSON.
    Broken = 1,
    /// A collection in brackets or braces.
    Flow = 2,
    /// A scalar with a tag.
    Tagged = 4,
    /// A number that YAML takes for a float, whatever its value.
    Float = 8,
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
        Self { data, line, column: narrow(column), style: Style::Plain, traits: Traits::default(), written: None }
    }

    pub(crate) fn scalar(data: Data, written: String, style: Style, line: u32, column: u32) -> Self {
        let same = matches!(&data, Data::String(text) if *text == written);
        let written = (!same).then(|| written.into_boxed_str());
        Self { data, line, column: narrow(column), style, traits: Traits::default(), written }
    }

    /// A string that is the text that was written.
    pub(crate) fn string(text: String, style: Style, line: u32, column: u32) -> Self {
        Self { style, ..Self::new(Data::String(text), line, column) }
    }

    pub(crate) fn with(mut self, what: Trait, yes: bool) -> Self {
        self.traits.0 |= if yes { what as u8 } else { 0 };
        self
    }

    pub(crate) fn is(&self, what: Trait) -> bool {
        self.traits.0 & what as u8 != 0
    }

    /// Puts another string in the place of a scalar, whose text stays what it was.
    pub(crate) fn rewrite(&mut self, new: String) {
        if self.written.is_none() {
            match &mut self.data {
                Data::String(old) if *old != new => self.written = Some(std::mem::take(old).into_boxed_str()),
                _ => {}
            }
        }
        self.data = Data::String(new);
    }

    pub(crate) fn move_to(&mut self, line: u32, column: u32) {
        self.line = line;
        self.column = narrow(column);
    }

    /// The column where the node starts, in characters, from 1; those far to the right count as 65535.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.column.into()
    }

    /// How a scalar is written; plain for a sequence and a mapping.
    #[must_use]
    pub fn style(&self) -> Style {
        self.style
    }

    /// Whether it is a collection that is written in brackets or braces.
    #[must_use]
    pub fn is_flow(&self) -> bool {
        self.is(Trait::Flow)
    }

    /// Whether it is a scalar with a tag.
    #[must_use]
    pub fn is_tagged(&self) -> bool {
        self.is(Trait::Tagged)
    }

    /// Whether it is a number that YAML takes for a float: also `7.0`, `1e3` and `!!float 7`, whose values are whole.
    #[must_use]
    pub fn is_float(&self) -> bool {
        self.is(Trait::Float)
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

    /// The value, and the [`text`](Node::text) of a scalar where that is not the value itself.
    #[must_use]
    pub fn into_parts(self) -> (Data, Option<Box<str>>) {
        (self.data, self.written)
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
                        return Err(Error::new(key.line, key.column(), "a key must be a string; put it in quotes"));
                    };
                    map.insert(name.clone(), value.to_value()?);
                }
                Value::Object(map)
            }
        })
    }
}

fn narrow(column: u32) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Schema, parse};

    fn read(text: &str) -> Vec<Node> {
        parse(text.as_bytes(), Schema::Resource, &Limits::default()).unwrap()
    }

    #[test]
    fn places_count_from_one_in_the_whole_file() {
        let nodes = read("# head\na: 1\n---\n\né: [x, y]\n---\n# nothing\n---\n- z\n");
        let places: Vec<_> = nodes.iter().map(|node| (node.line, node.column())).collect();
        assert_eq!(places, [(2, 1), (5, 1), (7, 1), (9, 1)]);
        let items = nodes[1].get("é").unwrap().as_sequence().unwrap();
        assert_eq!((items[1].line, items[1].column()), (5, 8));
    }

    #[test]
    fn an_alias_stands_where_it_is_written() {
        let nodes = read("a: &a {x: 1}\nb: *a\n");
        let alias = nodes[0].get("b").unwrap();
        assert_eq!((alias.line, alias.column()), (2, 4));
        assert_eq!(alias.get("x").unwrap().line, 1);
    }

    #[test]
    fn the_text_of_a_scalar_stays() {
        let nodes = read("[1.20, 0x10, ~, 2020-01-01, 'a', True]\n");
        let texts: Vec<_> = nodes[0].as_sequence().unwrap().iter().map(Node::text).collect();
        assert_eq!(texts, ["1.20", "0x10", "~", "2020-01-01", "a", "True"].map(Some));
        assert_eq!(nodes[0].text(), None);
    }

    #[test]
    fn the_style_of_a_scalar_stays() {
        let nodes = read("- a\n- 'a'\n- \"a\"\n- |\n  1\n- >-\n  1\n- ~\n-\n- &a\n- [x]\n");
        let items = nodes[0].as_sequence().unwrap();
        let styles: Vec<_> = items[..5].iter().map(Node::style).collect();
        assert_eq!(styles, [Style::Plain, Style::SingleQuoted, Style::DoubleQuoted, Style::Literal, Style::Folded]);
        let nulls: Vec<_> = items[5..8].iter().map(|node| (node.is_null(), node.text())).collect();
        assert_eq!(nulls, [(true, Some("~")), (true, Some("")), (true, Some(""))]);
        assert_eq!(items[8].style(), Style::Plain);
    }

    #[test]
    fn a_float_is_one_whatever_its_value() {
        let nodes = read("[7, !!int 7, '7.0', !!str 7.0, 7.0, 1e3, 1.5, !!float 7, !!float '7']\n");
        let items = nodes[0].as_sequence().unwrap();
        let floats: Vec<_> = items.iter().map(Node::is_float).collect();
        assert_eq!(floats, [false, false, false, false, true, true, true, true, true]);
        let tagged: Vec<_> = items.iter().map(Node::is_tagged).collect();
        assert_eq!(tagged, [false, true, false, true, false, false, false, true, true]);
    }

    #[test]
    fn accessors_answer_for_their_kind_only() {
        let nodes = read("{s: a, b: true, n: 1.5, z: ~, l: []}\n");
        let get = |key| nodes[0].get(key).unwrap();
        assert_eq!(get("s").as_str(), Some("a"));
        assert_eq!(get("b").as_bool(), Some(true));
        assert_eq!(get("n").as_number().and_then(Number::as_f64), Some(1.5));
        assert!(get("z").is_null() && !get("s").is_null());
        assert_eq!(get("l").as_sequence().map(<[Node]>::len), Some(0));
        assert_eq!((get("n").as_str(), get("s").as_bool(), get("s").as_number()), (None, None, None));
        assert!(get("s").get("s").is_none() && nodes[0].get("missing").is_none());
    }
}
