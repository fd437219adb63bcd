//! The command line.

mod crds;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{agent, logging};

/// Keeps Kubernetes clusters true to a git repository, and promotes revisions from one environment to the next.
#[derive(Debug, Parser)]
#[command(name = "plumb", version, about, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 success, 1 differences found or not everything ready, 2 wrong usage, 3 failure.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent in the foreground
    Agent {
        #[command(flatten)]
        options: agent::Options,
        /// Form of the log
        #[arg(long, value_enum, default_value = "json", env = "PLUMB_LOG_FORMAT")]
        log_format: logging::Format,
    },
    /// Print the CustomResourceDefinitions as YAML
    Crds,
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Something went wrong.
const FAILURE: u8 = 3;

/// Runs a command, and says on standard error what went wrong.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Agent { options, log_format } => {
            logging::start(log_format);
            block_on(agent::run(options)).map(|()| ExitCode::SUCCESS)
        }
        Command::Crds => crds::run(),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "plumb", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error| {
        use std::io::Write as _;
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "plumb: {error:#}");
        ExitCode::from(FAILURE)
    })
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}
