use expect_test::{Expect, expect};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;

mod apis;
mod certificates;
mod gateways;
mod pods;
mod rollouts;
mod services;
mod summary;
mod workloads;

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
        "parents",
        "parentRef",
        "parentRefs",
        "listeners",
        "state",
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

const KINDS: [(&str, &str); 25] = [
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
    ("v1", "PersistentVolume"),
    ("gateway.networking.k8s.io/v1", "GatewayClass"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("cert-manager.io/v1", "Certificate"),
    ("cert-manager.io/v1", "Issuer"),
    ("cert-manager.io/v1", "CertificateRequest"),
    ("acme.cert-manager.io/v1", "Order"),
    ("acme.cert-manager.io/v1", "Challenge"),
    ("flagger.app/v1beta1", "Canary"),
    ("argoproj.io/v1alpha1", "Rollout"),
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
}
