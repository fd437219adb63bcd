//! Paths to fields of objects.

use super::random::Random;
use crate::value::Value;

/// One step from a value to one below it.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// A random way down from a value, to a scalar unless it stops on its way.
pub(crate) fn walk<'a>(random: &mut Random, value: &'a Value, stop: usize) -> (Vec<Step>, &'a Value) {
    let mut steps = Vec::new();
    let mut here = value;
    while here.children() > 0 && (steps.is_empty() || !random.chance(stop)) {
        let index = random.below(here.children());
        match here {
            Value::List(items) => {
                steps.push(Step::Index(index));
                here = &items[index];
            }
            Value::Map(entries) => {
                steps.push(Step::Key(Value::Scalar(entries[index].0.clone()).text().unwrap_or_default()));
                here = &entries[index].1;
            }
            Value::Scalar(_) | Value::Block(_) => break,
        }
    }
    (steps, here)
}

/// As a JSON pointer.
pub(crate) fn pointer(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        text.push('/');
        match step {
            Step::Key(key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text
}

/// As the field path of a replacement; elements of lists by their index, by a key or all of them.
pub(crate) fn field_path(random: &mut Random, root: &Value, steps: &[Step], all: bool) -> String {
    let mut parts = Vec::new();
    let mut here = Some(root);
    for step in steps {
        here = match step {
            Step::Key(key) => {
                parts.push(key.replace('.', "\\."));
                here.and_then(|value| value.get(&quoted(key)))
            }
            Step::Index(index) => {
                let item = match here {
                    Some(Value::List(items)) => items.get(*index),
                    _ => None,
                };
                let name = item.and_then(|item| item.at(&["name"]));
                parts.push(match name {
                    Some(name) if random.chance(60) => format!("[name={name}]"),
                    _ if all && random.chance(50) => "*".to_owned(),
                    _ => index.to_string(),
                });
                item
            }
        };
    }
    parts.join(".")
}

fn quoted(key: &str) -> String {
    match Value::string(key) {
        Value::Scalar(text) => text,
        _ => key.to_owned(),
    }
}
