//! Objects that hold data.

use serde_json::{Value as Json, json};

use super::object;
use crate::generate::random::Random;
use crate::generate::words;

pub(super) fn one(random: &mut Random) -> Json {
    match random.below(8) {
        0..=3 => config_map(random),
        4..=5 => secret(random),
        6 => claim(random),
        _ => custom(random),
    }
}

fn config_map(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "ConfigMap", true);
    let count = random.between(0, 3);
    let mut data = serde_json::Map::new();
    for key in ["level", "host", "key"].iter().take(count) {
        data.insert((*key).to_owned(), words::word(random));
    }
    if random.chance(15) {
        data.insert(
            "config.json".to_owned(),
            json!("{\"a\": {\"b\": \"one\"}, \"list\": [{\"name\": \"x\", \"value\": 1}]}"),
        );
    }
    if random.chance(15) {
        data.insert("script.sh".to_owned(), json!("#!/bin/sh\nset -e\n\necho $1\n"));
    }
    if random.chance(10) {
        data.insert("url".to_owned(), json!("http://web.prod.svc:8080/path"));
    }
    json["data"] = data.into();
    if random.chance(5) {
        json["binaryData"] = json!({ "blob": "AAEC" });
    }
    if random.chance(5) {
        json["immutable"] = json!(true);
    }
    json
}

fn secret(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "Secret", true);
    if random.chance(70) {
        json["data"] = json!({ "key": "c2VjcmV0", "level": "aW5mbw==" });
    }
    if random.chance(40) {
        json["stringData"] = json!({ "host": words::word(random) });
    }
    if random.chance(60) {
        json["type"] = json!(random.pick(&["Opaque", "kubernetes.io/tls"]));
    }
    json
}

fn claim(random: &mut Random) -> Json {
    let mut json = object(random, "v1", "PersistentVolumeClaim", true);
    json["spec"] = json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } });
    if random.chance(40) {
        json["spec"]["storageClassName"] = json!(words::name(random));
    }
    if random.chance(30) {
        json["spec"]["volumeName"] = json!(words::name(random));
    }
    if random.chance(20) {
        json["spec"]["selector"] = json!({ "matchLabels": words::labels(random) });
    }
    json
}

/// An object of a kind that kustomize knows nothing of.
fn custom(random: &mut Random) -> Json {
    let (api_version, kind) = match random.below(4) {
        0 => ("example.com/v1", "Widget"),
        1 => ("example.com/v1beta1", "Service"),
        2 => ("example.com/v1", "ConfigMap"),
        _ => ("cert-manager.io/v1", "Certificate"),
    };
    let mut json = object(random, api_version, kind, true);
    json["spec"] = json!({
        "secretName": words::name(random),
        "size": random.below(9),
        "items": [{ "name": "one", "value": words::word(random) }, { "name": "two", "value": "2" }],
        "template": { "spec": { "containers": [{ "name": "main", "image": words::image(random) }] } },
        "names": ["a", "b"],
        "configMapRef": { "name": words::name(random) },
    });
    if random.chance(20) {
        json["spec"]["replicas"] = json!(1);
    }
    json
}
