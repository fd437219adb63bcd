use super::*;
use expect_test::expect;

#[test]
fn what_extends_the_api() {
    let crd = |conditions: Value, expected| {
        let kind = "CustomResourceDefinition";
        check(&object("apiextensions.k8s.io/v1", kind, &json!({}), &json!({"conditions": conditions})), expected);
    };
    crd(json!([]), expect!["Progressing is not established yet"]);
    crd(json!([condition_of("Established", "True", "InitialNamesAccepted")]), expect!["Healthy"]);
    crd(json!([condition_of("Established", "False", "Installing")]), expect!["Progressing is not established yet"]);
    crd(json!([condition_of("Established", "False", "NotAccepted")]), expect!["Degraded NotAccepted, they say"]);
    crd(
        json!([condition_of("Established", "True", "x"), condition_of("NamesAccepted", "False", "PluralConflict")]),
        expect!["Degraded PluralConflict, they say"],
    );
    let api = |conditions: Value, expected| {
        let kind = "APIService";
        check(&object("apiregistration.k8s.io/v1", kind, &json!({}), &json!({"conditions": conditions})), expected);
    };
    api(json!([]), expect!["Progressing is not available yet"]);
    api(json!([condition_of("Available", "True", "Passed")]), expect!["Healthy"]);
    api(
        json!([condition_of("Available", "False", "MissingEndpoints")]),
        expect!["Progressing MissingEndpoints, they say"],
    );
}

#[test]
fn custom_resources() {
    let check = |status: Value, expected| check(&object("example.org/v1", "Widget", &json!({}), &status), expected);
    check(json!({}), expect!["Healthy"]);
    check(json!({"conditions": "none"}), expect!["Healthy"]);
    check(json!({"conditions": [condition_of("Ready", "True", "Done")]}), expect!["Healthy"]);
    check(json!({"conditions": [condition_of("Ready", "False", "Busy")]}), expect!["Progressing Busy, they say"]);
    check(json!({"conditions": [condition_of("Ready", "Unknown", "")]}), expect!["Progressing , they say"]);
    check(json!({"conditions": [{"type": "Ready", "status": "False"}]}), expect!["Progressing Ready is False"]);
    check(
        json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}]}),
        expect!["Progressing its controller has not seen the change yet"],
    );
    check(json!({"conditions": [condition_of("Available", "False", "Busy")]}), expect!["Progressing Busy, they say"]);
    let ready = condition_of("Ready", "True", "Done");
    check(
        json!({"conditions": [ready, condition_of("Reconciling", "True", "Progressing")]}),
        expect!["Progressing Progressing, they say"],
    );
    check(json!({"conditions": [ready, condition_of("Reconciling", "False", "Progressing")]}), expect!["Healthy"]);
    check(
        json!({"conditions": [ready, condition_of("Stalled", "True", "InvalidSpec")]}),
        expect!["Degraded InvalidSpec, they say"],
    );
    check(
        json!({"observedGeneration": 1, "conditions": [ready]}),
        expect!["Progressing its controller has not seen the change yet"],
    );
}

#[test]
fn existence_is_enough_for_the_rest() {
    check(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}), expect!["Healthy"]);
    check(&json!({"metadata": {"name": "a"}}), expect!["Healthy"]);
    check(&json!(null), expect!["Healthy"]);
}

#[test]
fn what_is_being_deleted_is_on_its_way() {
    let deleted = |finalizers: Value, conditions: Value| {
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "a", "deletionTimestamp": "2027-01-15T08:00:00Z", "finalizers": finalizers},
            "status": {"phase": "Terminating", "conditions": conditions},
        })
    };
    check(&deleted(json!([]), json!([])), expect!["Progressing is being deleted"]);
    check(
        &deleted(json!(["example.org/a", "example.org/b"]), json!([])),
        expect!["Progressing is being deleted: waits for example.org/a, example.org/b"],
    );
    let remains = condition_of("NamespaceContentRemaining", "True", "SomeResourcesRemain");
    check(
        &deleted(json!([]), json!([remains])),
        expect!["Progressing is being deleted: SomeResourcesRemain, they say"],
    );
}

#[test]
fn long_messages_are_cut() {
    let condition = json!({"type": "Ready", "status": "False", "message": "ü".repeat(1000)});
    let health = assess(&object("example.org/v1", "Widget", &json!({}), &json!({"conditions": [condition]})), at(0));
    assert_eq!(health.message, format!("{}…", "ü".repeat(250)));
}

#[test]
fn which_kinds_need_their_status() {
    for (group, kind) in [
        ("apps", "Deployment"),
        ("batch", "Job"),
        ("", "Service"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("example.org", "Widget"),
        ("gateway.networking.k8s.io", "Gateway"),
        ("cert-manager.io", "Certificate"),
        ("flagger.app", "Canary"),
        ("argoproj.io", "Rollout"),
        ("", "PersistentVolume"),
        ("plumb.dev", "Environment"),
    ] {
        assert!(needs_status(group, kind), "{kind}.{group}");
    }
    for (group, kind) in [
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "Namespace"),
        ("rbac.authorization.k8s.io", "Role"),
        ("networking.k8s.io", "NetworkPolicy"),
        ("networking.k8s.io", "Ingress"),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ] {
        assert!(!needs_status(group, kind), "{kind}.{group}");
    }
}
