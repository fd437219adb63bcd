use expect_test::{Expect, expect};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// An object of generation 2 that its controller has seen.
fn object(api_version: &str, kind: &str, spec: &Value, status: &Value) -> Value {
    let mut status = status.clone();
    if let Some(status) = status.as_object_mut() {
        status.entry("observedGeneration").or_insert(json!(2));
    }
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "a", "generation": 2, "creationTimestamp": at(0).to_string()},
        "spec": spec,
        "status": status,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check(object: &Value, expected: Expect) {
    let health = assess(object, at(60));
    expected.assert_eq(format!("{:?} {}", health.status, health.message).trim_end());
}

fn condition_of(kind: &str, status: &str, reason: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": format!("{reason}, they say")})
}

fn with(status: &Value, changes: &Value) -> Value {
    let mut status = status.clone();
    for (key, value) in changes.as_object().unwrap() {
        status[key] = value.clone();
    }
    status
}

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
    super::tests::check(&object("v1", "ReplicationController", &json!({}), &complete), expect!["Healthy"]);
}

#[test]
fn jobs() {
    let check = |spec: Value, status: Value, expected| check(&object("batch/v1", "Job", &spec, &status), expected);
    let running = json!({"startTime": "2027-01-15T08:00:00Z", "active": 1, "succeeded": 1, "failed": 2});
    check(json!({}), json!({}), expect!["Progressing has not started yet"]);
    check(json!({"completions": 3}), running, expect!["Progressing 1 of 3 pods are complete, 2 failed"]);
    check(
        json!({}),
        json!({"conditions": [condition_of("Complete", "True", "CompletionsReached")]}),
        expect!["Healthy"],
    );
    check(
        json!({}),
        json!({"conditions": [condition_of("Failed", "True", "BackoffLimitExceeded")]}),
        expect!["Degraded BackoffLimitExceeded, they say"],
    );
    check(
        json!({}),
        json!({"conditions": [condition_of("FailureTarget", "True", "PodFailurePolicy")]}),
        expect!["Degraded PodFailurePolicy, they say"],
    );
    check(json!({"suspend": true}), json!({}), expect!["Suspended is suspended"]);
}

#[test]
fn cron_jobs() {
    check(&object("batch/v1", "CronJob", &json!({}), &json!({})), expect!["Healthy"]);
    check(&object("batch/v1", "CronJob", &json!({"suspend": true}), &json!({})), expect!["Suspended is suspended"]);
}

#[test]
fn pods() {
    let check = |status: Value, expected| check(&object("v1", "Pod", &json!({}), &status), expected);
    let ready = |status: &str| json!([condition_of("Ready", status, "ContainersNotReady")]);
    check(json!({"phase": "Running", "conditions": ready("True")}), expect!["Healthy"]);
    check(
        json!({"phase": "Running", "conditions": ready("False")}),
        expect!["Progressing ContainersNotReady, they say"],
    );
    check(json!({"phase": "Succeeded", "conditions": ready("False")}), expect!["Healthy"]);
    check(json!({"phase": "Failed", "reason": "Evicted"}), expect!["Degraded Evicted"]);
    check(json!({"phase": "Unknown"}), expect!["Unknown its node does not answer"]);
    check(json!({}), expect!["Progressing has not started yet"]);
    check(json!({"phase": "Pending"}), expect!["Progressing has not started yet"]);
    let waiting = |reason: &str| json!([{"name": "web", "state": {"waiting": {"reason": reason, "message": "m"}}}]);
    check(
        json!({"phase": "Running", "containerStatuses": waiting("CrashLoopBackOff")}),
        expect!["Degraded container web: CrashLoopBackOff: m"],
    );
    check(
        json!({"phase": "Pending", "initContainerStatuses": waiting("ImagePullBackOff")}),
        expect!["Degraded container web: ImagePullBackOff: m"],
    );
    check(
        json!({"phase": "Pending", "containerStatuses": waiting("ContainerCreating")}),
        expect!["Progressing has not started yet"],
    );
}

#[test]
fn a_pod_has_a_moment_to_find_a_node() {
    let status = json!({"phase": "Pending", "conditions": [condition_of("PodScheduled", "False", "Unschedulable")]});
    let pod = object("v1", "Pod", &json!({}), &status);
    assert_eq!(assess(&pod, at(14)).status, HealthStatus::Progressing);
    assert_eq!(assess(&pod, at(15)).status, HealthStatus::Degraded);
}

