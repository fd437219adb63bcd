use expect_test::expect;

use super::*;

const API: &str = "gateway.networking.k8s.io/v1";

#[test]
fn classes() {
    let check = |conditions: Value, expected| {
        check(&object(API, "GatewayClass", &json!({}), &json!({"conditions": conditions})), expected);
    };
    check(json!([]), expect!["Progressing no controller has taken it yet"]);
    check(json!([condition_of("Accepted", "True", "Accepted")]), expect!["Healthy"]);
    check(json!([condition_of("Accepted", "Unknown", "Pending")]), expect!["Progressing Pending, they say"]);
    check(
        json!([condition_of("Accepted", "False", "InvalidParameters")]),
        expect!["Degraded InvalidParameters, they say"],
    );
}

#[test]
fn gateways() {
    let accepted = condition_of("Accepted", "True", "Accepted");
    let programmed = condition_of("Programmed", "True", "Programmed");
    let check = |conditions: Value, listeners: Value, expected| {
        let status = json!({"conditions": conditions, "listeners": listeners});
        check(&object(API, "Gateway", &json!({}), &status), expected);
    };
    let listener = |condition: Value| json!([{"name": "https", "conditions": [condition]}]);
    let none = json!([]);
    check(none.clone(), none.clone(), expect!["Progressing no controller has taken it yet"]);
    check(json!([accepted]), none.clone(), expect!["Progressing is not programmed yet"]);
    check(json!([accepted, programmed]), listener(programmed.clone()), expect!["Healthy"]);
    check(
        json!([accepted, condition_of("Programmed", "False", "AddressNotAssigned")]),
        none.clone(),
        expect!["Progressing AddressNotAssigned, they say"],
    );
    check(
        json!([accepted, condition_of("Programmed", "False", "Invalid")]),
        none.clone(),
        expect!["Degraded Invalid, they say"],
    );
    check(
        json!([condition_of("Accepted", "False", "UnsupportedAddress")]),
        none,
        expect!["Degraded UnsupportedAddress, they say"],
    );
    check(
        json!([accepted, programmed]),
        listener(condition_of("ResolvedRefs", "False", "InvalidCertificateRef")),
        expect!["Progressing listener https: InvalidCertificateRef, they say"],
    );
    let mut stale = programmed.clone();
    stale["observedGeneration"] = json!(1);
    check(json!([accepted, stale]), json!([]), expect!["Progressing is not programmed yet"]);
}

#[test]
fn routes() {
    let spec =
        json!({"parentRefs": [{"name": "public"}, {"name": "inner", "namespace": "mesh", "sectionName": "http"}]});
    let parent = |reference: Value, conditions: Value| json!({"parentRef": reference, "conditions": conditions});
    let ok =
        json!([condition_of("Accepted", "True", "Accepted"), condition_of("ResolvedRefs", "True", "ResolvedRefs")]);
    let inner = parent(
        json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "inner", "namespace": "mesh", "sectionName": "http"}),
        ok.clone(),
    );
    let check = |parents: Value, expected| {
        for kind in ["HTTPRoute", "GRPCRoute", "TLSRoute"] {
            let health = assess(&object(API, kind, &spec, &json!({"parents": parents})), at(0));
            let text = format!("{:?} {}", health.status, health.message);
            let expected: &Expect = &expected;
            expected.assert_eq(text.trim_end());
        }
    };
    let public = |conditions: Value| parent(json!({"name": "public"}), conditions);
    check(json!([]), expect!["Progressing parent public: has not answered yet"]);
    check(json!([public(ok.clone())]), expect!["Progressing parent inner: has not answered yet"]);
    check(json!([public(ok.clone()), inner]), expect!["Healthy"]);
    check(
        json!([public(json!([condition_of("Accepted", "False", "NotAllowedByListeners")])), inner]),
        expect!["Degraded parent public: NotAllowedByListeners, they say"],
    );
    check(
        json!([public(json!([condition_of("Accepted", "False", "Pending")])), inner]),
        expect!["Progressing parent public: Pending, they say"],
    );
    let unresolved = |reason: &str| {
        public(json!([condition_of("Accepted", "True", "Accepted"), condition_of("ResolvedRefs", "False", reason)]))
    };
    check(
        json!([unresolved("BackendNotFound"), inner]),
        expect!["Progressing parent public: BackendNotFound, they say"],
    );
    check(json!([unresolved("RefNotPermitted"), inner]), expect!["Degraded parent public: RefNotPermitted, they say"]);
    let partly = json!([
        condition_of("Accepted", "True", "Accepted"),
        condition_of("PartiallyInvalid", "True", "UnsupportedValue")
    ]);
    check(json!([public(partly), inner]), expect!["Degraded parent public: UnsupportedValue, they say"]);
    // A parent that the route no longer names says nothing of it.
    let former = parent(json!({"name": "former"}), json!([condition_of("Accepted", "False", "NoMatchingParent")]));
    check(json!([public(ok), inner, former]), expect!["Healthy"]);
}
