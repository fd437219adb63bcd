//! Two states of an object as text: what nobody writes by hand is left out, secrets are masked, and the difference is shown by lines.

use std::borrow::Cow;

use plumb_delivery::{DIGEST_ANNOTATION, Digest, GroupKind};
use serde_json::{Map, Value};
use similar::{Algorithm, TextDiff};

use crate::cli::output::{Colour, printable};

/// What the API server keeps in `metadata` for itself.
const SERVER_FIELDS: [&str; 6] =
    ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"];
/// Here `kubectl apply` keeps all that was applied, the values of a Secret too.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Lines around a change.
const CONTEXT: usize = 3;

/// The difference between the live object, if there is one, and what an apply would make of it. Empty when there is none.
pub(super) fn difference(name: &str, live: Option<&Value>, merged: &Value, colour: Colour) -> String {
    let (old, new) = texts(live, merged);
    if live.is_some() && old == new {
        return String::new();
    }
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(old.as_str(), new.as_str());
    let before = if live.is_some() { format!("cluster: {name}") } else { "/dev/null".to_owned() };
    let text = diff.unified_diff().context_radius(CONTEXT).header(&before, &format!("overlay: {name}")).to_string();
    painted(&text, colour)
}

/// Both states as text.
fn texts(live: Option<&Value>, merged: &Value) -> (String, String) {
    // The uid is random and is not shown, so nobody who reads the difference in a log can find the secret by trying likely ones.
    let salt = live.and_then(|live| live.pointer("/metadata/uid")).and_then(Value::as_str);
    let old = live.map(|live| plumb_yaml::print(&clean(live, salt))).unwrap_or_default();
    (old, plumb_yaml::print(&clean(merged, salt)))
}

/// The object without the status and what the API server and the agent write into it, and with the values of a Secret masked.
fn clean(object: &Value, salt: Option<&str>) -> Value {
    let mut object = object.clone();
    let Some(map) = object.as_object_mut() else { return object };
    map.remove("status");
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in SERVER_FIELDS {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(DIGEST_ANNOTATION);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    if is_secret(map) {
        for field in ["data", "stringData"] {
            match map.get_mut(field) {
                Some(Value::Object(values)) => mask(values.iter_mut(), salt),
                Some(other) => mask([(&field.to_owned(), other)], salt),
                None => {}
            }
        }
        let annotations =
            map.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations")).and_then(Value::as_object_mut);
        mask(annotations.into_iter().flatten().filter(|(key, _)| *key == LAST_APPLIED), salt);
    }
    object
}

fn is_secret(object: &Map<String, Value>) -> bool {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    GroupKind::new(text("apiVersion"), text("kind")) == GroupKind { group: String::new(), kind: "Secret".into() }
}

/// Replaces values by markers: equal values of a key have equal markers, other values other ones.
fn mask<'a>(values: impl IntoIterator<Item = (&'a String, &'a mut Value)>, salt: Option<&str>) {
    for (key, value) in values {
        let marker = match salt {
            Some(salt) => {
                let digest = Digest::of(format!("{salt}\0{key}\0{value}").as_bytes()).to_string();
                format!("<redacted sha256:{}>", &digest[..8])
            }
            // There is no other value to tell it from, and a digest without salt could be guessed back.
            None => "<redacted>".to_owned(),
        };
        *value = Value::String(marker);
    }
}