#[test]
fn services_and_what_belongs_to_them() {
    let service = |spec: Value, status: Value, expected| check(&object("v1", "Service", &spec, &status), expected);
    service(json!({"type": "ClusterIP"}), json!({}), expect!["Healthy"]);
    service(
        json!({"type": "LoadBalancer"}),
        json!({"loadBalancer": {}}),
        expect!["Progressing the load balancer has no address yet"],
    );
    service(
        json!({"type": "LoadBalancer"}),
        json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}),
        expect!["Healthy"],
    );
    let claim = |status: Value, expected| check(&object("v1", "PersistentVolumeClaim", &json!({}), &status), expected);
    claim(json!({"phase": "Bound"}), expect!["Healthy"]);
    claim(json!({"phase": "Pending"}), expect!["Progressing is not bound to a volume yet"]);
    claim(json!({"phase": "Lost"}), expect!["Degraded its volume is lost"]);
    check(&object("networking.k8s.io/v1", "Ingress", &json!({}), &json!({})), expect!["Healthy"]);
}

#[test]
fn autoscalers() {
    let check = |conditions: Value, expected| {
        let status = json!({"conditions": conditions});
        check(&object("autoscaling/v2", "HorizontalPodAutoscaler", &json!({}), &status), expected);
    };
    let able = condition_of("AbleToScale", "True", "ReadyForNewScale");
    check(json!([]), expect!["Progressing its controller has not seen the change yet"]);
    check(json!([able]), expect!["Progressing has no metrics yet"]);
    check(json!([able, condition_of("ScalingActive", "True", "ValidMetricFound")]), expect!["Healthy"]);
    check(
        json!([able, condition_of("ScalingActive", "False", "FailedGetResourceMetric")]),
        expect!["Progressing FailedGetResourceMetric, they say"],
    );
    check(
        json!([able, condition_of("ScalingActive", "False", "ScalingDisabled")]),
        expect!["Suspended ScalingDisabled, they say"],
    );
    check(
        json!([condition_of("AbleToScale", "False", "FailedGetScale")]),
        expect!["Degraded FailedGetScale, they say"],
    );
    let old = object("autoscaling/v1", "HorizontalPodAutoscaler", &json!({}), &json!({}));
    super::tests::check(&old, expect!["Healthy"]);
}

#[test]
fn disruption_budgets() {
    let check = |status: Value, expected| {
        check(&object("policy/v1", "PodDisruptionBudget", &json!({}), &status), expected);
    };
    check(json!({"currentHealthy": 2, "desiredHealthy": 2}), expect!["Healthy"]);
    check(json!({"currentHealthy": 1, "desiredHealthy": 2}), expect!["Progressing 1 of 2 pods are healthy"]);
    check(json!({"observedGeneration": null}), expect!["Progressing its controller has not seen the change yet"]);
    check(
        json!({"conditions": [condition_of("DisruptionAllowed", "False", "SyncFailed")]}),
        expect!["Progressing SyncFailed, they say"],
    );
}

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

