//! The agent on a real cluster: how soon it applies, sees and repairs, how little it asks of the API server, and what it takes.
//!
//! Each part has a namespace, a git server and an agent of its own, and is a call of its own, so that no part feels the one before.

mod bulk;
mod changes;
mod deletions;
mod fleet;
mod goal;
mod many;
mod process;
mod promote;
mod push;
mod scene;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum, required = true)]
    parts: Vec<Part>,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// The agent
    #[arg(long, env = e2e::agent::BINARY_VARIABLE)]
    plumb: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    /// 10,000 ConfigMaps of 1 KiB: until they are applied, memory, CPU; requests for nothing, for one edit and for a restart
    Bulk,
    /// Changes that somebody else makes: until they are seen and repaired
    Changes,
    /// The same object deleted four times in a row
    Deletions,
    /// A push to an overlay of 40 objects, until the API server has the new value
    Push,
    /// A labelled commit, until what it promotes is in the API server
    Promote,
    /// 200 Environments of 5 objects that one push changes
    Fleet,
    /// 1,000 Environments of 5 objects, of which a push touches one
    Many,
}

#[tokio::main]
pub(crate) async fn run(options: &Options) -> Result<ExitCode> {
    let mut figures = Vec::new();
    for part in &options.parts {
        eprintln!("==> {part:?}");
        figures.extend(match part {
            Part::Bulk => bulk::run().await?,
            Part::Changes => changes::run().await?,
            Part::Deletions => deletions::run().await?,
            Part::Push => push::run().await?,
            Part::Promote => promote::run().await?,
            Part::Fleet => fleet::run().await?,
            Part::Many => many::run().await?,
        });
    }
    Ok(if goal::print(&figures, options.json) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
