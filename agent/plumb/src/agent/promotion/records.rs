//! Keeps a `Promotion` for each request: what its gates say, and how it ended.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::{Resource as _, ResourceExt as _};
use plumb_api::{
    Environment, PromotionRequest, PromotionSpec, PromotionStatus, Reason, condition_type, keep_transition_times,
    set_condition,
};
use plumb_delivery::promotion::{Decision, Decisions, Verdict};
use tokio_util::sync::CancellationToken;

use super::{Memory, tell};
use crate::agent::{Context, board::Key};

/// How many that have ended are kept for each environment.
const KEPT: usize = 20;

/// Names the labelled commit on a Promotion that is the record of a request from git.
const REQUEST_ANNOTATION: &str = "plumb.dev/promotion-request";

/// Runs until it is cancelled. Nobody waits for it.
pub(crate) async fn keep(cx: Context, memory: Arc<Memory>, namespace: String, stop: CancellationToken) {
    let mut decisions = memory.decisions();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            changed = decisions.changed() => if changed.is_err() { return },
        }
        let decided = decisions.borrow_and_update().clone();
        if let Err(error) = write(&cx, &namespace, &decided).await {
            tracing::warn!(%error, "the record of a promotion could not be written; it is tried again with the next decision");
        }
    }
}

async fn write(cx: &Context, namespace: &str, decisions: &Decisions) -> Result<(), plumb_cluster::Error> {
    let mut resources: BTreeMap<String, Arc<PromotionRequest>> = BTreeMap::new();
    let all = cx.requests.all();
    for resource in all.iter().filter(|(key, _)| key.namespace == namespace).map(|(_, resource)| resource) {
        if let Some(request) = request_of(resource) {
            resources.insert(format!("{} {request}", resource.spec.environment), resource.clone());
        }
    }
    for decision in &decisions.requests {
        let Some(request) = &decision.request else { continue };
        let owner = Key { namespace: namespace.to_owned(), name: decision.environment.clone() };
        let Some(environment) = cx.board.environment(&owner) else { continue };
        let known = resources.get(&format!("{} {request}", decision.environment)).cloned();
        let resource = match known {
            Some(resource) => resource,
            None if is_open(decision) || is_current(&environment, decision) => {
                let resource = resource(&environment, decision, request);
                let name = Key { namespace: namespace.to_owned(), name: resource.name_any() };
                if let Some(there) = all.get(&name) {
                    there.clone()
                } else {
                    cx.cluster.create(&resource).await?;
                    Arc::new(resource)
                }
            }
            None => continue,
        };
        let before = resource.status.clone().unwrap_or_default();
        let status = status(&before, decision, request, resource.metadata.generation);
        if status != before {
            cx.cluster.write_status(&*resource, &status).await?;
        }
    }
    collect(cx, namespace).await
}

fn is_open(decision: &Decision) -> bool {
    matches!(decision.verdict, Verdict::Promote | Verdict::Wait { .. } | Verdict::Refused { .. })
}

/// Whether the request is the one that what runs now goes back to: it was answered before anybody could record it.
fn is_current(environment: &Environment, decision: &Decision) -> bool {
    let status = environment.status.as_ref();
    matches!(decision.verdict, Verdict::Done { .. })
        && status.is_some_and(|status| status.revision.is_some() && status.revision == decision.request)
}

fn resource(environment: &Environment, decision: &Decision, request: &str) -> PromotionRequest {
    let revision = decision.revision.clone().unwrap_or_else(|| request.to_owned());
    let short = request.get(..12).unwrap_or(request);
    let spec = PromotionSpec { environment: decision.environment.clone(), revision };
    let mut resource = PromotionRequest::new(&format!("{}-{short}", decision.environment), spec);
    resource.metadata.namespace = environment.namespace();
    resource.metadata.owner_references = environment
        .controller_owner_ref(&())
        .map(|owner| vec![OwnerReference { controller: Some(false), block_owner_deletion: None, ..owner }]);
    // The API server takes no status at creation, and without its request the record would itself look like one.
    resource.annotations_mut().insert(REQUEST_ANNOTATION.to_owned(), request.to_owned());
    resource
}

/// The labelled commit that a Promotion stands for, once there is one.
pub(super) fn request_of(resource: &PromotionRequest) -> Option<String> {
    let status = resource.status.as_ref().and_then(|status| status.request.clone());
    status.or_else(|| resource.annotations().get(REQUEST_ANNOTATION).cloned())
}

fn status(before: &PromotionStatus, decision: &Decision, request: &str, generation: Option<i64>) -> PromotionStatus {
    let now = Time(Timestamp::now());
    let mut status = before.clone();
    status.request = Some(request.to_owned());
    let (state, message, ready) = match &decision.verdict {
        Verdict::Promote => ("Waiting", "all gates are open".to_owned(), false),
        Verdict::Wait { gate, why, .. } => ("Waiting", format!("{gate}: {why}"), false),
        Verdict::Refused { why } => ("Refused", why.clone(), false),
        Verdict::Superseded { by } => ("Superseded", format!("commit {by} is the latest word"), false),
        Verdict::AlreadyThere => ("Promoted", "it was there already".to_owned(), true),
        Verdict::Done { result } => {
            status.result = Some(result.clone());
            ("Promoted", format!("by commit {result}"), true)
        }
    };
    (status.state, status.message) = (state.to_owned(), message);
    if !decision.gates.is_empty() {
        status.gates = decision.gates.iter().map(tell::gate).collect();
    }
    let ended = matches!(state, "Promoted" | "Superseded");
    status.ended_at = if ended { status.ended_at.take().or_else(|| Some(now.clone())) } else { None };
    let conditions = std::mem::take(&mut status.conditions);
    let mut set = |type_: &str, truth: bool, reason: Reason| {
        set_condition(&mut status.conditions, type_, Some(truth), reason, &status.message, generation, &now);
    };
    let reason = if ready { Reason::Succeeded } else { Reason::Progressing };
    set(condition_type::READY, ready, reason);
    match state {
        "Waiting" => set(condition_type::RECONCILING, true, Reason::Progressing),
        "Refused" => set(condition_type::STALLED, true, Reason::NotPromoted),
        _ => {}
    }
    keep_transition_times(&mut status.conditions, &conditions);
    status
}

/// Deletes the oldest of those that ended.
async fn collect(cx: &Context, namespace: &str) -> Result<(), plumb_cluster::Error> {
    let mut ended: BTreeMap<String, Vec<(Timestamp, Arc<PromotionRequest>)>> = BTreeMap::new();
    for (key, resource) in cx.requests.all() {
        let time = resource.status.as_ref().and_then(|status| status.ended_at.as_ref()).map(|time| time.0);
        if let Some(time) = time.filter(|_| key.namespace == namespace) {
            ended.entry(resource.spec.environment.clone()).or_default().push((time, resource));
        }
    }
    for resources in ended.values_mut() {
        resources.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        for (_, resource) in resources.iter().skip(KEPT) {
            cx.cluster.remove(&**resource).await?;
        }
    }
    Ok(())
}
