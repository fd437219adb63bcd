//! Services and what leads to them.

use serde_json::{Value as Json, json};

use super::object;
use crate::generate::random::Random;
use crate::generate::words;

pub(super) fn one(random: &mut Random) -> Json {
    match random.below(8) {
        0..=3 => service(random),
        4..=5 => ingress(random),
        6 => policy(random),
        _ => endpoints(random),
    }
}

fn service(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "Service", true);
    let mut ports = vec![json!({ "port": 80, "targetPort": 8080 })];
    if random.chance(40) {
        ports[0]["name"] = json!("http");
    }
    if random.chance(30) {
        ports[0]["protocol"] = json!(random.pick(&["TCP", "UDP"]));
    }
    if random.chance(30) {
        ports.push(
            json!({ "name": "metrics", "port": 80 + random.below(2), "protocol": "UDP", "targetPort": "metrics" }),
        );
    }
    json["spec"] = json!({ "ports": ports });
    if random.chance(80) {
        json["spec"]["selector"] = words::labels(random);
    }
    if random.chance(20) {
        json["spec"]["type"] = json!(random.pick(&["LoadBalancer", "ExternalName", "NodePort"]));
    }
    json
}

fn ingress(random: &mut Random) -> Json {
    let backend = |random: &mut Random| json!({ "service": { "name": words::name(random), "port": { "number": 80 } } });
    if random.chance(20) {
        let mut json = object(random, "networking.k8s.io/v1beta1", "Ingress", true);
        json["spec"] = json!({ "rules": [{ "host": "a.example.com", "http": { "paths": [{ "path": "/", "backend": { "serviceName": words::name(random), "servicePort": 80 } }] } }] });
        return json;
    }
    let mut json = object(random, "networking.k8s.io/v1", "Ingress", true);
    json["spec"] = json!({ "rules": [
        { "host": "a.example.com", "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend(random) }, { "path": "/api", "pathType": "Exact", "backend": backend(random) }] } },
        { "host": "b.example.com", "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend(random) }] } },
    ] });
    if random.chance(30) {
        json["spec"]["tls"] = json!([{ "hosts": ["a.example.com"], "secretName": words::name(random) }]);
    }
    if random.chance(20) {
        json["spec"]["defaultBackend"] = backend(random);
    }
    if random.chance(20) {
        json["spec"]["ingressClassName"] = json!(words::name(random));
    }
    if random.chance(10) {
        json["metadata"]["annotations"] = json!({
            "ingress.kubernetes.io/auth-secret": words::name(random),
            "nginx.ingress.kubernetes.io/auth-secret": words::name(random),
            "nginx.ingress.kubernetes.io/auth-tls-secret": format!("prod/{}", words::name(random)),
        });
    }
    json
}

fn policy(random: &mut Random) -> Json {
    let mut json = object(random, "networking.k8s.io/v1", "NetworkPolicy", true);
    json["spec"] = json!({
        "podSelector": { "matchLabels": words::labels(random) },
        "ingress": [{ "from": [{ "podSelector": { "matchLabels": words::labels(random) } }, { "namespaceSelector": {} }], "ports": [{ "port": 80, "protocol": "TCP" }] }],
    });
    if random.chance(40) {
        json["spec"]["egress"] = json!([{ "to": [{ "podSelector": { "matchLabels": words::labels(random) } }] }]);
    }
    json
}

fn endpoints(random: &mut Random) -> Json {
    if random.chance(50) {
        let mut json = object(random, "v1", "Endpoints", true);
        json["subsets"] = json!([{ "addresses": [{ "ip": "10.0.0.1" }], "ports": [{ "port": 80 }] }]);
        return json;
    }
    let mut json = object(random, "policy/v1", "PodDisruptionBudget", true);
    json["spec"] = json!({ "minAvailable": 1, "selector": { "matchLabels": words::labels(random) } });
    json
}
