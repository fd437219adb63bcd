use expect_test::expect;

use super::*;

fn conditions(api_version: &str, kind: &str, conditions: &[Value], expected: Expect) {
    check(&object(api_version, kind, &json!({}), &json!({"conditions": conditions})), expected);
}

#[test]
fn certificates() {
    let check = |list: &[Value], expected| conditions("cert-manager.io/v1", "Certificate", list, expected);
    let (ready, missing) = (condition_of("Ready", "True", "Ready"), condition_of("Ready", "False", "DoesNotExist"));
    let issuing = condition_of("Issuing", "True", "DoesNotExist");
    check(&[], expect!["Progressing is not issued yet"]);
    check(std::slice::from_ref(&ready), expect!["Healthy"]);
    check(&[missing.clone(), issuing.clone()], expect!["Progressing DoesNotExist, they say"]);
    check(&[ready, issuing], expect!["Healthy"]);
    check(std::slice::from_ref(&missing), expect!["Progressing DoesNotExist, they say"]);
    check(&[missing, condition_of("Issuing", "False", "Failed")], expect!["Degraded Failed, they say"]);
}

#[test]
fn issuers() {
    for kind in ["Issuer", "ClusterIssuer"] {
        let check = |list: &[Value], expected| conditions("cert-manager.io/v1", kind, list, expected);
        check(&[], expect!["Progressing is not ready yet"]);
        check(&[condition_of("Ready", "True", "KeyPairVerified")], expect!["Healthy"]);
        check(&[condition_of("Ready", "False", "ErrGetKeyPair")], expect!["Progressing ErrGetKeyPair, they say"]);
    }
}

#[test]
fn requests() {
    let check = |list: &[Value], expected| conditions("cert-manager.io/v1", "CertificateRequest", list, expected);
    check(&[], expect!["Progressing is not signed yet"]);
    check(&[condition_of("Ready", "True", "Issued")], expect!["Healthy"]);
    check(&[condition_of("Ready", "False", "Pending")], expect!["Progressing Pending, they say"]);
    check(&[condition_of("Ready", "False", "Failed")], expect!["Degraded Failed, they say"]);
    check(&[condition_of("Denied", "True", "Policy")], expect!["Degraded Policy, they say"]);
    check(&[condition_of("InvalidRequest", "True", "BadCsr")], expect!["Degraded BadCsr, they say"]);
}

#[test]
fn orders_and_challenges() {
    for kind in ["Order", "Challenge"] {
        let check = |status: Value, expected| {
            check(&object("acme.cert-manager.io/v1", kind, &json!({}), &status), expected);
        };
        check(json!({}), expect!["Progressing has not started yet"]);
        check(json!({"state": "pending"}), expect!["Progressing pending"]);
        check(json!({"state": "pending", "reason": "waiting for DNS"}), expect!["Progressing waiting for DNS"]);
        check(json!({"state": "valid"}), expect!["Healthy"]);
        check(json!({"state": "errored", "reason": "rate limited"}), expect!["Degraded rate limited"]);
        check(json!({"state": "invalid"}), expect!["Degraded invalid"]);
    }
}
