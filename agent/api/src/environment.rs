//! `Environment`: one overlay of one Repository, kept true on this cluster.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    CommonMetadata, Dependency, Drift, DriftRecord, ExpressionGate, GateRecord, HealthCheck, HookRun, HttpCheck, Image,
    NameReference, PromotedFields, PromotionStrategy, PullRequestPolicy, Substitute,
};

/// One overlay path of one Repository, kept true on this cluster.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "plumb.dev",
    version = "v1alpha1",
    kind = "Environment",
    shortname = "env",
    namespaced,
    status = "EnvironmentStatus",
    derive = "PartialEq",
    doc = "One overlay of a Repository, kept true on this cluster.",
    category = "plumb",
    validation = Rule::new("self.metadata.name.size() <= 63").message("the name of an Environment has at most 63 characters, for it is the value of a label"),
    printcolumn(name = "Path", type_ = "string", json_path = ".spec.path"),
    printcolumn(name = "Revision", type_ = "string", json_path = ".status.revision"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Healthy", type_ = "string", json_path = ".status.conditions[?(@.type==\"Healthy\")].status"),
    printcolumn(name = "Drifted", type_ = "string", json_path = ".status.conditions[?(@.type==\"Drifted\")].status"),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentSpec {
    /// The Repository that holds the overlay.
    pub repository: NameReference,

    /// Directory of the overlay's `kustomization.yaml`, from the root of the repository, such as `overlays/staging`.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(
        validation = Rule::new("!self.startsWith('/')").message("must be relative to the root of the repository, without a leading slash"),
        validation = Rule::new("!self.split('/').exists(part, part == '..')").message("must not leave the repository: '..' is not allowed")
    )]
    pub path: String,

    /// The cluster that the environment is kept true on, by a kubeconfig in a Secret of the same namespace; without it, the one that the
    /// agent runs in. The Environment itself, its inventory and its events stay here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kube_config: Option<KubeConfig>,

    /// Without it, the environment follows the head of the branch. With it, the environment runs the revision that its pin
    /// (`promoted.yaml` beside the overlay's `kustomization.yaml`) names, and promotions move the pin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<Promotion>,

    /// The namespace of all objects, as the field `namespace` of a kustomization around the overlay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub target_namespace: Option<String>,

    /// Labels and annotations for the metadata of all objects.
    #[serde(default, skip_serializing_if = "CommonMetadata::is_empty")]
    pub common_metadata: CommonMetadata,

    /// Other names, tags or digests for container images, as the field `images` of a kustomization around the overlay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub images: Vec<Image>,

    /// Variables for the values of objects. Without it, nothing is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub substitute: Option<Substitute>,

    /// What happens to objects that left the overlay.
    #[serde(default)]
    pub prune: Prune,

    /// What happens when somebody else changes an object of the environment.
    #[serde(default)]
    pub drift: Drift,

    /// Environments of the same namespace that must be ready before a revision is applied here. What comes from the same branch must be
    /// ready at that revision. `readyExpr` says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub depends_on: Vec<Dependency>,

    /// How the health of some kinds is read, where their conditions do not say enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["kind".into()]))]
    pub health_checks: Vec<HealthCheck>,

    /// Whether a revision is applied only if the API server would take all of its objects: each goes through a server-side dry run before
    /// the first is written.
    #[serde(default)]
    pub atomic: bool,

    /// Whether an object is deleted and created anew when a field that can't be changed must change. The annotation
    /// `plumb.dev/force: enabled` says so of one object.
    #[serde(default)]
    pub force: bool,

    /// What becomes of the objects when the Environment itself is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// Stops reconciling; what runs stays as it is.
    #[serde(default)]
    pub suspend: bool,

    /// How long objects may take to become healthy before the environment counts as degraded, as a Go duration.
    #[serde(default = "five_minutes")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("must be at least 1s"))]
    pub timeout: Duration,

    /// The longest pause before a failed reconcile is tried again, as a Go duration. The first attempts come sooner.
    #[serde(default = "thirty_seconds")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("must be at least 1s"))]
    pub retry_interval: Duration,
}

