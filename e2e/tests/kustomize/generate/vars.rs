//! The field `vars`.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::paths::{self, Step};
use super::words;
use crate::value::Value;

pub(crate) fn vars(layer: &mut Layer<'_>) {
    let mut list = Vec::new();
    for _ in 0..layer.random.between(1, 3) {
        let name = layer.random.pick(&words::VARS).to_owned();
        // A name that comes twice is an error and tells nothing else.
        if layer.vars.contains(&name) && !layer.random.chance(2) {
            continue;
        }
        let Some(var) = var(layer, &name) else { continue };
        layer.vars.push(name);
        list.push(var);
    }
    layer.field("vars", Value::List(list));
}

fn var(layer: &mut Layer<'_>, name: &str) -> Option<Value> {
    let named: Vec<_> = layer.known.iter().filter(|resource| !resource.name().is_empty()).collect();
    let object = (*layer.random.one(&named)?).clone();
    let random = &mut *layer.random;
    let mut reference = json!({ "kind": object.kind(), "name": object.name() });
    let (group, version) = object.group_version();
    // An object must be named in full, or kustomize finds none.
    if random.chance(85) {
        reference["apiVersion"] = json!(object.api_version());
    } else {
        reference["group"] = json!(group);
        reference["version"] = json!(version);
    }
    if random.chance(20) {
        reference["namespace"] = json!(object.namespace().unwrap_or_else(|| words::namespace(random).to_owned()));
    }
    let mut var = json!({ "name": name, "objref": reference });
    if random.chance(75) {
        let (steps, found) = paths::walk(random, &object.value, 3);
        let renamed = matches!(steps.first(), Some(Step::Key(key)) if key == "metadata" || key == "kind");
        if renamed || matches!(found, Value::Scalar(text) if !text.is_empty()) || random.chance(5) {
            var["fieldref"] = json!({ "fieldPath": field_path(&steps) });
        }
    }
    Some(Json::into(var))
}

/// A path with the indexes of lists in brackets or as keys of their own.
fn field_path(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(&key.replace('.', "\\.")),
            Step::Key(key) => {
                text.push('.');
                text.push_str(&key.replace('.', "\\."));
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
