//! The agent and the command line of Plumb.

mod agent;
mod cli;
mod history;
mod http;
mod logging;

use std::process::ExitCode;

use clap::Parser as _;

/// A render takes several times the memory of what is kept of it. This allocator gives the rest back to the system; the one of the C library keeps most.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
