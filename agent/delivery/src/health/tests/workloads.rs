use super::*;
use expect_test::expect;

#[test]
fn deployments() {
    let spec = json!({"replicas": 3, "progressDeadlineSeconds": 600});
    let complete = json!({
        "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        "conditions": [
            condition_of("Available", "True", "MinimumReplicasAvailable"),
            condition_of("Progressing", "True", "NewReplicaSetAvailable"),
        ],
    });
    let check = |spec: &Value, changes: Value, expected| {
        check(&object("apps/v1", "Deployment", spec, &with(&complete, &changes)), expected);
    };
    check(&spec, json!({}), expect!["Healthy"]);
    check(&spec, json!({"observedGeneration": 1}), expect!["Progressing its controller has not seen the change yet"]);
    check(
        &spec,
        json!({"observedGeneration": null}),
        expect!["Progressing its controller has not seen the change yet"],
    );
    check(&spec, json!({"updatedReplicas": 1}), expect!["Progressing 1 of 3 pods are updated"]);
    check(&spec, json!({"replicas": 4}), expect!["Progressing old pods that are still there: 1"]);
    check(&spec, json!({"availableReplicas": null}), expect!["Progressing 0 of 3 pods are available"]);
    check(&spec, json!({"readyReplicas": 2}), expect!["Progressing 2 of 3 pods are ready"]);
    let conditions = |conditions: &[Value]| json!({"conditions": conditions});
    let available = condition_of("Available", "True", "MinimumReplicasAvailable");
    check(
        &spec,
        conditions(&[available.clone(), condition_of("Progressing", "False", "ProgressDeadlineExceeded")]),
        expect!["Degraded ProgressDeadlineExceeded, they say"],
    );
    check(
        &spec,
        conditions(&[condition_of("Available", "False", "MinimumReplicasUnavailable")]),
        expect!["Progressing MinimumReplicasUnavailable, they say"],
    );
    check(
        &spec,
        conditions(&[available.clone(), condition_of("Progressing", "True", "ReplicaSetUpdated")]),
        expect!["Progressing the rollout is not complete yet"],
    );
    check(&json!({"replicas": 3}), conditions(std::slice::from_ref(&available)), expect!["Healthy"]);
    check(
        &json!({"replicas": 3, "progressDeadlineSeconds": i32::MAX}),
        conditions(std::slice::from_ref(&available)),
        expect!["Healthy"],
    );
    let paused = json!({"replicas": 3, "paused": true, "progressDeadlineSeconds": 600});
    let says = condition_of("Progressing", "Unknown", "DeploymentPaused");
    check(&paused, conditions(&[available.clone(), says]), expect!["Healthy"]);
    check(
        &paused,
        json!({"updatedReplicas": 0}),
        expect!["Progressing the rollout is paused: 0 of 3 pods are updated"],
    );
    check(
        &json!({"replicas": 5}),
        conditions(&[available, condition_of("ReplicaFailure", "True", "FailedCreate")]),
        expect!["Progressing 3 of 5 pods are updated: FailedCreate, they say"],
    );
    let none = json!({"replicas": 0, "updatedReplicas": 0, "readyReplicas": 0, "availableReplicas": 0});
    check(&json!({"replicas": 0}), none, expect!["Healthy"]);
}

#[test]
fn stateful_sets() {
    let complete = json!({
        "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3, "currentReplicas": 3,
        "currentRevision": "a-1", "updateRevision": "a-1",
    });
    let check = |spec: &Value, changes: Value, expected| {
        check(&object("apps/v1", "StatefulSet", spec, &with(&complete, &changes)), expected);
    };
    let spec = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}});
    check(&spec, json!({}), expect!["Healthy"]);
    check(
        &spec,
        json!({"observedGeneration": null}),
        expect!["Progressing its controller has not seen the change yet"],
    );
    check(&spec, json!({"replicas": 2}), expect!["Progressing 2 of 3 pods are there"]);
    check(&spec, json!({"replicas": 4}), expect!["Progressing pods too many: 1"]);
    check(&spec, json!({"readyReplicas": 2}), expect!["Progressing 2 of 3 pods are ready"]);
    check(&spec, json!({"availableReplicas": 2}), expect!["Progressing 2 of 3 pods are available"]);
    check(&spec, json!({"availableReplicas": null}), expect!["Healthy"]);
    check(
        &spec,
        json!({"updatedReplicas": 1, "updateRevision": "a-2"}),
        expect!["Progressing 1 of 3 pods are updated"],
    );
    check(&spec, json!({"updateRevision": "a-2"}), expect!["Progressing the rollout is not complete yet"]);
    let partition = json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}});
    check(&partition, json!({"updatedReplicas": 1, "updateRevision": "a-2"}), expect!["Healthy"]);
    check(
        &partition,
        json!({"updatedReplicas": 0, "updateRevision": "a-2"}),
        expect!["Progressing 0 of 1 pods are updated"],
    );
    let by_hand = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
    check(&by_hand, json!({"updatedReplicas": 0, "updateRevision": "a-2"}), expect!["Healthy"]);
    check(&by_hand, json!({"readyReplicas": 0}), expect!["Progressing 0 of 3 pods are ready"]);
}

#[test]
fn daemon_sets() {
    let complete = json!({
        "desiredNumberScheduled": 2, "currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 2,
        "numberAvailable": 2,
    });
    let check = |spec: &Value, changes: Value, expected| {
        check(&object("apps/v1", "DaemonSet", spec, &with(&complete, &changes)), expected);
    };
    check(&json!({}), json!({}), expect!["Healthy"]);
    check(
        &json!({}),
        json!({"observedGeneration": null}),
        expect!["Progressing its controller has not seen the change yet"],
    );
    check(
        &json!({}),
        json!({"desiredNumberScheduled": null}),
        expect!["Progressing its controller has not seen the change yet"],
    );
    check(&json!({}), json!({"currentNumberScheduled": 1}), expect!["Progressing 1 of 2 pods are scheduled"]);
    check(&json!({}), json!({"updatedNumberScheduled": 1}), expect!["Progressing 1 of 2 pods are updated"]);
    check(&json!({"updateStrategy": {"type": "OnDelete"}}), json!({"updatedNumberScheduled": 1}), expect!["Healthy"]);
    check(&json!({}), json!({"numberReady": 1}), expect!["Progressing 1 of 2 pods are ready"]);
    check(&json!({}), json!({"numberAvailable": null}), expect!["Progressing 0 of 2 pods are available"]);
}

#[test]
fn replica_sets() {
    let complete = json!({"replicas": 1, "fullyLabeledReplicas": 1, "readyReplicas": 1, "availableReplicas": 1});
    let check = |changes: Value, expected| {
        check(&object("apps/v1", "ReplicaSet", &json!({}), &with(&complete, &changes)), expected);
    };
    check(json!({}), expect!["Healthy"]);
    check(json!({"observedGeneration": null}), expect!["Progressing its controller has not seen the change yet"]);
    check(json!({"fullyLabeledReplicas": 0}), expect!["Progressing 0 of 1 pods are labelled"]);
    check(json!({"readyReplicas": 0}), expect!["Progressing 0 of 1 pods are ready"]);
    check(json!({"availableReplicas": 0}), expect!["Progressing 0 of 1 pods are available"]);
    check(json!({"replicas": 3}), expect!["Progressing pods too many: 2"]);
    check(
        json!({"conditions": [condition_of("ReplicaFailure", "True", "FailedCreate")]}),
        expect!["Progressing FailedCreate, they say"],
    );
    super::check(&object("v1", "ReplicationController", &json!({}), &complete), expect!["Healthy"]);
}
