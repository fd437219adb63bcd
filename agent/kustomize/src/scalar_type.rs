//! The types that kustomize takes scalars for.
//!
//! Its YAML nodes have a tag beside their text. Some filters change the text alone, so that the two may not fit; that is an error only when the object is
//! written, and none if another filter changes the field again before.

use crate::error::Fault;
use crate::tree::{Kind, Scalar, Tree};

/// What the tag of a scalar says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// Nothing: a filter made the scalar of its text alone.
    Open,
    Null,
    Bool,
    Integer,
    Float,
    String,
    Timestamp,
}

impl Type {
    /// The type of what was read.
    pub(crate) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Null | Kind::Nothing => Self::Null,
            Kind::Bool(_) => Self::Bool,
            Kind::Number(number) if number.is_f64() => Self::Float,
            Kind::Number(_) => Self::Integer,
            Kind::String | Kind::Misfit => Self::String,
            Kind::Timestamp(_) => Self::Timestamp,
        }
    }

    /// The type of a plain text that is a value of this kind.
    fn of_text(text: &str, kind: &Kind) -> Self {
        match Self::of(kind) {
            Self::Integer if plumb_yaml::is_float(text) => Self::Float,
            other => other,
        }
    }

    /// What a text of this type, which would be `plain` without its quotes, is within them. kustomize writes the tag of such a scalar when the file has
    /// one there or when the text alone would be of another type; else it leaves the tag out, and the quotes make a string of any text.
    pub(crate) fn within_quotes(self, text: &str, plain: Kind, tagged: bool) -> Kind {
        match self {
            Self::Open | Self::String => Kind::String,
            _ if tagged || Self::of_text(text, &plain) != self => plain,
            _ => Kind::String,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Open => "a scalar",
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Integer => "a whole number",
            Self::Float => "a number",
            Self::String => "a string",
            Self::Timestamp => "a date",
        }
    }
}

impl Scalar {
    /// Changes the text and leaves the type and the quotes.
    pub(crate) fn change_text(&mut self, text: &str) {
        text.clone_into(&mut self.text);
        let plain = |tree: Tree| match tree {
            Tree::Scalar(Scalar { kind, .. }) => kind,
            _ => Kind::Misfit,
        };
        self.kind = match self.typed {
            Type::String => Kind::String,
            Type::Open if self.quoted => Kind::String,
            Type::Open => plain(Tree::added(text)),
            typed => {
                let kind = plain(Tree::plain(text));
                let found = Type::of_text(text, &kind);
                if found != typed && (typed, found) != (Type::Float, Type::Integer) {
                    Kind::Misfit
                } else if self.quoted {
                    typed.within_quotes(text, kind, self.tagged)
                } else {
                    kind
                }
            }
        };
    }
}

/// Refuses an object with a scalar whose text does not fit its type.
pub(crate) fn check_types(tree: &Tree) -> Result<(), Fault> {
    let at = |part: &str, fault: Fault| {
        let message = match fault.message.strip_prefix("field ") {
            Some(rest) => format!("field {part}.{rest}"),
            None => format!("field {part}: {}", fault.message),
        };
        Fault { message, ..fault }
    };
    match tree {
        Tree::Scalar(Scalar { kind: Kind::Misfit, typed, .. }) => Err(Fault::conflict(format!(
            "the field is {}, and the value that a replacement put there is not; correct its source or its fieldPaths",
            typed.describe()
        ))),
        Tree::Scalar(_) => Ok(()),
        Tree::Sequence(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| check_types(item).map_err(|fault| at(&index.to_string(), fault))),
        Tree::Mapping(map) => {
            map.iter().try_for_each(|(key, value)| check_types(value).map_err(|fault| at(key, fault)))
        }
    }
}