fn summarize(objects: &[(&'static str, Health)], now: i64) -> EnvironmentHealth<&'static str> {
    summary(objects.iter().cloned(), at(0), SignedDuration::from_mins(5), at(now))
}

#[test]
fn an_environment_is_as_good_as_its_worst_object() {
    let healthy = ("ConfigMap a", Health::healthy());
    let resting = ("CronJob b", Health::suspended("is suspended"));
    let late = ("Deployment c", Health::progressing("1 of 3 pods are updated"));
    let lost = ("Pod d", Health::new(HealthStatus::Unknown, "its node does not answer"));
    let failed = ("Job e", Health::degraded("BackoffLimitExceeded"));
    let check = |objects: &[(&'static str, Health)], now: i64, expected: Expect| {
        let found = summarize(objects, now);
        let deadline = found.deadline.map_or_else(String::new, |deadline| format!(" (until {deadline})"));
        expected.assert_eq(&format!("{:?}{deadline}: {}\n", found.status, found.message(2)));
    };
    check(
        &[],
        0,
        expect![[r#"
        Healthy: 0 objects are healthy
    "#]],
    );
    check(
        &[healthy.clone(), resting.clone()],
        0,
        expect![[r#"
        Healthy: 2 objects are healthy
    "#]],
    );
    check(
        &[healthy.clone(), late.clone()],
        299,
        expect![[r#"
        Progressing (until 2027-01-15T08:05:00Z): 1 of 2 objects are not healthy: Deployment c: 1 of 3 pods are updated
    "#]],
    );
    check(
        &[healthy.clone(), late.clone()],
        300,
        expect![[r#"
        Degraded: 1 of 2 objects are not healthy: Deployment c: not healthy within 5m: 1 of 3 pods are updated
    "#]],
    );
    check(
        std::slice::from_ref(&lost),
        0,
        expect![[r#"
        Progressing (until 2027-01-15T08:05:00Z): 1 of 1 objects are not healthy: Pod d: its node does not answer
    "#]],
    );
    check(
        &[late.clone(), healthy.clone(), failed.clone(), lost.clone()],
        0,
        expect![[r#"
        Degraded (until 2027-01-15T08:05:00Z): 3 of 4 objects are not healthy: Job e: BackoffLimitExceeded; Pod d: its node does not answer; and 1 more
    "#]],
    );

    let counts = summarize(&[healthy, resting, late, lost, failed], 0).counts;
    let expected = Counts { total: 5, healthy: 1, suspended: 1, progressing: 1, unknown: 1, degraded: 1 };
    assert_eq!(counts, expected);
}

/// JSON of any shape, with the names that the rules look for.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "metadata",
        "spec",
        "status",
        "conditions",
        "type",
        "generation",
        "observedGeneration",
        "replicas",
        "message",
        "readyReplicas",
        "updatedReplicas",
        "phase",
        "containerStatuses",
        "state",
        "waiting",
        "reason",
        "finalizers",
        "deletionTimestamp",
        "loadBalancer",
        "ingress",
        "desiredNumberScheduled",
    ]);
    let text =
        prop::sample::select(vec!["Ready", "True", "False", "Available", "Progressing", "Running", "Pending", ""]);
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

const KINDS: [(&str, &str); 14] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "ReplicaSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "PersistentVolumeClaim"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("example.org/v1", "Widget"),
];

proptest! {
    #[test]
    fn any_object_has_an_answer(mut object in any_json(), kind in prop::sample::select(KINDS.to_vec())) {
        if let Some(object) = object.as_object_mut() {
            object.insert("apiVersion".into(), json!(kind.0));
            object.insert("kind".into(), json!(kind.1));
        }
        let health = assess(&object, at(0));
        prop_assert!(health.message.len() <= MESSAGE + '…'.len_utf8());
    }

    /// Whatever a status says, it says nothing of a generation that its controller has not seen.
    #[test]
    fn an_unseen_change_is_never_fine(status in any_json(), kind in prop::sample::select(KINDS.to_vec())) {
        let mut object = object(kind.0, kind.1, &json!({}), &status);
        if object["status"].is_object() {
            object["status"]["observedGeneration"] = json!(1);
            prop_assert!(!assess(&object, at(0)).status.is_fine());
        }
    }

    #[test]
    fn counts_add_up(statuses in prop::collection::vec(0..5_usize, 0..20), now in 0..600_i64) {
        use HealthStatus::{Degraded, Healthy, Progressing, Suspended, Unknown};
        let all = [Healthy, Suspended, Progressing, Unknown, Degraded];
        let objects = statuses.iter().map(|status| ("a", Health::new(all[*status], "")));
        let found = summary(objects, at(0), SignedDuration::from_mins(5), at(now));
        let counts = found.counts;
        let fine = counts.healthy + counts.suspended;
        prop_assert_eq!(fine + counts.progressing + counts.unknown + counts.degraded, statuses.len());
        prop_assert_eq!(found.unhealthy.len() + fine, statuses.len());
        prop_assert_eq!(found.status == Healthy, found.unhealthy.is_empty());
        prop_assert_eq!(found.deadline.is_some(), counts.progressing + counts.unknown > 0);
        prop_assert!(now < 300 || found.deadline.is_none());
    }
}
