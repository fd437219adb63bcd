//! The body of the pull request whose merge is a promotion.

use std::fmt::Write as _;

use super::markdown::{self, code};
use super::{Mark, Style, short};
use crate::difference::Difference;
use crate::promotion::{Gate, GateVerdict};

/// The most commits that the changelog lists.
const CHANGELOG: usize = 50;
/// The most problems that are told.
const PROBLEMS: usize = 20;
/// The most comments that follow a body.
const ATTACHMENTS: usize = 8;
/// Where the rest of a body is.
const FOLLOWS: &str = "They follow as comments.";
/// Room for what is not a difference, in characters.
const FRAME: usize = 2_000;

/// What a pull request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// What Plumb reads back.
    pub mark: &'a Mark,
    /// The pin file that the pull request changes.
    pub pin: &'a str,
    /// The files of the overlay into which it copies values, where that is the strategy.
    pub copied: Option<&'a [String]>,
    /// The revision that runs now; `None` when there is no pin yet.
    pub before: Option<&'a str>,
    /// All gates.
    pub gates: &'a [Gate],
    /// First-parent commits between the two revisions, the newest first.
    pub changelog: &'a [Entry],
    /// How many more there are.
    pub older: usize,
    /// How the manifests of the two revisions differ.
    pub rendered: Comparison<'a>,
    /// What an apply would change in the cluster as it is now.
    pub live: Comparison<'a>,
    /// Whether Plumb merges it once all gates are open.
    pub automerge: bool,
}

/// A commit in the changelog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its full id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Who wrote it.
    pub author: String,
}

/// Differences, and why some may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparison<'a> {
    /// By object; `None` when nothing could be compared.
    pub differences: Option<&'a [Difference]>,
    /// What could not be compared, and why.
    pub problems: &'a [String],
}

/// The body of the pull request, its mark first.
#[must_use]
pub fn body(proposal: &Proposal<'_>, style: Style) -> String {
    parts(proposal, style).0
}

/// What the body has no room for, as texts of their own: they follow it as comments.
#[must_use]
pub fn attachments(proposal: &Proposal<'_>, style: Style) -> Vec<String> {
    let room = style.limit.saturating_sub(FRAME);
    let mut texts: Vec<String> = Vec::new();
    for (title, mut left) in parts(proposal, style).1 {
        while !left.is_empty() && texts.len() < ATTACHMENTS {
            let last = texts.len() + 1 == ATTACHMENTS;
            let elsewhere = if last { "`plumb diff` shows all of it." } else { "They follow in another comment." };
            let (text, fit) = markdown::differences(left, style, room, elsewhere);
            texts.push(format!("### {title}, continued\n\n{text}"));
            // One that fits nowhere is named here, and passed over.
            left = &left[fit.max(1)..];
        }
    }
    texts
}

