//! Where a text may become a number or a truth value, and when.

use serde_json::Value;

/// Where an object holds nothing but text.
pub(super) struct Types {
    data_is_text: bool,
}

impl Types {
    pub(super) fn of(object: &Value) -> Self {
        let kind = object.get("kind").and_then(Value::as_str);
        let core = object.get("apiVersion").and_then(Value::as_str) == Some("v1");
        Self { data_is_text: core && matches!(kind, Some("ConfigMap" | "Secret")) }
    }

    /// Whether the field at a path holds text, whatever its kind: metadata, labels, environment variables, arguments, names.
    pub(super) fn is_text(&self, path: &[String]) -> bool {
        const MAPS: [&str; 6] = ["metadata", "labels", "annotations", "matchLabels", "nodeSelector", "stringData"];
        const LISTS: [&str; 3] = ["command", "args", "finalizers"];
        const FIELDS: [&str; 6] = ["apiVersion", "kind", "name", "namespace", "image", "hostname"];
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let within = |names: &[&str]| parts.iter().any(|part| names.contains(part));
        match parts.as_slice() {
            ["data" | "binaryData" | "stringData" | "type", ..] if self.data_is_text => true,
            ["spec", "selector", _] | [.., "env", _, "value"] => true,
            [.., list, _] if LISTS.contains(list) => true,
            [.., field] if FIELDS.contains(field) => true,
            _ => within(&MAPS),
        }
    }
}

/// A whole number or a truth value when the text is one. Other numbers stay text, since versions such as `1.10` look like them.
pub(super) fn typed(text: String) -> Value {
    match text.as_str() {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if !is_number || digits.is_empty() || text == "-0" {
        return Value::String(text);
    }
    text.parse::<i64>().map_or(Value::String(text), Value::from)
}
