//! Where the facts of a decision come from: the branch, the pins, and what the environments tell of themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use plumb_api::{Environment, PromotionOrder, condition_type};
use plumb_delivery::{
    Digest,
    ledger::{self, Account},
    pin::{self, Hold, Pin},
    promotion::{self, Decisions, Described, History, Input, Resolved, Signed, Verdict, Window},
};
use plumb_git::{AllowedSigners, CommitId, Error as GitError};
use plumb_kustomize::{Entry, Fs as _};

use super::{Memory, memory::Log, render};
use crate::{
    agent::{
        Context,
        board::Key,
        environment::{connection, degraded},
        fields::{Copier, copies},
    },
    history,
};

/// How far back the branch is read at most. Older requests must be made again.
const LONGEST_HISTORY: usize = 10_000;

/// Where the facts of a decision come from.
pub(super) struct Facts<'a> {
    pub(super) git: &'a plumb_git::Repository,
    pub(super) head: &'a CommitId,
    pub(super) memory: &'a Memory,
    pub(super) cx: &'a Context,
    /// Why the repository can't be written.
    pub(super) refused: Option<&'a str>,
    /// Whose signatures are trusted; without them, nothing needs one.
    pub(super) signers: Option<&'a AllowedSigners>,
    /// What labels of merged pull requests ask for, by commit.
    pub(super) labelled: &'a BTreeMap<String, BTreeSet<String>>,
    /// Environments and requests whose pull request somebody closed.
    pub(super) declined: &'a BTreeSet<(String, String)>,
}

impl History for Facts<'_> {
    type Error = GitError;

    fn resolve(&self, revision: &str) -> Result<Resolved, GitError> {
        history::resolve(self.git, revision)
    }

    fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, GitError> {
        history::is_ancestor(self.git, ancestor, descendant)
    }

    fn signed(&self, commit: &str) -> Result<Signed, GitError> {
        let Some(signers) = self.signers else {
            return Ok(Signed::Untrusted("the Repository has no spec.verify, so no key is trusted".into()));
        };
        history::signed(self.git, commit, signers)
    }

    fn described(&self, commit: &str) -> Result<Option<Described>, GitError> {
        history::described(self.git, commit)
    }

    fn changed(&self, from: &str, to: &str) -> Result<Vec<String>, GitError> {
        history::changed(self.git, from, to)
    }
}

