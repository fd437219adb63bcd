//! Strategic merge patches.

use serde_json::json;

use crate::generate::random::Random;
use crate::generate::resources::Resource;
use crate::generate::words;
use crate::value::Value;

/// By these an element of a list is known; most of them stay in a patch of it.
const IDENTITY: [&str; 10] =
    ["name", "containerPort", "port", "protocol", "mountPath", "key", "ip", "topologyKey", "kind", "whenUnsatisfiable"];

/// A patch of some fields of the object.
pub(super) fn patch(random: &mut Random, resource: &Resource) -> Value {
    let mut patch = resource.skeleton();
    if random.chance(4) {
        patch.set("$patch", Value::string(random.pick(&["delete", "replace", "merge"])));
        return patch;
    }
    let Value::Map(entries) = &resource.value else { return patch };
    for (key, value) in entries {
        match key.as_str() {
            "metadata" if random.chance(30) => metadata(random, value, &mut patch),
            "apiVersion" | "kind" | "metadata" => {}
            _ if random.chance(70) => patch.set(key, changed(random, value)),
            _ => {}
        }
    }
    if random.chance(5) {
        patch.set("added", words::scalar(random));
    }
    patch
}

fn metadata(random: &mut Random, metadata: &Value, patch: &mut Value) {
    let changes = changed(random, metadata);
    let (Value::Map(entries), Value::Map(fields)) = (patch, changes) else { return };
    let Some((_, target)) = entries.iter_mut().find(|(key, _)| key == "metadata") else { return };
    for (key, value) in fields {
        if key != "name" && key != "namespace" {
            target.set(&key, value);
        }
    }
    if random.chance(40) {
        let annotations = words::annotations(random);
        target.set("annotations", annotations.into());
    }
}

/// What a patch could have in place of a value.
fn changed(random: &mut Random, value: &Value) -> Value {
    if random.chance(4) {
        return Value::null();
    }
    match value {
        Value::Scalar(_) | Value::Block(_) => {
            if random.chance(25) {
                value.clone()
            } else {
                words::scalar(random)
            }
        }
        Value::Map(entries) => map(random, entries),
        Value::List(items) => list(random, items),
    }
}

fn map(random: &mut Random, entries: &[(String, Value)]) -> Value {
    let mut patch = Value::Map(Vec::new());
    for (key, value) in entries {
        if random.chance(45) {
            patch.set(key, changed(random, value));
        }
    }
    if random.chance(8) {
        patch.set("added", words::scalar(random));
    }
    match random.below(40) {
        0 => patch.set("$patch", Value::string(random.pick(&["delete", "replace", "merge"]))),
        1 => {
            let keys = entries.iter().take(2).map(|(key, _)| Value::Scalar(key.clone())).collect();
            patch.set("$retainKeys", Value::List(keys));
        }
        2 => {
            if let Some((key, Value::List(items))) = entries.iter().find(|(_, value)| matches!(value, Value::List(_))) {
                let order = items
                    .iter()
                    .rev()
                    .filter_map(|item| Some(Value::map([("name", item.get("name")?.clone())])))
                    .collect();
                patch.set(&format!("$setElementOrder/{key}"), Value::List(order));
            }
        }
        3 => {
            if let Some((key, Value::List(items))) = entries.iter().find(|(_, value)| matches!(value, Value::List(_))) {
                patch.set(
                    &format!("$deleteFromPrimitiveList/{key}"),
                    Value::List(items.iter().take(1).cloned().collect()),
                );
            }
        }
        _ => {}
    }
    patch
}

fn list(random: &mut Random, items: &[Value]) -> Value {
    let mut patch = Vec::new();
    for item in items {
        if random.chance(60) {
            patch.push(element(random, item));
        }
    }
    if random.chance(25) {
        patch.push(new_element(random, items.first()));
    }
    if random.chance(5) {
        patch.push(Value::from(json!({ "$patch": random.pick(&["replace", "delete", "merge"]) })));
    }
    if random.chance(5)
        && let Some(first) = patch.first().cloned()
    {
        patch.push(first);
    }
    if random.chance(20) {
        random.shuffle(&mut patch);
    }
    Value::List(patch)
}

fn element(random: &mut Random, item: &Value) -> Value {
    let Value::Map(entries) = item else { return changed(random, item) };
    let Value::Map(kept) = map(random, entries) else { return item.clone() };
    let mut element = Value::Map(Vec::new());
    for (key, value) in entries {
        if IDENTITY.contains(&key.as_str()) && random.chance(92) {
            element.set(key, value.clone());
        } else if let Some((_, value)) = kept.iter().find(|(name, _)| name == key) {
            element.set(key, value.clone());
        }
    }
    for (key, value) in kept {
        if element.get(&key).is_none() && (key.starts_with('$') || key == "added") {
            element.set(&key, value);
        }
    }
    if random.chance(8) {
        element.set("$patch", Value::string(random.pick(&["delete", "delete", "replace"])));
    }
    element
}

/// An element that the list does not have, like one that it has.
fn new_element(random: &mut Random, like: Option<&Value>) -> Value {
    let Some(Value::Map(entries)) = like else { return words::scalar(random) };
    let mut element = Value::Map(Vec::new());
    for (key, value) in entries {
        match key.as_str() {
            "name" => element.set(key, Value::string(random.pick(&["added", "second", "config"]))),
            "containerPort" | "port" => element.set(key, Value::Scalar((8000 + random.below(3)).to_string())),
            "mountPath" => element.set(key, Value::string("/added")),
            _ if random.chance(50) => element.set(key, value.clone()),
            _ => {}
        }
    }
    element
}
