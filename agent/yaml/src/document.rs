//! From bytes to the texts of the documents in them.

use std::borrow::Cow;

use crate::error::Error;
use crate::limits::Limits;

/// The text of one document.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece<'t> {
    pub(crate) text: &'t str,
    /// The line of the file where the text starts, from 1.
    pub(crate) line: u32,
}

/// Checks that the bytes are a text that YAML allows, and drops a byte order mark.
pub(crate) fn text<'b>(bytes: &'b [u8], limits: &Limits) -> Result<&'b str, Error> {
    if bytes.len() > limits.bytes {
        let message = format!("the file has {} bytes, the limit is {}; split it", bytes.len(), limits.bytes);
        return Err(Error::limit(1, 1, message));
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(Error::new(1, 1, "the file is in UTF-16; save it as UTF-8"));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let (line, column) = place(&good, good.len());
            return Err(Error::new(line, column, "invalid UTF-8; save the file as UTF-8"));
        }
    };
    if let Some((at, found)) = forbidden(text) {
        let (line, column) = place(text, at);
        let message = match found {
            '\0' => "a NUL character is not allowed; is this a binary file?".to_owned(),
            other => {
                format!(
                    "the control character U+{:04X} is not allowed; write it as an escape in double quotes",
                    other as u32
                )
            }
        };
        return Err(Error::new(line, column, message));
    }
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// The first character that must not be there.
fn forbidden(text: &str) -> Option<(usize, char)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        // Most of a file is plain ASCII.
        let special = |byte: &u8| !matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
        at += bytes.get(at..)?.iter().position(special)?;
        let c = text.get(at..)?.chars().next()?;
        if !is_allowed(c) {
            return Some((at, c));
        }
        at += c.len_utf8();
    }
}

/// The characters of YAML 1.1's `c-printable`.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn place(text: &str, at: usize) -> (u32, u32) {
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Windows line ends become `\n`, as kustomize does before it reads resources.
pub(crate) fn unix_lines(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

/// Splits resources at their separators: lines that start with `---`, behind which only a comment may stand.
///
/// kustomize cuts the text before it is YAML, so anchors and directives end there, and what follows a `...` is lost.
pub(crate) fn split<'t>(text: &'t str, limits: &Limits) -> Result<Vec<Piece<'t>>, Error> {
    let mut pieces = Vec::new();
    if text.is_empty() {
        return Ok(pieces);
    }
    let mut start = 0;
    let mut start_line = 1;
    let mut line = 1;
    let mut at = 0;
    for row in text.split_inclusive('\n') {
        // A line that opens the text, or follows a separator, or has no line end is no separator.
        if at > start && row.ends_with('\n') && row.starts_with("---") {
            let behind = row["---".len()..].trim();
            if !behind.is_empty() && !behind.starts_with('#') {
                let message = "only a comment may stand behind the document separator ---; start a new line";
                return Err(Error::new(line, 4, message));
            }
            pieces.push(Piece { text: &text[start..at], line: start_line });
            start = at + row.len();
            start_line = line + 1;
        }
        at += row.len();
        line += 1;
        if pieces.len() >= limits.documents {
            return Err(Error::limit(line, 1, format!("more than {} documents; split the file", limits.documents)));
        }
    }
    pieces.push(Piece { text: &text[start..], line: start_line });
    // The library decodes each piece as a file of its own.
    for piece in pieces.iter_mut().skip(1) {
        piece.text = piece.text.strip_prefix('\u{FEFF}').unwrap_or(piece.text);
    }
    Ok(pieces)
}
