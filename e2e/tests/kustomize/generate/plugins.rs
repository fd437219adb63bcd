//! The fields `generators`, `transformers` and `validators`, whose entries are objects that configure what other fields do.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::resources::Resource;
use super::{generators, images, patch, replacement, words};
use crate::case::Content;
use crate::value::Value;

pub(crate) fn generator_plugins(layer: &mut Layer<'_>) {
    let mut plugins = Vec::new();
    for _ in 0..layer.random.between(1, 2) {
        plugins.push(match layer.random.below(8) {
            0 => policy(layer),
            1..=2 => generators::plugin(layer, "Secret"),
            _ => generators::plugin(layer, "ConfigMap"),
        });
    }
    entries(layer, "generators", plugins);
}

pub(crate) fn transformers(layer: &mut Layer<'_>) {
    let count = layer.random.between(1, 3);
    let plugins = (0..count).filter_map(|_| transformer(layer)).collect();
    entries(layer, "transformers", plugins);
}

/// Validators must not change anything, so most of these look for what is not there.
pub(crate) fn validators(layer: &mut Layer<'_>) {
    let mut plugin = match layer.random.below(8) {
        0 => {
            json!({ "kind": "LabelTransformer", "labels": { "validated-by": "me" }, "fieldSpecs": [{ "path": "metadata/labels", "create": true }] })
        }
        1 => {
            json!({ "kind": "ReplicaCountTransformer", "replica": { "name": "nothing", "count": 3 }, "fieldSpecs": [{ "path": "spec/never" }] })
        }
        // One that writes what is there already is refused by kustomize, and taken here.
        2..=4 => {
            json!({ "kind": "ImageTagTransformer", "imageTag": { "name": "nothing", "newTag": "1.25" }, "fieldSpecs": [{ "path": "spec/containers[]/image" }] })
        }
        5..=6 => {
            json!({ "kind": "AnnotationsTransformer", "annotations": { "app": "one" }, "fieldSpecs": [{ "path": "metadata/never" }] })
        }
        _ => {
            json!({ "kind": "AnnotationsTransformer", "annotations": { "new": "one" }, "fieldSpecs": [{ "path": "metadata/annotations" }] })
        }
    };
    head(layer, &mut plugin);
    entries(layer, "validators", vec![plugin.into()]);
}

fn head(layer: &mut Layer<'_>, plugin: &mut Json) {
    let number = layer.files.len() + layer.random.below(30);
    plugin["apiVersion"] = json!("builtin");
    plugin["metadata"] = json!({ "name": format!("plugin-{number}") });
    if layer.random.chance(3) {
        plugin["metadata"]["annotations"] = words::annotations(layer.random);
    }
    if layer.random.chance(2) {
        plugin["more"] = json!(words::name(layer.random));
    }
}

/// Writes plugins into files, into the kustomization itself, or into a directory with a kustomization of its own.
fn entries(layer: &mut Layer<'_>, field: &str, plugins: Vec<Value>) {
    let mut list = Vec::new();
    let mut rest = plugins.into_iter().peekable();
    while let Some(plugin) = rest.next() {
        let mut documents = vec![plugin];
        if layer.random.chance(30) {
            documents.extend(rest.next());
        }
        match layer.random.below(10) {
            0..=5 => {
                let path = layer.file("plugin", Content::Yaml(documents));
                list.push(path);
            }
            6..=8 => list.push(Value::Block(String::from_utf8_lossy(&Content::Yaml(documents).bytes()).into_owned())),
            _ => {
                let directory = format!("plugins-{}", layer.files.len());
                layer.files.push((format!("{directory}/plugin.yaml"), Content::Yaml(documents)));
                let mut kustomization = json!({ "resources": ["plugin.yaml"] });
                if layer.random.chance(30) {
                    kustomization["namePrefix"] = json!("inner-");
                }
                if layer.random.chance(15) {
                    kustomization["patches"] = json!([{
                        "target": { "kind": ".*" },
                        "patch": "[{op: add, path: /metadata/labels, value: {patched: \"true\"}}]",
                    }]);
                }
                layer
                    .files
                    .push((format!("{directory}/kustomization.yaml"), Content::Yaml(vec![kustomization.into()])));
                list.push(Value::string(&directory));
            }
        }
    }
    layer.field(field, Value::List(list));
}

fn policy(layer: &mut Layer<'_>) -> Value {
    let mut plugin = json!({ "kind": "IAMPolicyGenerator", "cloud": "gke" });
    head(layer, &mut plugin);
    plugin["kubernetesService"] = json!({ "name": format!("account-{}-{}", layer.dir, layer.files.len()) });
    if layer.random.chance(40) {
        plugin["kubernetesService"]["namespace"] = json!(words::namespace(layer.random));
    }
    plugin["serviceAccount"] = json!({ "name": "robot", "projectId": "project" });
    plugin.into()
}

