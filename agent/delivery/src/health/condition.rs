//! Fields and conditions of an object of any kind.

use serde_json::Value;

/// A condition in the status of an object.
pub(super) struct Condition<'a> {
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    pub(super) fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub(super) fn is_false(&self) -> bool {
        self.status == "False"
    }

    /// What the condition says for people, or `otherwise` when it says nothing.
    pub(super) fn why(&self, otherwise: &str) -> String {
        match (self.reason, self.message) {
            ("", "") => otherwise.to_owned(),
            (reason, "") => reason.to_owned(),
            (_, message) => message.to_owned(),
        }
    }
}

/// The condition of a type. One that speaks of an earlier generation of the object is not there.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<Condition<'a>> {
    condition_among(object.pointer("/status/conditions")?, kind, number(object, "/metadata/generation"))
}

/// The condition of a type in a list of them, which speaks of an object of this generation.
pub(super) fn condition_among<'a>(conditions: &'a Value, kind: &str, generation: Option<i64>) -> Option<Condition<'a>> {
    let conditions = conditions.as_array()?;
    let found = conditions.iter().find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))?;
    let observed = number(found, "/observedGeneration");
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed < generation
    {
        return None;
    }
    let field = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
    Some(Condition { status: field("status"), reason: field("reason"), message: field("message") })
}

/// The whole number at a JSON pointer.
pub(super) fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer)?.as_i64()
}

/// The string at a JSON pointer.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}

/// Whether the field at a JSON pointer is `true`.
pub(super) fn is_true(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool) == Some(true)
}
