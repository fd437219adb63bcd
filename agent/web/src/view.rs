//! What the page and the API show. Plain data, which the agent fills in.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// One Environment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentView {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// Name of the Repository, in the same namespace.
    pub repository: String,
    /// The overlay's directory, from the root of the repository.
    pub path: String,
    /// Where its revision comes from.
    pub mode: Mode,
    /// The revision whose manifests are applied, a full commit id.
    pub revision: Option<String>,
    /// The revision of the last attempt, when it isn't `revision`.
    pub attempted_revision: Option<String>,
    /// Whether reconciling is stopped.
    pub suspended: bool,
    /// The condition `Ready`.
    pub ready: ConditionView,
    /// The condition `Healthy`.
    pub healthy: ConditionView,
    /// The condition `Drifted`: true is the bad news here.
    pub drifted: ConditionView,
    /// How many objects there are, and how they fare.
    pub objects: ObjectCounts,
    /// When the last manifests were applied.
    pub applied_at: Option<Timestamp>,
    /// Where its revisions are promoted from; `None` when it follows the branch.
    pub promotion: Option<PromotionView>,
    /// What happened lately, the newest first. The page shows the first 20.
    pub events: Vec<EventView>,
}

/// Where an Environment's revision comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Mode {
    /// From the head of the Repository's branch.
    Following,
    /// From the pin, which promotions move.
    Pinned,
}

/// One condition of a resource.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionView {
    /// Whether it holds.
    pub status: Status,
    /// One word in `CamelCase`; empty when nothing is known yet.
    pub reason: String,
    /// A sentence for a person; may be empty.
    pub message: String,
}

/// The status of a condition, as in Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Status {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Not known yet.
    #[default]
    Unknown,
}

/// How many objects an Environment has, and how they fare.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct ObjectCounts {
    /// All objects of the overlay.
    pub total: u32,
    /// Those that are healthy.
    pub healthy: u32,
    /// Those that are on their way.
    pub progressing: u32,
    /// Those that failed.
    pub degraded: u32,
    /// Those that somebody else changed and that were not put back.
    pub drifted: u32,
}

/// Where an Environment's revisions are promoted from, and how the last requests fare.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PromotionView {
    /// Names of the Environments that must be healthy at a revision before it may come here.
    pub from: Vec<String>,
    /// Why nothing is promoted here until somebody releases it.
    pub hold: Option<String>,
    /// The last verdicts on requests, the newest first.
    pub verdicts: Vec<VerdictView>,
}

/// What was decided on one request for a promotion.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictView {
    /// The revision that is asked for, a full commit id.
    pub revision: String,
    /// The commit that asks for it, a full commit id; the same as `revision` when a commit asks for itself.
    pub request: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What it waits for, or why it was refused, such as `dev is not healthy at 1a2b3c4 yet`.
    pub message: String,
    /// When it was decided.
    pub at: Option<Timestamp>,
}

/// A verdict on a request for a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// A gate isn't passed yet.
    Waiting,
    /// The pin names the revision.
    Promoted,
    /// It will not happen without another request.
    Refused,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// When it happened.
    pub at: Timestamp,
    /// Whether somebody should look at it: Kubernetes' event type `Warning`.
    pub warning: bool,
    /// One word in `CamelCase`, such as `Applied` or `DriftRepaired`.
    pub reason: String,
    /// A sentence for a person.
    pub message: String,
}

/// One Repository.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryView {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// Where it is. A user name and password in it are never shown.
    #[serde(serialize_with = "redacted")]
    pub url: String,
    /// The branch that is tracked.
    pub branch: String,
    /// The head of that branch at the last fetch, a full commit id.
    pub head: Option<String>,
    /// When the last fetch succeeded.
    pub fetched_at: Option<Timestamp>,
    /// The condition `Ready`.
    pub ready: ConditionView,
    /// Whether webhooks are accepted.
    pub webhook: bool,
}

fn redacted<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&without_credentials(url))
}

/// The URL without a user's password, and without a user name where a token may stand in its place (everything but ssh).
pub(crate) fn without_credentials(url: &str) -> String {
    // A URL without a scheme is ssh's `user@host:path`, which has no place for a password.
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority);
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    match (scheme.contains("ssh"), user.split(':').next()) {
        (true, Some(user)) if !user.is_empty() => format!("{scheme}://{user}@{host}{path}"),
        _ => format!("{scheme}://{host}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://example.org/a/b.git", "https://example.org/a/b.git")]
    #[case("https://ghp_token@example.org/b.git", "https://example.org/b.git")]
    #[case("https://user:p@ss@example.org:8443/b@c.git", "https://example.org:8443/b@c.git")]
    #[case("ssh://git@example.org/b.git", "ssh://git@example.org/b.git")]
    #[case("ssh://git:pass@example.org/b.git", "ssh://git@example.org/b.git")]
    #[case("git@example.org:a/b.git", "git@example.org:a/b.git")]
    #[case("https://user:pass@example.org", "https://example.org")]
    #[case("", "")]
    fn urls_lose_credentials(#[case] url: &str, #[case] shown: &str) {
        assert_eq!(without_credentials(url), shown);
    }
}
