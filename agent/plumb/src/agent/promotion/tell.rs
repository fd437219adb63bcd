//! Tells people what became of promotion requests.

use std::{collections::BTreeMap, sync::PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use plumb_api::{GateRecord, PromotionRecord, Repository};
use plumb_cluster::Notice;
use plumb_delivery::promotion::{Decisions, Gate, GateVerdict, Verdict};

use super::Memory;
use crate::agent::{Context, board::Key};

/// Shows what requests wait for, or why they were refused: in the status of their environment, or else in an event of the Repository.
pub(super) async fn tell(cx: &Context, memory: &Memory, key: &Key, repository: &Repository, decisions: &Decisions) {
    let mut records: BTreeMap<Key, Vec<PromotionRecord>> = BTreeMap::new();
    let environments = cx.board.environments();
    for environment in environments.iter().filter(|environment| environment.spec.promotion.is_some()) {
        let owner = Key::of(&**environment);
        if owner.namespace == key.namespace && environment.spec.repository.name == key.name {
            records.insert(owner, Vec::new());
        }
    }
    let mut strays = Vec::new();
    let proposals = cx.board.exchange(key).open.borrow().clone();
    for decision in &decisions.requests {
        let (state, message) = match &decision.verdict {
            Verdict::Wait { gate, why, .. } => ("Waiting", format!("{gate}: {why}")),
            Verdict::Refused { why } => ("Refused", why.clone()),
            // Elsewhere it is carried out at once.
            Verdict::Promote => match proposals.get(&decision.environment) {
                Some(open) => ("Waiting", format!("{}: {}", open.url, open.waits_for)),
                None => continue,
            },
            _ => continue,
        };
        let owner = Key { namespace: key.namespace.clone(), name: decision.environment.clone() };
        let request = decision.request.clone().unwrap_or_default();
        let revision = decision.revision.clone().unwrap_or_else(|| request.clone());
        match records.get_mut(&owner) {
            Some(records) => records.push(PromotionRecord {
                request,
                revision,
                state: state.into(),
                message,
                gates: decision.gates.iter().map(gate).collect(),
            }),
            None => strays.push((request, message)),
        }
    }
    strays
        .extend(decisions.unreadable.iter().map(|unreadable| (unreadable.commit.clone(), unreadable.why.to_string())));
    for (owner, mut records) in records {
        records.truncate(20);
        cx.promotions(&owner).send_if_modified(|current| {
            let changed = *current != records;
            *current = records;
            changed
        });
    }
    for (commit, why) in strays {
        let new = memory.told.lock().unwrap_or_else(PoisonError::into_inner).insert(commit.clone());
        if new {
            tracing::warn!(repository = %key, commit, why, "a promotion request was refused");
            notice(cx, repository, "PromotionRefused", format!("commit {commit}: {why}")).await;
        }
    }
}

/// What a gate says, as statuses have it.
pub(super) fn gate(gate: &Gate) -> GateRecord {
    GateRecord {
        name: gate.name.clone(),
        verdict: gate.verdict.to_string(),
        until: match gate.verdict {
            GateVerdict::Wait { until } => until.map(Time),
            GateVerdict::Pass | GateVerdict::Fail => None,
        },
        message: gate.why.clone(),
    }
}

pub(super) async fn notice(cx: &Context, repository: &Repository, reason: &'static str, message: String) {
    let notice = Notice { warning: true, reason, action: "Promote", message };
    if let Err(error) = cx.recorder.publish(&kube::Resource::object_ref(repository, &()), &notice).await {
        tracing::warn!(%error, "an event could not be published");
    }
}
