//! What a scalar is: null, a boolean, a number or a string.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::node::Data;
use crate::number::{self, Parsed};
use crate::timestamp;

/// Whose rules say what a scalar is and what a mapping may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// What kustomize does to resources and patches (`go.yaml.in/yaml/v3`, by way of kyaml): YAML 1.2 booleans, so `yes` is a string; octal
    /// `0777`; timestamps become strings in RFC 3339; a duplicate key or a key that is not a string is an error. All documents are read.
    Resource,
    /// What kustomize does to `kustomization.yaml` (`sigs.k8s.io/yaml`, over `go.yaml.in/yaml/v2`): `y`, `yes`, `on` and their opposites are
    /// booleans; of a duplicate key the last counts; keys become strings, so `n: 1` has the key `false`. Only the first document is read.
    Yaml11,
}

/// What a plain scalar of this text is.
///
/// None for infinity and `.nan`, which an object cannot hold.
#[must_use]
pub fn plain(text: &str, schema: Schema) -> Option<Data> {
    untagged(text, schema).into_data(text, schema)
}

/// Whether YAML takes a plain scalar of this text for a float, also one whose value is whole.
#[must_use]
pub fn is_float(text: &str) -> bool {
    matches!(untagged(text, Schema::Resource), Resolved::Number(Parsed::Float(_)))
}

/// A resolved scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Number(Parsed),
    Timestamp(String),
    String,
}

impl Resolved {
    /// The value; none for a number that JSON cannot hold.
    pub(crate) fn into_data(self, text: &str, schema: Schema) -> Option<Data> {
        Some(match self {
            Self::Null => Data::Null,
            Self::Bool(value) => Data::Bool(value),
            Self::Number(parsed) => Data::Number(number::normal(parsed)?),
            Self::Timestamp(normal) if schema == Schema::Resource => Data::String(normal),
            Self::Timestamp(_) | Self::String => Data::String(text.to_owned()),
        })
    }
}

/// Resolves the text of a plain scalar without a tag.
pub(crate) fn untagged(text: &str, schema: Schema) -> Resolved {
    resolve(text, schema, true)
}

fn resolve(text: &str, schema: Schema, timestamps: bool) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Resolved::Number(Parsed::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Number(Parsed::Float(f64::INFINITY));
        }
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Number(Parsed::Float(f64::NEG_INFINITY)),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" if schema == Schema::Yaml11 => {
            return Resolved::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" if schema == Schema::Yaml11 => {
            return Resolved::Bool(false);
        }
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' => dotted_float(text).map_or(Resolved::String, |value| Resolved::Number(Parsed::Float(value))),
        b'+' | b'-' | b'0'..=b'9' => {
            if timestamps && let Some(normal) = timestamp::rfc3339(text) {
                return Resolved::Timestamp(normal);
            }
            signed_or_digit(text, schema).map_or(Resolved::String, Resolved::Number)
        }
        _ => Resolved::String,
    }
}

/// A float that starts with its point; here underscores must stand between digits.
fn dotted_float(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let misplaced = |at: usize| bytes[at] == b'_' && !(digit(at.checked_sub(1)) && digit(at.checked_add(1)));
    if (0..bytes.len()).any(misplaced) {
        return None;
    }
    number::float(&text.replace('_', ""))
}

/// A number that starts with a sign or a digit; underscores may stand anywhere.
fn signed_or_digit(text: &str, schema: Schema) -> Option<Parsed> {
    let without: Cow<'_, str> = if text.contains('_') { text.replace('_', "").into() } else { text.into() };
    let text = &*without;
    number::integer(text)
        .map(Parsed::Integer)
        .or_else(|| number::float(text).map(Parsed::Float))
        .or_else(|| number::integer_with_inner_sign(text, "0b", 2).map(Parsed::Integer))
        .or_else(|| {
            let octal = (schema == Schema::Resource).then(|| number::integer_with_inner_sign(text, "0o", 8));
            octal.flatten().map(Parsed::Integer)
        })
}

/// The tag of a scalar, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag<'t> {
    /// One of `tag:yaml.org,2002:`, by its last part.
    Core(&'t str),
    /// `!`, which asks for no resolution.
    NonSpecific,
    /// A tag of somebody else, such as `!vault`; the text stays a string.
    Other,
}

/// Resolves a scalar with a tag.
pub(crate) fn tagged(text: &str, tag: Tag<'_>, quoted: bool, schema: Schema) -> Result<Data, String> {
    let wanted = match tag {
        Tag::NonSpecific if quoted || schema == Schema::Yaml11 => return Ok(Data::String(text.to_owned())),
        // The version 3 library resolves what asks for no resolution.
        Tag::NonSpecific => return plain(text, schema).ok_or_else(|| no_json(text)),
        Tag::Core("binary") => return binary(text),
        Tag::Core(name @ ("null" | "bool" | "int" | "float" | "timestamp")) => name,
        Tag::Core(_) | Tag::Other => return Ok(Data::String(text.to_owned())),
    };
    let resolved = resolve(text, schema, wanted == "timestamp");
    let fits = match &resolved {
        Resolved::Null => wanted == "null",
        Resolved::Bool(_) => wanted == "bool",
        Resolved::Number(Parsed::Integer(number::Integer::Signed(_))) => wanted == "int" || wanted == "float",
        Resolved::Number(Parsed::Integer(number::Integer::Unsigned(_))) => wanted == "int",
        Resolved::Number(Parsed::Float(_)) => wanted == "float",
        Resolved::Timestamp(_) => wanted == "timestamp",
        Resolved::String => false,
    };
    if !fits {
        return Err(format!("the value does not fit its tag !!{wanted}; drop the tag or change the value"));
    }
    resolved.into_data(text, schema).ok_or_else(|| no_json(text))
}

/// Why infinity and `.nan` are refused.
pub(crate) fn no_json(text: &str) -> String {
    format!("{text} is a number that JSON cannot hold; put it in quotes if it is meant as text")
}

fn binary(text: &str) -> Result<Data, String> {
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| "the value of !!binary is not valid base64".to_owned())?;
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        // JSON of Go puts a replacement for each byte.
        text.extend(std::iter::repeat_n('\u{FFFD}', chunk.invalid().len()));
    }
    Ok(Data::String(text))
}
