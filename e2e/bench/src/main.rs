//! `bench`: how fast Plumb is, side by side with what people use today, in one run on one machine.

mod confined;
mod crds;
mod engine;
mod hostile_input;
mod overlays;
mod process;
mod render;
mod report;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "How fast Plumb is, side by side with what people use today", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rendering, beside `kustomize build`: the library when it is warm, the whole process, its memory, and two at once
    Render(render::Options),
    /// What trees cost that are made to hurt: each must end within a second and 256 MiB
    Limits(hostile_input::Options),
    /// The agent on a real cluster: how soon it applies, sees and repairs, how little it asks, and what it takes
    Engine(engine::Options),
    /// Runs a command once and prints what it took as JSON; the benchmark calls itself with it
    #[command(hide = true)]
    Measure {
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// The same of a command that may fail, with a bound to its address space
    #[command(hide = true)]
    Confine {
        /// The bound in bytes
        most: u64,
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Render(options) => render::run(&options),
        Command::Limits(options) => hostile_input::run(&options),
        Command::Engine(options) => engine::run(&options),
        Command::Confine { most, command } => {
            println!("{}", serde_json::to_string(&confined::confine(most, &command)?)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Measure { command } => {
            println!("{}", serde_json::to_string(&process::measure(&command)?)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
