//! Reading a file.

use crate::budget::Budget;
use crate::compose::compose;
use crate::document;
use crate::error::Error;
use crate::limits::Limits;
use crate::node::{Data, Node};
use crate::resolve::Schema;

/// Reads the documents of a file.
///
/// The line of a document's node is where its content starts. An empty document, or one of comments only, is a null.
/// [`Schema::Yaml11`] reads the first document and ignores what follows, as the tools do; it gives no document for an empty file.
///
/// # Errors
/// The first fault of the text: not UTF-8, a forbidden character, wrong syntax, a duplicate key, an alias without an anchor, a value
/// that JSON cannot hold, or a limit that is passed. The error names the line and the column of the file.
pub fn parse(text: &[u8], schema: Schema, limits: &Limits) -> Result<Vec<Node>, Error> {
    let text = document::text(text, limits)?;
    let mut budget = Budget::new(limits);
    match schema {
        Schema::Yaml11 => Ok(compose(text, 1, schema, &mut budget)?.into_iter().collect()),
        Schema::Resource => {
            let text = document::unix_lines(text);
            let pieces = document::split(&text, limits)?;
            let read = |piece: document::Piece<'_>| {
                let node = compose(piece.text, piece.line, schema, &mut budget)?;
                Ok(node.unwrap_or_else(|| Node::new(Data::Null, piece.line, 1)))
            };
            pieces.into_iter().map(read).collect()
        }
    }
}
