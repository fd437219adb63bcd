//! The order in which objects are printed.

use std::cmp::Ordering;

use crate::id::Gvk;
use crate::kustomization::Sort;
use crate::object::Resource;
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

/// Sorts as the kustomization at the top says; without a word from it in legacy order, as the command line does.
pub(crate) fn sort(resources: &mut Resources, sort: Option<&Sort>) {
    match sort {
        Some(Sort::Fifo) => {}
        Some(Sort::Legacy(Some((first, last)))) => {
            let first: Vec<&str> = first.iter().map(String::as_str).collect();
            let last: Vec<&str> = last.iter().map(String::as_str).collect();
            legacy(resources, &first, &last);
        }
        Some(Sort::Legacy(None)) | None => legacy(resources, FIRST, LAST),
    }
}

/// The place of a kind among kinds, which kustomize sorts field specs by.
pub(crate) fn of_kind(gvk: &Gvk) -> (isize, String) {
    (rank(&gvk.kind, FIRST, LAST), group_version_kind(gvk))
}

struct Key {
    rank: isize,
    gvk: Gvk,
    group_version_kind: String,
    rest: String,
}

fn legacy(resources: &mut Resources, first: &[&str], last: &[&str]) {
    let mut keyed: Vec<(Key, Resource)> = std::mem::take(resources.list_mut())
        .into_iter()
        .map(|resource| (key(&resource, first, last), resource))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| compare(a, b));
    *resources.list_mut() = keyed.into_iter().map(|(_, resource)| resource).collect();
}

fn key(resource: &Resource, first: &[&str], last: &[&str]) -> Key {
    let gvk = resource.gvk();
    let rest = format!("{}|{}", or(resource.namespace(), "~X"), or(resource.name(), "~N"));
    Key { rank: rank(&gvk.kind, first, last), group_version_kind: group_version_kind(&gvk), gvk, rest }
}

fn rank(kind: &str, first: &[&str], last: &[&str]) -> isize {
    // A kind in both lists counts as one of the last, and of a kind listed twice the later place counts.
    let place = |list: &[&str]| list.iter().rposition(|other| *other == kind).and_then(|at| isize::try_from(at).ok());
    let count = isize::try_from(first.len()).unwrap_or(isize::MAX);
    place(last).map(|at| at + 1).or_else(|| place(first).map(|at| at - count)).unwrap_or(0)
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
