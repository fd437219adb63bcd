//! Which lines are to be written, from what the ledger says and what is.

use jiff::{SignedDuration, Timestamp};

use super::text::short;
use super::{Account, Entry, Event, Objects, Run};
use crate::Digest;
use crate::health::HealthStatus;
use crate::pin::Pin;

/// A revision that ran, as the environment itself remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The full id of the revision.
    pub revision: String,
    /// Where values are copied into the overlay: the revision whose values it had, see [`Entry::promoted`].
    pub promoted: Option<String>,
    /// The digest of its manifests.
    pub digest: Option<Digest>,
    /// When it was applied.
    pub applied: Timestamp,
    /// Since when everything was healthy without a break.
    pub healthy: Option<Timestamp>,
}

/// What is known of an environment now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The revisions that ran, the newest first.
    pub history: Vec<Ran>,
    /// How it fares; `None` when that is not known.
    pub health: Option<HealthStatus>,
    /// Why, for people, without any value of an object.
    pub reason: Option<String>,
    /// How the objects fare.
    pub objects: Option<Objects>,
    /// Whether objects differ from git; `None` when that is not known.
    pub drifted: Option<bool>,
    /// The directory of the overlay.
    pub path: String,
    /// The pin at the head of the branch, if there is one that can be read.
    pub pin: Option<Pin>,
    /// What the gates said to the request that the pin names, when no promotion commit tells.
    pub gates: Vec<(String, String)>,
    /// The version of the agent.
    pub agent: String,
}

/// The lines to add, in order, each with the revision whose note it belongs into. None when the ledger says it all.
///
/// Only what turned is told: how an environment fares is written when it changes, however often it is looked at.
#[must_use]
pub fn transitions(account: &Account, observed: &Observed, now: Timestamp) -> Vec<(String, Entry)> {
    let mut writer = Writer { account: account.clone(), observed, now, lines: Vec::new() };
    let unwritten = unwritten(account, observed);
    if !unwritten.is_empty() {
        writer.ended();
    }
    for (place, ran) in unwritten.into_iter().rev() {
        writer.applied(ran, place == 0);
        // What was healthy when another revision took its place is told now, for nobody looked at it before.
        if place > 0 && ran.healthy.is_some() {
            writer.healthy(ran);
        }
    }
    writer.health();
    writer.drift();
    writer.hold();
    writer.lines
}

/// Whether lines tell only of revisions that nobody asked for and that changed nothing: the same manifests are as healthy as before.
///
/// They prove something to those downstream, but nobody's service changed, so they need not be written down at once.
#[must_use]
pub fn change_nothing(account: &Account, lines: &[(String, Entry)]) -> bool {
    let last = account.runs.last();
    let same = |entry: &Entry| {
        let as_before = |run: &Run| {
            run.digest.is_some()
                && (run.digest, &run.path, &run.promoted) == (entry.digest, &entry.path, &entry.promoted)
        };
        entry.request.is_none() && last.is_some_and(as_before)
    };
    let healthy = last.is_some_and(|run| run.healthy.is_some());
    lines.iter().all(|(_, entry)| match entry.event {
        Event::Applied => same(entry),
        Event::Healthy => healthy,
        _ => false,
    })
}

/// The runs that the ledger does not have, the newest first, with their places in the history.
fn unwritten<'o>(account: &Account, observed: &'o Observed) -> Vec<(usize, &'o Ran)> {
    let history = observed.history.iter().enumerate();
    let Some(last) = account.runs.last() else { return history.collect() };
    // The two agree to the second, for that is what the status of an environment keeps.
    let applied = last.applied.as_second();
    let same = |ran: &Ran| ran.revision == last.revision && ran.applied.as_second() == applied;
    match observed.history.iter().position(same) {
        Some(place) => history.take(place).collect(),
        None => history.take_while(|(_, ran)| ran.applied.as_second() > applied).collect(),
    }
}

struct Writer<'o> {
    account: Account,
    observed: &'o Observed,
    now: Timestamp,
    lines: Vec<(String, Entry)>,
}

