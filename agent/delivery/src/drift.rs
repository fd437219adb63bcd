//! What a drift says: which fields of which object differ, from what to what, and who wrote them.

use std::fmt;

use serde_json::Value;

use crate::{Desired, DriftPolicy, FieldPath, FieldRules, ObjectId, ownership::FieldsEntry};

/// Stands for all fields of an object that is gone.
pub const DELETED: &str = "<deleted>";
/// Stands for a value that the object does not have.
pub const ABSENT: &str = "<absent>";
/// Stands for a value that nobody shall see.
pub const HIDDEN: &str = "<hidden>";

/// Stands for a value that nobody shall see, and that is as it should be.
const HIDDEN_AND_SAME: &str = "<hidden>, unchanged";

/// How many fields of one object are told.
const FIELDS_TOLD: usize = 10;
/// How many bytes of a value are told.
const LONGEST_VALUE: usize = 120;

/// A live object that no longer is as we applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The object.
    pub id: ObjectId,
    /// The resource version at which it was seen.
    pub resource_version: u64,
    /// Whether it is gone.
    pub deleted: bool,
    /// The fields that changed hands.
    pub fields: Vec<DriftedField>,
    /// What is to be done about it.
    pub policy: DriftPolicy,
}

/// A field that changed hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftedField {
    /// Where it is in the manifest.
    pub path: FieldPath,
    /// What the manifest says, as JSON that is cut to a sane length.
    pub expected: String,
    /// What the object says; `None` before anybody looked.
    pub found: Option<String>,
    /// Who wrote it, as far as the API server tells.
    pub writer: Option<Writer>,
    /// Whether its values are told to nobody.
    pub sensitive: bool,
}

/// Who wrote a field, from an entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// Name of the field manager.
    pub manager: String,
    /// `Apply` or `Update`.
    pub operation: String,
    /// The subresource through which it was written; empty for the object itself.
    pub subresource: String,
    /// When, RFC 3339.
    pub time: String,
}

impl From<&FieldsEntry> for Writer {
    fn from(entry: &FieldsEntry) -> Self {
        Self {
            manager: entry.manager.clone(),
            operation: entry.operation.clone(),
            subresource: entry.subresource.clone(),
            time: entry.time.clone(),
        }
    }
}

/// As in `kubectl-scale (Update of scale)`.
impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.manager, self.operation)?;
        if !self.subresource.is_empty() {
            write!(f, " of {}", self.subresource)?;
        }
        f.write_str(")")
    }
}

impl Drift {
    /// An object that is gone.
    #[must_use]
    pub fn deleted(id: &ObjectId, rules: &FieldRules) -> Self {
        Self { id: id.clone(), resource_version: 0, deleted: true, fields: Vec::new(), policy: rules.of_object(id) }
    }

    /// Whether looking at the object would tell more.
    #[must_use]
    pub fn wants_values(&self) -> bool {
        self.policy != DriftPolicy::Ignore && self.fields.iter().any(|field| field.found.is_none())
    }

    /// Takes in the object as it was found, or that it is gone, so that each field says what it is and what it should be.
    ///
    /// A map of which only some keys differ gives way to these keys.
    pub fn look(&mut self, desired: &Desired, live: Option<&Value>) {
        let body = desired.body.value();
        let mut fields = Vec::new();
        for field in std::mem::take(&mut self.fields) {
            let expected = field.path.of(&body);
            let found = live.and_then(|live| field.path.counterpart(&body, live));
            let before = fields.len();
            if !field.sensitive {
                compare(&field, &field.path, expected, found, &mut fields);
            }
            if fields.len() == before {
                fields.push(field.filled(field.path.clone(), expected, found));
            }
        }
        self.fields = fields;
    }

    /// Whether the object says all that it should again, so that only the owner of some fields is another. `false` before somebody looked.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        let same = |field: &DriftedField| {
            field.has_same_value() || field.sensitive && field.found.as_deref() == Some(HIDDEN_AND_SAME)
        };
        !self.deleted && !self.fields.is_empty() && self.fields.iter().all(same)
    }

    /// The fields that are told; of a drift with very many of them the first.
    pub fn told(&self) -> impl Iterator<Item = &DriftedField> {
        self.fields.iter().take(FIELDS_TOLD)
    }

    /// The names of the fields, or [`DELETED`].
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        if self.deleted { vec![DELETED.into()] } else { self.told().map(DriftedField::name).collect() }
    }

    /// Who wrote the first of the fields.
    #[must_use]
    pub fn writer(&self) -> Option<&Writer> {
        self.fields.iter().find_map(|field| field.writer.as_ref())
    }
}

