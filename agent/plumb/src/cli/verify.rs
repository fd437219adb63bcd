//! `plumb verify`: whether a repository tells the truth about its promotions.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use plumb_delivery::verify::{Finding, Input, Report, Severity, verify};
use plumb_git::AllowedSigners;
use serde::Serialize;

use super::{output, records::Source};

/// What to check.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// Count what a person did by hand, and what can't be proven, as a problem as well
    #[arg(long)]
    strict: bool,
    /// File in the form of `allowed_signers` of ssh-keygen(1), with the public keys of the agents: what promotion commits and ledgers say must be
    /// signed by one of them
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    signers: Option<PathBuf>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

const HELP: &str = "\
Examples:
  plumb verify                   # this clone, as it is
  plumb verify --fetch --strict  # what the server has now; nothing may be done by hand
  plumb verify --signers agents  # nobody but the agents may have written it

It reads the branch along first parents, and the ledgers in refs/notes/plumb/*. No cluster is needed, and without --fetch no network. A problem is what can't
be true: a promotion commit that moves another pin than it says, that nobody asked for, that passed a closed gate, or that the ledgers contradict; a ledger
that lost lines, tells of a revision that no pin named, or tells a story that can't have happened. A notice is what somebody did by hand, or what the ledgers
are too young to prove. A line that somebody forged well, with the right words and times, is found with --signers alone, when spec.signingKey of the
Repository is set.

The JSON is one object: promotions, lines: how many were checked; findings[]: {severity: problem or notice, kind, environment, commit, message}.

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage, 3 failure.";

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON object
    Json,
}

pub(super) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let mut records = options.source.read()?;
    if let Some(file) = &options.signers {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} could not be read", file.display()))?;
        records.signers = Some(AllowedSigners::parse(&text).with_context(|| file.display().to_string())?);
    }
    if records.ledgers.is_empty() {
        output::note(
            "there is no ledger here; fetch it with --fetch, or: git fetch origin 'refs/notes/plumb/*:refs/notes/plumb/*'",
        );
    }
    let input = Input {
        commits: &records.commits,
        complete: records.complete,
        ledgers: &records.ledgers,
        signed: records.signers.is_some(),
    };
    let report = verify(&input, &records)?;
    output::print(&match options.output {
        Format::Text => text(&report),
        Format::Json => serde_json::to_string_pretty(&json(&report))? + "\n",
    })?;
    let wrong = report.has_problems() || (options.strict && !report.findings.is_empty());
    Ok(if wrong { ExitCode::from(super::DIFFERENT) } else { ExitCode::SUCCESS })
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        Severity::Notice => "notice",
        Severity::Problem => "problem",
    }
}

fn text(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        // Writing to a string can't fail, hence the discarded results.
        let _ = writeln!(text, "{}: {}", severity(finding), output::printable(&finding.to_string()));
    }
    let problems = report.findings.iter().filter(|finding| finding.severity == Severity::Problem).count();
    let notices = report.findings.len() - problems;
    let _ = writeln!(
        text,
        "{} promotion commits and {} lines of ledgers: {problems} problems, {notices} notices",
        report.promotions, report.lines
    );
    text
}

#[derive(Serialize)]
struct JsonReport<'a> {
    promotions: usize,
    lines: usize,
    findings: Vec<JsonFinding<'a>>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    severity: &'static str,
    kind: &'static str,
    environment: &'a str,
    commit: &'a str,
    message: &'a str,
}

fn json(report: &Report) -> JsonReport<'_> {
    let findings = report.findings.iter().map(|finding| JsonFinding {
        severity: severity(finding),
        kind: finding.kind,
        environment: &finding.environment,
        commit: &finding.commit,
        message: &finding.message,
    });
    JsonReport { promotions: report.promotions, lines: report.lines, findings: findings.collect() }
}
