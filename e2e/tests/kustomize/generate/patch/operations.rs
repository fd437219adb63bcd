//! JSON patches.

use serde_json::json;

use crate::generate::paths::{self, Step};
use crate::generate::random::Random;
use crate::generate::resources::Resource;
use crate::generate::words;
use crate::value::Value;

/// Operations on fields that the object mostly has.
pub(super) fn list(random: &mut Random, resource: &Resource) -> Value {
    let count = random.between(1, 3);
    Value::List((0..count).map(|_| operation(random, resource)).collect())
}

fn operation(random: &mut Random, resource: &Resource) -> Value {
    let (steps, found) = paths::walk(random, &resource.value, 15);
    let first = match steps.first() {
        Some(Step::Key(key)) => key.as_str(),
        _ => "",
    };
    if matches!(first, "apiVersion" | "kind" | "metadata") {
        return on_metadata(random);
    }
    let path = paths::pointer(&steps);
    let value = match found {
        // A value of another kind is mostly an error, and tells little.
        Value::Scalar(_) | Value::Block(_) if random.chance(95) => words::scalar(random),
        Value::Map(_) | Value::List(_) if random.chance(60) => found.clone(),
        _ => content(random),
    };
    let operation = match random.below(16) {
        0..=5 => vec![("op", Value::string("replace")), ("path", Value::string(&path)), ("value", value)],
        6..=8 => vec![("op", Value::string("add")), ("path", Value::string(&path)), ("value", value)],
        9 => vec![("op", Value::string("add")), ("path", added(random, &steps)), ("value", value)],
        10 => vec![("op", Value::string("remove")), ("path", Value::string(&path))],
        11 if random.chance(30) => {
            vec![("op", Value::string("test")), ("path", Value::string(&path)), ("value", found.clone())]
        }
        12 => vec![
            ("op", Value::string("copy")),
            ("from", Value::string(&path)),
            ("path", Value::string("/metadata/labels")),
        ],
        13 => vec![("op", Value::string("move")), ("from", Value::string(&path)), ("path", added(random, &steps))],
        _ => vec![
            ("op", Value::string("add")),
            ("path", Value::string("/metadata/labels")),
            ("value", words::labels(random).into()),
        ],
    };
    Value::map(operation)
}

/// An operation on labels, annotations or the name: what else there is makes no object, or none that kustomize can go on with.
fn on_metadata(random: &mut Random) -> Value {
    let add = |path: &str, value: Value| {
        Value::map([("op", Value::string("add")), ("path", Value::string(path)), ("value", value)])
    };
    match random.below(6) {
        0 => add("/metadata/labels", words::labels(random).into()),
        1 => add("/metadata/annotations", words::plain_annotations(random).into()),
        2 => add("/metadata/annotations/added", words::word(random).into()),
        3 => Value::map([("op", Value::string("remove")), ("path", Value::string("/metadata/annotations"))]),
        4 => {
            let operation = random.pick(&["add", "replace"]);
            Value::map([
                ("op", Value::string(operation)),
                ("path", Value::string("/metadata/name")),
                ("value", Value::string(random.pick(&["renamed", "web"]))),
            ])
        }
        _ => add("/metadata/labels/tier", words::word(random).into()),
    }
}

/// A new place beside an existing one.
fn added(random: &mut Random, steps: &[Step]) -> Value {
    let parent = &steps[..steps.len().saturating_sub(1)];
    let last = match steps.last() {
        Some(Step::Index(_)) => random.pick(&["-", "0", "1", "5", "-1"]),
        _ => random.pick(&["new", "app.kubernetes.io~1name", "a~0b", "name"]),
    };
    Value::string(&format!("{}/{last}", paths::pointer(parent)))
}

fn content(random: &mut Random) -> Value {
    match random.below(8) {
        0 => Value::from(json!({ "name": "added", "value": words::word(random) })),
        1 => Value::from(json!([words::word(random)])),
        2 => Value::Map(Vec::new()),
        3 => Value::null(),
        _ => words::scalar(random),
    }
}