/// For people: what differs, and who wrote it.
impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.deleted {
            return write!(f, "{} was deleted", self.id);
        }
        write!(f, "{} was changed", self.id)?;
        if let Some(writer) = self.writer() {
            write!(f, " by {writer} at {}", writer.time)?;
        }
        for (number, field) in self.told().enumerate() {
            write!(f, "{} {field}", if number == 0 { ":" } else { ";" })?;
            if field.writer.as_ref() != self.writer()
                && let Some(writer) = &field.writer
            {
                write!(f, " by {writer} at {}", writer.time)?;
            }
        }
        let more = self.fields.len().saturating_sub(FIELDS_TOLD);
        if more > 0 { write!(f, "; and {more} more") } else { Ok(()) }
    }
}

impl DriftedField {
    /// A field before anybody looked at what it says.
    #[must_use]
    pub fn unseen(path: FieldPath, manifest: &Value, writer: Option<&FieldsEntry>, sensitive: bool) -> Self {
        let expected = told(path.of(manifest), sensitive);
        Self { path, expected, found: None, writer: writer.map(Writer::from), sensitive }
    }

    /// A field of which it is known what it should be and is.
    #[must_use]
    pub(crate) fn seen(
        path: FieldPath,
        (expected, found): (Option<&Value>, Option<&Value>),
        writer: Option<&FieldsEntry>,
        sensitive: bool,
    ) -> Self {
        let field = Self {
            path: path.clone(),
            expected: String::new(),
            found: None,
            writer: writer.map(Writer::from),
            sensitive,
        };
        field.filled(path, expected, found)
    }

    /// The path, in which no list item is named by what is in it when that is sensitive.
    #[must_use]
    pub fn name(&self) -> String {
        if self.sensitive { self.path.with_bare_items() } else { self.path.to_string() }
    }

    /// Whether it was found to say what it should, so that only its owner is another.
    #[must_use]
    pub fn has_same_value(&self) -> bool {
        self.found.as_ref() == Some(&self.expected) && (!self.sensitive || self.expected == ABSENT)
    }

    fn filled(&self, path: FieldPath, expected: Option<&Value>, found: Option<&Value>) -> Self {
        let expected_text = told(expected, self.sensitive);
        let same = self.sensitive && expected == found && expected.is_some();
        let found = if same { HIDDEN_AND_SAME.to_owned() } else { told(found, self.sensitive) };
        Self { path, expected: expected_text, found: Some(found), writer: self.writer.clone(), ..*self }
    }
}

/// As in `.spec.replicas is 7 instead of 2`.
impl fmt::Display for DriftedField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match &self.found {
            None => write!(f, " should be {}", self.expected),
            Some(_) if self.has_same_value() => write!(f, " is {} as it should, but owned by another", self.expected),
            Some(found) if self.sensitive && found == HIDDEN => f.write_str(" differs"),
            Some(found) => write!(f, " is {found} instead of {}", self.expected),
        }
    }
}

/// Goes down where both are maps, and adds what differs.
fn compare(
    field: &DriftedField,
    path: &FieldPath,
    expected: Option<&Value>,
    found: Option<&Value>,
    out: &mut Vec<DriftedField>,
) {
    match (expected, found) {
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            for (key, value) in expected {
                compare(field, &path.child(key), Some(value), found.get(key), out);
            }
        }
        // A null in a manifest says that there shall be nothing.
        (Some(Value::Null), None) => {}
        (expected, found) if expected == found => {}
        (expected, found) => out.push(field.filled(path.clone(), expected, found)),
    }
}

