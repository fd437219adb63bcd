//! What a document consists of, one after the other.

use std::borrow::Cow;

use crate::scan::{Mark, Style};

/// Comments that belong to one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Comments {
    pub(crate) head: String,
    pub(crate) line: String,
    pub(crate) foot: String,
}

/// The anchor and the tag of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Properties<'t> {
    pub(crate) anchor: Option<&'t str>,
    /// The full tag; `!` alone asks for no resolution.
    pub(crate) tag: Option<Cow<'t, str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What<'t> {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(&'t str),
    Scalar(Cow<'t, str>, Style, Properties<'t>),
    /// Whether it is written in brackets.
    SequenceStart(bool, Properties<'t>),
    SequenceEnd,
    /// Whether it is written in braces.
    MappingStart(bool, Properties<'t>),
    MappingEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event<'t> {
    pub(crate) what: What<'t>,
    pub(crate) mark: Mark,
    /// Where the content starts, behind an anchor and a tag.
    pub(crate) content: Mark,
    pub(crate) comments: Option<Box<Comments>>,
}
