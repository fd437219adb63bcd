use expect_test::expect;

use super::*;

#[test]
fn canaries() {
    let check = |spec: Value, status: Value, expected| {
        check(&object("flagger.app/v1beta1", "Canary", &spec, &status), expected);
    };
    check(json!({}), json!({}), expect!["Progressing its controller has not seen the change yet"]);
    for done in ["Initialized", "Succeeded"] {
        check(json!({}), json!({"phase": done}), expect!["Healthy"]);
    }
    check(json!({}), json!({"phase": "Initializing"}), expect!["Progressing its phase is Initializing"]);
    check(
        json!({}),
        json!({"phase": "Progressing", "conditions": [condition_of("Promoted", "Unknown", "Progressing")]}),
        expect!["Progressing Progressing, they say"],
    );
    check(
        json!({}),
        json!({"phase": "Failed", "conditions": [condition_of("Promoted", "False", "Failed")]}),
        expect!["Degraded Failed, they say"],
    );
    check(json!({"suspend": true}), json!({"phase": "Progressing"}), expect!["Suspended is suspended"]);
}

#[test]
fn rollouts() {
    let check = |spec: Value, status: Value, expected| {
        check(
            &object("argoproj.io/v1alpha1", "Rollout", &spec, &with(&json!({"observedGeneration": "2"}), &status)),
            expected,
        );
    };
    check(json!({}), json!({}), expect!["Progressing its controller has not seen the change yet"]);
    check(json!({}), json!({"phase": "Healthy"}), expect!["Healthy"]);
    check(
        json!({}),
        json!({"phase": "Healthy", "observedGeneration": "1"}),
        expect!["Progressing its controller has not seen the change yet"],
    );
    check(json!({}), json!({"phase": "Progressing", "message": "1 old replica"}), expect!["Progressing 1 old replica"]);
    check(json!({}), json!({"phase": "Degraded", "message": "aborted"}), expect!["Degraded aborted"]);
    check(
        json!({}),
        json!({"phase": "Paused", "message": "CanaryPauseStep"}),
        expect!["Progressing waits at a step: CanaryPauseStep"],
    );
    check(json!({"paused": true}), json!({"phase": "Paused"}), expect!["Suspended is paused"]);
    check(
        json!({}),
        json!({"phase": "Healthy", "conditions": [condition_of("InvalidSpec", "True", "InvalidSpec")]}),
        expect!["Degraded InvalidSpec, they say"],
    );
    let old = |progressing: &str| json!({"observedGeneration": "6bd9c8", "conditions": [condition_of("Progressing", "True", progressing), condition_of("Available", "True", "x")]});
    check(json!({}), old("NewReplicaSetAvailable"), expect!["Healthy"]);
    check(json!({}), old("ReplicaSetUpdated"), expect!["Progressing ReplicaSetUpdated, they say"]);
    check(json!({}), old("RolloutAborted"), expect!["Degraded RolloutAborted, they say"]);
    check(json!({"paused": true}), old("RolloutPaused"), expect!["Suspended is paused"]);
}
