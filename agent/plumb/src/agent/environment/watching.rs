//! Watching: which kinds, and what becomes of what the watches say.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use plumb_api::EnvironmentSpec;
use plumb_delivery::{ConflictPolicy, DriftPolicy, FieldRule, FieldRules, GroupKind, WatchEvent, Watching, pin};
use tokio::time::Instant;

use super::{Events, Meanwhile, Worker};
use crate::agent::board::Tracked;

/// How long the first list of a kind may take before the reconcile goes on without it.
const FIRST_LIST: Duration = Duration::from_secs(30);

impl Worker {
    /// Takes in what a watch says; `true` when there is something to repair.
    pub(super) fn absorb(&mut self, event: WatchEvent) -> bool {
        if let WatchEvent::Moved(seen, to) = &event
            && self.hand_over(&seen.observation.id, to)
        {
            return false;
        }
        let now = Timestamp::now();
        let manifests = self.target.as_ref().map(|target| &target.manifests);
        let lost = matches!(event, WatchEvent::Lost(_));
        if matches!(event, WatchEvent::Failed(..))
            && let Some(remote) = &self.remote
        {
            remote.doubt();
        }
        let mut drifts = self.watched.absorb(event, manifests, now);
        self.suspect();
        let missing = self.watched.take_missing();
        self.seek(missing);
        let undone = self.look_again();
        // What we delete ourselves, to create it anew, is no drift.
        drifts.retain(|drift| !self.recreating.contains(&drift.id));
        if drifts.is_empty() {
            return lost || undone;
        }
        let repair = drifts.iter().any(|drift| drift.policy == DriftPolicy::Repair);
        for drift in drifts {
            self.report_drift(drift, now);
        }
        undone || repair && !self.environment.spec.suspend
    }

    /// Takes in what a watch says while a reconcile goes on, which may ask for another one.
    pub(super) fn absorb_meanwhile(&mut self, event: WatchEvent) {
        let said = if self.absorb(event) { Meanwhile::Drifted } else { Meanwhile::Said };
        self.meanwhile = self.meanwhile.max(said);
    }

    /// Whether a newer revision is to run than the one that is being applied.
    pub(super) fn is_superseded(&self) -> bool {
        let Some(target) = self.target.as_ref().filter(|_| self.head.has_changed().unwrap_or(false)) else {
            return false;
        };
        let Tracked::At(head) = &*self.head.borrow() else { return false };
        let spec = &self.environment.spec;
        let pin = spec.promotion.as_ref().map(|_| pin::path(&spec.path));
        let revision = self.pinned.as_ref().map_or(&target.revision, |(at, ..)| at);
        head.changed_since(revision).is_none_or(|paths| match pin {
            Some(pin) => paths.contains(&pin),
            None => target.read.is_touched_by(paths.iter().map(String::as_str)),
        })
    }

    /// When the next object that is fought over is due for a repair.
    pub(super) fn next_repair(&self) -> Option<Instant> {
        self.repairs.held(std::time::Instant::now()).into_values().min().map(Instant::from_std)
    }

    /// Watches all these kinds, and returns when what exists of them is known. Kinds that can't be watched are returned with the reason.
    pub(super) async fn watch(&mut self, kinds: BTreeSet<GroupKind>, events: &mut Events) -> Vec<(GroupKind, String)> {
        for kind in &kinds {
            // Where not even its objects could be looked at, the rights may have come meanwhile.
            if matches!(self.watched.watching(kind), None | Some(Watching::Unwatchable(_)))
                && let Some(known) = self.cluster.kind(kind, None)
            {
                if !known.watchable {
                    let why = "its API has no list or watch".to_owned();
                    self.absorb(WatchEvent::Unwatchable(kind.clone(), why));
                    continue;
                }
                self.watched.asked(kind.clone());
                let whole = self.watched.checks().cover(kind);
                self.cluster.watches().subscribe(&known, self.owner.clone(), self.events_in.clone(), whole);
            }
        }
        let deadline = Instant::now() + FIRST_LIST;
        while kinds
            .iter()
            .any(|kind| matches!(self.watched.watching(kind), Some(Watching::Asked | Watching::Listing(..))))
        {
            match tokio::time::timeout_at(deadline, events.recv()).await {
                // What drifted while nobody watched is repaired by the plan that follows.
                Ok(Some(event)) => drop(self.absorb(event)),
                Ok(None) | Err(_) => break,
            }
        }
        self.look_at_unwatchable(&kinds).await;
        kinds
            .into_iter()
            .filter_map(|kind| {
                let why = match self.watched.watching(&kind)? {
                    Watching::Synced => return None,
                    Watching::Failed(why) => why.clone(),
                    Watching::Unwatchable(why) => {
                        format!("{why}; the agent needs the verbs list and watch on it, or at least get")
                    }
                    Watching::Asked | Watching::Listing(..) => {
                        format!("the API server did not list it within {} s", FIRST_LIST.as_secs())
                    }
                };
                Some((kind, why))
            })
            .collect()
    }
}

/// What an Environment says about changes that others make.
pub(crate) fn field_rules(spec: &EnvironmentSpec) -> FieldRules {
    let policy = |policy: plumb_api::DriftPolicy| match policy {
        plumb_api::DriftPolicy::Repair => DriftPolicy::Repair,
        plumb_api::DriftPolicy::Alert => DriftPolicy::Alert,
        plumb_api::DriftPolicy::Ignore => DriftPolicy::Ignore,
    };
    let conflict = |policy: plumb_api::ConflictPolicy| match policy {
        plumb_api::ConflictPolicy::TakeOver => ConflictPolicy::TakeOver,
        plumb_api::ConflictPolicy::Yield => ConflictPolicy::Yield,
    };
    let rules = spec.drift.rules.iter().map(|rule| FieldRule {
        kind: rule.kind.clone(),
        name: rule.name.clone(),
        pointer: rule.pointer.clone(),
        manager: rule.manager.clone(),
        policy: rule.policy.map(policy),
        conflict: rule.conflict.map(conflict),
        sensitive: rule.sensitive,
    });
    FieldRules { default: policy(spec.drift.policy), conflicts: conflict(spec.drift.conflicts), rules: rules.collect() }
}