/// A value as it is told: JSON, cut to a sane length.
fn told(value: Option<&Value>, sensitive: bool) -> String {
    let Some(value) = value else { return ABSENT.into() };
    if sensitive {
        return HIDDEN.into();
    }
    let mut text = value.to_string();
    if text.len() > LONGEST_VALUE {
        let mut end = LONGEST_VALUE;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::{Body, Digest, Rules, Stage, Wave, field_path::Step};

    fn desired(body: &Value) -> Desired {
        Desired {
            id: ObjectId { group: "".into(), kind: "Widget".into(), namespace: Some("shop".into()), name: "a".into() },
            api_version: "v1".into(),
            digest: Digest::of_value(body),
            body: Body::of(body),
            wave: Wave { number: 0, stage: Stage::Workloads },
            rules: Rules::default(),
        }
    }

    fn key(key: &str) -> Step {
        Step::Key(key.into())
    }

    fn check(body: &Value, path: Vec<Step>, live: Option<&Value>, sensitive: bool, expected: &Expect) {
        let desired = desired(body);
        let writer = FieldsEntry {
            manager: "kubectl".into(),
            operation: "Update".into(),
            api_version: "v1".into(),
            subresource: "scale".into(),
            time: "2026-01-01T00:00:00Z".into(),
            fields: Value::Null,
        };
        let field = DriftedField::unseen(FieldPath(path), body, Some(&writer), sensitive);
        let policy = DriftPolicy::Repair;
        let mut drift =
            Drift { id: desired.id.clone(), resource_version: 1, deleted: false, fields: vec![field], policy };
        let before = drift.to_string();
        assert!(drift.wants_values());
        drift.look(&desired, live);
        assert!(!drift.wants_values());
        expected.assert_eq(&format!("{before}\n{drift}"));
    }

    #[test]
    fn a_value_is_told_before_and_after_a_look() {
        check(
            &json!({"spec": {"replicas": 2}}),
            vec![key("spec"), key("replicas")],
            Some(&json!({"spec": {"replicas": 7}})),
            false,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .spec.replicas should be 2
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .spec.replicas is 7 instead of 2"#]],
        );
    }

    #[test]
    fn of_a_map_the_keys_that_differ_are_told() {
        check(
            &json!({"data": {"a": "1", "b": "2", "c": "3"}}),
            vec![key("data")],
            Some(&json!({"data": {"a": "1", "b": "x", "d": "4"}})),
            false,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .data should be {"a":"1","b":"2","c":"3"}
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .data.b is "x" instead of "2"; .data.c is <absent> instead of "3""#]],
        );
    }

    #[test]
    fn a_list_item_is_found_by_its_name_and_not_by_its_place() {
        check(
            &json!({"containers": [{"name": "app", "image": "a:1"}]}),
            vec![key("containers"), Step::Item { index: 0, label: r#"{"name":"app"}"#.into() }, key("image")],
            Some(&json!({"containers": [{"name": "sidecar", "image": "s"}, {"name": "app", "image": "b:2"}]})),
            false,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .containers[{"name":"app"}].image should be "a:1"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .containers[{"name":"app"}].image is "b:2" instead of "a:1""#]],
        );
    }

    #[test]
    fn the_same_value_of_another_owner_and_an_object_that_is_gone() {
        let body = json!({"spec": {"replicas": 2}});
        let path = || vec![key("spec"), key("replicas")];
        check(
            &body,
            path(),
            Some(&body),
            false,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .spec.replicas should be 2
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .spec.replicas is 2 as it should, but owned by another"#]],
        );
        check(
            &body,
            path(),
            None,
            false,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .spec.replicas should be 2
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .spec.replicas is <absent> instead of 2"#]],
        );
    }

    #[test]
    fn sensitive_values_are_never_told() {
        let body = json!({"args": ["hunter2"], "data": {"k": "hunter2"}});
        let item = vec![key("args"), Step::Item { index: 0, label: r#""hunter2""#.into() }];
        check(
            &body,
            item,
            Some(&json!({"args": ["hunter3"]})),
            true,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .args[0] should be <hidden>
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .args[0] is <absent> instead of <hidden>"#]],
        );
        check(
            &body,
            vec![key("data")],
            Some(&json!({"data": {"k": "hunter3"}})),
            true,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .data should be <hidden>
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .data differs"#]],
        );
        check(
            &body,
            vec![key("data")],
            Some(&body),
            true,
            &expect![[r#"
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .data should be <hidden>
                Widget shop/a was changed by kubectl (Update of scale) at 2026-01-01T00:00:00Z: .data is <hidden>, unchanged instead of <hidden>"#]],
        );
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let text = told(Some(&json!("é".repeat(200))), false);
        assert!(text.len() < 130 && text.ends_with("é…"), "{text}");
    }
}