/// A kubeconfig in a Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KubeConfig {
    /// The Secret. A kubeconfig that runs programs, uses an auth provider or names files is refused.
    pub secret_ref: SecretEntry,
}

/// An entry of a Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct SecretEntry {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in its data.
    #[serde(default = "value_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// Where an environment's revisions come from.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// Environments of the same namespace and Repository that must be healthy at a revision before it may come here.
    #[serde(default)]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub from: Vec<String>,
    /// What a promotion brings: with `Tree`, the environment runs the whole tree of the revision. With `Fields`, it runs the head of the
    /// branch, and a promotion copies the values that `fields` names from the overlay of the first of `from` into its own.
    #[serde(default)]
    pub strategy: PromotionStrategy,
    /// Which values are copied, with the strategy `Fields`.
    #[serde(default)]
    pub fields: PromotedFields,
    /// How the pin moves: with `Commit`, Plumb pushes a commit to the branch; with `PullRequest`, it opens a pull request on the forge of the
    /// Repository, whose merge is the promotion.
    #[serde(default)]
    pub mode: PromotionMode,
    /// How pull requests are dealt with, in the mode `PullRequest`.
    #[serde(default)]
    pub pull_request: PullRequestPolicy,

    /// How long each of them must have been healthy at a revision, without a break, before it may come here, as a Go duration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('0s')").message("must not be negative"))]
    pub soak: Option<Duration>,

    /// Whether revisions come without being asked for, once they are proven in `from` and this environment is healthy. What changes nothing
    /// here does not come.
    #[serde(default)]
    pub automatic: bool,

    /// Which of several revisions comes next.
    #[serde(default)]
    pub order: PromotionOrder,

    /// When revisions may come: within a window that is no freeze, if there is one, and within no freeze.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub windows: Vec<PromotionWindow>,

    /// Who may ask, by the names that `spec.verify` of the Repository gives to keys: the labelled commit must be signed by one of them.
    /// Everybody who may push when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub approvers: Vec<String>,

    /// Whether the API server must take all objects of a revision in a dry run before the revision comes here. That it renders, and does not
    /// delete more than `prune.limit`, is looked at in any case.
    #[serde(default = "yes")]
    pub dry_run: bool,

    /// Questions to others: each URL must answer with a status from 200 to 299 before a revision comes here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub checks: Vec<HttpCheck>,

    /// Statuses that the revision must have on the forge of the Repository, by their names, such as `ci/build`: each must be a success before
    /// the revision comes here. On GitHub these may be check runs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub statuses: Vec<String>,

    /// Conditions on what is known of a promotion: each must be true before a revision comes here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub expressions: Vec<ExpressionGate>,

    /// Goes back by itself when what was promoted degrades. Without it, only when somebody asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
}

impl Default for Promotion {
    fn default() -> Self {
        Self {
            from: Vec::new(),
            soak: None,
            automatic: false,
            order: PromotionOrder::default(),
            windows: Vec::new(),
            approvers: Vec::new(),
            dry_run: true,
            checks: Vec::new(),
            statuses: Vec::new(),
            expressions: Vec::new(),
            rollback: None,
            strategy: PromotionStrategy::default(),
            fields: PromotedFields::default(),
            mode: PromotionMode::default(),
            pull_request: PullRequestPolicy::default(),
        }
    }
}

/// Which of several revisions comes next.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PromotionOrder {
    /// The newest; those that it overtakes never come.
    #[default]
    Latest,
    /// The oldest that is newer than what runs, so that each comes that may.
    Queue,
}

/// A time that comes again and again.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PromotionWindow {
    /// When it begins, in the form of crontab(5), such as `0 9 * * MON-FRI`.
    #[schemars(length(min = 1, max = 256))]
    pub schedule: String,
    /// The time zone of the schedule, such as `Europe/Berlin`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// How long it lasts, as a Go duration.
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("must be at least 1m"))]
    pub duration: Duration,
    /// Whether nothing comes while it lasts.
    #[serde(default)]
    pub freeze: bool,
}

