//! Accounts, roles and bindings.

use serde_json::{Value as Json, json};

use super::object;
use crate::generate::random::Random;
use crate::generate::words;

pub(super) fn one(random: &mut Random) -> Json {
    match random.below(8) {
        0..=2 => account(random),
        3 => role(random, "Role", true),
        4 => role(random, "ClusterRole", false),
        5..=6 => binding(random, "RoleBinding", true),
        _ => binding(random, "ClusterRoleBinding", false),
    }
}

fn account(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "ServiceAccount", true);
    if random.chance(20) {
        json["metadata"]["name"] = json!("default");
    }
    if random.chance(20) {
        json["secrets"] = json!([{ "name": words::name(random) }]);
    }
    if random.chance(20) {
        json["imagePullSecrets"] = json!([{ "name": words::name(random) }]);
    }
    json
}

fn role(random: &mut Random, kind: &str, namespaced: bool) -> Json {
    let mut json = object(random, "rbac.authorization.k8s.io/v1", kind, namespaced);
    json["rules"] = json!([{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"] }]);
    if random.chance(50) {
        json["rules"].as_array_mut().unwrap().push(json!({
            "apiGroups": [""], "resources": [random.pick(&["configmaps", "secrets", "services"])],
            "resourceNames": [words::name(random), words::name(random)], "verbs": ["*"],
        }));
    }
    if kind == "ClusterRole" && random.chance(20) {
        json["aggregationRule"] = json!({ "clusterRoleSelectors": [{ "matchLabels": words::labels(random) }] });
    }
    json
}

fn binding(random: &mut Random, kind: &str, namespaced: bool) -> Json {
    let mut json = object(random, "rbac.authorization.k8s.io/v1", kind, namespaced);
    let role = if namespaced { random.pick(&["Role", "ClusterRole"]) } else { "ClusterRole" };
    json["roleRef"] = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": words::name(random) });
    let count = random.between(1, 3);
    json["subjects"] = (0..count).map(|_| subject(random)).collect();
    json
}

fn subject(random: &mut Random) -> Json {
    let mut json = match random.below(6) {
        0 => return json!({ "kind": "User", "name": words::name(random), "apiGroup": "rbac.authorization.k8s.io" }),
        1 => return json!({ "kind": "Group", "name": "system:masters" }),
        2 => json!({ "kind": "ServiceAccount", "name": "default" }),
        _ => json!({ "kind": "ServiceAccount", "name": words::name(random) }),
    };
    if random.chance(60) {
        json["namespace"] = json!(words::namespace(random));
    }
    json
}
