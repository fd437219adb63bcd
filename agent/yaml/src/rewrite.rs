//! What kustomize makes of scalars on the way through.
//!
//! Before it prints, kustomize writes each resource as YAML in its original style and reads it again, which does not give every
//! scalar back as it was.

use crate::node::{Data, Node, Trait};
use crate::scan::Style;

/// Brings the scalars of a document to what they are after they were written by `go.yaml.in/yaml/v3` and read again.
///
/// Where they stand counts, not where they were written: an alias may be in brackets and its anchor not.
pub(crate) fn settle(node: &mut Node, in_flow: bool) {
    let in_flow = in_flow || node.is(Trait::Flow);
    let style = node.style();
    let tagged = node.is(Trait::Tagged);
    let empty = node.text() == Some("");
    match &mut node.data {
        Data::Sequence(items) => items.iter_mut().for_each(|item| settle(item, in_flow)),
        Data::Mapping(entries) => entries.iter_mut().for_each(|(_, value)| settle(value, in_flow)),
        // Nothing is written as '' here.
        Data::Null if in_flow && !tagged && empty => node.rewrite(String::new()),
        // Within brackets what has a colon in it is put in quotes, so a time stays as it is.
        Data::String(_) if in_flow && !tagged && style == Style::Plain => {
            if let Some(text) = node.text().filter(|text| text.contains(':')).map(str::to_owned) {
                node.rewrite(text);
            }
        }
        Data::String(text) if !in_flow && !tagged && style == Style::Folded => {
            let new = folded(text);
            node.rewrite(new);
        }
        _ => {}
    }
}

/// Gives the nodes of a document that was written and read again the places that they had before.
pub(crate) fn keep_places(new: &mut Node, old: &Node) {
    new.move_to(old.line, old.column());
    match (&mut new.data, &old.data) {
        (Data::Sequence(new), Data::Sequence(old)) => {
            new.iter_mut().zip(old).for_each(|(new, old)| keep_places(new, old));
        }
        (Data::Mapping(new), Data::Mapping(old)) => {
            for ((key, value), (old_key, old_value)) in new.iter_mut().zip(old) {
                keep_places(key, old_key);
                keep_places(value, old_value);
            }
        }
        _ => {}
    }
}

/// The text of a folded scalar after it was written and read again: the library ends a line twice before deeper
/// lines, and before the last kept line ends.
fn folded(text: &str) -> String {
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
