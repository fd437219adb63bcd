//! The fields `patches`, `patchesStrategicMerge` and `patchesJson6902`.

mod operations;
mod strategic;

use serde_json::json;

use super::kustomization::Layer;
use super::resources::Resource;
use super::{selector, words};
use crate::case::Content;
use crate::value::Value;

/// A random object that a patch can name.
fn target(layer: &mut Layer<'_>) -> Option<Resource> {
    let resources: Vec<&Resource> = layer.known.iter().filter(|resource| !resource.name().is_empty()).collect();
    layer.random.one(&resources).map(|resource| (*resource).clone())
}

pub(crate) fn patches(layer: &mut Layer<'_>) {
    let count = layer.random.between(1, 3);
    let list = (0..count).filter_map(|_| patch(layer)).collect();
    layer.field("patches", Value::List(list));
}

pub(crate) fn patch(layer: &mut Layer<'_>) -> Option<Value> {
    let resource = target(layer)?;
    let json6902 = layer.random.chance(35);
    let content =
        if json6902 { operations::list(layer.random, &resource) } else { strategic::patch(layer.random, &resource) };
    let mut documents = vec![content];
    let several = !json6902 && layer.random.chance(8);
    if several && let Some(other) = target(layer) {
        documents.push(strategic::patch(layer.random, &other));
    }
    let content = Content::Yaml(documents);
    let mut entry = if layer.random.chance(60) {
        let path = layer.file("patch", content);
        Value::map([("path", path)])
    } else {
        let text = String::from_utf8_lossy(&content.bytes()).into_owned();
        Value::map([("patch", Value::Block(text))])
    };
    if json6902 || layer.random.chance(if several { 2 } else { 35 }) {
        let target = if layer.random.chance(60) {
            selector::of(layer.random, &resource)
        } else {
            selector::pattern(layer.random, &resource)
        };
        entry.set("target", target.into());
    }
    if layer.random.chance(8) {
        let options = json!({ "allowNameChange": layer.random.chance(80), "allowKindChange": layer.random.chance(80) });
        entry.set("options", options.into());
    }
    Some(entry)
}

pub(crate) fn strategic(layer: &mut Layer<'_>) {
    let mut list = Vec::new();
    for _ in 0..layer.random.between(1, 2) {
        let Some(content) = strategic_content(layer) else { return };
        list.push(if layer.random.chance(60) {
            layer.file("patch", content)
        } else {
            Value::Block(String::from_utf8_lossy(&content.bytes()).into_owned())
        });
    }
    layer.field("patchesStrategicMerge", Value::List(list));
}

/// The file of a strategic merge patch.
pub(crate) fn strategic_content(layer: &mut Layer<'_>) -> Option<Content> {
    let resource = target(layer)?;
    Some(Content::Yaml(vec![strategic::patch(layer.random, &resource)]))
}

pub(crate) fn json6902(layer: &mut Layer<'_>) {
    if let Some(entry) = json6902_entry(layer) {
        layer.field("patchesJson6902", Value::List(vec![entry]));
    }
}

pub(crate) fn json6902_entry(layer: &mut Layer<'_>) -> Option<Value> {
    let resource = target(layer)?;
    let content = Content::Yaml(vec![operations::list(layer.random, &resource)]);
    let (group, version) = resource.group_version();
    let mut entry =
        Value::from(json!({ "target": { "version": version, "kind": resource.kind(), "name": resource.name() } }));
    if let Some(Value::Map(target)) = entry.child_mut(0).map(|target| &mut *target) {
        if !group.is_empty() && layer.random.chance(80) {
            target.push(("group".to_owned(), Value::string(&group)));
        }
        if layer.random.chance(10) {
            target.push(("namespace".to_owned(), Value::string(words::namespace(layer.random))));
        }
    }
    if layer.random.chance(60) {
        let path = layer.file("operations", content);
        entry.set("path", path);
    } else {
        entry.set("patch", Value::Block(String::from_utf8_lossy(&content.bytes()).into_owned()));
    }
    Some(entry)
}
