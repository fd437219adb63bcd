//! The command line.

mod checkout;
mod cluster;
mod crds;
mod diff;
mod disk;
mod fetch;
mod history;
mod output;
mod place;
mod promote;
mod records;
mod render;
mod rollback;
mod source;
mod status;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{agent, logging};

/// Keeps Kubernetes clusters true to a git repository, and promotes revisions from one environment to the next.
#[derive(Debug, Parser)]
#[command(name = "plumb", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 success, 1 differences found or not everything ready, 2 wrong usage, 3 failure.";

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
    /// Print what an overlay renders to
    Render(render::Options),
    /// Show what an Environment would change in the cluster
    Diff(diff::Options),
    /// Show how the Environments fare
    Status(status::Options),
    /// Ask for a promotion: push a commit that requests it
    Promote(promote::Options),
    /// Ask for an Environment to go back, and to stay there
    Rollback(rollback::RollbackOptions),
    /// Ask for the hold on an Environment to end
    Release(rollback::ReleaseOptions),
    /// Show what ran in an Environment, since when, and who asked for it
    History(history::Options),
    /// Check that pins, promotion commits, gates and ledgers of a clone agree
    Verify(verify::Options),
    /// Print the CustomResourceDefinitions as YAML
    #[command(after_help = "Example:\n  plumb crds | kubectl apply --server-side -f -")]
    Crds,
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  source <(plumb completion bash)")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Differences were found, or not everything is ready.
const DIFFERENT: u8 = 1;
/// Something went wrong.
const FAILURE: u8 = 3;

/// Runs a command, and says on standard error what went wrong.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Agent { options, log_format } => {
            logging::start(log_format);
            block_on(agent::run(options)).map(|()| ExitCode::SUCCESS)
        }
        Command::Render(options) => render::run(&options),
        Command::Diff(options) => block_on(diff::run(options)),
        Command::Status(options) => block_on(status::run(options)),
        Command::Promote(options) => promote::run(&options),
        Command::Rollback(options) => rollback::rollback(&options),
        Command::Release(options) => rollback::release(&options),
        Command::History(options) => history::run(&options),
        Command::Verify(options) => verify::run(&options),
        Command::Crds => crds::run(),
        Command::Completion { shell } => completion(shell),
    };
    result.unwrap_or_else(|error| {
        output::report(&error);
        ExitCode::from(FAILURE)
    })
}

fn completion(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "plumb", &mut script);
    output::print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    fn check(line: &str, expected: &Expect) {
        let text = match Arguments::try_parse_from(line.split(' ')) {
            Ok(_) => "understood".to_owned(),
            Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        check("plumb render overlays/dev --revision main", &expect!["understood"]);
        check(
            "plumb render dev --enable-helm --helm-command /opt/helm --helm-api-versions a/v1 --helm-api-versions b/v1 --helm-kube-version 1.30 --helm-debug",
            &expect!["understood"],
        );
        check("plumb render --format xml", &expect!["error: invalid value 'xml' for '--format <FORMAT>'"]);
        check(
            "plumb render dev --load-restrictor LoadRestrictionsNone -e A=b --env C --mount type=bind,src=/a,dst=/b --network --network-name n --as-current-user -o out.yaml --reorder none --enable-managedby-label --stack-trace",
            &expect!["understood"],
        );
        check(
            "plumb render dev --load-restrictor none",
            &expect!["error: invalid value 'none' for '--load-restrictor <RESTRICTIONS>'"],
        );
        check("plumb diff dev -n shop -C /srv/platform --revision main", &expect!["understood"]);
        check(
            "plumb diff dev --path a --revision b",
            &expect!["error: the argument '--path <DIR>' cannot be used with '--revision <REVISION>'"],
        );
        check("plumb status -A -o json", &expect!["understood"]);
        check("plumb promote staging --revision 1a2b3c4 --dry-run", &expect!["understood"]);
        check("plumb promote", &expect!["error: the following required arguments were not provided:"]);
    }

    #[test]
    fn there_is_a_completion_for_every_shell() {
        for shell in <clap_complete::Shell as clap::ValueEnum>::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "plumb", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("promote"), "{shell}");
        }
    }
}
