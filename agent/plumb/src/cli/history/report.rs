//! The history of an Environment in the form that scripts read.

use jiff::{SignedDuration, Timestamp};
use plumb_delivery::{
    ledger::{Account, FourKeys, Run, percentile},
    trailers,
};
use plumb_git::CommitId;
use serde::Serialize;

use crate::cli::records::Records;

/// All that is shown. The help of the command describes the fields, and scripts rely on them.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) environment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held: Option<String>,
    pub(super) runs: Vec<RunReport>,
}

/// A revision that ran.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunReport {
    pub(super) revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    pub(super) applied: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
    /// When it was healthy for the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) healthy: Option<Timestamp>,
    /// Since when it is, or was at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) healthy_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) degraded: Option<Timestamp>,
    pub(super) rolled_back: bool,
    pub(super) drifts: u32,
    /// The promotion commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) promoted_by: Option<String>,
    /// The commit that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<String>,
    /// Who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked_by: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) gates: Vec<GateReport>,
    /// Whether the manifests are those of the run before.
    #[serde(skip)]
    pub(super) same: bool,
}

/// What a gate said.
#[derive(Debug, Serialize)]
pub(super) struct GateReport {
    pub(super) name: String,
    pub(super) verdict: String,
}

impl Report {
    pub(super) fn new(environment: &str, account: &Account, records: &Records, limit: usize) -> Self {
        let runs = account.runs.iter().enumerate().rev().take(limit).map(|(place, run)| {
            let before = place.checked_sub(1).and_then(|before| account.runs.get(before));
            run_report(environment, run, before, records)
        });
        Self { environment: environment.to_owned(), held: account.held.clone(), runs: runs.collect() }
    }
}

fn run_report(environment: &str, run: &Run, before: Option<&Run>, records: &Records) -> RunReport {
    let commit = CommitId::parse(&run.revision).ok().and_then(|id| records.git.commit(&id).ok());
    // The last promotion commit that was there when the revision was applied.
    let promotion = records.commits.iter().rev().find_map(|commit| {
        let result = trailers::result(&commit.message).ok().flatten()?;
        let moved = result.to == *environment && result.revision == run.proven() && !commit.pins.is_empty();
        (moved && !result.released && commit.time.as_second() <= run.applied.as_second() + 1)
            .then_some((commit, result))
    });
    let result = promotion.as_ref().map(|(_, result)| result);
    let request = result.and_then(|result| result.request.clone()).or_else(|| run.request.clone());
    let asked_by = request.as_deref().and_then(|request| records.commit(request)).map(|commit| commit.author.clone());
    // What the ledger tells of a merge is the last word on a gate.
    let named = |name: &String| run.gates.iter().any(|(known, _)| known == name);
    let earlier = result.map(|result| result.gates.as_slice()).unwrap_or_default().iter();
    let gates = earlier.filter(|(name, _)| !named(name)).chain(&run.gates);
    RunReport {
        revision: run.revision.clone(),
        subject: commit.map(|commit| commit.subject().to_owned()),
        applied: run.applied,
        until: run.until,
        digest: run.digest.map(|digest| digest.to_string()),
        path: run.path.clone(),
        healthy: run.proved,
        healthy_since: run.healthy,
        degraded: run.degraded,
        rolled_back: run.rolled_back,
        drifts: run.drifts,
        gates: gates.map(|(name, verdict)| GateReport { name: name.clone(), verdict: verdict.clone() }).collect(),
        promoted_by: promotion.map(|(commit, _)| commit.id.clone()),
        request,
        asked_by,
        same: before.is_some_and(|before| before.digest.is_some() && before.digest == run.digest),
    }
}

/// The four measures.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MetricsReport {
    environment: String,
    days: u16,
    deployments: usize,
    failures: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_time_seconds: Option<Percentiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restore_time_seconds: Option<Percentiles>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    p50: i64,
    p90: i64,
}

pub(super) fn metrics(environment: &str, days: u16, keys: &FourKeys) -> MetricsReport {
    let percentiles = |times: &[SignedDuration]| {
        Some(Percentiles { p50: percentile(times, 50)?.as_secs(), p90: percentile(times, 90)?.as_secs() })
    };
    MetricsReport {
        environment: environment.to_owned(),
        days,
        deployments: keys.deployments,
        failures: keys.failures,
        lead_time_seconds: percentiles(&keys.lead_times),
        restore_time_seconds: percentiles(&keys.restore_times),
    }
}
