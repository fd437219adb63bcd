//! From JSON to the values of CEL.

use std::{collections::HashMap, sync::Arc};

use kube_cel::cel::{
    Value as CelValue,
    objects::{Key, Map},
};
use serde_json::{Number, Value};

/// Whole numbers are `int`, as they are for the API server's own expressions.
pub(super) fn from_json(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => from_number(number),
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(from_json).collect())),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| (Key::String(Arc::new(key.clone())), from_json(value)));
            CelValue::Map(Map { map: Arc::new(entries.collect::<HashMap<_, _>>()) })
        }
    }
}

fn from_number(number: &Number) -> CelValue {
    if let Some(number) = number.as_i64() {
        return CelValue::Int(number);
    }
    number.as_u64().map_or_else(|| CelValue::Float(number.as_f64().unwrap_or_default()), CelValue::UInt)
}

pub(super) fn type_name(value: &CelValue) -> &'static str {
    match value {
        CelValue::List(_) => "a list",
        CelValue::Map(_) => "a map",
        CelValue::Int(_) | CelValue::UInt(_) | CelValue::Float(_) => "a number",
        CelValue::String(_) => "a string",
        CelValue::Bool(_) => "a bool",
        CelValue::Null => "null",
        _ => "another type",
    }
}
