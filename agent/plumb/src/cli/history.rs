//! `plumb history`: what ran in an Environment, since when, who asked for it, and how it ended.

mod report;
mod text;

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use plumb_delivery::ledger::{Account, FourKeys};

use super::{cluster, output, records::Source, verify::Format};
use report::Report;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    /// The Environment
    environment: String,
    #[command(flatten)]
    source: Source,
    /// How many revisions to show, the newest first
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Show how well delivery works instead: how often, how fast, how many failed, and how soon they were restored
    #[arg(long)]
    metrics: bool,
    /// How many days the metrics are about
    #[arg(long, value_name = "DAYS", default_value_t = 30, requires = "metrics")]
    days: u16,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

const HELP: &str = "\
Examples:
  plumb history prod --fetch          # what ran there, the newest first
  plumb history prod -o json | jq -r '.runs[0].revision'
  plumb history prod --metrics        # deployment frequency, lead time, change failure rate, time to restore

It reads the ledger that the agent keeps in refs/notes/plumb/<environment> of the repository, and the promotion commits of the branch. No cluster is needed,
and without --fetch no network.

The JSON is one object: environment; runs[]: {revision, subject, applied, until, digest, path, healthy, healthySince, degraded, rolledBack, drifts,
promotedBy, request, askedBy, gates[]: {name, verdict}}, the newest first; held: why, if it is. With --metrics: environment, days, deployments, failures,
leadTimeSeconds and restoreTimeSeconds: {p50, p90}. Times are those of RFC 3339, and what is not known is left out.

Exit codes: 0 shown, 2 wrong usage, 3 failure: there is no such ledger.";

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let records = options.source.read()?;
    let name = &options.environment;
    let Some(ledger) = records.ledgers.get(name) else {
        let names: Vec<_> = records.ledgers.keys().cloned().collect();
        let hint = "\nledgers are fetched with --fetch, or: git fetch origin 'refs/notes/plumb/*:refs/notes/plumb/*'";
        anyhow::bail!(cluster::unknown("the ledgers of this clone", name, &names) + hint);
    };
    let account = Account::of(ledger.lines.iter().cloned());
    let now = Timestamp::now();
    let printed = if options.metrics {
        let since = now.saturating_sub(SignedDuration::from_hours(24 * i64::from(options.days)))?;
        let committed = |revision: &str| {
            let id = plumb_git::CommitId::parse(revision).ok()?;
            Timestamp::from_second(records.git.commit(&id).ok()?.time).ok()
        };
        let keys = FourKeys::of(&account, since, committed);
        match options.output {
            Format::Text => text::metrics(name, options.days, &keys),
            Format::Json => serde_json::to_string_pretty(&report::metrics(name, options.days, &keys))? + "\n",
        }
    } else {
        let report = Report::new(name, &account, &records, options.limit);
        match options.output {
            Format::Text => text::history(&report, now),
            Format::Json => serde_json::to_string_pretty(&report)? + "\n",
        }
    };
    output::print(&printed)?;
    Ok(ExitCode::SUCCESS)
}