/// When the environment goes back by itself: to the last revision before that was healthy here, and with a hold on its pin. What a rollback
/// brought back is never rolled back.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// It goes back when a revision degrades within this time after it was applied, as a Go duration.
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("must be at least 1s"))]
    pub within: Duration,
}

/// How the pin moves.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PromotionMode {
    /// With a commit that Plumb pushes to the branch, once all gates are open.
    #[default]
    Commit,
    /// With a pull request, opened when the promotion is asked for, that shows the gates and the difference.
    PullRequest,
}

/// What happens to objects that left the overlay.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Prune {
    /// Whether objects that the inventory lists and the overlay no longer has are deleted.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether an overlay that renders to nothing may delete everything.
    #[serde(default)]
    pub allow_empty: bool,
    /// How many objects one revision may delete; `null` is any number. The annotation `plumb.dev/allow-prune` on the Environment
    /// lifts the limit for the revision that it names.
    #[serde(default = "hundred")]
    #[schemars(with = "Option<i32>", range(min = 0))]
    pub limit: Option<u32>,
}

impl Default for Prune {
    fn default() -> Self {
        Self { enabled: true, allow_empty: false, limit: hundred() }
    }
}

/// What becomes of the objects when their Environment is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// They stay as they are.
    #[default]
    Orphan,
    /// They are deleted as if they had left the overlay, within `timeout`; what is not gone by then stays.
    Delete,
}

/// What runs in the environment, and how it fares.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStatus {
    /// The `metadata.generation` that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The revision whose manifests are applied, a full commit id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The revision of the last attempt, when it isn't `revision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempted_revision: Option<String>,
    /// SHA-256 of the rendered manifests at `revision`: equal digests mean equal manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When the last manifests were applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Time>,
    /// How many objects there are, and how they fare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<ObjectCounts>,
    /// The objects that are not healthy, the worst first, and no more than ten of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub unhealthy: Vec<String>,
    /// The last run of hooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooks: Option<HookRun>,
    /// Revisions that ran here, the newest first; promotion reads from it where a revision was healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub history: Vec<RevisionRecord>,
    /// The last drifts, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub drifts: Vec<DriftRecord>,
    /// Promotion requests for this environment that are not answered by a promotion yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub promotions: Vec<PromotionRecord>,
    /// Why nothing is promoted here until somebody releases it, when the pin carries a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// `Ready`, `Reconciling`, `Stalled`, `Healthy` and `Drifted`, as kstatus reads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// How many objects an environment has, and how they fare.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ObjectCounts {
    /// All objects of the overlay.
    #[schemars(with = "i32")]
    pub total: u32,
    /// Those that are healthy.
    #[schemars(with = "i32")]
    pub healthy: u32,
    /// Those that are on their way.
    #[schemars(with = "i32")]
    pub progressing: u32,
    /// Those that failed.
    #[schemars(with = "i32")]
    pub degraded: u32,
}

/// One revision that ran here.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RevisionRecord {
    /// Full commit id.
    pub revision: String,
    /// SHA-256 of its manifests.
    pub digest: String,
    /// When its manifests were applied.
    pub applied_at: Time,
    /// Since when all objects were healthy, if they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_since: Option<Time>,
    /// When all objects were healthy for the first time with these manifests. What is unhealthy after that is degraded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_healthy: Option<Time>,
}

/// A promotion request that is not answered by a promotion yet, or was refused.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct PromotionRecord {
    /// The commit that asked for it.
    pub request: String,
    /// The revision that it asks for.
    pub revision: String,
    /// `Waiting` or `Refused`.
    pub state: String,
    /// What it waits for, or why it was refused.
    pub message: String,
    /// What all gates say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub gates: Vec<GateRecord>,
}

fn utc() -> String {
    "UTC".into()
}

fn yes() -> bool {
    true
}

#[allow(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn hundred() -> Option<u32> {
    Some(100)
}

/// The key that Flux uses, so that its Secrets serve as they are.
fn value_key() -> String {
    "value".into()
}

fn five_minutes() -> Duration {
    std::time::Duration::from_mins(5).into()
}

fn thirty_seconds() -> Duration {
    std::time::Duration::from_secs(30).into()
}
