//! Objects that run pods.

use serde_json::{Value as Json, json};

use super::object;
use crate::generate::random::Random;
use crate::generate::words;

pub(super) fn one(random: &mut Random) -> Json {
    match random.below(10) {
        0..=3 => replicated(random, "apps/v1", "Deployment"),
        4 => stateful_set(random),
        5 => daemon_set(random),
        6 => job(random),
        7 => cron_job(random),
        8 => pod(random),
        _ => other(random),
    }
}

fn other(random: &mut Random) -> Json {
    match random.below(6) {
        0 => replicated(random, "apps/v1", "ReplicaSet"),
        1 => {
            let mut json = replicated(random, "v1", "ReplicationController");
            json["spec"]["selector"] = words::labels(random);
            json
        }
        2 => replicated(random, "extensions/v1beta1", "Deployment"),
        3 => replicated(random, "argoproj.io/v1alpha1", "Rollout"),
        4 => {
            let mut json = object(random, "v1", "PodTemplate", true);
            json["template"] = template(random);
            json
        }
        _ => replicated(random, "v1", "Deployment"),
    }
}

fn replicated(random: &mut Random, api_version: &str, kind: &str) -> Json {
    let mut json = object(random, api_version, kind, true);
    json["spec"] = json!({ "selector": selector(random), "template": template(random) });
    if random.chance(60) {
        json["spec"]["replicas"] = json!(random.below(5));
    }
    if random.chance(15) {
        json["spec"]["strategy"] =
            json!({ "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 1, "maxUnavailable": "25%" } });
    }
    json
}

fn stateful_set(random: &mut Random) -> Json {
    let mut json = replicated(random, "apps/v1", "StatefulSet");
    json["spec"]["serviceName"] = json!(words::name(random));
    if random.chance(50) {
        let mut claim = json!({ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
        if random.chance(30) {
            claim["metadata"]["labels"] = words::labels(random);
        }
        if random.chance(30) {
            claim["spec"]["storageClassName"] = json!(words::name(random));
        }
        if random.chance(20) {
            claim["apiVersion"] = json!("v1");
            claim["kind"] = json!("PersistentVolumeClaim");
        }
        json["spec"]["volumeClaimTemplates"] = json!([claim]);
    }
    json
}

fn daemon_set(random: &mut Random) -> Json {
    let mut json = object(random, "apps/v1", "DaemonSet", true);
    json["spec"] = json!({ "selector": selector(random), "template": template(random) });
    json
}

fn job(random: &mut Random) -> Json {
    let mut json = object(random, "batch/v1", "Job", true);
    json["spec"] = json!({ "template": template(random) });
    if random.chance(20) {
        json["spec"]["selector"] = selector(random);
    }
    json
}

fn cron_job(random: &mut Random) -> Json {
    let version = random.pick(&["batch/v1", "batch/v1", "batch/v1beta1"]);
    let mut json = object(random, version, "CronJob", true);
    json["spec"] = json!({ "schedule": "*/5 * * * *", "jobTemplate": { "spec": { "template": template(random) } } });
    if random.chance(20) {
        json["spec"]["jobTemplate"]["metadata"] = json!({ "labels": words::labels(random) });
    }
    json
}

fn pod(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "Pod", true);
    json["spec"] = pod_spec(random);
    json
}

fn selector(random: &mut Random) -> Json {
    match random.below(8) {
        0 => json!({ "matchExpressions": [{ "key": words::key(random), "operator": "In", "values": ["web", "db"] }] }),
        1 => {
            json!({ "matchLabels": words::labels(random), "matchExpressions": [{ "key": "tier", "operator": "Exists" }] })
        }
        _ => json!({ "matchLabels": words::labels(random) }),
    }
}

fn template(random: &mut Random) -> Json {
    let mut json = json!({ "spec": pod_spec(random) });
    if random.chance(70) {
        json["metadata"] = json!({ "labels": words::labels(random) });
        if random.chance(20) {
            json["metadata"]["annotations"] = words::annotations(random);
        }
    }
    json
}

fn pod_spec(random: &mut Random) -> Json {
    let count = random.between(1, 2);
    let containers: Vec<Json> = ["main", "sidecar"].iter().take(count).map(|name| container(random, name)).collect();
    let mut json = json!({ "containers": containers });
    if random.chance(20) {
        json["initContainers"] = json!([container(random, "init")]);
    }
    if random.chance(30) {
        let count = random.between(1, 3);
        json["volumes"] = ["config", "data", "certs"].iter().take(count).map(|name| volume(random, name)).collect();
    }
    if random.chance(25) {
        json["serviceAccountName"] = json!(words::name(random));
    }
    if random.chance(8) {
        json["imagePullSecrets"] = json!([{ "name": words::name(random) }]);
    }
    if random.chance(8) {
        json["tolerations"] =
            json!([{ "key": "a", "operator": "Exists", "effect": "NoSchedule" }, { "key": "b", "operator": "Exists" }]);
    }
    if random.chance(6) {
        json["hostAliases"] = json!([{ "ip": "10.0.0.1", "hostnames": ["a", "b"] }]);
    }
    if random.chance(6) {
        json["topologySpreadConstraints"] = json!([{ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": { "matchLabels": words::labels(random) } }]);
    }
    if random.chance(6) {
        json["affinity"] = json!({ "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{ "topologyKey": "zone", "labelSelector": { "matchLabels": words::labels(random) } }] } });
    }
    if random.chance(5) {
        json["priorityClassName"] = json!(words::name(random));
    }
    if random.chance(5) {
        json["nodeSelector"] = words::labels(random);
    }
    if random.chance(10) {
        json["securityContext"] = json!({ "runAsNonRoot": true, "fsGroup": 1000 });
    }
    json
}

fn container(random: &mut Random, name: &str) -> Json {
    let mut json = json!({ "name": name, "image": words::image(random) });
    if random.chance(5) {
        json["image"] = words::odd(random);
    }
    if random.chance(40) {
        let count = random.between(1, 4);
        json["env"] = ["LEVEL", "HOST", "KEY", "POD"].iter().take(count).map(|name| variable(random, name)).collect();
    }
    if random.chance(15) {
        let kind = random.pick(&["configMapRef", "secretRef"]);
        json["envFrom"] = json!([{ kind: { "name": words::name(random) } }]);
    }
    if random.chance(35) {
        let count = random.between(1, 3);
        json["ports"] = (0..count).map(|_| port(random)).collect();
    }
    if random.chance(20) {
        json["volumeMounts"] = json!([{ "name": "config", "mountPath": "/etc/config" }, { "name": "data", "mountPath": "/data", "readOnly": true }]);
    }
    if random.chance(20) {
        json["args"] = json!(["--level=info", "$(HOST)", words::word(random)]);
    }
    if random.chance(20) {
        json["resources"] =
            json!({ "limits": { "cpu": "500m", "memory": "1Gi" }, "requests": { "cpu": words::word(random) } });
    }
    if random.chance(10) {
        json["livenessProbe"] = json!({ "httpGet": { "path": "/healthz", "port": random.below(2) * 8080 } });
    }
    if random.chance(5) {
        json["command"] = json!(["sh", "-c", "echo one\necho two\n"]);
    }
    json
}

fn variable(random: &mut Random, name: &str) -> Json {
    match random.below(5) {
        0 => {
            json!({ "name": name, "valueFrom": { "configMapKeyRef": { "name": words::name(random), "key": "level" } } })
        }
        1 => json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": words::name(random), "key": "key" } } }),
        2 => json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }),
        _ => json!({ "name": name, "value": words::word(random) }),
    }
}

fn port(random: &mut Random) -> Json {
    let mut json = json!({ "containerPort": 80 + random.below(3) });
    if random.chance(40) {
        json["protocol"] = json!(random.pick(&["TCP", "UDP"]));
    }
    if random.chance(40) {
        json["name"] = json!(random.pick(&["http", "https", "metrics"]));
    }
    json
}

fn volume(random: &mut Random, name: &str) -> Json {
    match random.below(6) {
        0 => {
            json!({ "name": name, "configMap": { "name": words::name(random), "items": [{ "key": "level", "path": "level" }] } })
        }
        1 => json!({ "name": name, "secret": { "secretName": words::name(random) } }),
        2 => json!({ "name": name, "persistentVolumeClaim": { "claimName": words::name(random) } }),
        3 => {
            json!({ "name": name, "projected": { "sources": [{ "configMap": { "name": words::name(random) } }, { "secret": { "name": words::name(random) } }] } })
        }
        4 => json!({ "name": name, "hostPath": { "path": "/tmp" } }),
        _ => json!({ "name": name, "emptyDir": {} }),
    }
}
