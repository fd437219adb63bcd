//! Documents that keep comments, the order of keys and how values are written, to change a text in place.
//!
//! [`Document::parse`] reads what `go.yaml.in/yaml/v3` reads into its nodes, comments included, and `to_string` prints byte for byte what
//! the encoder of kyaml prints: an indentation of two, sequences not indented under their key, empty lines gone.

mod node;
mod read;
mod write;

use std::fmt;

pub use node::Node;

use crate::budget::Budget;
use crate::document;
use crate::error::Error;
use crate::limits::Limits;

/// A document with its comments.
///
/// ```
/// use plumb_yaml::Limits;
/// use plumb_yaml::edit::Document;
///
/// let text = "# Written by hand.\nimages:\n- name: app # the server\n  newTag: v1\n";
/// let mut document = Document::parse(text, &Limits::default())?.ok_or("the text is empty")?;
/// let images = document.root_mut().get_mut("images").and_then(|images| images.items_mut());
/// for image in images.ok_or("there are no images")? {
///     if let Some(tag) = image.get_mut("newTag") {
///         tag.set_text("v2");
///     }
/// }
/// assert_eq!(document.to_string(), text.replace("v1", "v2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    root: Node,
    /// A comment above the document, with an empty line behind it.
    head: String,
    /// A comment below the document, with an empty line before it.
    foot: String,
}

impl Document {
    /// Reads the first document of a text; none when there is none.
    ///
    /// # Errors
    /// The first fault of the text, with its line and column; a limit that is passed.
    pub fn parse(text: &str, limits: &Limits) -> Result<Option<Self>, Error> {
        let text = document::text(text.as_bytes(), limits)?;
        read::document(text, &mut Budget::new(limits))
    }

    /// The value of the document.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The value of the document, to change it.
    pub fn root_mut(&mut self) -> &mut Node {
        &mut self.root
    }
}

/// Reads the first document of a text that was checked before.
pub(crate) fn read(text: &str, budget: &mut Budget) -> Result<Option<Document>, Error> {
    read::document(text, budget)
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&write::document(self))
    }
}
