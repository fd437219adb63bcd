//! The pull request whose merge is a promotion, and the comment that shows what any other pull request would change.
//!
//! All of it is text that people read on a forge: [`body`] and [`preview`] write it, and [`Mark`] is what Plumb itself reads back.
//! What comes from commits and manifests stands in code spans and code blocks, so it mentions nobody, closes no issue and is no markup.

mod body;
mod mark;
mod markdown;
mod preview;

use std::collections::BTreeMap;

pub use body::{Comparison, Entry, Proposal, attachments, body};
pub use mark::Mark;
pub use preview::{EnvironmentPreview, Finding, preview};

use crate::promotion::{Gate, GateVerdict};

/// How text may be written for a forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether HTML is markup. Where it isn't, nothing can be folded or hidden.
    pub html: bool,
    /// The largest text, in characters.
    pub limit: usize,
}

/// The branch that promotes to an environment.
///
/// ```
/// # use plumb_delivery::pull_request::branch;
/// assert_eq!(branch("prod"), "plumb/promote/prod");
/// ```
#[must_use]
pub fn branch(environment: &str) -> String {
    format!("plumb/promote/{environment}")
}

/// Whether a branch is one of [`branch`].
#[must_use]
pub fn is_ours(branch: &str) -> bool {
    branch.starts_with("plumb/promote/")
}

/// The title of the pull request.
#[must_use]
pub fn title(environment: &str, revision: &str) -> String {
    format!("Promote {environment} to {}", short(revision))
}

/// The label by which a merged pull request asks for a promotion, and the environment that it names.
///
/// ```
/// # use plumb_delivery::pull_request::asks_for;
/// assert_eq!(asks_for("promote/staging"), Some("staging"));
/// assert_eq!(asks_for("bug"), None);
/// ```
#[must_use]
pub fn asks_for(label: &str) -> Option<&str> {
    label.strip_prefix("promote/").filter(|environment| !environment.is_empty())
}

/// The name of the commit status that shows a gate.
#[must_use]
pub fn status_name(environment: &str, gate: &str) -> String {
    format!("plumb/{environment}/{gate}")
}

/// Which of the pull requests' commit statuses have to be written, when `known` are there already.
#[must_use]
pub fn new_statuses<'a>(
    environment: &str,
    gates: &'a [Gate],
    known: &BTreeMap<String, (GateVerdict, String)>,
) -> Vec<(String, &'a Gate)> {
    let named = gates.iter().map(|gate| (status_name(environment, &gate.name), gate));
    // When a gate opens by itself is in its words too, and times of `Wait` are not kept by a forge.
    let same = |known: &(GateVerdict, String), gate: &Gate| {
        std::mem::discriminant(&known.0) == std::mem::discriminant(&gate.verdict) && known.1 == gate.why
    };
    named.filter(|(name, gate)| !known.get(name).is_some_and(|known| same(known, gate))).collect()
}

/// The first digits of a commit id, enough for people.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
mod tests;
