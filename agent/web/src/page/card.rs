//! What the page says of one environment.

use jiff::Timestamp;

use super::{Commit, Moment};
use crate::{ConditionView, EnvironmentView, EventView, Mode, ObjectCounts, Status, Verdict};

/// How many events are in sight; the others are a click away.
const IN_SIGHT: usize = 3;
/// How many events are on the page at all.
const EVENTS: usize = 20;
/// The reason of a condition that isn't met yet but on its way.
const PROGRESSING: &str = "Progressing";
/// The reason of `Ready` while there is no pin, so that nothing is to run.
const NOT_PROMOTED: &str = "NotPromoted";

/// The state of an environment in a word and a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Warn,
    Busy,
    Idle,
    Off,
    Good,
}

impl Tone {
    /// All of them, what needs attention first.
    pub(super) const ALL: [Self; 6] = [Self::Bad, Self::Warn, Self::Busy, Self::Idle, Self::Off, Self::Good];

    /// The class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Busy => "busy",
            Self::Idle | Self::Off => "off",
            Self::Good => "good",
        }
    }

    /// The word for it: colour alone tells nothing to many.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bad => "failing",
            Self::Warn => "drifted",
            Self::Busy => "in progress",
            Self::Idle => "not promoted",
            Self::Off => "suspended",
            Self::Good => "healthy",
        }
    }

    /// A sign beside the word.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Bad => "✕",
            Self::Warn => "!",
            Self::Busy => "…",
            Self::Idle => "–",
            Self::Off => "‖",
            Self::Good => "✓",
        }
    }
}

/// One environment.
pub(super) struct Card {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tone: Tone,
    pub(super) path: String,
    pub(super) mode: String,
    pub(super) revision: Option<Commit>,
    pub(super) attempted: Option<Commit>,
    pub(super) objects: String,
    pub(super) applied: Option<Moment>,
    pub(super) conditions: Vec<Row>,
    pub(super) promotion: Option<Promotion>,
    pub(super) events: Vec<Happening>,
    pub(super) older: Vec<Happening>,
}

/// One condition.
pub(super) struct Row {
    pub(super) word: &'static str,
    pub(super) tone: Tone,
    pub(super) message: String,
}

/// Where revisions come from.
pub(super) struct Promotion {
    pub(super) from: String,
    pub(super) hold: Option<String>,
    pub(super) verdicts: Vec<Ruling>,
}

/// One verdict.
pub(super) struct Ruling {
    pub(super) word: &'static str,
    pub(super) tone: Tone,
    pub(super) revision: Commit,
    pub(super) message: String,
    pub(super) at: Option<Moment>,
}

/// One event.
pub(super) struct Happening {
    pub(super) at: Moment,
    pub(super) warning: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Card {
    pub(super) fn new(view: &EnvironmentView, branch: Option<&str>, now: Timestamp) -> Self {
        let mode = match (view.mode, branch) {
            (Mode::Pinned, _) => "pinned".to_owned(),
            (Mode::Following, Some(branch)) => format!("follows {branch}"),
            (Mode::Following, None) => "follows the branch".to_owned(),
        };
        let happening = |event: &EventView| Happening {
            at: Moment::new(now, event.at),
            warning: event.warning,
            reason: event.reason.clone(),
            message: event.message.clone(),
        };
        Self {
            id: format!("{}.{}", view.namespace, view.name),
            name: view.name.clone(),
            tone: tone(view),
            path: view.path.clone(),
            mode,
            revision: view.revision.as_deref().map(Commit::new),
            attempted: view.attempted_revision.as_deref().map(Commit::new),
            objects: objects(view.objects),
            applied: view.applied_at.map(|at| Moment::new(now, at)),
            conditions: vec![ready(&view.ready), healthy(&view.healthy), drifted(&view.drifted)],
            promotion: promotion(view, now),
            events: view.events.iter().take(IN_SIGHT).map(happening).collect(),
            older: view.events.iter().take(EVENTS).skip(IN_SIGHT).map(happening).collect(),
        }
    }
}

fn tone(view: &EnvironmentView) -> Tone {
    if view.suspended {
        return Tone::Off;
    }
    let rows = [ready(&view.ready), healthy(&view.healthy), drifted(&view.drifted)];
    let any = |tone: &Tone| rows.iter().any(|row| row.tone == *tone);
    [Tone::Bad, Tone::Warn, Tone::Idle, Tone::Busy].into_iter().find(any).unwrap_or(Tone::Good)
}

fn ready(condition: &ConditionView) -> Row {
    row(condition, ["Ready", "Not ready", "Ready?"])
}

fn healthy(condition: &ConditionView) -> Row {
    row(condition, ["Healthy", "Not healthy", "Healthy?"])
}

fn row(condition: &ConditionView, [met, unmet, unknown]: [&'static str; 3]) -> Row {
    let (word, tone) = match condition.status {
        Status::True => (met, Tone::Good),
        Status::False if condition.reason == PROGRESSING => (unmet, Tone::Busy),
        Status::False if condition.reason == NOT_PROMOTED => (unmet, Tone::Idle),
        Status::False => (unmet, Tone::Bad),
        Status::Unknown => (unknown, Tone::Busy),
    };
    Row { word, tone, message: message(condition) }
}

fn drifted(condition: &ConditionView) -> Row {
    let (word, tone) = match condition.status {
        Status::True => ("Drifted", Tone::Warn),
        Status::False => ("No drift", Tone::Good),
        Status::Unknown => ("Drift?", Tone::Idle),
    };
    Row { word, tone, message: message(condition) }
}

fn message(condition: &ConditionView) -> String {
    match (condition.message.as_str(), condition.status) {
        ("", Status::Unknown) if condition.reason.is_empty() => "not known yet".to_owned(),
        ("", _) => condition.reason.clone(),
        (message, _) => message.to_owned(),
    }
}

/// The total, and what is not as it should be.
fn objects(counts: ObjectCounts) -> String {
    let mut parts = vec![match counts.total {
        1 => "1 object".to_owned(),
        total => format!("{total} objects"),
    }];
    let odd = [(counts.degraded, "failing"), (counts.progressing, "in progress"), (counts.drifted, "drifted")];
    parts.extend(odd.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    if counts.total > 0 && counts.healthy == counts.total && counts.drifted == 0 {
        parts.push("all healthy".to_owned());
    }
    parts.join(", ")
}

fn promotion(view: &EnvironmentView, now: Timestamp) -> Option<Promotion> {
    let promotion = view.promotion.as_ref()?;
    let ruling = |verdict: &crate::VerdictView| {
        let (word, tone) = match verdict.verdict {
            Verdict::Waiting => ("waiting", Tone::Busy),
            Verdict::Promoted => ("promoted", Tone::Good),
            Verdict::Refused => ("refused", Tone::Bad),
        };
        Ruling {
            word,
            tone,
            revision: Commit::new(&verdict.revision),
            message: verdict.message.clone(),
            at: verdict.at.map(|at| Moment::new(now, at)),
        }
    };
    Some(Promotion {
        from: promotion.from.join(", "),
        hold: promotion.hold.clone(),
        verdicts: promotion.verdicts.iter().take(EVENTS).map(ruling).collect(),
    })
}