impl Facts<'_> {
    /// The commits and environments that a decision depends on.
    pub(super) fn known(
        &self,
        environments: &[Arc<Environment>],
    ) -> Result<(Arc<Vec<promotion::Commit>>, Vec<promotion::Environment>), GitError> {
        let mut known = Vec::new();
        for environment in environments {
            known.push(self.environment(environments, environment)?);
        }
        known.extend(self.elsewhere(&known)?);
        self.remember(environments, &mut known)?;
        self.compare(environments, &mut known);
        Ok((self.commits(environments, &known)?, known))
    }

    /// The decisions, and whether one waits for an environment that another agent runs.
    pub(super) fn decide(&self, environments: &[Arc<Environment>]) -> Result<(Decisions, bool), GitError> {
        let (commits, mut known) = self.known(environments)?;
        let checks = self.memory.checks(environments, self.head);
        let input = |known: &[promotion::Environment]| {
            let input = Input {
                commits: &commits,
                environments: known,
                default_from: &[],
                refused: self.refused,
                checks: &checks,
                now: Timestamp::now(),
            };
            promotion::decide(&input, self)
        };
        let decisions = input(&known)?;
        // Another revision with the very same manifests proves as much, so these are compared before anything waits.
        let mut learned = false;
        for decision in decisions.requests.iter().filter(|decision| matches!(decision.verdict, Verdict::Wait { .. })) {
            let Some(revision) = &decision.revision else { continue };
            for upstream in &decision.from {
                let place = known.iter().position(|environment| environment.name == *upstream);
                if let Some(place) = place
                    && place < environments.len()
                    && !known[place].state.digests.contains_key(revision)
                    && let Some(digest) = self.digest(environments, &environments[place], revision)
                {
                    known[place].state.digests.insert(revision.clone(), digest);
                    learned = true;
                }
            }
        }
        let decisions = if learned { input(&known)? } else { decisions };
        let elsewhere =
            |name: &String| known.iter().any(|environment| environment.elsewhere && environment.name == *name);
        let waits = decisions
            .requests
            .iter()
            .any(|decision| matches!(decision.verdict, Verdict::Wait { .. }) && decision.from.iter().any(elsewhere));
        Ok((decisions, waits))
    }

    /// Environments that have a ledger and are not of this cluster: other agents run them, and the repository is all that is known of
    /// them.
    fn elsewhere(&self, known: &[promotion::Environment]) -> Result<Vec<promotion::Environment>, GitError> {
        let mut found = Vec::new();
        for (reference, head) in self.git.note_references(ledger::REFERENCES)? {
            let Some(name) = reference.strip_prefix(ledger::REFERENCES) else { continue };
            if known.iter().any(|environment| environment.name == name) {
                continue;
            }
            let read = self.ledger(&reference, &head)?;
            found.push(promotion::Environment {
                name: name.to_owned(),
                promotion: None,
                elsewhere: true,
                suspended: false,
                pin: None,
                state: read,
            });
        }
        Ok(found)
    }

    /// What a ledger proves.
    fn ledger(&self, reference: &str, head: &CommitId) -> Result<promotion::State, GitError> {
        let mut ledgers = self.memory.ledgers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, state)) = ledgers.get(reference).filter(|(at, _)| at == head) {
            return Ok(state.clone());
        }
        let notes = self.git.notes(reference)?.into_iter();
        let lines = notes.flat_map(|(revision, note)| {
            ledger::parse(&note).entries.into_iter().map(move |entry| (revision.to_string(), entry))
        });
        let state = Account::of(lines).state();
        ledgers.insert(reference.to_owned(), (head.clone(), state.clone()));
        Ok(state)
    }

    /// The status of an environment remembers its last revisions; where each must be visited, its ledger tells of those before.
    fn remember(
        &self,
        environments: &[Arc<Environment>],
        known: &mut [promotion::Environment],
    ) -> Result<(), GitError> {
        let queues = environments.iter().filter_map(|environment| environment.spec.promotion.as_ref());
        let queues = queues.filter(|promotion| promotion.order == PromotionOrder::Queue);
        let upstreams: BTreeSet<&String> = queues.flat_map(|promotion| &promotion.from).collect();
        if upstreams.is_empty() {
            return Ok(());
        }
        let heads = self.git.note_references(ledger::REFERENCES)?;
        for upstream in known.iter_mut().filter(|known| !known.elsewhere && upstreams.contains(&known.name)) {
            let reference = ledger::reference(&upstream.name);
            let Some(head) = heads.get(&reference) else { continue };
            let before = self.ledger(&reference, head)?;
            let state = &mut upstream.state;
            let new = |healthy: &promotion::Healthy| !state.digests.contains_key(&healthy.revision);
            let older: Vec<_> = before.healthy.into_iter().filter(new).filter(|it| it.until.is_some()).collect();
            state.healthy.extend(older);
            for (revision, digest) in before.digests {
                state.digests.entry(revision).or_insert(digest);
            }
        }
        Ok(())
    }

    /// Renders what automatic promotions compare.
    fn compare(&self, environments: &[Arc<Environment>], known: &mut [promotion::Environment]) {
        for (place, environment) in environments.iter().enumerate() {
            let revisions: Vec<String> =
                promotion::compared(&known[place], known, &[]).into_iter().map(str::to_owned).collect();
            for revision in revisions {
                if !known[place].state.digests.contains_key(&revision)
                    && let Some(digest) = self.digest(environments, environment, &revision)
                {
                    known[place].state.digests.insert(revision, digest);
                }
            }
        }
    }

    fn environment(
        &self,
        environments: &[Arc<Environment>],
        environment: &Environment,
    ) -> Result<promotion::Environment, GitError> {
        let status = environment.status.clone().unwrap_or_default();
        let promotion = environment.spec.promotion.as_ref();
        let pin = if promotion.is_some() { self.pin(environment)? } else { None };
        let history = &status.history;
        let copier = Copier { git: self.git, environments };
        // What it is at for those downstream: where values are copied, that is not the revision that ran.
        let ran: Vec<Option<String>> =
            history.iter().map(|record| self.cx.values.at(&copier, environment, &record.revision)).collect();
        let newest = history.iter().zip(&ran).take_while(|(_, at)| Some(*at) == ran.first());
        let healthy = history.iter().enumerate().filter_map(|(place, record)| {
            // What took a revision's place is the record before it, for the newest goes first.
            let until = place.checked_sub(1).and_then(|newer| history.get(newer)).map(|newer| newer.applied_at.0);
            Some(promotion::Healthy { revision: ran[place].clone()?, since: record.healthy_since.as_ref()?.0, until })
        });
        let drifted = status
            .conditions
            .iter()
            .any(|condition| condition.type_ == condition_type::DRIFTED && condition.status == "True");
        let degraded = degraded(&status.conditions).map(|condition| condition.last_transition_time.0);
        Ok(promotion::Environment {
            name: Key::of(environment).name,
            promotion: promotion.map(|promotion| self.settings(promotion)),
            elsewhere: false,
            suspended: environment.spec.suspend,
            pin,
            state: promotion::State {
                revision: if copies(environment) { ran.first().cloned().flatten() } else { status.revision.clone() },
                applied: newest.last().map(|(record, _)| record.applied_at.0),
                degraded,
                healthy: healthy.collect(),
                drifted,
                // The newest goes first, and what a later head made of the same values is what counts.
                digests: history
                    .iter()
                    .zip(&ran)
                    .rev()
                    .filter_map(|(record, at)| Some((at.clone()?, Digest::from_hex(&record.digest)?)))
                    .collect(),
            },
        })
    }

    /// How revisions get to an environment, as its resource says.
    fn settings(&self, spec: &plumb_api::Promotion) -> promotion::Promotion {
        let duration = |duration: kube::core::Duration| {
            SignedDuration::try_from(std::time::Duration::from(duration)).unwrap_or(SignedDuration::MAX)
        };
        let windows = spec.windows.iter().map(|window| promotion::TimeWindow {
            schedule: window.schedule.clone(),
            time_zone: window.time_zone.clone(),
            duration: duration(window.duration),
            freeze: window.freeze,
        });
        promotion::Promotion {
            from: spec.from.clone(),
            soak: spec.soak.map(duration).unwrap_or_default(),
            rollback_within: spec.rollback.as_ref().map(|rollback| duration(rollback.within)),
            automatic: spec.automatic,
            order: match spec.order {
                PromotionOrder::Latest => promotion::Order::Latest,
                PromotionOrder::Queue => promotion::Order::Queue,
            },
            windows: windows.collect(),
            approvers: spec.approvers.clone(),
            signed: self.signers.is_some(),
            checked: true,
            conditions: spec.expressions.iter().map(|gate| self.memory.condition(gate)).collect(),
        }
    }

    /// The pin at the head. One that can't be read holds the environment where it is, for it may say so.
    pub(super) fn pin(&self, environment: &Environment) -> Result<Option<Pin>, GitError> {
        let file = pin::path(&environment.spec.path);
        let read = match self.git.tree(self.head)?.read(&file) {
            Ok(None) => return Ok(None),
            Ok(Some(text)) => pin::parse(&text, &file).map_err(|error| error.to_string()),
            Err(error @ GitError::Path { .. }) => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        Ok(Some(read.unwrap_or_else(|why| Pin {
            hold: Some(Hold { reason: format!("its pin can't be read: {why}") }),
            ..Pin::new("0".repeat(40))
        })))
    }

    /// The first-parent commits that a decision needs, oldest first.
    fn commits(
        &self,
        environments: &[Arc<Environment>],
        known: &[promotion::Environment],
    ) -> Result<Arc<Vec<promotion::Commit>>, GitError> {
        let promoted = environments.iter().filter(|environment| environment.spec.promotion.is_some());
        let paths: BTreeMap<String, String> =
            promoted.map(|environment| (Key::of(&**environment).name, pin::path(&environment.spec.path))).collect();
        if let Some(log) = self.memory.log.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
            && log.head == *self.head
            && log.paths == paths
            && log.labelled == *self.labelled
        {
            return Ok(log.commits.clone());
        }
        let mut window = Window::new(known);
        let mut commits = Vec::new();
        for commit in self.git.first_parents(self.head, None, LONGEST_HISTORY)? {
            let commit = self.read(&commit, &paths)?;
            window.take(&commit);
            commits.push(commit);
            if !window.wants_more() {
                break;
            }
        }
        commits.reverse();
        let commits = Arc::new(commits);
        let log = Log { head: self.head.clone(), paths, labelled: self.labelled.clone(), commits: commits.clone() };
        *self.memory.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
        Ok(commits)
    }

    /// A commit with the environments whose pin it moved.
    fn read(
        &self,
        commit: &plumb_git::Commit,
        paths: &BTreeMap<String, String>,
    ) -> Result<promotion::Commit, GitError> {
        let tree = self.git.tree(&commit.id)?;
        let parent = commit.parents.first().map(|parent| self.git.tree(parent)).transpose()?;
        let (mut pins, mut answers) = (BTreeSet::new(), BTreeMap::new());
        for (name, path) in paths {
            let here = blob(&tree, path);
            let before = parent.as_ref().and_then(|parent| blob(parent, path));
            if here != before {
                let request = |tree: &plumb_git::Tree| pin::parse(&tree.read(path).ok()??, path).ok()?.requested_by;
                // Whoever changes a pin by hand leaves the request that it names.
                if let Some(request_here) = request(&tree)
                    && parent.as_ref().and_then(request).as_ref() != Some(&request_here)
                {
                    answers.insert(name.clone(), request_here);
                }
                pins.insert(name.clone());
            }
        }
        let id = commit.id.to_string();
        let labels = self.labelled.iter().find(|(labelled, _)| plumb_forge::same_commit(labelled, &id));
        let labels = labels.map(|(_, environments)| environments.clone()).unwrap_or_default();
        Ok(promotion::Commit { id, message: commit.message.clone(), pins, answers, labels })
    }

    /// The digest of an environment's manifests at a revision; `None` when they can't be rendered.
    fn digest(&self, environments: &[Arc<Environment>], environment: &Environment, revision: &str) -> Option<Digest> {
        let key = Key::of(environment);
        let inputs = render::inputs(self.cx, environment)?;
        let head = if copies(environment) { self.head.as_str() } else { "" };
        let place = (format!("{key}:{}:{}:{head}", environment.spec.path, inputs.digest()), revision.to_owned());
        if let Some(known) = self.memory.digests.lock().unwrap_or_else(PoisonError::into_inner).get(&place) {
            return *known;
        }
        // A cluster that is out of reach says nothing of a revision.
        let cluster = connection(self.cx, environment).ok()?;
        let tree = Copier { git: self.git, environments }.tree(self.head, environment, revision);
        let rendered = tree.and_then(|tree| render::render(self.cx, &cluster, environment, &tree)).ok();
        let digest = rendered.filter(|rendered| rendered.complete).map(|rendered| rendered.manifests.digest);
        let mut digests = self.memory.digests.lock().unwrap_or_else(PoisonError::into_inner);
        if digests.len() > 1_000 {
            digests.clear();
        }
        digests.insert(place, digest);
        digest
    }
}

/// The id of a file, if there is one.
fn blob(tree: &plumb_git::Tree, path: &str) -> Option<String> {
    match tree.lookup(path) {
        Ok(Entry::File { id, .. }) => Some(id),
        _ => None,
    }
}
