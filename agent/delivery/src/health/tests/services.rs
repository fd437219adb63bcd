use super::*;
use expect_test::expect;

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
    let volume = |status: Value, expected| check(&object("v1", "PersistentVolume", &json!({}), &status), expected);
    for phase in ["Available", "Bound", "Released"] {
        volume(json!({"phase": phase}), expect!["Healthy"]);
    }
    volume(json!({"phase": "Pending"}), expect!["Progressing is not available yet"]);
    volume(json!({"phase": "Failed", "message": "no plugin"}), expect!["Degraded no plugin"]);
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
    super::check(&old, expect!["Healthy"]);
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
