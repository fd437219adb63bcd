//! Comments on their way to the event they belong to.

use crate::event::Comments;
use crate::scan::{Kind, Scanner};

/// Comments that stand before or at the next event.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) head: String,
    line: String,
    foot: String,
    /// Comments above a `-` with a collection behind it: they belong to that collection.
    stem: String,
}

impl Waiting {
    /// Takes the comments that the next token of the scanner brings along.
    pub(super) fn collect(&mut self, scanner: &mut Scanner<'_>) {
        loop {
            let (Some(token), Some(comment)) = (scanner.tokens.front(), scanner.comments.front()) else { return };
            if token.start.index < comment.token.index {
                return;
            }
            // The end of a block has no header, so it waits for what follows.
            if !comment.head.is_empty() && token.kind == Kind::BlockEnd {
                return;
            }
            for (text, new) in
                [(&mut self.head, &comment.head), (&mut self.foot, &comment.foot), (&mut self.line, &comment.line)]
            {
                if !new.is_empty() {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    text.push_str(new);
                }
            }
            scanner.comments.pop_front();
        }
    }

    /// The comments of an event; none wait then.
    pub(super) fn take(&mut self) -> Option<Box<Comments>> {
        self.stem.clear();
        let Self { head, line, foot, .. } = self;
        if head.is_empty() && line.is_empty() && foot.is_empty() {
            return None;
        }
        let [head, line, foot] = [head, line, foot].map(std::mem::take);
        Some(Box::new(Comments { head, line, foot }))
    }

    /// Moves the first bytes of the header to the stem.
    pub(super) fn split_stem(&mut self, length: usize) {
        let rest = self.head.get(length + 1..).unwrap_or_default().to_owned();
        self.head.truncate(length);
        self.stem = std::mem::replace(&mut self.head, rest);
    }

    /// The header of a collection behind a `-`.
    pub(super) fn take_stem(&mut self) -> Option<Box<Comments>> {
        (!self.stem.is_empty())
            .then(|| Box::new(Comments { head: std::mem::take(&mut self.stem), ..Comments::default() }))
    }

    /// The part of the header that is the document's: what stands above its last empty line.
    pub(super) fn split_document(&mut self) -> Option<Box<Comments>> {
        let head = self.head.as_bytes();
        let at =
            (1..head.len()).rev().find(|&at| head[at] == b'\n' && (at == head.len() - 1 || head[at - 1] == b'\n'))?;
        let end = if at == head.len() - 1 { at } else { at - 1 };
        let rest = self.head.get(at + 1..).unwrap_or_default().to_owned();
        self.head.truncate(end);
        let head = std::mem::replace(&mut self.head, rest);
        Some(Box::new(Comments { head, ..Comments::default() }))
    }
}
