//! `e2e`: a local Kubernetes cluster for the tests, and for a person who tries something.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};
use e2e::cluster::{self, AUDIT_LOG_VARIABLE, Layout, LocalCluster, Options};
use e2e::git_server;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(about = "What Plumb is tested with, for use by hand", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A Kubernetes cluster on loopback: etcd, the control plane and KWOK's nodes, without containers
    #[command(subcommand)]
    LocalCluster(Cluster),
    /// A git server on loopback that tells a webhook of pushes, as a forge does; it stays until Ctrl-C
    GitServer(git_server::Arguments),
}

#[derive(Subcommand)]
enum Cluster {
    /// Start it, wait until it runs pods, and print the variables that name it
    ///
    /// For a shell: eval "$(cargo run -p e2e -- local-cluster up)". Does nothing when it is running already.
    Up {
        #[command(flatten)]
        name: Name,
        /// How many nodes it has
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
        nodes: u32,
        /// Stay until Ctrl-C, and stop it then
        #[arg(long)]
        foreground: bool,
    },
    /// Stop it and remove its data; the logs stay until it is started again
    Down(Name),
    /// Print the variables that name it: KUBECONFIG and PLUMB_E2E_AUDIT_LOG
    Env(Name),
}

#[derive(Args)]
struct Name {
    /// Which one; several may run at the same time
    #[arg(long, value_name = "NAME", default_value = "default")]
    name: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::LocalCluster(Cluster::Up { name, nodes, foreground }) => {
            up(Options { name: name.name, nodes }, foreground).await
        }
        Command::LocalCluster(Cluster::Down(Name { name })) => down(&name).await,
        Command::LocalCluster(Cluster::Env(Name { name })) => env(&name),
        Command::GitServer(arguments) => serve_git(arguments).await,
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn up(options: Options, foreground: bool) -> Result<ExitCode> {
    let mut interrupted = std::pin::pin!(interrupted());
    // The future is dropped with the select, and what it had started stops with it.
    let mut cluster = tokio::select! {
        cluster = LocalCluster::start(&options) => cluster?,
        code = &mut interrupted => return code,
    };
    if !cluster.is_new() {
        eprintln!("==> the cluster {} is already running", options.name);
    }
    print_variables(cluster.layout());
    if !foreground || !cluster.is_new() {
        cluster.detach();
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("==> Ctrl-C stops it");
    tokio::select! {
        error = cluster.failed() => Err(error),
        code = &mut interrupted => code,
    }
}

async fn down(name: &str) -> Result<ExitCode> {
    match cluster::stop(name).await? {
        0 => eprintln!("==> the cluster {name} is not running"),
        processes => eprintln!("==> stopped the cluster {name} ({processes} processes)"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve_git(arguments: git_server::Arguments) -> Result<ExitCode> {
    let server = arguments.start()?;
    eprintln!("==> serving {} at {}; Ctrl-C stops it", server.repositories().path().display(), server.base_url());
    interrupted().await
}

fn env(name: &str) -> Result<ExitCode> {
    let layout = Layout::new(name)?;
    ensure!(
        layout.is_running()?,
        "the cluster {name} is not running: start it with: cargo run -p e2e -- local-cluster up --name {name}"
    );
    print_variables(&layout);
    Ok(ExitCode::SUCCESS)
}

fn print_variables(layout: &Layout) {
    println!("export KUBECONFIG={}", quoted(&layout.kubeconfig().display().to_string()));
    println!("export {AUDIT_LOG_VARIABLE}={}", quoted(&layout.audit_log().display().to_string()));
}

/// One word of the shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Ends at the first signal that asks this program to end, with the exit code that a shell gives for it.
async fn interrupted() -> Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => ExitCode::from(130),
        _ = terminate.recv() => ExitCode::from(143),
        _ = hangup.recv() => ExitCode::from(129),
    })
}
