//! Objects that another tool applied before us: what it owned becomes ours, so that what is not in git goes.
//!
//! Server-side apply only takes away what its own manager applied before. After a change of tools the old manager would stay a second owner of all its fields
//! for ever, and a field that leaves git would stay in the cluster. So on the first take-over its entry in `managedFields` is merged into ours, as
//! `client-go` does it for kubectl: <https://github.com/kubernetes/client-go/blob/master/util/csaupgrade/upgrade.go>.

use serde_json::Value;

use crate::ownership::{FieldsEntry, is_ours, ours};

/// What the API server calls whoever wrote an object that knew no owners yet.
const BEFORE: &str = "before-first-apply";
/// The tools that apply whole manifests, as Plumb does, and that it takes the place of.
const APPLIERS: [&str; 5] = ["kubectl-client-side-apply", BEFORE, "kustomize-controller", "argocd-controller", "helm"];

/// Whether an entry is what such a tool applied. `kubectl` names many of its commands alike, but only `apply --server-side` applies.
fn is_applier(entry: &FieldsEntry) -> bool {
    entry.subresource.is_empty()
        && (APPLIERS.contains(&entry.manager.as_str()) || entry.manager == "kubectl" && entry.operation == "Apply")
}

/// What became of the entries of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Adoption {
    /// All entries, those of other tools merged into ours.
    pub entries: Vec<FieldsEntry>,
    /// The tools that lost theirs.
    pub from: Vec<String>,
}

/// Merges the entries of other tools into ours; `None` when there are none. Tools that are `spared` keep theirs.
///
/// An entry of another version of the API stays, for its paths may mean something else in ours.
#[must_use]
pub fn adopt(entries: &[FieldsEntry], spared: &[String]) -> Option<Adoption> {
    let mut ours = ours(entries)?.clone();
    let (theirs, others): (Vec<_>, Vec<_>) = entries.iter().filter(|entry| !is_ours(entry)).partition(|entry| {
        is_applier(entry) && entry.api_version == ours.api_version && !spared.contains(&entry.manager)
    });
    if theirs.is_empty() {
        return None;
    }
    for entry in &theirs {
        unite(&mut ours.fields, &entry.fields);
    }
    let from = theirs.iter().map(|entry| entry.manager.clone()).collect();
    Some(Adoption { entries: std::iter::once(ours).chain(others.into_iter().cloned()).collect(), from })
}

/// Whether another tool still owns what it applied before our entry was written. Who applies beside us does it later, and keeps what is theirs.
pub(crate) fn is_overdue(entries: &[FieldsEntry]) -> bool {
    let Some(ours) = ours(entries) else { return false };
    // The API server makes the entry of what was there before all applies together with the first of these.
    let is_older = |entry: &FieldsEntry| entry.time < ours.time || entry.manager == BEFORE;
    let is_theirs = |entry: &FieldsEntry| entry.api_version == ours.api_version && is_applier(entry) && is_older(entry);
    entries.iter().any(is_theirs)
}

fn unite(into: &mut Value, from: &Value) {
    let (Value::Object(into), Value::Object(from)) = (into, from) else { return };
    for (key, value) in from {
        unite(into.entry(key.clone()).or_insert_with(|| Value::Object(serde_json::Map::new())), value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, operation: &str, version: &str, fields: Value) -> FieldsEntry {
        FieldsEntry {
            manager: manager.into(),
            operation: operation.into(),
            api_version: version.into(),
            subresource: String::new(),
            time: "t".into(),
            fields,
        }
    }

    fn ours() -> FieldsEntry {
        entry("plumb", "Apply", "v1", json!({"f:data": {"f:a": {}}}))
    }

    #[test]
    fn what_another_tool_applied_becomes_ours() {
        let entries = [
            entry("kubectl-client-side-apply", "Update", "v1", json!({"f:data": {".": {}, "f:b": {}}, "f:x": {}})),
            ours(),
            entry("helm", "Apply", "v1", json!({"f:data": {"f:c": {}}})),
            entry("operator", "Update", "v1", json!({"f:data": {"f:d": {}}})),
        ];
        let adoption = adopt(&entries, &[]).unwrap();
        assert_eq!(adoption.from, ["kubectl-client-side-apply", "helm"]);
        let managers: Vec<_> = adoption.entries.iter().map(|entry| entry.manager.as_str()).collect();
        assert_eq!(managers, ["plumb", "operator"]);
        let united = json!({"f:data": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}}, "f:x": {}});
        assert_eq!(adoption.entries[0].fields, united);
    }

    #[test]
    fn who_applied_before_us_is_told_from_who_applies_beside_us() {
        let at = |time: &str, entry: FieldsEntry| FieldsEntry { time: time.into(), ..entry };
        let helm = || entry("helm", "Update", "v1", json!({"f:data": {"f:b": {}}}));
        let ours = || at("2026-11-26T10:00:05Z", ours());
        assert!(is_overdue(&[at("2026-11-26T10:00:04Z", helm()), ours()]));
        for entries in [
            vec![ours()],
            vec![at("2026-11-26T10:00:04Z", helm())],
            vec![at("2026-11-26T10:00:06Z", helm()), ours()],
            vec![at("2026-11-26T10:00:04Z", entry("operator", "Update", "v1", json!({}))), ours()],
            vec![at("2026-11-26T10:00:04Z", FieldsEntry { api_version: "v1beta1".into(), ..helm() }), ours()],
        ] {
            assert!(!is_overdue(&entries), "{entries:?}");
        }
        let before = entry("before-first-apply", "Update", "v1", json!({"f:data": {"f:b": {}}}));
        assert!(is_overdue(&[at("2026-11-26T10:00:05Z", before), ours()]));
    }

    #[test]
    fn what_others_wrote_stays_theirs() {
        let fields = || json!({"f:data": {"f:b": {}}});
        let status = FieldsEntry { subresource: "status".into(), ..entry("helm", "Update", "v1", fields()) };
        for other in [
            entry("kubectl", "Update", "v1", fields()),
            entry("kubectl-edit", "Update", "v1", fields()),
            entry("helm", "Update", "v1beta1", fields()),
            status,
        ] {
            assert_eq!(adopt(&[ours(), other], &[]), None);
        }
        let applied = entry("kubectl", "Apply", "v1", fields());
        assert_eq!(adopt(&[ours(), applied.clone()], &["kubectl".into()]), None);
        assert_eq!(adopt(&[applied], &[]), None);
    }
}
