//! Whether a repository tells the truth about its promotions: pins, promotion commits, gates and ledgers must agree.
//!
//! All of it is read from a clone, without a cluster and without a network. What a person did by hand is told as such: it is allowed,
//! and nobody should take it for a promotion.

mod ledgers;
mod promotions;
mod story;

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::fields::Difference;
use crate::ledger::Entry;
use crate::pin::Pin;
use crate::promotion::{History, Signed};

/// How far the clocks of agents and people may be apart before it counts against them.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A first-parent commit of the tracked branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Its message.
    pub message: String,
    /// Who wrote it, for people.
    pub author: String,
    /// When it was made, by the committer's clock.
    pub time: Timestamp,
    /// The pins that differ between this commit and its first parent.
    pub pins: Vec<PinChange>,
    /// How many other files differ, besides those of [`PinChange::overlay`].
    pub others: usize,
}

/// A pin file that a commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinChange {
    /// Where the file is, from the root of the repository.
    pub path: String,
    /// What it said before; `None` when it was not there.
    pub before: Option<Result<Pin, String>>,
    /// What it says now; `None` when it is gone.
    pub after: Option<Result<Pin, String>>,
    /// The other files of its overlay that the commit changed, where values are copied into it.
    pub overlay: Vec<String>,
    /// How the overlay differs from what copying the values of the pin makes of it, or why they can't be copied; `None` when the pin does not
    /// tell which values they are.
    pub copied: Option<Result<Difference, String>>,
}

/// The ledger of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Its lines, each with the revision whose note it stands in.
    pub lines: Vec<(String, Entry)>,
    /// The commits of the notes that wrote them, the oldest first.
    pub commits: Vec<NoteCommit>,
}

/// A commit of notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteCommit {
    /// Its full id.
    pub id: String,
    /// When it was made, by the committer's clock.
    pub time: Timestamp,
    /// The lines of the ledger that it added, each with the revision in whose note it stands.
    pub added: Vec<(String, Entry)>,
    /// How many lines it took away, by the revision whose note lost them.
    pub lost: BTreeMap<String, usize>,
}

/// All that a verification depends on, besides the [`History`].
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// First-parent commits of the tracked branch, the oldest first, up to its head.
    pub commits: &'a [Commit],
    /// Whether the first of them is the root of the history; what is before it may hold what is missed here.
    pub complete: bool,
    /// The ledgers, by environment.
    pub ledgers: &'a BTreeMap<String, Ledger>,
    /// Whether promotion commits and commits of notes must be signed with a key that [`History::signed`] trusts.
    pub signed: bool,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody should know; nothing is wrong with it.
    Notice,
    /// What the repository says can't be true.
    Problem,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// The environment that it is about; the path of the pin when no environment is known for it.
    pub environment: String,
    /// The full id of the commit that it is about.
    pub commit: String,
    /// What it is, in a word for machines, such as `by-hand` or `forged`.
    pub kind: &'static str,
    /// What it is, for people.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { environment, commit, kind, message, .. } = self;
        write!(f, "{} {environment}: {kind}: {message}", crate::promotion::short(commit))
    }
}

/// What was found, and how much was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// What was found, in the order of the history; what is about ledgers alone comes last.
    pub findings: Vec<Finding>,
    /// How many promotion commits were checked.
    pub promotions: usize,
    /// How many lines of ledgers were checked.
    pub lines: usize,
}

impl Report {
    /// Whether something can't be true.
    #[must_use]
    pub fn has_problems(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Problem)
    }
}

/// Checks all of it.
///
/// # Errors
/// The first error of `history`; that something is missing there is none.
pub fn verify<H: History>(input: &Input<'_>, history: &H) -> Result<Report, H::Error> {
    let mut checker = Checker { input, history, report: Report::default(), names: names(input) };
    for index in 0..input.commits.len() {
        checker.commit(index)?;
    }
    checker.ledgers()?;
    Ok(checker.report)
}

/// Which environment a pin file belongs to: what promotion commits say of it, and what ledgers say of its directory.
fn names(input: &Input<'_>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (environment, ledger) in input.ledgers {
        let path = ledger.lines.iter().rev().find_map(|(_, entry)| entry.path.as_deref());
        if let Some(path) = path {
            names.insert(crate::pin::path(path), environment.clone());
        }
    }
    for commit in input.commits {
        if let (Ok(Some(result)), [pin]) = (crate::trailers::result(&commit.message), commit.pins.as_slice()) {
            names.entry(pin.path.clone()).or_insert(result.to);
        }
    }
    names
}

struct Checker<'a, H> {
    input: &'a Input<'a>,
    history: &'a H,
    report: Report,
    /// The environment of each pin file.
    names: BTreeMap<String, String>,
}

impl<H> Checker<'_, H> {
    fn name(&self, path: &str) -> String {
        self.names.get(path).cloned().unwrap_or_else(|| path.to_owned())
    }

    fn find(&mut self, severity: Severity, environment: &str, commit: &str, kind: &'static str, message: String) {
        let (environment, commit) = (environment.to_owned(), commit.to_owned());
        self.report.findings.push(Finding { severity, environment, commit, kind, message });
    }

    fn problem(&mut self, environment: &str, commit: &str, kind: &'static str, message: String) {
        self.find(Severity::Problem, environment, commit, kind, message);
    }

    fn notice(&mut self, environment: &str, commit: &str, kind: &'static str, message: String) {
        self.find(Severity::Notice, environment, commit, kind, message);
    }
}

impl<H: History> Checker<'_, H> {
    /// Whoever has no key of the agents can't make it look as if one of them had done something.
    fn signature(&mut self, environment: &str, commit: &str) -> Result<(), H::Error> {
        if !self.input.signed {
            return Ok(());
        }
        let why = match self.history.signed(commit)? {
            Signed::By(_) => return Ok(()),
            Signed::Not => "it is not signed".to_owned(),
            Signed::Untrusted(why) => format!("its signature proves nothing: {why}"),
        };
        self.problem(environment, commit, "unsigned", why);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
