use super::*;
use expect_test::expect;

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
fn workflows() {
    let check = |status: Value, expected| {
        check(&object("argoproj.io/v1alpha1", "Workflow", &json!({}), &status), expected);
    };
    check(json!({}), expect!["Progressing has not started yet"]);
    check(json!({"phase": "Running"}), expect!["Progressing runs"]);
    check(json!({"phase": "Succeeded"}), expect!["Healthy"]);
    check(json!({"phase": "Error", "message": "no such template"}), expect!["Degraded no such template"]);
}
