//! Trees that are made to hurt, rendered by the agent itself: each within a second and 256 MiB.

#[path = "../../../agent/kustomize/tests/limits/hostile.rs"]
mod hostile;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use hostile::{Outcome, Tree};

use crate::confined::{self, Ended};

const MOST_SECONDS: f64 = 1.0;
const MOST_BYTES: u64 = 256 << 20;
/// Address space is more than what is resident; past this the allocator ends the process.
const MOST_ADDRESSES: u64 = 1 << 30;
/// The exit code of an overlay that is refused.
const REFUSED: i32 = 3;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The agent's binary, a release build
    #[arg(long)]
    plumb: PathBuf,
    /// Only trees whose name contains this
    #[arg(default_value = "")]
    filter: String,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let plumb = options.plumb.canonicalize()?;
    let mut failed = 0;
    for case in hostile::cases().iter().filter(|case| case.name.contains(&options.filter)) {
        let directory = tempfile::tempdir()?;
        // The repository ends here, whatever is around the directory.
        fs::create_dir(directory.path().join(".git"))?;
        write((case.tree)(), directory.path())?;
        let app = directory.path().join("app").display().to_string();
        let ended = confined::run(MOST_ADDRESSES, &plumb, &["render", &app])?;
        let as_expected = is_expected(&ended, case.outcome);
        let within = ended.usage.seconds < MOST_SECONDS && ended.usage.peak_bytes < MOST_BYTES;
        let verdict = if as_expected && within { "ok" } else { "FAILED" };
        failed += usize::from(verdict != "ok");
        println!("{verdict:6} {:6.3} s {:4} MiB  {}", ended.usage.seconds, ended.usage.peak_bytes >> 20, case.name);
        if !as_expected {
            println!("       {:?}: {}", ended.code, ended.errors.chars().take(300).collect::<String>());
        }
    }
    println!("{failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_expected(ended: &Ended, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Rendered => ended.code == Some(0),
        // What is refused for its cost alone may as well be rendered, where it costs less than the most.
        Outcome::Refused("the render") if ended.code == Some(0) => true,
        Outcome::Refused(why) => ended.code == Some(REFUSED) && ended.errors.contains(why),
    }
}

fn write(tree: Tree, root: &Path) -> Result<()> {
    for (path, content) in tree.files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        fs::write(path, content)?;
    }
    for (path, target) in tree.links {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(root))?;
        std::os::unix::fs::symlink(target, path)?;
    }
    Ok(())
}
