//! What kustomize makes of folded block scalars.
//!
//! Before it prints, kustomize writes each resource as YAML in its original style and reads it again. For a folded scalar (`>`) that is
//! not the same text: the library ends a line twice before deeper lines, and before the last kept line ends.

/// The text of a folded scalar after it was written by `go.yaml.in/yaml/v3` and read again.
pub(crate) fn rewritten(text: &str) -> String {
    let content = text.trim_start_matches('\n');
    if content.is_empty() || !is_written_as_block(text) {
        return text.to_owned();
    }
    // The library looks at the start of the whole text where it should look at the next line.
    let doubles = !starts_blank(content);
    let mut lines = content.split('\n').peekable();
    let mut out = "\n".repeat(text.len() - content.len());
    while let Some(line) = lines.next() {
        out.push_str(line);
        let mut breaks = usize::from(lines.peek().is_some());
        while breaks > 0 && lines.next_if(|next| next.is_empty()).is_some() {
            // The last piece of a text that ends in a line end is empty too, and no line.
            breaks += usize::from(lines.peek().is_some());
        }
        let written = breaks + usize::from(breaks > 0 && doubles && !starts_blank(line));
        match lines.peek() {
            Some(next) if !starts_blank(line) && !starts_blank(next) => match written {
                1 => out.push(' '),
                more => out.push_str(&"\n".repeat(more - 1)),
            },
            // One line end is all that is left of the end, unless more are kept.
            None if breaks == 1 => out.push('\n'),
            _ => out.push_str(&"\n".repeat(written)),
        }
    }
    out
}

fn starts_blank(line: &str) -> bool {
    line.starts_with([' ', '\t'])
}

/// Other texts are written in double quotes, and come back as they were.
fn is_written_as_block(text: &str) -> bool {
    let printable = |c: char| matches!(c, '\t' | '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FEFE}' | '\u{FF00}'..='\u{FFFD}');
    text.chars().all(printable) && !text.contains(" \n") && !text.ends_with(' ')
}
