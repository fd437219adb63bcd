//! Markdown that says what it shall say, whatever the words are that it is made of.

use std::fmt::Write as _;

use super::Style;
use crate::difference::{Change, Difference};

/// A text as a code span: nothing in it is markup, a mention or a reference.
pub(super) fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_empty() {
        return "` `".to_owned();
    }
    let fence = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A text as a code block.
pub(super) fn block(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let text: String =
        text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect();
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// A text with a heading that is folded where a forge can fold.
pub(super) fn folded(summary: &str, text: &str, html: bool) -> String {
    if html {
        let escaped = summary.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("<details><summary>{escaped}</summary>\n\n{text}\n</details>\n")
    } else {
        format!("**{}**\n\n{text}\n", code(summary))
    }
}

/// How many objects come, change and go.
pub(super) fn counts(differences: &[Difference]) -> String {
    let count = |change| differences.iter().filter(|it| it.change == change).count();
    let parts = [(Change::Added, "added"), (Change::Changed, "changed"), (Change::Removed, "removed")]
        .into_iter()
        .map(|(change, word)| (count(change), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"));
    let parts: Vec<_> = parts.collect();
    if parts.is_empty() { "no object differs".to_owned() } else { parts.join(", ") }
}

/// The most lines of one object that are shown.
const LONGEST: usize = 400;
/// The most objects whose names are given when their differences are left out.
const NAMED: usize = 50;

/// A difference, folded.
fn shown(difference: &Difference, style: Style) -> String {
    let lines = difference.text.lines().count();
    let mut text: String = difference.text.split_inclusive('\n').take(LONGEST).collect();
    if lines > LONGEST {
        let _ = write!(text, "… {} more lines are left out", lines - LONGEST);
    }
    folded(&name(difference), &block("diff", &text), style.html)
}

fn name(difference: &Difference) -> String {
    let word = match difference.change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    };
    format!("{} ({word})", difference.id)
}

/// All differences, each folded, as far as they fit into `room` characters, and how many these are. What is left out is named, with where to
/// find it.
pub(super) fn differences(all: &[Difference], style: Style, room: usize, elsewhere: &str) -> (String, usize) {
    let mut out = String::new();
    let (mut used, mut fit) = (0, 0);
    for difference in all {
        let text = shown(difference, style);
        used += text.chars().count();
        if used > room {
            break;
        }
        out.push_str(&text);
        fit += 1;
    }
    let left = &all[fit..];
    if !left.is_empty() {
        let more = left.len().saturating_sub(NAMED);
        let names: Vec<_> = left.iter().take(NAMED).map(|difference| code(&name(difference))).collect();
        let _ = write!(out, "\nThe text is too long for this forge. Left out: {}", names.join(", "));
        if more > 0 {
            let _ = write!(out, " and {more} more objects");
        }
        let _ = writeln!(out, ". {elsewhere}");
    }
    (out, fit)
}
