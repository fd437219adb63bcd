//! The field `openapi`: a schema that takes the place of the one that is built in.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::random::Random;
use crate::case::Content;
use crate::value::Value;

pub(crate) fn openapi(layer: &mut Layer<'_>) {
    if layer.random.chance(15) {
        layer.field("openapi", Value::map([("version", Value::string("v1.21.2"))]));
        return;
    }
    let schema = schema(layer.random);
    let content = if layer.random.chance(30) {
        Content::Yaml(vec![schema.into()])
    } else {
        Content::Bytes(schema.to_string().into_bytes())
    };
    let path = layer.file("schema", content);
    layer.field("openapi", Value::map([("path", path)]));
}

fn schema(random: &mut Random) -> Json {
    let mut definitions = json!({});
    for (group, version, kind) in [
        ("example.com", "v1", "Widget"),
        ("apps", "v1", "Deployment"),
        ("", "v1", "ConfigMap"),
        ("example.com", "v1beta1", "Service"),
    ] {
        if random.chance(50) {
            definitions[format!("{group}.{version}.{kind}")] = json!({
                "type": "object",
                "properties": {
                    "spec": { "$ref": "#/definitions/spec" },
                    "items": { "type": "array", "items": { "type": "string" }, "x-kubernetes-patch-strategy": "merge" },
                },
                "x-kubernetes-group-version-kind": [{ "group": group, "version": version, "kind": kind }],
            });
        }
    }
    definitions["spec"] = json!({ "properties": {
        "items": list(random),
        "names": { "type": "array", "items": { "type": "string" }, "x-kubernetes-patch-strategy": "merge" },
        "template": { "properties": { "spec": { "properties": { "containers": list(random), "volumes": list(random) } } } },
    } });
    let mut schema = json!({ "definitions": definitions });
    if random.chance(30) {
        let (kind, path) =
            (random.pick(&["Widget", "ConfigMap"]), random.pick(&["/apis/x/namespaces/{namespace}/y", "/apis/y"]));
        let group = if kind == "Widget" { "example.com" } else { "" };
        schema["paths"] = json!({ path: { "get": {
            "x-kubernetes-group-version-kind": { "group": group, "version": "v1", "kind": kind },
        } } });
    }
    schema
}

fn list(random: &mut Random) -> Json {
    let key = random.pick(&["name", "value", "image"]);
    let mut list = json!({ "type": "array", "items": { "type": "object" } });
    if random.chance(80) {
        list["x-kubernetes-patch-merge-key"] = json!(key);
    }
    if random.chance(80) {
        list["x-kubernetes-patch-strategy"] = json!(random.pick(&["merge", "merge,retainKeys", "replace"]));
    }
    if random.chance(20) {
        list["x-kubernetes-list-type"] = json!("map");
        list["x-kubernetes-list-map-keys"] = json!(["name", "value"]);
    }
    list
}
