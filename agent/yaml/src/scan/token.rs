//! What the scanner finds in a text.

use std::borrow::Cow;

/// A place in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Bytes before it.
    pub(crate) index: usize,
    /// Lines before it.
    pub(crate) line: u32,
    /// Characters before it on its line.
    pub(crate) column: u32,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes; also where nothing is written.
    Plain,
    /// In `'`.
    SingleQuoted,
    /// In `"`.
    DoubleQuoted,
    /// As a block behind `|`.
    Literal,
    /// As a block behind `>`.
    Folded,
}

/// A tag as it is written: its handle, such as `!` or `!!`, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TagToken<'t> {
    pub(crate) handle: &'t str,
    pub(crate) suffix: Cow<'t, str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind<'t> {
    StreamStart,
    StreamEnd,
    /// `%YAML`; whether the version is 1.1.
    VersionDirective(bool),
    /// `%TAG` with a handle and a prefix.
    TagDirective(&'t str, Cow<'t, str>),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag(TagToken<'t>),
    Scalar(Cow<'t, str>, Style),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'t> {
    pub(crate) kind: Kind<'t>,
    pub(crate) start: Mark,
    pub(crate) end: Mark,
}
