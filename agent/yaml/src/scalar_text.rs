//! Where the parser and the libraries of Go differ about the text of a scalar.

use granit_parser::{ScalarStyle, Span};

/// The text of a scalar as the Go libraries see it.
pub(crate) fn written<'t>(text: &'t str, style: ScalarStyle, span: Span, source: &str) -> &'t str {
    match style {
        // The parser says `~` where nothing stands.
        ScalarStyle::Plain if span.is_empty() => "",
        // The parser ends the last line of a block though the file does not.
        ScalarStyle::Literal | ScalarStyle::Folded if span.end.byte_offset() == Some(source.len()) => {
            unfinished(text, source)
        }
        _ => text,
    }
}

/// The text of a block that is the last thing in a file: its last line has an end only if that of the file has.
fn unfinished<'t>(text: &'t str, source: &str) -> &'t str {
    let is_blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
    let last_line = source.rsplit(['\n', '\r']).next().unwrap_or_default();
    match text.strip_suffix('\n') {
        Some(shorter) if !last_line.is_empty() => {
            let last = shorter.rsplit('\n').next().unwrap_or_default();
            let is_content = !is_blank(last_line) || (!last.is_empty() && is_blank(last));
            if is_content { shorter } else { text }
        }
        _ => text,
    }
}
