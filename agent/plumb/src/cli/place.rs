//! Where the commands that ask for something push their commit.

use std::path::PathBuf;

/// Where to push a request, and what to say with it.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Checkout of the Environment's repository
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(super) directory: PathBuf,
    /// Remote to push to
    #[arg(long, default_value = "origin")]
    pub(super) remote: String,
    /// Branch that the Repository tracks [default: the remote's default branch, else the upstream of the current branch]
    #[arg(long)]
    pub(super) branch: Option<String>,
    /// Text of the commit, above the trailers
    #[arg(short, long, value_name = "TEXT")]
    pub(super) message: Option<String>,
    /// Check everything and show the commit, but push nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}
