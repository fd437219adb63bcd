//! `Repository`: a git repository that holds overlays.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::NameReference;

/// A git repository: where it is, which branch is tracked, and how it is reached.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "plumb.dev",
    version = "v1alpha1",
    kind = "Repository",
    plural = "repositories",
    shortname = "repo",
    namespaced,
    status = "RepositoryStatus",
    derive = "PartialEq",
    doc = "A git repository that holds the overlays of one or more Environments.",
    category = "plumb",
    validation = Rule::new("self.metadata.name.size() <= 63").message("the name of a Repository has at most 63 characters"),
    printcolumn(name = "Branch", type_ = "string", json_path = ".spec.branch"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "URL", type_ = "string", json_path = ".spec.url"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RepositorySpec {
    /// Where the repository is: `https://`, `ssh://`, `user@host:path`, `git://`, `http://` or `file://`. Credentials go into `secretRef`, not into the URL.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(
        validation = Rule::new("self.matches('^(https?|ssh|git|file)://.+$') || self.matches('^[A-Za-z0-9_.-]+@[^:/]+:.+$')")
            .message("must begin with https://, http://, ssh://, git:// or file://, or have the form user@host:path"),
        validation = Rule::new("!self.matches('^[a-z]+://[^/@]*:[^/@]*@')")
            .message("must not hold a password; put it into a Secret and name that in secretRef")
    )]
    pub url: String,

    /// The branch that is tracked. Environments without a promotion follow its head, and labelled commits on it are promotion requests.
    #[serde(default = "main")]
    #[schemars(length(min = 1, max = 255))]
    #[x_kube(validation = Rule::new("!self.startsWith('-') && !self.contains('..') && !self.startsWith('refs/')").message("must be the plain name of a branch, such as main"))]
    pub branch: String,

    /// A Secret with `username` and `password` (https), or `identity` and `known_hosts` (ssh).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<NameReference>,

    /// How often the branch is polled when no webhook arrives, as a Go duration such as `30s` or `5m`.
    #[serde(default = "one_minute")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("must be at least 1s"))]
    pub interval: Duration,

    /// Lets the git server say that something was pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,

    /// The forge that the repository is on. With it, promotions may be pull requests, labels of merged pull requests ask for promotions, and
    /// every open pull request shows what it would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forge: Option<Forge>,

    /// Author and committer of the commits that Plumb makes, such as promotion commits.
    #[serde(default)]
    pub author: Author,

    /// Signs the commits that Plumb makes, promotions and notes, with an ssh key, as git does with `gpg.format=ssh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<SigningKey>,

    /// Which keys are trusted. With it, what is promoted and who asks for it must be signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

/// Which keys are trusted.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// A Secret with `allowed_signers`: ssh keys and the names of their owners, in the form of `gpg.ssh.allowedSignersFile`, see
    /// ssh-keygen(1); and entries whose names end with `.asc`: OpenPGP keys as `gpg --armor --export` writes them, whose owners have the addresses of
    /// the user ids.
    pub secret_ref: NameReference,
}

/// The key that commits are signed with.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct SigningKey {
    /// A Secret with `identity`, a private ssh key, and `password` if it is encrypted.
    pub secret_ref: NameReference,
}

/// How pushes are announced: `POST /hooks/<repository>`, signed with a shared secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// A Secret whose key `token` is the shared secret of the webhook.
    pub secret_ref: NameReference,
}

/// A forge: where its API is, and who asks.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Forge {
    /// Which forge it is, where the host of the repository does not tell: `github.com`, `gitlab.com`, `bitbucket.org`, `codeberg.org` and names
    /// such as `gitlab.example.com` do.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub type_: Option<ForgeType>,
    /// The root of its web pages, where that is not the host of the repository, such as `https://code.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(
        validation = Rule::new("self.matches('^https?://[^@]+$')").message("must begin with https:// or http:// and hold no credentials")
    )]
    pub url: Option<String>,
    /// A Secret with `token`, with `username` and `password` (Bitbucket), or with `githubAppID`, `githubAppInstallationID` (optional) and
    /// `githubAppPrivateKey`. Without it, the `username` and `password` of the Repository's own `secretRef` are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<NameReference>,
    /// Which pull requests get a comment that shows what they would change.
    #[serde(default)]
    pub preview: Preview,
}

/// Which pull requests get a comment that shows what they would change. Their objects go through a server-side dry run.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Preview {
    /// None.
    Off,
    /// Those from branches of the repository itself, which only people who may push can make.
    #[default]
    Branches,
    /// Those from forks as well, which anybody may open.
    All,
}

/// A kind of forge.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgeType {
    /// GitHub, in the cloud and GitHub Enterprise Server.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Bitbucket Cloud.
    Bitbucket,
}

/// Author and committer of a commit.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Name, as `git log` shows it.
    #[serde(default = "author_name")]
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// E-mail address, as `git log` shows it.
    #[serde(default = "author_email")]
    #[schemars(length(min = 1, max = 255))]
    pub email: String,
}

impl Default for Author {
    fn default() -> Self {
        Self { name: author_name(), email: author_email() }
    }
}

/// What the agent last saw of the repository.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryStatus {
    /// The `metadata.generation` that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Head of the tracked branch, a full commit id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When the head was first seen at `revision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Time>,
    /// `Ready`, `Reconciling` and `Stalled`, as kstatus reads them, and `LedgerWritten`: whether the repository takes what Plumb writes
    /// into its notes. While it does not, nothing is promoted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

fn main() -> String {
    "main".into()
}

fn one_minute() -> Duration {
    std::time::Duration::from_mins(1).into()
}

fn author_name() -> String {
    "Plumb".into()
}

fn author_email() -> String {
    "plumb@plumb.dev".into()
}