/// The lines of a unified diff in the colours that git gives them.
fn painted(text: &str, colour: Colour) -> String {
    let mut header = true;
    text.lines()
        .map(|line| {
            let line =
                if line.chars().any(char::is_control) { Cow::Owned(printable(line)) } else { Cow::Borrowed(line) };
            header &= !line.starts_with("@@");
            let code = match line.as_bytes().first() {
                _ if header => "1",
                Some(b'@') => "36",
                Some(b'-') => "31",
                Some(b'+') => "32",
                _ => return format!("{line}\n"),
            };
            colour.paint(code, &line) + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(live: Option<&Value>, merged: &Value, expected: &Expect) {
        expected.assert_eq(&difference("ConfigMap shop/app", live, merged, Colour::Off));
    }

    fn config(level: &str, version: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": "app", "namespace": "shop", "uid": "7b0c", "resourceVersion": version, "generation": 3, "creationTimestamp": version,
                "managedFields": [{"manager": version}], "annotations": {DIGEST_ANNOTATION: version},
            },
            "data": {"level": level, "a": "1", "b": "2", "c": "3", "d": "4"},
            "status": {"seen": version},
        })
    }

    #[test]
    fn what_the_server_keeps_makes_no_difference() {
        check(Some(&config("info", "1")), &config("info", "2"), &expect![[""]]);
    }

    #[test]
    fn a_changed_line_is_shown_among_its_neighbours() {
        check(
            Some(&config("info", "1")),
            &config("debug", "2"),
            &expect![[r#"
                --- cluster: ConfigMap shop/app
                +++ overlay: ConfigMap shop/app
                @@ -4,7 +4,7 @@
                   b: "2"
                   c: "3"
                   d: "4"
                -  level: info
                +  level: debug
                 kind: ConfigMap
                 metadata:
                   name: app
            "#]],
        );
    }

    #[test]
    fn a_new_object_is_shown_as_a_whole() {
        check(
            None,
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}}),
            &expect![[r#"
                --- /dev/null
                +++ overlay: ConfigMap shop/app
                @@ -0,0 +1,4 @@
                +apiVersion: v1
                +kind: ConfigMap
                +metadata:
                +  name: app
            "#]],
        );
    }

    fn secret(password: &str, uid: Option<&str>) -> Value {
        let applied = format!("{{\"data\":{{\"password\":\"{password}\"}}}}");
        json!({
            "apiVersion": "v1", "kind": "Secret", "data": {"password": password, "user": "YWRh"}, "stringData": {"token": password},
            "metadata": {"name": "db", "uid": uid, "annotations": {LAST_APPLIED: applied}},
        })
    }

    #[test]
    fn a_changed_secret_shows_that_it_changed_and_nothing_else() {
        let expected = expect![[r#"
            --- cluster: ConfigMap shop/app
            +++ overlay: ConfigMap shop/app
            @@ -1,11 +1,11 @@
             apiVersion: v1
             data:
            -  password: <redacted sha256:48c693aa>
            +  password: <redacted sha256:048eaeb5>
               user: <redacted sha256:8e8d3b92>
             kind: Secret
             metadata:
               annotations:
            -    kubectl.kubernetes.io/last-applied-configuration: <redacted sha256:12b32a64>
            +    kubectl.kubernetes.io/last-applied-configuration: <redacted sha256:f61ff40a>
               name: db
             stringData:
            -  token: <redacted sha256:e6361e15>
            +  token: <redacted sha256:775fc452>
        "#]];
        check(Some(&secret("aHVudGVyMg==", Some("7b0c"))), &secret("c3dvcmRmaXNo", Some("7b0c")), &expected);
    }

    #[test]
    fn a_new_secret_shows_not_even_a_digest() {
        let text = difference("Secret shop/db", None, &secret("aHVudGVyMg==", None), Colour::Off);
        assert!(!text.contains("aHVu") && !text.contains("sha256"), "{text}");
        let odd = json!({"apiVersion": "v1", "kind": "Secret", "data": "aHVudGVyMg=="});
        assert!(!difference("Secret shop/db", None, &odd, Colour::Off).contains("aHVu"));
    }

    #[test]
    fn markers_of_one_value_differ_between_objects_and_keys() {
        let marker = |uid: &str, key: &str| {
            clean(&json!({"apiVersion": "v1", "kind": "Secret", "data": {key: "eA=="}}), Some(uid))["data"][key].clone()
        };
        assert_eq!(marker("a", "x"), marker("a", "x"));
        assert_ne!(marker("a", "x"), marker("b", "x"));
        assert_ne!(marker("a", "x"), marker("a", "y"));
    }

    #[test]
    fn colours_are_those_of_git() {
        expect![[r#"
            [1m--- a[0m
            [1m+++ b[0m
            [36m@@ -1,2 +1,2 @@[0m
            [31m--- c[0m
            [32m+d[0m
             e
        "#]]
        .assert_eq(&painted("--- a\n+++ b\n@@ -1,2 +1,2 @@\n--- c\n+d\n e\n", Colour::On));
    }
}
