//! `plumb rollback` and `plumb release`: ask for an Environment to go back, and for the hold on it to end.

use std::{fmt::Write as _, process::ExitCode};

use plumb_delivery::trailers::{self, RELEASE_HOLD, ROLLBACK_HOLD, ROLLBACK_OF, ROLLBACK_TO, RequestKind};

use super::{
    checkout::Checkout,
    output,
    place::Place,
    promote::{self, message},
};

/// What to go back to.
#[derive(Debug, clap::Args)]
#[command(after_help = ROLLBACK_HELP)]
pub(crate) struct RollbackOptions {
    /// The Environment to roll back
    environment: String,
    /// Commit, branch or tag to go back to; it must have been healthy there [default: the last one before that was]
    #[arg(long, value_name = "REVISION")]
    to: Option<String>,
    /// Why the Environment stays there until `plumb release` [default: that it was rolled back]
    #[arg(long, value_name = "REASON")]
    hold: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// What to release.
#[derive(Debug, clap::Args)]
#[command(after_help = RELEASE_HELP)]
pub(crate) struct ReleaseOptions {
    /// The Environment whose hold ends
    environment: String,
    #[command(flatten)]
    place: Place,
}

const ROLLBACK_HELP: &str = "\
Examples:
  plumb rollback prod                                  # the last revision before that was healthy there
  plumb rollback prod --to 1a2b3c4 --hold 'until the cause is known'

It pushes one commit without changes, with the trailer Rollback-Of. The agent answers it with a promotion commit whose pin carries a hold: nothing is promoted to
the Environment until `plumb release`. No gate of an upstream is asked, for the revision was healthy there before.

Exit codes: 0 asked for, 2 wrong usage, 3 failure: nothing was pushed.";

const RELEASE_HELP: &str = "\
Example:
  plumb release prod

It pushes one commit without changes, with the trailer Release-Hold. The agent answers it with a commit that takes the hold out of the pin.

Exit codes: 0 asked for, 2 wrong usage, 3 failure: nothing was pushed.";

pub(super) fn rollback(options: &RollbackOptions) -> anyhow::Result<ExitCode> {
    let name = &options.environment;
    request(&options.place, name, &format!("a rollback of {name}"), |checkout| {
        let mut lines = format!("{ROLLBACK_OF}: {name}\n");
        // Writing to a string can't fail, hence the discarded results.
        if let Some(to) = &options.to {
            let _ = writeln!(lines, "{ROLLBACK_TO}: {}", checkout.resolve(to)?);
        }
        if let Some(hold) = &options.hold {
            let hold = hold.split_whitespace().collect::<Vec<_>>().join(" ");
            anyhow::ensure!(!hold.is_empty(), "--hold wants a reason, for those who find {name} held");
            let _ = writeln!(lines, "{ROLLBACK_HOLD}: {hold}");
        }
        Ok(lines)
    })
}

pub(super) fn release(options: &ReleaseOptions) -> anyhow::Result<ExitCode> {
    let name = &options.environment;
    request(&options.place, name, &format!("the hold on {name} to end"), |_| Ok(format!("{RELEASE_HOLD}: {name}\n")))
}

/// Pushes a commit with these trailers, after what they say was read back from them.
fn request(
    place: &Place,
    environment: &str,
    what: &str,
    trailers: impl FnOnce(&Checkout) -> anyhow::Result<String>,
) -> anyhow::Result<ExitCode> {
    message::check(environment)?;
    let checkout = Checkout::open(&place.directory)?;
    let target = checkout.target(&place.remote, place.branch.as_deref())?;
    let author = checkout.author()?;
    let head = target.git.fetch(&target.branch)?.head;
    let lines = trailers(&checkout)?;
    let text = place.message.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let text = text.map_or_else(|| format!("request {what}"), str::to_owned);
    let message = format!("{text}\n\n{lines}");
    let read = trailers::requests("", &message)?;
    let meant = matches!(&read[..], [read] if read.environment == environment && read.kind != RequestKind::Promote);
    anyhow::ensure!(
        meant,
        "the text given with -m would ask for something else than what is meant; leave trailers out of it"
    );
    let (branch, url) = (&target.branch, target.git.url().unwrap_or(&place.remote));
    output::print(&if place.dry_run {
        format!("would push to {branch} of {url} a commit that asks for {what}\n\n{}", output::indented(&message))
    } else {
        let commit = promote::push(&target, head, &message, &author)?;
        format!(
            "pushed {} to {branch} of {url}: it asks for {what}\nfollow it with: plumb status {environment}\n",
            commit.short()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
