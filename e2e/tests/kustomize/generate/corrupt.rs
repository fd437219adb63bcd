//! Small faults, such as a hand makes them.

use serde_json::json;

use super::random::Random;
use super::words;
use crate::case::{Case, Content};
use crate::value::Value;

/// Changes one value of one file into something else.
pub(crate) fn corrupt(random: &mut Random, case: &mut Case) {
    let mut files: Vec<&mut Content> = case.files.values_mut().collect();
    let index = random.below(files.len());
    if let Some(Content::Yaml(documents)) = files.get_mut(index).map(|content| &mut **content) {
        let document = random.below(documents.len());
        if let Some(document) = documents.get_mut(document) {
            below(random, document);
        }
    }
}

fn below(random: &mut Random, value: &mut Value) {
    if value.children() > 0 && !random.chance(15) {
        let index = random.below(value.children());
        if let Some(child) = value.child_mut(index) {
            below(random, child);
        }
        return;
    }
    match random.below(8) {
        0 => *value = Value::null(),
        1 => *value = Value::List(Vec::new()),
        2 => *value = Value::Map(Vec::new()),
        3 => *value = Value::List(vec![value.clone()]),
        4 => *value = Value::from(json!({ "a": "b" })),
        5 => *value = Value::string(words::name(random)),
        6 => *value = Value::Scalar(random.below(10).to_string()),
        _ => *value = Value::from(words::odd(random)),
    }
}
