//! The lines of a ledger tell a story that can have happened, in the words that Plumb writes.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Checker, SKEW};
use crate::ledger::{Entry, Event};
use crate::promotion::{History, short};

/// What the lines said last of the run that they are about.
#[derive(Default)]
struct Told {
    health: Option<(Event, i64)>,
    drifted: Option<bool>,
    held: Option<(Event, Option<String>)>,
    left: bool,
}

impl Told {
    /// Takes in a line, and tells whether it says what was said already.
    fn again(&mut self, entry: &Entry) -> bool {
        match entry.event {
            Event::Applied => false,
            Event::Healthy => {
                let now = Some((entry.event, entry.began().as_second()));
                std::mem::replace(&mut self.health, now) == now
            }
            Event::Progressing | Event::Degraded => {
                self.health.replace((entry.event, 0)).is_some_and(|(event, _)| event == entry.event)
            }
            Event::Drifted | Event::InSync => {
                let now = Some(entry.event == Event::Drifted);
                std::mem::replace(&mut self.drifted, now) == now
            }
            Event::Held | Event::Released => {
                let now = Some((entry.event, entry.reason.clone()));
                std::mem::replace(&mut self.held, now.clone()) == now
            }
            Event::RolledBack => std::mem::replace(&mut self.left, true),
        }
    }
}

impl<H: History> Checker<'_, H> {
    /// Checks the lines of an environment, in the order of their times.
    pub(super) fn story(&mut self, environment: &str, lines: &[(String, Entry)]) {
        let made: BTreeMap<&str, Timestamp> =
            self.input.commits.iter().map(|commit| (commit.id.as_str(), commit.time)).collect();
        let (mut runs, mut told) = (None, Told::default());
        for (revision, entry) in lines {
            let line = format!("the line `{} {}`", entry.time, entry.event.as_str());
            if entry.agent.is_none() {
                let message = format!("{line} names no version of Plumb, which each line has that Plumb wrote");
                self.problem(environment, revision, "foreign", message);
            }
            let began = if entry.event == Event::Applied { entry.began() } else { entry.time };
            let latest = began.saturating_add(SKEW).unwrap_or(began);
            if let Some(made) = made.get(revision.as_str()).filter(|made| **made > latest) {
                let message = format!("{line} tells of a time before the revision was made, at {made}");
                self.problem(environment, revision, "forged", message);
            }
            if entry.event == Event::Applied {
                (runs, told) = (Some(revision), Told::default());
            } else if runs != Some(revision) {
                let ran = runs.map_or("nothing".to_owned(), |runs| short(runs).to_owned());
                let message = format!("{line} is told of it, and by its ledger {environment} ran {ran} then");
                self.problem(environment, revision, "out-of-place", message);
            } else if told.again(entry) {
                let message = format!("{line} says what was said already: two agents wrote it, or it is forged");
                self.notice(environment, revision, "repeated", message);
            }
        }
    }
}
