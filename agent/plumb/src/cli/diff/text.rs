//! The difference between the cluster and the overlay, in the colours of git.

use std::borrow::Cow;

use plumb_delivery::difference;
use serde_json::Value;

use crate::cli::output::{Colour, printable};

/// The difference between the live object, if there is one, and what an apply would make of it. Empty when there is none.
pub(super) fn difference(name: &str, live: Option<&Value>, merged: &Value, colour: Colour) -> String {
    let sides = (format!("cluster: {name}"), format!("overlay: {name}"));
    let text = difference::text((&sides.0, live), (&sides.1, Some(merged)));
    text.map(|text| painted(&text, colour)).unwrap_or_default()
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
                "managedFields": [{"manager": version}],
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