impl Writer<'_> {
    fn write(&mut self, revision: &str, event: Event, fill: impl FnOnce(&mut Entry)) {
        let millisecond = SignedDuration::from_millis(1);
        let now = Timestamp::from_millisecond(self.now.as_millisecond()).unwrap_or(self.now);
        let after = self.account.last.and_then(|last| last.checked_add(millisecond).ok());
        let mut entry = Entry::new(after.map_or(now, |after| after.max(now)), event);
        entry.agent = Some(self.observed.agent.clone());
        fill(&mut entry);
        let time = entry.time;
        entry.since = entry.since.filter(|since| since.as_second() < time.as_second());
        self.account.add(revision, &entry);
        self.lines.push((revision.to_owned(), entry));
    }

    fn applied(&mut self, ran: &Ran, newest: bool) {
        let observed = self.observed;
        let pin = observed
            .pin
            .as_ref()
            .filter(|pin| newest && pin.revision == *ran.promoted.as_ref().unwrap_or(&ran.revision));
        if let Some(failed) = pin.and_then(|pin| pin.rollback_of.as_deref())
            && let Some(last) = self.account.runs.last().filter(|last| last.proven() == failed)
        {
            let (reason, failed) = (format!("to {}", ran.revision), last.revision.clone());
            self.write(&failed, Event::RolledBack, |entry| entry.reason = Some(reason));
        }
        self.write(&ran.revision, Event::Applied, |entry| {
            entry.since = Some(ran.applied);
            entry.digest = ran.digest;
            entry.path = Some(observed.path.clone());
            entry.promoted.clone_from(&ran.promoted);
            entry.objects = observed
                .objects
                .filter(|_| newest)
                .map(|objects| Objects { total: objects.total, ..Objects::default() });
            entry.request = pin.and_then(|pin| pin.requested_by.clone());
            entry.gates = if pin.is_some() { observed.gates.clone() } else { Vec::new() };
        });
    }

    /// How the last run fared until another revision took its place.
    fn ended(&mut self) {
        let Some(run) = self.account.runs.last() else { return };
        let same = |ran: &&Ran| ran.revision == run.revision && ran.applied.as_second() == run.applied.as_second();
        let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
        let ran = self.observed.history.iter().find(same);
        if let Some(ran) = ran.filter(|ran| ran.healthy.is_some() && second(ran.healthy) != second(run.healthy)) {
            self.healthy(ran);
        }
    }

    fn healthy(&mut self, ran: &Ran) {
        self.write(&ran.revision, Event::Healthy, |entry| entry.since = ran.healthy);
    }

    fn health(&mut self) {
        let observed = self.observed;
        let Some(ran) = observed.history.first() else { return };
        let Some(run) = self.account.runs.last().filter(|run| run.revision == ran.revision) else { return };
        let second = |time: Option<Timestamp>| time.map(Timestamp::as_second);
        let event = match (ran.healthy, observed.health) {
            (Some(_), _) if second(run.healthy) != second(ran.healthy) => Event::Healthy,
            (None, Some(HealthStatus::Degraded)) if run.health != Some(Event::Degraded) => Event::Degraded,
            (None, Some(HealthStatus::Progressing)) if run.healthy.is_some() => Event::Progressing,
            _ => return,
        };
        self.write(&ran.revision, event, |entry| {
            entry.objects = observed.objects;
            entry.since = ran.healthy.filter(|_| event == Event::Healthy);
            entry.reason = observed.reason.as_deref().filter(|_| event != Event::Healthy).map(short);
        });
    }

    fn drift(&mut self) {
        let Some(revision) = self.account.runs.last().map(|run| run.revision.clone()) else { return };
        match (self.account.drifted, self.observed.drifted) {
            (false, Some(true)) => self.write(&revision, Event::Drifted, |_| {}),
            (true, Some(false)) => self.write(&revision, Event::InSync, |_| {}),
            _ => {}
        }
    }

    fn hold(&mut self) {
        let Some(revision) = self.account.runs.last().map(|run| run.revision.clone()) else { return };
        let pin = self.observed.pin.as_ref();
        // What a pin says is told of the revision that it names, once that runs.
        if pin.is_some_and(|pin| pin.revision != revision) {
            return;
        }
        let hold = pin.and_then(|pin| pin.hold.as_ref()).map(|hold| short(&hold.reason));
        if self.account.held == hold {
            return;
        }
        match hold {
            Some(reason) => self.write(&revision, Event::Held, |entry| entry.reason = Some(reason)),
            None => self.write(&revision, Event::Released, |_| {}),
        }
    }
}
