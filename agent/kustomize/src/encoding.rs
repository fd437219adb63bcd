//! What kustomize makes of the bytes of a file before it reads them as YAML: the encoding and the byte order marks.

use std::borrow::Cow;

use plumb_yaml::Schema;

use crate::error::Fault;

const MARK: char = '\u{FEFF}';

/// A file in UTF-8.
pub(crate) struct Text<'a> {
    pub(crate) bytes: Cow<'a, [u8]>,
    /// kustomize does not find the separators of documents in UTF-16 and drops what follows the first one, which is its bug.
    pub(crate) first_only: bool,
}

/// Decodes UTF-16 with a byte order mark, and drops the mark at the start of the file and of each document of a resource.
pub(crate) fn decode(bytes: &[u8], schema: Schema) -> Result<Text<'_>, Fault> {
    match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => without_marks(bytes, schema),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Text<'static>, Fault> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let text = String::from_utf16(&pairs.iter().map(|pair| unit(*pair)).collect::<Vec<_>>());
    match text {
        Ok(text) if rest.is_empty() => Ok(Text { bytes: Cow::Owned(text.into_bytes()), first_only: true }),
        _ => Err(Fault::syntax("not valid YAML: invalid UTF-16; save the file as UTF-8")),
    }
}

fn without_marks(bytes: &[u8], schema: Schema) -> Result<Text<'_>, Fault> {
    let untouched = Ok(Text { bytes: Cow::Borrowed(bytes), first_only: false });
    // What is not UTF-8 is refused by the parser, which says on which line.
    let Ok(text) = std::str::from_utf8(bytes) else { return untouched };
    if !text.contains(MARK) {
        return untouched;
    }
    let mut clean = text.strip_prefix(MARK).unwrap_or(text).to_owned();
    if clean.starts_with(MARK) {
        return Err(Fault::syntax("not valid YAML: the file begins with two byte order marks; remove them"));
    }
    if schema == Schema::Resource && clean.contains(MARK) {
        let mut after_separator = false;
        let mut kept = String::with_capacity(clean.len());
        for line in clean.split_inclusive('\n') {
            kept.push_str(line.strip_prefix(MARK).filter(|_| after_separator).unwrap_or(line));
            after_separator = line.starts_with("---");
        }
        clean = kept;
    }
    Ok(Text { bytes: Cow::Owned(clean.into_bytes()), first_only: false })
}
