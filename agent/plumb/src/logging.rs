//! Logs: JSON for machines, lines for people.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One JSON object per line.
    Json,
    /// Lines for people.
    Text,
}

/// Starts logging to standard error, filtered by `PLUMB_LOG` (such as `info` or `plumb=debug`).
pub(crate) fn start(format: Format) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .with_env_var("PLUMB_LOG")
        .from_env_lossy();
    let registry = tracing_subscriber::registry().with(filter);
    // That a subscriber is there already is no reason to end.
    let _ = match format {
        Format::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init(),
        Format::Text => {
            let colour = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_ansi(colour).with_writer(std::io::stderr)).try_init()
        }
    };
}