/// The body, and what it leaves out of each section.
fn parts<'a>(proposal: &Proposal<'a>, style: Style) -> (String, Vec<(String, &'a [Difference])>) {
    let mark = proposal.mark;
    let mut out = mark.line(style.html);
    out.push_str(if style.html { "\n" } else { "\n\n" });
    // Writing to a string can't fail, hence the discarded results.
    let _ = match proposal.before {
        Some(before) => write!(
            out,
            "Merging this promotes **{}** from `{}` to `{}`",
            mark.environment,
            short(before),
            short(&mark.revision)
        ),
        None => {
            write!(out, "Merging this gives **{}** its first revision, `{}`", mark.environment, short(&mark.revision))
        }
    };
    let _ = match proposal.copied {
        None => writeln!(
            out,
            ": it changes the pin {} and nothing else, and any way of merging will do.",
            code(proposal.pin)
        ),
        Some(files) => {
            let files: Vec<String> = files.iter().map(|file| code(file)).collect();
            let files = if files.is_empty() { "no file, for they are there already".into() } else { files.join(", ") };
            writeln!(
                out,
                ": it copies the values of that revision into {files}, notes it in {}, and any way of merging will do.",
                code(proposal.pin)
            )
        }
    };
    let _ = if mark.request.is_empty() {
        writeln!(out, "\n{} takes by itself what its upstreams proved.", mark.environment)
    } else {
        writeln!(out, "\nCommit `{}` asked for it.", short(&mark.request))
    };
    if proposal.automerge {
        out.push_str("Plumb merges it once all gates are open.\n");
    }
    gates(&mut out, proposal.gates);
    changelog(&mut out, proposal);
    let room = style.limit.saturating_sub(out.chars().count() + FRAME);
    // What is rendered may take two thirds of the room, and what that leaves is for the cluster.
    let title = format!("What changes in {}", mark.environment);
    let (rendered, fit) = comparison(&title, &proposal.rendered, style, room / 3 * 2, FOLLOWS);
    let room = room.saturating_sub(rendered.chars().count());
    out.push_str(&rendered);
    let mut left = vec![(title, &proposal.rendered.differences.unwrap_or_default()[fit..])];
    let title = "Against the cluster".to_owned();
    let (live, fit) = comparison(&title, &proposal.live, style, room, FOLLOWS);
    out.push_str(&live);
    left.push((title, &proposal.live.differences.unwrap_or_default()[fit..]));
    let _ = write!(
        out,
        "\nPlumb keeps this text current; what is written here by hand is lost. Digest of the {}: ",
        if proposal.copied.is_some() { "values" } else { "manifests" }
    );
    out.push_str(
        &mark.digest.as_deref().map_or_else(
            || "none, for they can't be rendered".to_owned(),
            |digest| code(&digest[..digest.len().min(12)]),
        ),
    );
    out.push_str(".\n");
    (out, left)
}

fn gates(out: &mut String, gates: &[Gate]) {
    out.push_str("\n### Gates\n\n");
    if gates.is_empty() {
        out.push_str("There are none.\n");
    }
    for gate in gates {
        let (tick, word) = match gate.verdict {
            GateVerdict::Pass => ("x", ""),
            GateVerdict::Wait { .. } => (" ", ""),
            GateVerdict::Fail => (" ", "**failed**: "),
        };
        let _ = writeln!(out, "- [{tick}] {}: {word}{}", code(&gate.name), code(&gate.why));
    }
}

fn changelog(out: &mut String, proposal: &Proposal<'_>) {
    if proposal.changelog.is_empty() {
        return;
    }
    out.push_str("\n### Changelog\n\n");
    for entry in proposal.changelog.iter().take(CHANGELOG) {
        let subject: String = entry.subject.chars().take(120).collect();
        let author: String = entry.author.chars().take(60).collect();
        let _ = writeln!(out, "- `{}` {} by {}", short(&entry.id), code(&subject), code(&author));
    }
    let more = proposal.changelog.len().saturating_sub(CHANGELOG) + proposal.older;
    if more > 0 {
        let _ = writeln!(out, "- and {more} more");
    }
}

/// A section with differences, which takes little more than `room` characters, and how many it shows. `elsewhere` tells where the others are.
pub(super) fn comparison(
    title: &str,
    comparison: &Comparison<'_>,
    style: Style,
    room: usize,
    elsewhere: &str,
) -> (String, usize) {
    let mut shown = 0;
    let mut out = format!("\n### {title}\n\n");
    match comparison.differences {
        Some(differences) => {
            let counts = markdown::counts(differences);
            let _ = writeln!(out, "{}{}.\n", counts[..1].to_uppercase(), &counts[1..]);
            let (text, fit) = markdown::differences(differences, style, room, elsewhere);
            out.push_str(&text);
            shown = fit;
        }
        None if comparison.problems.is_empty() => out.push_str("It is not known yet.\n"),
        None => out.push_str("It can't be told:\n\n"),
    }
    problems(&mut out, comparison.problems);
    (out, shown)
}

/// A list of what is wrong.
pub(super) fn problems(out: &mut String, problems: &[String]) {
    for problem in problems.iter().take(PROBLEMS) {
        let text: String = problem.chars().take(600).collect();
        let _ = writeln!(out, "- ⚠ {}", code(&text));
    }
    if problems.len() > PROBLEMS {
        let _ = writeln!(out, "- and {} more", problems.len() - PROBLEMS);
    }
}
