//! Objects of the cluster, autoscalers, webhooks, definitions and lists.

use serde_json::{Value as Json, json};

use super::object;
use crate::generate::random::Random;
use crate::generate::words;

pub(super) fn one(random: &mut Random) -> Json {
    match random.below(12) {
        0..=1 => named(random, "v1", "Namespace"),
        2 => autoscaler(random),
        3..=4 => webhooks(random),
        5..=6 => definition(random),
        7 => service_interface(random),
        8 => storage_class(random),
        9 => volume(random),
        10 => list(random),
        _ => scheduling(random),
    }
}

fn named(random: &mut Random, api_version: &str, kind: &str) -> Json {
    let mut json = object(random, api_version, kind, false);
    if random.chance(60) {
        json["metadata"]["name"] = json!(words::namespace(random));
    }
    json
}

fn autoscaler(random: &mut Random) -> Json {
    let version = random.pick(&["autoscaling/v2", "autoscaling/v1"]);
    let mut json = object(random, version, "HorizontalPodAutoscaler", true);
    json["spec"] = json!({
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": random.pick(&["Deployment", "StatefulSet", "Widget"]), "name": words::name(random) },
        "minReplicas": 1, "maxReplicas": 5,
    });
    if random.chance(50) {
        json["spec"]["metrics"] = json!([{ "type": "Resource", "resource": { "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 80 } } }]);
    }
    json
}

fn webhooks(random: &mut Random) -> Json {
    let kind = random.pick(&["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]);
    let mut json = object(random, "admissionregistration.k8s.io/v1", kind, false);
    let mut webhook = json!({
        "name": "check.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": { "service": { "name": words::name(random), "namespace": words::namespace(random), "path": "/check" } },
        "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
    });
    if random.chance(30) {
        webhook["namespaceSelector"] = json!({ "matchLabels": words::labels(random) });
    }
    json["webhooks"] = json!([webhook]);
    if random.chance(40) {
        json["webhooks"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "name": "other.example.com", "clientConfig": { "url": "https://example.com" } }));
    }
    json
}

fn definition(random: &mut Random) -> Json {
    let mut json = object(random, "apiextensions.k8s.io/v1", "CustomResourceDefinition", false);
    json["metadata"]["name"] = json!("widgets.example.com");
    json["spec"] = json!({
        "group": "example.com", "scope": "Namespaced", "names": { "kind": "Widget", "plural": "widgets" },
        "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } } } }],
    });
    if random.chance(40) {
        json["spec"]["conversion"] = json!({ "strategy": "Webhook", "webhook": { "clientConfig": { "service": { "name": words::name(random), "namespace": words::namespace(random), "path": "/convert" } }, "conversionReviewVersions": ["v1"] } });
    }
    json
}

fn service_interface(random: &mut Random) -> Json {
    let mut json = object(random, "apiregistration.k8s.io/v1", "APIService", false);
    json["metadata"]["name"] = json!("v1.metrics.example.com");
    json["spec"] = json!({ "group": "metrics.example.com", "version": "v1", "service": { "name": words::name(random), "namespace": words::namespace(random) } });
    json
}

fn storage_class(random: &mut Random) -> Json {
    let mut json = object(random, "storage.k8s.io/v1", "StorageClass", false);
    json["provisioner"] = json!("example.com/disk");
    if random.chance(50) {
        json["parameters"] = json!({ "type": words::word(random) });
    }
    json
}

fn volume(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "PersistentVolume", false);
    json["spec"] = json!({ "capacity": { "storage": "1Gi" }, "accessModes": ["ReadWriteOnce"], "storageClassName": words::name(random) });
    if random.chance(50) {
        json["spec"]["claimRef"] = json!({ "kind": "PersistentVolumeClaim", "name": words::name(random), "namespace": words::namespace(random) });
    }
    json
}

fn scheduling(random: &mut Random) -> Json {
    match random.below(4) {
        0 => {
            let mut json = object(random, "scheduling.k8s.io/v1", "PriorityClass", false);
            json["value"] = json!(1000);
            json
        }
        1 => {
            let mut json = object(random, "networking.k8s.io/v1", "IngressClass", false);
            json["spec"] = json!({ "controller": "example.com/ingress" });
            json
        }
        2 => {
            let mut json = object(random, "v1", "ResourceQuota", true);
            json["spec"] = json!({ "hard": { "pods": "10" } });
            json
        }
        _ => {
            let mut json = object(random, "v1", "LimitRange", true);
            json["spec"] = json!({ "limits": [{ "type": "Container", "default": { "cpu": "1" } }] });
            json
        }
    }
}

/// Several objects in one, which kustomize takes apart.
fn list(random: &mut Random) -> Json {
    let kind = random.pick(&["List", "ConfigMapList", "WidgetList"]);
    let mut items = Vec::new();
    for _ in 0..random.between(0, 2) {
        items.push(match random.below(2) {
            0 => super::config::one(random),
            _ => super::workload::one(random),
        });
    }
    let mut json = json!({ "apiVersion": if kind == "WidgetList" { "example.com/v1" } else { "v1" }, "kind": kind, "items": items });
    if random.chance(10) {
        json["metadata"] = json!({ "name": words::name(random) });
    }
    json
}
