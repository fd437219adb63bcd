//! The field `replacements`.

use serde_json::{Value as Json, json};

use super::kustomization::Layer;
use super::paths::{self, Step};
use super::random::Random;
use super::resources::Resource;
use super::selector;
use crate::case::Content;
use crate::value::Value;

pub(crate) fn replacements(layer: &mut Layer<'_>) {
    let count = layer.random.between(1, 2);
    let list: Vec<Value> = (0..count).filter_map(|_| replacement(layer)).collect();
    if layer.random.chance(15) {
        let content = if list.len() == 1 { Content::Yaml(list) } else { Content::Yaml(vec![Value::List(list)]) };
        let path = layer.file("replacement", content);
        layer.field("replacements", Value::List(vec![Value::map([("path", path)])]));
    } else {
        layer.field("replacements", Value::List(list));
    }
}

pub(crate) fn replacement(layer: &mut Layer<'_>) -> Option<Value> {
    let resources: Vec<&Resource> = layer.known.iter().filter(|resource| !resource.name().is_empty()).collect();
    let source = (*layer.random.one(&resources)?).clone();
    let random = &mut *layer.random;
    let mut json = json!({ "source": selector::of(random, &source) });
    if random.chance(96) {
        // A source of many objects is an error, and so is one without.
        json["source"]["kind"] = json!(source.kind());
        json["source"]["name"] = json!(source.name());
    }
    if random.chance(75) {
        let steps = scalar(random, &source.value);
        json["source"]["fieldPath"] = json!(paths::field_path(random, &source.value, &steps, false));
    }
    if random.chance(10) {
        json["source"]["options"] = options(layer);
    }
    let count = layer.random.between(1, 2);
    let targets: Vec<Json> = (0..count).filter_map(|_| target(layer)).collect();
    json["targets"] = targets.into();
    Some(json.into())
}

fn target(layer: &mut Layer<'_>) -> Option<Json> {
    let resources: Vec<&Resource> = layer.known.iter().filter(|resource| !resource.name().is_empty()).collect();
    let target = (*layer.random.one(&resources)?).clone();
    let random = &mut *layer.random;
    let select = if random.chance(70) { selector::of(random, &target) } else { selector::pattern(random, &target) };
    let mut json = json!({ "select": select });
    if random.chance(15) {
        json["reject"] = json!([selector::of(random, &target)]);
    }
    let count = random.between(1, 2);
    let mut fields = Vec::new();
    for _ in 0..count {
        let steps = scalar(random, &target.value);
        if matches!(steps.first(), Some(Step::Key(key)) if key == "kind" || key == "apiVersion") {
            // A generated object of another kind has a hash that depends on how kustomize reads files.
            continue;
        }
        let mut path = paths::field_path(random, &target.value, &steps, true);
        if random.chance(10) {
            path.push_str(random.pick(&[".new", ".new.field", ".[name=new].value", ".-", ".0"]));
        }
        fields.push(path);
    }
    if !fields.is_empty() && random.chance(93) {
        json["fieldPaths"] = json!(fields);
    }
    if random.chance(40) {
        json["options"] = options(layer);
    }
    Some(json)
}

/// The way to a scalar, as a value of another kind is mostly an error.
fn scalar(random: &mut Random, value: &Value) -> Vec<Step> {
    let (mut steps, mut found) = paths::walk(random, value, 0);
    for _ in 0..3 {
        if matches!(found, Value::Scalar(text) if text != "null" && text != "~" && !text.is_empty()) || random.chance(3)
        {
            break;
        }
        (steps, found) = paths::walk(random, value, 1);
    }
    steps
}

fn options(layer: &mut Layer<'_>) -> Json {
    let random = &mut *layer.random;
    let mut json = json!({});
    if random.chance(50) {
        json["delimiter"] = json!(random.pick(&["/", ":", ".", "-", ""]));
        if random.chance(70) {
            json["index"] = json!(i64::try_from(random.below(5)).unwrap() - 1);
        }
    }
    if random.chance(60) {
        json["create"] = json!(random.chance(85));
    }
    json
}
