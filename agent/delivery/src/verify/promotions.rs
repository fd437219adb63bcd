//! Commits of the branch: promotion commits must do what they say, and what they rest on must be there.

use super::{Checker, PinChange, SKEW, Severity};
use crate::fields::Difference;
use crate::ledger::{Account, Entry, Event, NO_VALUES};
use crate::pin::{self, Pin, Strategy};
use crate::promotion::{History, short};
use crate::trailers::{self, PromotionResult, RequestKind};

impl<H: History> Checker<'_, H> {
    /// Checks one commit.
    pub(super) fn commit(&mut self, index: usize) -> Result<(), H::Error> {
        let input = self.input;
        let commit = &input.commits[index];
        let result = match trailers::result(&commit.message) {
            Ok(result) => result,
            Err(why) => {
                let environment = commit.pins.first().map_or_else(String::new, |pin| self.name(&pin.path));
                self.problem(&environment, &commit.id, "unreadable", format!("its trailers can't be read: {why}"));
                None
            }
        };
        let Some(result) = result else {
            for pin in &commit.pins {
                match merged(pin) {
                    Some((after, request)) if self.asked(index, pin, request) => {
                        self.merged(index, pin, after, request)?;
                    }
                    _ => self.by_hand(index, pin)?,
                }
            }
            return Ok(());
        };
        self.report.promotions += 1;
        let to = result.to.as_str();
        self.signature(to, &commit.id)?;
        match commit.pins.as_slice() {
            [] => self.problem(to, &commit.id, "forged", "it says that it promotes, and moves no pin".into()),
            [pin] => match &pin.after {
                Some(Ok(after)) => {
                    self.promotion(index, &result, pin, after)?;
                    self.values(index, &result, pin, after, Severity::Problem);
                }
                Some(Err(why)) => self.problem(to, &commit.id, "forged", format!("its pin can't be read: {why}")),
                None => self.problem(to, &commit.id, "forged", "it says that it promotes, and removes the pin".into()),
            },
            pins => {
                let paths = pins.iter().map(|pin| pin.path.as_str()).collect::<Vec<_>>().join(", ");
                let message = format!("it speaks of one environment, and moves several pins: {paths}");
                self.problem(to, &commit.id, "forged", message);
            }
        }
        if commit.others > 0 {
            let message = format!(
                "a promotion commit moves a pin and nothing else; this one changes {} other files",
                commit.others
            );
            self.problem(to, &commit.id, "forged", message);
        }
        Ok(())
    }

    /// Whether a commit before this one asked for what a pin names.
    fn asked(&self, index: usize, pin: &PinChange, request: &str) -> bool {
        let name = self.name(&pin.path);
        let asks = |commit: &super::Commit| {
            let requests = trailers::requests(&commit.id, &commit.message).unwrap_or_default();
            requests.iter().any(|asked| asked.environment == name)
        };
        self.input.commits[..index].iter().find(|commit| commit.id == request).is_some_and(asks)
    }

    /// A pin that moved with the merge of a pull request: it says what a promotion commit would.
    fn merged(&mut self, index: usize, pin: &PinChange, after: &Pin, request: &str) -> Result<(), H::Error> {
        self.report.promotions += 1;
        let result = PromotionResult {
            to: self.name(&pin.path),
            from: after.from.clone(),
            revision: after.revision.clone(),
            rolled_back_from: None,
            released: false,
            request: Some(request.to_owned()),
            gates: Vec::new(),
        };
        self.promotion(index, &result, pin, after)?;
        self.values(index, &result, pin, after, Severity::Notice);
        Ok(())
    }

    /// An overlay into which values are copied has those of the revision. What else changed in it weighs more in a commit of Plumb's own than
    /// in one that a person merged.
    fn values(&mut self, index: usize, result: &PromotionResult, pin: &PinChange, after: &Pin, others: Severity) {
        if after.strategy != Strategy::Fields {
            return;
        }
        let (id, to, revision) = (&self.input.commits[index].id, result.to.as_str(), short(&after.revision));
        if result.released {
            if !pin.overlay.is_empty() {
                let message = format!("it says that it ends a hold, and changes {}", pin.overlay.join(", "));
                self.problem(to, id, "forged", message);
            }
            return;
        }
        if let Some(fields) = &after.fields {
            match self.names.get(&pin::path(&fields.from)) {
                None => {
                    let message = format!("no ledger tells of which environment {} has the values", fields.from);
                    self.notice(to, id, "unproven", message);
                }
                Some(name) if name == to => {
                    self.problem(to, id, "forged", "it copies values from the overlay that it copies them to".into());
                }
                Some(_) => {}
            }
        }
        match &pin.copied {
            None => {
                self.notice(to, id, "unproven", "its pin does not tell which values were copied".into());
            }
            Some(Err(why)) => {
                self.problem(to, id, "forged", format!("the values of {revision} can't be copied again: {why}"));
            }
            Some(Ok(difference)) => {
                self.lacking(Severity::Problem, to, id, after, difference);
                if !difference.others.is_empty() {
                    let files = difference.others.join(", ");
                    let message = format!("more than the values of {revision} changed in {files}");
                    self.find(others, to, id, kind(others), message);
                }
            }
        }
    }

    /// Tells of the files in which values are not those that the pin says.
    fn lacking(&mut self, severity: Severity, name: &str, commit: &str, pin: &Pin, difference: &Difference) {
        if !difference.values.is_empty() {
            let files = difference.values.join(", ");
            let message = format!("the values of {} are not in {files}", short(&pin.revision));
            self.find(severity, name, commit, kind(severity), message);
        }
    }

    /// A pin that was moved by no promotion commit.
    fn by_hand(&mut self, index: usize, pin: &PinChange) -> Result<(), H::Error> {
        let commit = &self.input.commits[index];
        let name = self.name(&pin.path);
        match &pin.after {
            None => {
                let message = format!("{} took the pin away; no request asked for it", commit.author);
                self.notice(&name, &commit.id, "by-hand", message);
            }
            Some(Err(why)) => self.problem(&name, &commit.id, "broken-pin", format!("its pin can't be read: {why}")),
            Some(Ok(after)) => {
                let message =
                    format!("{} moved the pin to {}; no request asked for it", commit.author, short(&after.revision));
                self.notice(&name, &commit.id, "by-hand", message);
                if let Some(Ok(difference)) = &pin.copied {
                    self.lacking(Severity::Notice, &name, &commit.id, after, difference);
                }
                self.reachable(&name, &commit.id, &after.revision)?;
            }
        }
        Ok(())
    }

    /// The revision of a pin must come before the commit that names it.
    fn reachable(&mut self, name: &str, commit: &str, revision: &str) -> Result<(), H::Error> {
        if !self.history.is_ancestor(revision, commit)? {
            let message = format!("its pin names {}, which does not come before it on the branch", short(revision));
            self.problem(name, commit, "not-on-branch", message);
        }
        Ok(())
    }

    fn promotion(
        &mut self,
        index: usize,
        result: &PromotionResult,
        pin: &PinChange,
        after: &Pin,
    ) -> Result<(), H::Error> {
        let id = &self.input.commits[index].id;
        let to = result.to.as_str();
        let name = self.name(&pin.path);
        if name != *to {
            self.problem(to, id, "forged", format!("it says {to}, and moves the pin of {name}"));
        }
        let said = [
            ("revision", after.revision == result.revision),
            ("environments that proved it", after.from == result.from),
            ("request", after.requested_by == result.request),
            ("rollback", after.rollback_of.is_some() || result.rolled_back_from.is_none()),
        ];
        for (what, _) in said.iter().filter(|(_, same)| !same) {
            self.problem(to, id, "forged", format!("its message and its pin name another {what}"));
        }
        self.reachable(to, id, &result.revision)?;
        self.request(index, result);
        let before = pin.before.as_ref().and_then(|before| before.as_ref().ok());
        match (&result.rolled_back_from, before) {
            (Some(failed), Some(before)) => {
                if before.revision != *failed {
                    let message = format!(
                        "it says that it leaves {}, and the pin was at {}",
                        short(failed),
                        short(&before.revision)
                    );
                    self.problem(to, id, "forged", message);
                }
                self.ran_before(index, result);
                return Ok(());
            }
            (Some(_), None) => {
                self.problem(to, id, "forged", "it says that it rolls back, and there was no pin before".into());
                return Ok(());
            }
            (None, Some(before)) if result.released => {
                if before.revision != result.revision {
                    self.problem(to, id, "forged", "it says that it ends a hold, and moves the pin".into());
                }
                if after.hold.is_some() {
                    self.problem(to, id, "forged", "it says that it ends a hold, and the pin has one still".into());
                }
                return Ok(());
            }
            (None, Some(before)) if before.revision == result.revision => {}
            (None, Some(before)) => {
                if self.history.is_ancestor(&result.revision, &before.revision)? {
                    let message = format!(
                        "it goes back from {} to the older {} without being a rollback",
                        short(&before.revision),
                        short(&result.revision)
                    );
                    self.problem(to, id, "downgrade", message);
                }
                if let Some(hold) = &before.hold {
                    self.problem(to, id, "skipped", format!("the environment was held: {}", hold.reason));
                }
            }
            (None, None) => {}
        }
        self.gates(index, result);
        Ok(())
    }

    /// Who asked must have asked for just this, before it, and once.
    fn request(&mut self, index: usize, result: &PromotionResult) {
        let (commits, complete) = (self.input.commits, self.input.complete);
        let (id, to) = (&commits[index].id, result.to.as_str());
        let Some(wanted) = &result.request else { return };
        let Some(request) = commits[..index].iter().find(|commit| commit.id == *wanted) else {
            let message =
                format!("it names {} as its request, which is no commit of the branch before it", short(wanted));
            if complete {
                self.problem(to, id, "forged", message);
            } else {
                self.notice(to, id, "unproven", message);
            }
            return;
        };
        let asked = trailers::requests(&request.id, &request.message).unwrap_or_default();
        if asked.is_empty() && result.revision == request.id {
            let message =
                format!("nothing in git asks for it in {}; a label of its pull request may have", short(wanted));
            self.notice(to, id, "unproven", message);
            return;
        }
        let Some(asked) = asked.into_iter().find(|asked| asked.environment == *to) else {
            self.problem(to, id, "forged", format!("{} did not ask for it", short(wanted)));
            return;
        };
        let kind = match asked.kind {
            RequestKind::Promote => result.rolled_back_from.is_none() && !result.released,
            RequestKind::Rollback { .. } => result.rolled_back_from.is_some(),
            RequestKind::Release => result.released,
        };
        let revision = match (&asked.kind, &asked.revision) {
            (_, Some(revision)) => result.revision.starts_with(revision.as_str()),
            (RequestKind::Promote, None) => result.revision == request.id,
            (RequestKind::Rollback { .. } | RequestKind::Release, None) => true,
        };
        if !kind || !revision {
            self.problem(to, id, "forged", format!("{} asked for something else", short(wanted)));
        }
        let answered = |commit: &&super::Commit| {
            let other = trailers::result(&commit.message).ok().flatten();
            other.is_some_and(|other| other.to == *to && other.request.as_ref() == Some(wanted))
        };
        if let Some(first) = commits[..index].iter().find(answered) {
            let message = format!("{} was answered by {} already", short(wanted), short(&first.id));
            self.problem(to, id, "replayed", message);
        }
    }

    /// All gates must have been open, and the ledgers of the upstreams must bear it out.
    fn gates(&mut self, index: usize, result: &PromotionResult) {
        let commit = &self.input.commits[index];
        let (id, to) = (&commit.id, result.to.as_str());
        for (gate, verdict) in result.gates.iter().filter(|(_, verdict)| verdict != "pass") {
            self.problem(to, id, "skipped", format!("the gate {gate} says {verdict}"));
        }
        let merged = self.said_at_merge(result);
        for (gate, verdict) in merged.iter().filter(|(_, verdict)| verdict != "pass") {
            let message = format!("{} merged it while the gate {gate} said {verdict}", commit.author);
            self.notice(to, id, "by-hand", message);
        }
        let asked: Vec<&String> = result.gates.iter().chain(&merged).map(|(name, _)| name).collect();
        if asked.is_empty() {
            let message = "no promotion commit and no ledger tells what its gates said when it was merged".to_owned();
            self.notice(to, id, "unproven", message);
        }
        if result.from.is_empty() {
            self.problem(to, id, "skipped", "no environment proved the revision".into());
        }
        let latest = commit.time.saturating_add(SKEW).unwrap_or(commit.time);
        for upstream in &result.from {
            let gate = format!("upstream/{upstream}");
            if !asked.is_empty() && !asked.contains(&&gate) {
                self.problem(to, id, "skipped", format!("the gate {gate} was not asked"));
            }
            let lines = self.input.ledgers.get(upstream).map(|ledger| ledger.lines.as_slice()).unwrap_or_default();
            let before = || lines.iter().filter(|(_, entry)| entry.began() <= latest);
            if before().next().is_none() {
                let message =
                    format!("{upstream} has no ledger of that time, so nothing shows that it was healthy there");
                self.notice(to, id, "unproven", message);
                continue;
            }
            let state = Account::of(before().cloned()).state();
            let wanted = state.digests.get(&result.revision);
            let proves = |revision: &String| {
                *revision == result.revision || (wanted.is_some() && state.digests.get(revision) == wanted)
            };
            // What ran with values of no revision proves none.
            let healthy = || state.healthy.iter().map(|healthy| &healthy.revision).filter(|at| *at != NO_VALUES);
            if !healthy().any(proves) {
                // The agent compares renders of revisions that never ran, which no ledger has.
                let (kind, message) = if wanted.is_none() && healthy().next().is_some() {
                    (
                        "unproven",
                        format!("{upstream} never ran {}; it may render to what ran there", short(&result.revision)),
                    )
                } else {
                    ("skipped", format!("by its ledger, {upstream} was not healthy at {}", short(&result.revision)))
                };
                let severity = if kind == "skipped" { Severity::Problem } else { Severity::Notice };
                self.find(severity, to, id, kind, message);
            }
        }
    }

    /// What the ledger of the target says of the gates when somebody merged the pull request.
    fn said_at_merge(&self, result: &PromotionResult) -> Vec<(String, String)> {
        let lines = self.input.ledgers.get(&result.to).map(|ledger| ledger.lines.as_slice()).unwrap_or_default();
        let of = |(revision, entry): &&(String, Entry)| {
            *revision == result.revision && entry.event == Event::Applied && entry.request == result.request
        };
        lines.iter().find(of).map(|(_, entry)| entry.gates.clone()).unwrap_or_default()
    }

    /// A rollback goes to what was healthy here before.
    fn ran_before(&mut self, index: usize, result: &PromotionResult) {
        let commit = &self.input.commits[index];
        let (id, to) = (&commit.id, result.to.as_str());
        let lines = self.input.ledgers.get(to).map(|ledger| ledger.lines.as_slice()).unwrap_or_default();
        let before =
            lines.iter().filter(|(_, entry)| entry.time <= commit.time.saturating_add(SKEW).unwrap_or(commit.time));
        let account = Account::of(before.cloned());
        if account.runs.is_empty() {
            self.notice(to, id, "unproven", format!("{to} has no ledger of that time"));
        } else if !account.runs.iter().any(|run| run.revision == result.revision && run.proved.is_some()) {
            let message = format!("by its ledger, {to} was never healthy at {}", short(&result.revision));
            self.problem(to, id, "skipped", message);
        }
    }
}

/// What a pin says that names another request than before, as the merge of a pull request leaves it.
fn merged(pin: &PinChange) -> Option<(&Pin, &str)> {
    let after = pin.after.as_ref()?.as_ref().ok()?;
    let before = pin.before.as_ref().and_then(|before| before.as_ref().ok());
    let request = after.requested_by.as_deref()?;
    let new = before.and_then(|before| before.requested_by.as_deref()) != Some(request);
    (new && after.hold.is_none() && after.rollback_of.is_none()).then_some((after, request))
}

/// What a change is called that the values of a pin do not explain: that of a promotion is forged, and a person may make one.
fn kind(severity: Severity) -> &'static str {
    match severity {
        Severity::Problem => "forged",
        Severity::Notice => "by-hand",
    }
}
