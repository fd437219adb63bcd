//! The fields `configurations` and `crds`: more fields for the transformers.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::paths::{self, Step};
use super::random::Random;
use crate::case::Content;
use crate::value::Value;

const LISTS: [&str; 10] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "volumeClaimTemplateLabels",
    "commonAnnotations",
    "images",
    "replicas",
];

pub(crate) fn configurations(layer: &mut Layer<'_>) {
    let mut paths = Vec::new();
    for _ in 0..layer.random.between(1, 2) {
        let content = file(layer);
        paths.push(layer.file("configuration", Content::Yaml(vec![content])));
    }
    layer.field("configurations", Value::List(paths));
}

fn file(layer: &mut Layer<'_>) -> Value {
    let mut json = json!({});
    for _ in 0..layer.random.between(1, 3) {
        let name = layer.random.pick(&LISTS);
        let count = layer.random.between(1, 2);
        let specs: Vec<Json> = (0..count).map(|_| spec(layer, name)).collect();
        json[name] = specs.into();
    }
    if layer.random.chance(40) {
        json["varReference"] = json!([spec(layer, "varReference")]);
    }
    if layer.random.chance(50) {
        let target = layer.random.pick(&["ConfigMap", "Secret", "Widget", "Service", "Deployment", "Certificate"]);
        let mut reference = json!({ "kind": target, "fieldSpecs": [spec(layer, "nameReference")] });
        if layer.random.chance(40) {
            reference["version"] = json!(layer.random.pick(&["v1", "v1beta1"]));
        }
        if layer.random.chance(15) {
            reference["group"] = json!(layer.random.pick(&["example.com", "apps"]));
        }
        json["nameReference"] = json!([reference]);
    }
    json.into()
}

/// A field that one of the objects has, and that is mostly of the right type for a list of this name.
fn spec(layer: &mut Layer<'_>, list: &str) -> Json {
    let maps = list.to_lowercase().contains("label") || list == "commonAnnotations";
    let object = layer.random.one(layer.known).cloned();
    let random = &mut *layer.random;
    let path = match &object {
        Some(object) if random.chance(70) => {
            let (mut steps, found) = paths::walk(random, &object.value, if maps { 40 } else { 2 });
            if maps && !matches!(found, Value::Map(_)) {
                steps.pop();
            }
            slashed(random, &steps)
        }
        _ => usual(random, list),
    };
    let path = if path.is_empty() || path == "apiVersion" || path == "kind" { usual(random, list) } else { path };
    let mut spec = json!({ "path": path });
    // Kustomize refuses a field that it knows already, and makes where the other does not.
    let makes = maps || list == "namespace" || list == "replicas";
    if makes || random.chance(5) {
        spec["create"] = json!(random.chance(95));
    }
    if let Some(object) = &object
        && random.chance(60)
    {
        let (group, version) = object.group_version();
        spec["kind"] = json!(object.kind());
        if random.chance(30) {
            spec["group"] = json!(group);
        }
        if random.chance(30) {
            spec["version"] = json!(version);
        }
    }
    spec
}

fn usual(random: &mut Random, list: &str) -> String {
    let choices: &[&str] = match list {
        "namePrefix" | "nameSuffix" => &["metadata/name", "spec/secretName", "spec/configMapRef/name", "spec/names"],
        "namespace" => &["metadata/namespace", "spec/namespace", "subjects/namespace", "spec/items[]/namespace"],
        "images" => &["spec/image", "spec/template/spec/containers[]/image", "spec/items[]/value"],
        "replicas" => &["spec/replicas", "spec/size"],
        "nameReference" => {
            &["spec/secretName", "spec/configMapRef/name", "spec/items/value", "spec/names", "data/host"]
        }
        "varReference" => &["data", "spec/secretName", "spec/names", "data/host", "metadata/labels", "spec/size"],
        _ => &["spec/labels", "metadata/labels", "spec/template/metadata/labels", "data", "spec"],
    };
    random.pick(choices).to_owned()
}

fn slashed(random: &mut Random, steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('/');
                }
                text.push_str(&key.replace('/', "\\/"));
            }
            // Both ways to write a list are the same to kustomize.
            Step::Index(_) if random.chance(70) => text.push_str("[]"),
            Step::Index(_) => {}
        }
    }
    text
}

/// Definitions of the custom kinds that objects have here.
pub(crate) fn crds(layer: &mut Layer<'_>) {
    let random = &mut *layer.random;
    let kind = random.pick(&["Widget", "Certificate", "Rollout", "Service"]);
    let mut spec = json!({});
    for name in ["secretName", "configMapRef", "template", "items", "names", "size", "selector", "labels"] {
        if random.chance(50) {
            spec[name] = property(random);
        }
    }
    let mut definitions = json!({});
    definitions[format!("com.example.v1.{kind}")] = json!({ "Schema": { "properties": {
        "kind": { "type": "string" },
        "apiVersion": { "type": "string" },
        "metadata": { "$ref": "meta" },
        "spec": { "$ref": "com.example.v1.Spec" },
    } } });
    definitions["com.example.v1.Spec"] = json!({ "Schema": { "properties": spec } });
    definitions["com.example.v1.Inner"] = json!({ "Schema": { "properties": {
        "name": { "x-kubernetes-identity": "" },
        "spec": { "x-kubernetes-annotation": "" },
    } } });
    let path = layer.file("crd", Content::Bytes(definitions.to_string().into_bytes()));
    layer.field("crds", Value::List(vec![path]));
}

fn property(random: &mut Random) -> Json {
    match random.below(7) {
        0 => json!({ "x-kubernetes-annotation": "" }),
        1 => json!({ "x-kubernetes-label-selector": "" }),
        2 => json!({ "x-kubernetes-identity": "" }),
        3 => json!({ "$ref": "com.example.v1.Inner" }),
        4 => json!({ "type": "string" }),
        _ => {
            let kind = random.pick(&["ConfigMap", "Secret", "Service", "Widget"]);
            let mut property =
                json!({ "x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": kind });
            if random.chance(50) {
                property["x-kubernetes-object-ref-name-key"] = json!(random.pick(&["name", "value", "named"]));
            }
            property
        }
    }
}
