//! How pull requests of promotions are dealt with.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How pull requests are dealt with.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct PullRequestPolicy {
    /// Which revision the pull request is for, when several were asked for.
    #[serde(default)]
    pub supersede: Supersede,
    /// Whether Plumb merges once all gates are open. Without it, people do.
    #[serde(default)]
    pub automerge: bool,
    /// How Plumb merges. However people merge, the pin is the same.
    #[serde(default)]
    pub method: MergeMethod,
    /// Who is asked for a review, by the name on the forge: `ada`, or `acme/platform` for a team. Bitbucket wants account ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub reviewers: Vec<String>,
}

/// Which of several requested revisions a pull request is for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Supersede {
    /// The newest: one that is asked for later takes its place.
    #[default]
    Latest,
    /// Each, the oldest first: the next one comes when the pull request is merged.
    Queue,
}

/// How a pull request is merged.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MergeMethod {
    /// A commit with two parents.
    #[default]
    Merge,
    /// One commit on the branch.
    Squash,
    /// The promotion commit itself, on top of the branch. GitLab and Bitbucket only fast-forward.
    Rebase,
}
