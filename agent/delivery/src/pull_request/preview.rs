//! The comment that shows what a pull request would change.

use std::fmt::Write as _;

use super::body::{Comparison, comparison};
use super::markdown::code;
use super::{Style, short};

/// Room for what is not a difference, in characters.
const FRAME: usize = 3_000;
/// The most findings that are told of one environment.
const FINDINGS: usize = 30;

/// What a pull request would change in one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentPreview<'a> {
    /// Its name.
    pub name: &'a str,
    /// The revision that it is pinned to, and so won't leave when the pull request is merged; `None` when it follows the branch or when the
    /// pull request moves its pin.
    pub pinned: Option<&'a str>,
    /// How the manifests would differ.
    pub rendered: Comparison<'a>,
    /// What stands in the way.
    pub findings: &'a [Finding],
}

/// Something that stands in the way of a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// It would not be applied.
    Refused(String),
    /// It would be applied, and somebody should know.
    Notable(String),
}

/// The comment; `head` is the commit that was looked at, and `base` the branch. Environments that nothing changes in are left out by the
/// caller.
#[must_use]
pub fn preview(head: &str, base: &str, environments: &[EnvironmentPreview<'_>], style: Style) -> String {
    let mut out = format!("### What `{}` would change, once it is merged into {}\n", short(head), code(base));
    if environments.is_empty() {
        out.push_str("\nNothing: all environments render as they do now.\n");
        return out;
    }
    let mut room = style.limit.saturating_sub(FRAME);
    for (place, environment) in environments.iter().enumerate() {
        let title = format!("{}{}", environment.name, if environment.pinned.is_some() { " (pinned)" } else { "" });
        // Each environment may take its part of what the ones before it left.
        let share = room / (environments.len() - place);
        let (mut section, _) = comparison(&title, &environment.rendered, style, share, "`plumb diff` shows all of it.");
        if let Some(revision) = environment.pinned {
            let _ = writeln!(
                section,
                "\n{} stays at `{}` until a revision with this is promoted.",
                environment.name,
                short(revision)
            );
        }
        findings(&mut section, environment.findings);
        room = room.saturating_sub(section.chars().count());
        out.push_str(&section);
    }
    out
}

fn findings(out: &mut String, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    out.push('\n');
    for finding in findings.iter().take(FINDINGS) {
        let (mark, text) = match finding {
            Finding::Refused(text) => ("❌", text),
            Finding::Notable(text) => ("⚠", text),
        };
        let text: String = text.chars().take(600).collect();
        let _ = writeln!(out, "- {mark} {}", code(&text));
    }
    if findings.len() > FINDINGS {
        let _ = writeln!(out, "- and {} more", findings.len() - FINDINGS);
    }
}
