//! What an Environment says about changes that others make, and what it tells of them.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{KubeSchema, core::Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happens when somebody else changes an object of the environment.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Drift {
    /// `Repair` takes the fields back, `Alert` only reports, `Ignore` does neither.
    #[serde(default)]
    pub policy: DriftPolicy,
    /// How often objects of kinds that can't be watched are looked at, as a Go duration.
    #[serde(default = "one_minute")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s')").message("must be at least 1s"))]
    pub interval: Duration,
    /// Who gets a field of a manifest that another manager owns already, as when an object is applied for the first time that others made.
    #[serde(default)]
    pub conflicts: ConflictPolicy,
    /// Other policies for some objects, or for some of their fields; the first that fits counts. What a horizontal autoscaler scales is
    /// left to it without a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub rules: Vec<DriftRule>,
}

impl Default for Drift {
    fn default() -> Self {
        let (policy, conflicts) = (DriftPolicy::default(), ConflictPolicy::default());
        Self { policy, interval: one_minute(), conflicts, rules: Vec::new() }
    }
}

/// A policy for some objects, or for some of their fields. What is left out fits everything.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[x_kube(validation = Rule::new("has(self.policy) || has(self.conflict) || has(self.sensitive)").message("a rule says something: policy, conflict or sensitive"))]
pub struct DriftRule {
    /// Kind, or kind and group as in `Deployment.apps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub kind: Option<String>,
    /// Name of the object; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub name: Option<String>,
    /// JSON pointer to a field of the manifest, such as `/spec/replicas`; it fits all that is below. A part `*` stands for any key or
    /// list item. Others keep the field when the policy is not `Repair`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new("self.startsWith('/')").message("a JSON pointer starts with a slash"))]
    pub pointer: Option<String>,
    /// Field manager that wrote the field; `*` stands for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub manager: Option<String>,
    /// What happens then; without it, the next rule that fits says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<DriftPolicy>,
    /// Who gets a field that another manager owned before us; without it, the next rule that fits says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<ConflictPolicy>,
    /// Whether the values of these fields are secret: a drift then says that they differ, and not from what to what. Those of a Secret
    /// always are.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sensitive: bool,
}

/// What happens when somebody else changes an object of the environment.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DriftPolicy {
    /// Take the fields back at once.
    #[default]
    Repair,
    /// Report it in the condition `Drifted`, events and metrics, and leave the object alone.
    Alert,
    /// Leave the object alone and say nothing.
    Ignore,
}

/// Who gets a field of a manifest that another manager owns already.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ConflictPolicy {
    /// The manifest: the field is taken over, and an event tells from whom.
    #[default]
    TakeOver,
    /// The other manager: the field is left out of what is applied, and an event tells to whom it is left.
    Yield,
}

/// One drift that was seen.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct DriftRecord {
    /// Kind, namespace and name of the object.
    pub object: String,
    /// Paths of the fields that changed hands; `<deleted>` when the object was gone.
    pub fields: Vec<String>,
    /// The field manager that wrote them, as far as the API server tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// What each field should be and was, and who wrote it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub values: Vec<DriftedValue>,
    /// When it was seen.
    pub time: Time,
    /// Whether the object was put back.
    pub repaired: bool,
}

/// What one field of a drift should be and was, and who wrote it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq, Default)]
pub struct DriftedValue {
    /// Path of the field.
    pub field: String,
    /// What git says, as JSON that is cut to a sane length; `<hidden>` when it is secret.
    pub expected: String,
    /// What the object said; `<absent>` when it had no such field, `<hidden>` when it differed and is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// Field manager that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
    /// `Apply` or `Update`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Subresource through which it was written, such as `scale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// When the manager last wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// For people: what differed, and who wrote it.
impl fmt::Display for DriftRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.object)?;
        if self.values.is_empty() {
            f.write_str(&self.fields.join(", "))?;
        }
        for (number, value) in self.values.iter().enumerate() {
            write!(f, "{}{value}", if number == 0 { "" } else { ", " })?;
        }
        self.writer.as_ref().map_or(Ok(()), |writer| write!(f, " by {writer}"))
    }
}

/// As in `.spec.replicas 2 -> 7`.
impl fmt::Display for DriftedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.field, self.expected, self.found.as_deref().unwrap_or("?"))
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

fn one_minute() -> Duration {
    std::time::Duration::from_mins(1).into()
}
