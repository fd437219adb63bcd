//! Nodes that know how they are written.

use crate::event::Comments;
use crate::scan::Style;

/// A value as it is written in a document: its text, style, tag, anchor and comments.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub(super) content: Content,
    /// The tag that is written, in full.
    pub(super) tag: Option<Box<str>>,
    pub(super) implied: Implied,
    pub(super) anchor: Option<Box<str>>,
    pub(super) comments: Option<Box<Comments>>,
}

/// What a node consists of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Scalar {
        text: String,
        style: Style,
    },
    Alias(Box<str>),
    Sequence {
        items: Vec<Node>,
        /// Written in brackets.
        flow: bool,
    },
    Mapping {
        entries: Vec<(Node, Node)>,
        /// Written in braces.
        flow: bool,
    },
}

/// What a scalar without a tag was when it was read.
///
/// Where another text is put into it that looks like something else, it is printed with the tag of what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Implied {
    /// It was not read: it is whatever its text looks like.
    Nothing,
    Null,
    Bool,
    Int,
    Float,
    Timestamp,
    Merge,
    String,
}

impl Node {
    pub(super) fn new(content: Content) -> Self {
        Self { content, tag: None, implied: Implied::Nothing, anchor: None, comments: None }
    }

    /// A scalar that is whatever its text looks like: `8080` is a number. It is put in quotes only where it must be.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::scalar(text, Style::Plain)
    }

    /// A scalar in a style; one that the text does not allow becomes another when it is printed.
    #[must_use]
    pub fn scalar(text: impl Into<String>, style: Style) -> Self {
        Self::new(Content::Scalar { text: text.into(), style })
    }

    /// A sequence with an item on each line.
    #[must_use]
    pub fn sequence(items: Vec<Node>) -> Self {
        Self::new(Content::Sequence { items, flow: false })
    }

    /// A mapping with a key on each line.
    #[must_use]
    pub fn mapping(entries: Vec<(Node, Node)>) -> Self {
        Self::new(Content::Mapping { entries, flow: false })
    }

    /// The text of a scalar without quotes, escapes and folding.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Puts another text into a scalar, which keeps its style, its comments and what it is. Says whether this is a scalar.
    pub fn set_text(&mut self, new: impl Into<String>) -> bool {
        match &mut self.content {
            Content::Scalar { text, .. } => {
                *text = new.into();
                true
            }
            _ => false,
        }
    }

    /// Makes a scalar what another text in a style is: `8080` is a number then, whatever was there. Its comments and its anchor stay. Says
    /// whether this is a scalar.
    pub fn set_scalar(&mut self, new: impl Into<String>, style: Style) -> bool {
        if self.text().is_none() {
            return false;
        }
        self.content = Content::Scalar { text: new.into(), style };
        (self.tag, self.implied) = (None, Implied::Nothing);
        true
    }

    /// How a scalar is written; plain for everything else.
    #[must_use]
    pub fn style(&self) -> Style {
        match &self.content {
            Content::Scalar { style, .. } => *style,
            _ => Style::Plain,
        }
    }

    /// The tag that is written, in full, such as `tag:yaml.org,2002:str` for `!!str`.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Whether this stands for another node: `*name`.
    #[must_use]
    pub fn is_alias(&self) -> bool {
        matches!(self.content, Content::Alias(_))
    }

    /// The items of a sequence.
    #[must_use]
    pub fn items(&self) -> Option<&[Node]> {
        match &self.content {
            Content::Sequence { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The items of a sequence, to change them.
    pub fn items_mut(&mut self) -> Option<&mut Vec<Node>> {
        match &mut self.content {
            Content::Sequence { items, .. } => Some(items),
            _ => None,
        }
    }

    /// The keys and values of a mapping in the order of the text, merge keys as they are.
    #[must_use]
    pub fn entries(&self) -> Option<&[(Node, Node)]> {
        match &self.content {
            Content::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The keys and values of a mapping, to change them.
    pub fn entries_mut(&mut self) -> Option<&mut Vec<(Node, Node)>> {
        match &mut self.content {
            Content::Mapping { entries, .. } => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()?.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The value of a key of a mapping, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries_mut()?.iter_mut().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// The comment above the node, with its `#`.
    #[must_use]
    pub fn head_comment(&self) -> &str {
        self.comments.as_ref().map_or("", |comments| &comments.head)
    }

    /// The comment behind the node on its line, with its `#`.
    #[must_use]
    pub fn line_comment(&self) -> &str {
        self.comments.as_ref().map_or("", |comments| &comments.line)
    }

    /// The comment below the node, with its `#`; that of a value belongs to its key.
    #[must_use]
    pub fn foot_comment(&self) -> &str {
        self.comments.as_ref().map_or("", |comments| &comments.foot)
    }

    pub(super) fn comments_mut(&mut self) -> &mut Comments {
        self.comments.get_or_insert_default()
    }
}
