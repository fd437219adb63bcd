//! Ledgers: nothing was taken away from them, and what they say ran may have run.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Checker, NoteCommit, SKEW};
use crate::ledger::{Account, Event, NO_VALUES};
use crate::promotion::{History, short};

impl<H: History> Checker<'_, H> {
    /// Checks all ledgers.
    pub(super) fn ledgers(&mut self) -> Result<(), H::Error> {
        let input = self.input;
        let head = input.commits.last().map(|commit| commit.id.as_str()).unwrap_or_default();
        for (environment, ledger) in input.ledgers {
            self.report.lines += ledger.lines.len();
            self.written(environment, &ledger.commits)?;
            self.order(environment, &ledger.lines);
            self.story(environment, &ledger.lines);
            let pinned = self.pinned(environment);
            let ran: BTreeMap<&str, (Timestamp, Option<&str>)> = ledger
                .lines
                .iter()
                .filter(|(_, entry)| entry.event == Event::Applied)
                .map(|(revision, entry)| (revision.as_str(), (entry.began(), entry.promoted.as_deref())))
                .collect();
            for (revision, (time, promoted)) in ran {
                // Where values are copied, what runs is the head, and the pin names the revision that they are of.
                let named = promoted.unwrap_or(revision);
                if !self.history.is_ancestor(revision, head)? {
                    let message = "its note says that it ran, and it is not on the branch: the note is forged, or the branch was rewritten";
                    self.problem(environment, revision, "not-on-branch", message.into());
                } else if let Some((since, pinned)) = &pinned
                    && !pinned.contains(named)
                    && named != NO_VALUES
                    // Before its first pin, an environment may have followed the branch.
                    && time > *since
                {
                    let message = "its note says that it ran, and no pin ever named it";
                    if input.complete {
                        self.problem(environment, revision, "unpinned", message.into());
                    } else {
                        self.notice(environment, revision, "unproven", message.into());
                    }
                }
            }
            let last = Account::of(ledger.lines.iter().cloned()).runs.pop();
            if let (Some(last), Some(pin)) = (last, self.pin(environment))
                && last.proven() != pin
            {
                let message =
                    format!("the pin names it, and by its ledger {environment} still runs {}", short(&last.revision));
                self.notice(environment, &pin, "behind", message);
            }
        }
        Ok(())
    }

    /// Commits of notes add lines, each later than all before and none from the future.
    fn written(&mut self, environment: &str, commits: &[NoteCommit]) -> Result<(), H::Error> {
        let mut last: Option<Timestamp> = None;
        for commit in commits {
            self.signature(environment, &commit.id)?;
            for (revision, lost) in &commit.lost {
                let message = format!("{lost} lines of the note on {} were taken away", short(revision));
                self.problem(environment, &commit.id, "rewritten", message);
            }
            let latest = commit.time.saturating_add(SKEW).unwrap_or(commit.time);
            for (revision, entry) in &commit.added {
                let line = format!("`{} {}` of the note on {}", entry.time, entry.event.as_str(), short(revision));
                if let Some(last) = last.filter(|last| entry.time <= *last) {
                    let message = format!("the line {line} was written after one of {last}");
                    self.problem(environment, &commit.id, "out-of-order", message);
                }
                if entry.time > latest {
                    let message = format!("the line {line} was written before its time, at {}", commit.time);
                    self.problem(environment, &commit.id, "out-of-order", message);
                }
            }
            last = commit.added.iter().map(|(_, entry)| entry.time).chain(last).max();
        }
        Ok(())
    }

    /// Two lines of one environment never have the same time.
    fn order(&mut self, environment: &str, lines: &[(String, crate::ledger::Entry)]) {
        let mut times = BTreeSet::new();
        for (revision, entry) in lines {
            if !times.insert(entry.time) {
                let message =
                    format!("two lines of the ledger have the time {}: more than one agent writes it", entry.time);
                self.problem(environment, revision, "two-writers", message);
                return;
            }
        }
    }

    /// Since when an environment has a pin, and all revisions that it ever named; `None` when it never had one and follows the branch.
    fn pinned(&self, environment: &str) -> Option<(Timestamp, BTreeSet<String>)> {
        let changes =
            self.input.commits.iter().flat_map(|commit| commit.pins.iter().map(move |pin| (commit.time, pin)));
        let mut found = None;
        for (time, change) in changes.filter(|(_, change)| self.name(&change.path) == environment) {
            let (_, pinned) = found.get_or_insert_with(|| (time, BTreeSet::new()));
            let pins = [&change.before, &change.after].into_iter().flatten().flatten();
            pinned.extend(pins.map(|pin| pin.revision.clone()));
        }
        found
    }

    /// The revision that the pin names now.
    fn pin(&self, environment: &str) -> Option<String> {
        let changes = self.input.commits.iter().rev().flat_map(|commit| &commit.pins);
        let last = changes.into_iter().find(|change| self.name(&change.path) == environment)?;
        last.after.as_ref()?.as_ref().ok().map(|pin| pin.revision.clone())
    }
}