fn transformer(layer: &mut Layer<'_>) -> Option<Value> {
    let mut plugin = match layer.random.below(14) {
        0 => json!({ "kind": "AnnotationsTransformer", "annotations": words::plain_annotations(layer.random) }),
        1..=2 => json!({ "kind": "LabelTransformer", "labels": words::labels(layer.random) }),
        3 => json!({ "kind": "ImageTagTransformer", "imageTag": images::image(layer.random) }),
        4 => {
            let replica = json!({ "name": replicated(layer)?, "count": layer.random.below(7) });
            json!({ "kind": "ReplicaCountTransformer", "replica": replica })
        }
        5..=6 => {
            let mut plugin = json!({ "kind": layer.random.pick(&["PrefixTransformer", "SuffixTransformer", "PrefixSuffixTransformer"]) });
            for (field, text) in [("prefix", "p-"), ("suffix", "-s")] {
                if layer.random.chance(75) {
                    plugin[field] = json!(text);
                }
            }
            plugin
        }
        7 => namespace(layer),
        8 => json!({ "kind": "HashTransformer" }),
        9 => return patched(layer),
        10 => return json_patched(layer),
        11 => return strategic(layer),
        12 => return replaced(layer),
        _ => value(layer),
    };
    if layer.random.chance(97) && plugin["kind"] != "HashTransformer" && plugin["kind"] != "ValueAddTransformer" {
        plugin["fieldSpecs"] = specs(layer, &plugin);
    }
    let namespace = plugin["metadata"]["namespace"].take();
    head(layer, &mut plugin);
    if !namespace.is_null() {
        plugin["metadata"]["namespace"] = namespace;
    }
    Some(plugin.into())
}

/// The name of an object with replicas, since none of this name is an error.
fn replicated(layer: &mut Layer<'_>) -> Option<String> {
    let scalable = |resource: &&Resource| ["Deployment", "StatefulSet"].contains(&resource.kind().as_str());
    let names: Vec<String> = layer.known.iter().filter(scalable).map(Resource::name).collect();
    layer.random.one(&names).cloned()
}

/// The fields that the configuration of kustomize has, and now and then another one.
fn specs(layer: &mut Layer<'_>, plugin: &Json) -> Json {
    let random = &mut *layer.random;
    let kind = plugin["kind"].as_str().unwrap_or_default();
    let paths: &[&str] = match kind {
        "AnnotationsTransformer" => &["metadata/annotations", "spec/template/metadata/annotations"],
        "LabelTransformer" => {
            &["metadata/labels", "spec/selector/matchLabels", "spec/template/metadata/labels", "spec/selector"]
        }
        "ImageTagTransformer" => &["spec/template/spec/containers[]/image", "spec/containers[]/image", "spec/image"],
        "ReplicaCountTransformer" => &["spec/replicas"],
        "NamespaceTransformer" => &["metadata/namespace", "metadata/name", "subjects"],
        _ => &["metadata/name", "spec/secretName", "spec/configMapRef/name"],
    };
    let count = random.between(1, 2);
    let mut specs = Vec::new();
    for _ in 0..count {
        let mut spec = json!({ "path": random.pick(paths) });
        if random.chance(60) {
            spec["create"] = json!(random.chance(80));
        }
        if random.chance(30) {
            spec["kind"] = json!(random.pick(&["Deployment", "Widget", "ConfigMap", "Namespace"]));
        }
        specs.push(spec);
    }
    specs.into()
}

fn namespace(layer: &mut Layer<'_>) -> Json {
    let mut plugin =
        json!({ "kind": "NamespaceTransformer", "metadata": { "namespace": words::namespace(layer.random) } });
    if layer.random.chance(40) {
        plugin["unsetOnly"] = json!(layer.random.chance(80));
    }
    if layer.random.chance(60) {
        plugin["setRoleBindingSubjects"] = json!(layer.random.pick(&["defaultOnly", "allServiceAccounts", "none"]));
    }
    plugin
}

/// Gives a configuration that another field has too its type and name.
fn named(layer: &mut Layer<'_>, kind: &str, mut plugin: Value) -> Value {
    let mut json = json!({});
    head(layer, &mut json);
    plugin.set("apiVersion", Value::string("builtin"));
    plugin.set("kind", Value::string(kind));
    plugin.set("metadata", json["metadata"].take().into());
    plugin
}

fn patched(layer: &mut Layer<'_>) -> Option<Value> {
    let patch = patch::patch(layer)?;
    Some(named(layer, "PatchTransformer", patch))
}

fn json_patched(layer: &mut Layer<'_>) -> Option<Value> {
    let Value::Map(mut entries) = patch::json6902_entry(layer)? else { return None };
    for (key, _) in &mut entries {
        if key == "patch" {
            *key = "jsonOp".to_owned();
        }
    }
    Some(named(layer, "PatchJson6902Transformer", Value::Map(entries)))
}

fn strategic(layer: &mut Layer<'_>) -> Option<Value> {
    let content = patch::strategic_content(layer)?;
    let plugin = if layer.random.chance(50) {
        let path = layer.file("patch", content);
        Value::map([("paths", Value::List(vec![path]))])
    } else {
        Value::map([("patches", Value::Block(String::from_utf8_lossy(&content.bytes()).into_owned()))])
    };
    Some(named(layer, "PatchStrategicMergeTransformer", plugin))
}

fn replaced(layer: &mut Layer<'_>) -> Option<Value> {
    let replacement = replacement::replacement(layer)?;
    let plugin = Value::map([("replacements", Value::List(vec![replacement]))]);
    Some(named(layer, "ReplacementTransformer", plugin))
}

fn value(layer: &mut Layer<'_>) -> Json {
    let random = &mut *layer.random;
    let mut target = json!({ "fieldPath": random.pick(&["metadata/annotations/added", "spec/secretName", "spec/size", "data/host", "metadata/namespace", "spec/deep/new"]) });
    if random.chance(60) {
        target["selector"] = json!({ "kind": random.pick(&["ConfigMap", "Widget", "Deployment|Widget", ".*"]) });
    }
    if random.chance(25) {
        target["filePathPosition"] = json!(random.below(4));
    }
    let mut plugin = json!({ "kind": "ValueAddTransformer", "targets": [target] });
    if random.chance(85) {
        plugin["value"] = words::word(random);
    }
    plugin
}
