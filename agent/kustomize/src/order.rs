//! The order in which objects are printed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::id::Gvk;
use crate::kustomization::Sort;
use crate::object::Resource;
use crate::options::Order;
use crate::resources::Resources;

/// What others depend on comes first, what depends on others last; kustomize's fixed lists.
const FIRST: &[&str] = &[
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: &[&str] = &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

static RANKS: LazyLock<HashMap<&str, isize>> = LazyLock::new(|| ranks(FIRST, LAST));

/// Sorts as the kustomization at the top says; without a word from it as the command line says.
pub(crate) fn sort(resources: &mut Resources, sort: Option<&Sort>, otherwise: Order) {
    match sort {
        Some(Sort::Fifo) => {}
        None if otherwise == Order::Fifo => {}
        Some(Sort::Legacy(Some((first, last)))) => {
            let first: Vec<&str> = first.iter().map(String::as_str).collect();
            let last: Vec<&str> = last.iter().map(String::as_str).collect();
            legacy(resources, &ranks(&first, &last));
        }
        Some(Sort::Legacy(None)) | None => legacy(resources, &RANKS),
    }
}

/// The place of a kind among kinds, which kustomize sorts field specs by.
pub(crate) fn of_kind(gvk: &Gvk) -> (isize, String) {
    (RANKS.get(gvk.kind.as_str()).copied().unwrap_or(0), group_version_kind(gvk))
}

struct Key {
    rank: isize,
    gvk: Gvk,
    group_version_kind: String,
    rest: String,
}

fn legacy(resources: &mut Resources, ranks: &HashMap<&str, isize>) {
    let mut keyed: Vec<(Key, Resource)> =
        std::mem::take(resources.list_mut()).into_iter().map(|resource| (key(&resource, ranks), resource)).collect();
    keyed.sort_by(|(a, _), (b, _)| compare(a, b));
    *resources.list_mut() = keyed.into_iter().map(|(_, resource)| resource).collect();
}

fn key(resource: &Resource, ranks: &HashMap<&str, isize>) -> Key {
    let gvk = resource.gvk();
    let rest = format!("{}|{}", or(resource.namespace(), "~X"), or(resource.name(), "~N"));
    let rank = ranks.get(gvk.kind.as_str()).copied().unwrap_or(0);
    Key { rank, group_version_kind: group_version_kind(&gvk), gvk, rest }
}

/// The ranks of the kinds in the lists; the others are between, at zero.
fn ranks<'k>(first: &[&'k str], last: &[&'k str]) -> HashMap<&'k str, isize> {
    // A kind in both lists counts as one of the last, and of a kind listed twice the later place counts.
    (-first.len().cast_signed()..).zip(first).chain((1..).zip(last)).map(|(rank, kind)| (*kind, rank)).collect()
}

fn group_version_kind(gvk: &Gvk) -> String {
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

fn or<'a>(text: &'a str, none: &'a str) -> &'a str {
    if text.is_empty() { none } else { text }
}

fn compare(a: &Key, b: &Key) -> Ordering {
    if a.gvk == b.gvk {
        return a.rest.cmp(&b.rest);
    }
    let by_name = a.group_version_kind.cmp(&b.group_version_kind);
    let namespaces = a.gvk.kind == "Namespace" && b.gvk.kind == "Namespace";
    // The real Namespace comes before those of other groups, though its group sorts last otherwise.
    let by_name =
        if namespaces && (a.gvk.group.is_empty() || b.gvk.group.is_empty()) { by_name.reverse() } else { by_name };
    a.rank.cmp(&b.rank).then(by_name)
}
