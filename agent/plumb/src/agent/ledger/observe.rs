//! What the ledger of an environment has to say, from its status, its pin and what was written before.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use plumb_api::{Environment, condition_type};
use plumb_delivery::{
    Digest,
    health::HealthStatus,
    ledger::{self, Account, Entry, FourKeys, NO_VALUES, Objects, Observed, Ran, change_nothing, transitions},
    pin::{self, Pin},
};
use plumb_git::{CommitId, Error as GitError};

use crate::agent::{
    board::Head,
    environment::degraded,
    fields::{Copier, Values, copies},
};

/// What gates said, by the commit that asked: names and verdicts.
pub(super) type Gates = BTreeMap<String, Vec<(String, String)>>;

/// An environment that was looked at.
pub(super) struct Turned {
    pub(super) name: String,
    pub(super) account: Account,
    pub(super) environment: Arc<Environment>,
    /// What to write, each with the revision that it is about.
    pub(super) lines: Vec<(String, Entry)>,
    /// What these lines add to the four measures of delivery.
    pub(super) keys: FourKeys,
    /// Whether they tell only of revisions that changed nothing.
    pub(super) quiet: bool,
}

/// What is known of the other environments of the repository.
pub(super) struct Others<'a> {
    pub(super) environments: &'a [Arc<Environment>],
    pub(super) values: &'a Values,
}

/// Looks at one environment. It reads git, so it blocks.
pub(super) fn look(
    head: &Head,
    name: String,
    account: Option<Account>,
    environment: Arc<Environment>,
    gates: &Gates,
    others: &Others<'_>,
) -> Result<Turned, GitError> {
    let observed = observed(head, &environment, gates, others)?;
    let mut account = match account {
        Some(account) => account,
        None => read(head, &name, &observed)?,
    };
    let lines = transitions(&account, &observed, Timestamp::now());
    let quiet = change_nothing(&account, &lines);
    let measure = |account: &Account| FourKeys::of(account, Timestamp::MIN, |revision| committed(head, revision));
    let before = if quiet { FourKeys::default() } else { measure(&account) };
    for (revision, entry) in &lines {
        account.add(revision, entry);
    }
    let keys = if quiet { FourKeys::default() } else { measure(&account).beyond(&before) };
    Ok(Turned { name, account, environment, lines, keys, quiet })
}

/// When a revision was committed.
fn committed(head: &Head, revision: &str) -> Option<Timestamp> {
    let commit = head.git.commit(&CommitId::parse(revision).ok()?).ok()?;
    Timestamp::from_second(commit.time).ok()
}

/// What git has of the revisions that the environment remembers; older ones do not matter for what comes.
fn read(head: &Head, name: &str, observed: &Observed) -> Result<Account, GitError> {
    let reference = ledger::reference(name);
    let mut lines = Vec::new();
    for ran in &observed.history {
        let Ok(revision) = CommitId::parse(&ran.revision) else { continue };
        if let Some(note) = head.git.note(&reference, &revision)? {
            lines.extend(ledger::parse(&note).entries.into_iter().map(|entry| (ran.revision.clone(), entry)));
        }
    }
    Ok(Account::of(lines))
}

fn observed(head: &Head, environment: &Environment, gates: &Gates, others: &Others<'_>) -> Result<Observed, GitError> {
    let copier = Copier { git: &head.git, environments: others.environments };
    let promoted = |commit: &str| {
        let at = || others.values.at(&copier, environment, commit).unwrap_or_else(|| NO_VALUES.to_owned());
        copies(environment).then(at)
    };
    let status = environment.status.clone().unwrap_or_default();
    let condition = |type_: &str| status.conditions.iter().find(|condition| condition.type_ == type_);
    let healthy = condition(condition_type::HEALTHY);
    let health = healthy.map(|condition| match condition.status.as_str() {
        "True" => HealthStatus::Healthy,
        _ if degraded(&status.conditions).is_some() => HealthStatus::Degraded,
        _ => HealthStatus::Progressing,
    });
    let history = status.history.iter().map(|record| Ran {
        revision: record.revision.clone(),
        promoted: promoted(&record.revision),
        digest: Digest::from_hex(&record.digest),
        applied: record.applied_at.0,
        healthy: record.healthy_since.as_ref().map(|time| time.0),
    });
    let pin = if environment.spec.promotion.is_some() { pin(head, environment)? } else { None };
    let request = pin.as_ref().and_then(|pin| pin.requested_by.as_deref());
    let gates = request.and_then(|request| gates.get(request)).cloned().unwrap_or_default();
    Ok(Observed {
        history: history.collect(),
        health,
        reason: (!status.unhealthy.is_empty()).then(|| status.unhealthy.join(", ")),
        objects: status.objects.map(|objects| Objects {
            total: objects.total,
            healthy: objects.healthy,
            progressing: objects.progressing,
            degraded: objects.degraded,
        }),
        drifted: condition(condition_type::DRIFTED).map(|condition| condition.status == "True"),
        path: environment.spec.path.clone(),
        pin,
        gates,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// The pin at the head, if there is one that can be read.
fn pin(head: &Head, environment: &Environment) -> Result<Option<Pin>, GitError> {
    let file = pin::path(&environment.spec.path);
    match head.git.tree(&head.revision)?.read(&file) {
        Ok(text) => Ok(text.and_then(|text| pin::parse(&text, &file).ok())),
        Err(GitError::Path { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
