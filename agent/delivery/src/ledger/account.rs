//! What the lines of an environment add up to.

use jiff::Timestamp;

use super::{Entry, Event};
use crate::Digest;
use crate::promotion;

/// More runs than this are not remembered.
const MOST_RUNS: usize = 20_000;

/// A revision that ran in an environment, from the moment it was applied until another one took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The full id of the revision.
    pub revision: String,
    /// When it was applied.
    pub applied: Timestamp,
    /// The digest of its manifests.
    pub digest: Option<Digest>,
    /// The directory of the overlay.
    pub path: Option<String>,
    /// Where values are copied into the overlay: the revision whose values it had, see [`Entry::promoted`].
    pub promoted: Option<String>,
    /// The full id of the commit that asked for it.
    pub request: Option<String>,
    /// What the gates said when a pull request that somebody else merged moved the pin: names and verdicts.
    pub gates: Vec<(String, String)>,
    /// When everything was healthy for the first time.
    pub proved: Option<Timestamp>,
    /// Since when everything is healthy without a break; when the run is over, since when it was at its end.
    pub healthy: Option<Timestamp>,
    /// When it degraded first.
    pub degraded: Option<Timestamp>,
    /// Why it degraded.
    pub reason: Option<String>,
    /// How often somebody else changed objects.
    pub drifts: u32,
    /// When another revision took its place; `None` while it runs.
    pub until: Option<Timestamp>,
    /// Whether another revision took its place because of it.
    pub rolled_back: bool,
    /// The last that was said of its health.
    pub(super) health: Option<Event>,
}

impl Run {
    /// The revision that the environment is at for those downstream.
    #[must_use]
    pub fn proven(&self) -> &str {
        self.promoted.as_deref().unwrap_or(&self.revision)
    }
}

/// The sum of a ledger, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// The runs, the oldest first. A revision that came back has several.
    pub runs: Vec<Run>,
    /// Whether objects differ from git.
    pub drifted: bool,
    /// Why the environment is held.
    pub held: Option<String>,
    /// The time of the last line.
    pub last: Option<Timestamp>,
}

impl Account {
    /// The sum of these lines, each with the revision whose note it stands in.
    #[must_use]
    pub fn of(lines: impl IntoIterator<Item = (String, Entry)>) -> Self {
        let mut lines: Vec<_> = lines.into_iter().collect();
        lines.sort_by_key(|(_, entry)| entry.time);
        let mut account = Self::default();
        for (revision, entry) in &lines {
            account.add(revision, entry);
        }
        account
    }

    /// Adds a line that is later than all before.
    pub fn add(&mut self, revision: &str, entry: &Entry) {
        self.last = self.last.max(Some(entry.time));
        let began = entry.began();
        if entry.event == Event::Applied || !self.runs.iter().rev().any(|run| run.revision == revision) {
            if let Some(last) = self.runs.last_mut() {
                last.until.get_or_insert(began);
            }
            self.runs.push(Run {
                revision: revision.to_owned(),
                applied: began,
                digest: entry.digest,
                path: entry.path.clone(),
                promoted: entry.promoted.clone(),
                request: entry.request.clone(),
                gates: entry.gates.clone(),
                proved: None,
                healthy: None,
                degraded: None,
                reason: None,
                drifts: 0,
                until: None,
                rolled_back: false,
                health: None,
            });
            if self.runs.len() > MOST_RUNS {
                self.runs.remove(0);
            }
        }
        match entry.event {
            Event::Held => self.held = Some(entry.reason.clone().unwrap_or_default()),
            Event::Released => self.held = None,
            Event::Drifted => self.drifted = true,
            Event::InSync => self.drifted = false,
            _ => {}
        }
        let Some(run) = self.runs.iter_mut().rev().find(|run| run.revision == revision) else { return };
        match entry.event {
            Event::Healthy => {
                run.healthy = Some(began);
                run.proved.get_or_insert(began);
            }
            Event::Progressing => run.healthy = None,
            Event::Degraded => {
                run.healthy = None;
                if run.degraded.is_none() {
                    run.degraded = Some(began);
                    run.reason.clone_from(&entry.reason);
                }
            }
            Event::Drifted => run.drifts += 1,
            Event::RolledBack => run.rolled_back = true,
            Event::Applied | Event::InSync | Event::Held | Event::Released => {}
        }
        if matches!(entry.event, Event::Healthy | Event::Progressing | Event::Degraded) {
            run.health = Some(entry.event);
        }
    }

    /// Forgets all but the last runs.
    pub fn keep(&mut self, runs: usize) {
        let surplus = self.runs.len().saturating_sub(runs);
        self.runs.drain(..surplus);
    }

    /// What the ledger proves to the environments downstream.
    #[must_use]
    pub fn state(&self) -> promotion::State {
        let healthy = |run: &Run| {
            Some(promotion::Healthy { revision: run.proven().to_owned(), since: run.healthy?, until: run.until })
        };
        promotion::State {
            revision: self.runs.last().map(|run| run.proven().to_owned()),
            applied: self.runs.last().map(|run| run.applied),
            degraded: self.runs.last().filter(|run| run.health == Some(Event::Degraded)).and_then(|run| run.degraded),
            healthy: self.runs.iter().filter_map(healthy).collect(),
            drifted: self.drifted,
            digests: self.runs.iter().filter_map(|run| Some((run.proven().to_owned(), run.digest?))).collect(),
        }
    }
}
