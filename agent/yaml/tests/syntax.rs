//! What kustomize 5.8.2 takes, and what it makes of it, class by class. Of the expected texts only the fields of the row are kept.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use plumb_yaml::{Limits, Schema, Value, parse, print};

/// The head that every object of the rows has.
const HEAD: &str = "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: thing\n";

fn render(text: &str, schema: Schema) -> Result<Value, String> {
    let nodes = parse(text.as_bytes(), schema, &Limits::default()).map_err(|error| error.to_string())?;
    nodes.first().map_or(Ok(Value::Null), |node| node.to_value().map_err(|error| error.to_string()))
}

fn check_rows(rows: &[(&str, Option<&str>)]) {
    for (body, expected) in rows {
        let found = render(&format!("{HEAD}{body}"), Schema::Resource).map(|mut value| {
            let fields = value.as_object_mut().unwrap();
            fields.retain(|name, _| !["apiVersion", "kind", "metadata"].contains(&name.as_str()));
            if fields.is_empty() { String::new() } else { print(&value) }
        });
        compare(body, &found, *expected);
    }
}

fn check_rows_of_yaml11(rows: &[(&str, Option<&str>)]) {
    for (text, expected) in rows {
        compare(text, &render(text, Schema::Yaml11).map(|value| print(&value)), *expected);
    }
}

fn compare(text: &str, found: &Result<String, String>, expected: Option<&str>) {
    match (found, expected) {
        (Ok(found), Some(expected)) => assert_eq!(found, expected, "{text:?}"),
        (Err(_), None) => {}
        (Ok(found), None) => panic!("{text:?} should be refused, but gave {found:?}"),
        (Err(error), Some(_)) => panic!("{text:?}: {error}"),
    }
}

// A comment needs no blank behind a quote or a bracket.
#[test]
fn comments_may_touch_quotes() {
    check_rows(&[
        ("a: \"x\"#c\n", Some("a: x\n")),
        ("a: 'x'#c\n", Some("a: x\n")),
        ("a: [x]#c\n", Some("a:\n- x\n")),
        ("a: {b: c}#c\n", Some("a:\n  b: c\n")),
        ("a: x#c\n", Some("a: x#c\n")),
        ("a: &x#c\n", None),
        ("a: |#c\n  x\n", Some("a: |\n  x\n")),
    ]);
}

// A tab may start the text of a block, but not its indentation.
#[test]
fn blocks_and_tabs() {
    check_rows(&[
        ("a: |\n  \tx\n", None),
        ("a: |\n\tx\n", None),
        ("a: >-\n  x\n  \ty\n", Some("a: \"x\\n\\n\\ty\"\n")),
        ("a:\n  b: 1\n\tc: 2\n", None),
        ("a:\n- \tb\n", None),
        ("a: [\n\tx]\n", Some("a:\n- x\n")),
        ("a: x\n\ty\n", None),
        ("a: x\n  \ty\n", Some("a: x y\n")),
        ("a:\tx\n", Some("a: x\n")),
    ]);
}

// A comment behind a block that keeps its end adds a line to it, as kustomize writes the block before it prints.
#[test]
fn kept_ends_and_comments() {
    check_rows(&[
        ("a: |+\n  x\n\n# c\nb: 1\n", Some("a: |+\n  x\n\nb: 1\n")),
        ("a: |+\n  x\n\n", Some("a: |+\n  x\n\n")),
        ("a: |+\n  x\n# c\nb: 1\n", Some("a: |\n  x\nb: 1\n")),
        ("a: >+\n  x\n\n# c\n", Some("a: |+\n  x\n\n\n\n")),
        ("a: |2+\n\n\n# c\nb: 1\n", Some("a: |2+\n\n\nb: 1\n")),
        ("l:\n- |+\n  x\n\n  # c\n- y\n", Some("l:\n- |\n  x\n\n  # c\n- \"y\"\n")),
    ]);
}

// A key is a string of one line; longer ones need a `?`.
#[test]
fn keys_of_all_kinds() {
    check_rows(&[
        ("a:\n  ? b\n  : c\n", Some("a:\n  b: c\n")),
        ("a:\n  ? |\n    two\n    lines\n  : c\n", Some("a:\n  ? |\n    two\n    lines\n  : c\n")),
        ("a:\n  ? [x]\n  : c\n", None),
        ("a:\n  ? {x: y}\n  : c\n", None),
        ("a:\n  : c\n", None),
        ("a:\n  '': c\n", Some("a:\n  \"\": c\n")),
        ("a:\n  &x b: 1\n  c: *x\n", Some("a:\n  b: 1\n  c: b\n")),
        ("a: &x b\nc:\n  *x : 1\n", Some("a: b\nc:\n  b: 1\n")),
        ("a: &x b\nc:\n  *x: 1\n", Some("a: b\nc:\n  b: 1\n")),
        ("a: {? b : c}\n", Some("a:\n  b: c\n")),
        ("a: {? b}\n", Some("a:\n  b: \"\"\n")),
        ("a: [b: c, d]\n", Some("a:\n- b: c\n- d\n")),
        ("a: [? b : c]\n", Some("a:\n- b: c\n")),
        ("a: {}: b\n", None),
        ("{}: a\n", None),
        ("a: {b, c: }\n", Some("a:\n  b: \"\"\n  c: \"\"\n")),
        (
            "a:\n  kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: 1\n",
            None,
        ),
        (
            "a:\n  kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk: 1\n",
            Some(
                "a:\n  ? kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\n  : 1\n",
            ),
        ),
        ("a:\n  !t b: 1\n", None),
        ("a:\n  !!str b: 1\n", Some("a:\n  b: 1\n")),
        ("a:\n  ! b: 1\n", Some("a:\n  b: 1\n")),
        ("a:\n  1: x\n", None),
        ("1: x\n", Some("\"1\": x\n")),
        ("a:\n  true: x\n", None),
        ("a:\n  .inf: x\n", None),
        (".inf: x\n", Some("\".inf\": x\n")),
    ]);
}

// Tags decide what a scalar is, and must be declared.
#[test]
fn tags() {
    check_rows(&[
        ("a: !!str 1\n", Some("a: \"1\"\n")),
        ("a: !!str\n", Some("a: \"\"\n")),
        ("a: !!int \"1\"\n", Some("a: 1\n")),
        ("a: !!int x\n", None),
        ("a: !!float 1\n", Some("a: 1\n")),
        ("a: !!bool yes\n", None),
        ("a: !!null x\n", None),
        ("a: !!null ''\n", Some("a: null\n")),
        ("a: !!binary aGk=\n", Some("a: hi\n")),
        ("a: !!binary \"?\"\n", None),
        ("a: !custom x\n", Some("a: x\n")),
        ("a: !custom 5\n", Some("a: \"5\"\n")),
        ("a: !custom [1]\n", Some("a:\n- 1\n")),
        ("a: !e!t x\n", None),
        ("%TAG !e! tag:x,\n---\na: !e!t x\n", None),
        ("a: !<tag:yaml.org,2002:str> 1\n", Some("a: \"1\"\n")),
        ("a: ! 1\n", Some("a: 1\n")),
        ("a: ! '1'\n", Some("a: \"1\"\n")),
        ("a: !!set {b}\n", Some("a:\n  b: \"\"\n")),
        ("a: !!timestamp 2020-01-01\n", Some("a: \"2020-01-01T00:00:00Z\"\n")),
        ("a: !!%73tr 1\n", Some("a: \"1\"\n")),
        ("a: [!!str , b]\n", Some("a:\n- \"\"\n- b\n")),
    ]);
}

// Directives need a document behind them, and what follows `...` is lost.
#[test]
fn directives_and_ends() {
    check_rows(&[
        ("a: 1\n...\nb: 2\n", Some("a: 1\n")),
        ("a: 1\n...\n", Some("a: 1\n")),
        ("a: 1\n--- # c\n", Some("a: 1\n")),
        ("a: 1\n--- x\n", None),
        ("a: |\n  x\n...\n", Some("a: |\n  x\n")),
        ("a: \"x\n...\ny\"\n", None),
        ("a: x\n...y\n", None),
        ("a: 1\n---\n# only\n", Some("a: 1\n")),
        ("a: 1\n---\n---\n", Some("a: 1\n")),
    ]);
}

// Beyond LF there are CR, NEL, LS and PS.
#[test]
fn line_breaks() {
    check_rows(&[
        ("a: 1\rb: 2\r", Some("a: 1\nb: 2\n")),
        ("a: 1\r\nb: 2\r\n", Some("a: 1\nb: 2\n")),
        ("a: x\u{85}b: 2\n", Some("a: x\nb: 2\n")),
        ("a: x\u{2028}  y\n", Some("a: 'x\u{2028}  y'\n")),
        ("a: \"x\u{2029}y\"\n", Some("a: 'x\u{2029}  y'\n")),
        ("a: |\n  x\u{2028}  y\n", Some("a: |\n  x\u{2028}  y\n")),
        ("a: |\r\n  x\r\n  y\r\n", Some("a: |\n  x\n  y\n")),
        ("\u{feff}a: 1\n", Some("\"\\uFEFF\\x61\": 1\n")),
        ("a: \"\u{feff}\"\n", Some("a: \"\\uFEFF\"\n")),
    ]);
}

// Numbers in every spelling.
#[test]
fn numbers() {
    check_rows(&[
        (
            "a: [0o17, 0b1, +1, 1e3, .5, 1_000.5, 0x_1, -0]\n",
            Some("a:\n- 15\n- 1\n- 1\n- 1000\n- 0.5\n- 1000.5\n- 1\n- 0\n"),
        ),
        (
            "a: [0777, 08, 0o8, 1_, _1, 1__0, +.5, -0b1, 0b-1, 0o-7]\n",
            Some("a:\n- 511\n- 8\n- 0o8\n- 1\n- _1\n- 10\n- 0.5\n- -1\n- -1\n- -7\n"),
        ),
        ("a: [1e400, -1e400, 1e-400]\n", Some("a:\n- 1e400\n- -1e400\n- 0\n")),
        (
            "a: [123456789012345678901234567890, 18446744073709551615, 18446744073709551616]\n",
            Some("a:\n- 1.2345678901234568e+29\n- 18446744073709551615\n- 1.8446744073709552e+19\n"),
        ),
        (
            "a: [-9223372036854775808, -9223372036854775809, 0x8000000000000000]\n",
            Some("a:\n- -9223372036854775808\n- -9.223372036854776e+18\n- 9223372036854775808\n"),
        ),
        (
            "a: [1., 1.0, 1e6, 1e21, 1e20, 0.000001, 1E+3, 12e03, 1.5e-7]\n",
            Some("a:\n- 1\n- 1\n- 1000000\n- 1e+21\n- 1e+20\n- 1e-06\n- 1000\n- 12000\n- 1.5e-07\n"),
        ),
        ("a: [.inf]\n", None),
        ("a: .nan\n", None),
        ("a: \"1.0\"\n", Some("a: \"1.0\"\n")),
    ]);
}

// What looks like a date is printed in full; in brackets a time stays as it is.
#[test]
fn timestamps() {
    check_rows(&[
        ("a: 2020-01-01\n", Some("a: \"2020-01-01T00:00:00Z\"\n")),
        ("a: 2020-1-2 3:4:5\n", Some("a: \"2020-01-02T03:04:05Z\"\n")),
        (
            "a: [2020-01-01T10:20:30Z, 2020-01-02]\n",
            Some("a:\n- \"2020-01-01T10:20:30Z\"\n- \"2020-01-02T00:00:00Z\"\n"),
        ),
        ("a: 2001-12-14t21:59:43.10-05:00\n", Some("a: \"2001-12-14T21:59:43.1-05:00\"\n")),
        ("a: 2001-12-14 21:59:43.10 -5\n", Some("a: 2001-12-14 21:59:43.10 -5\n")),
        ("a: '2020-01-01'\n", Some("a: \"2020-01-01\"\n")),
        (
            "a: &x 2020-01-01T10:20:30Z\nb: [*x]\n",
            Some("a: \"2020-01-01T10:20:30Z\"\nb:\n- \"2020-01-01T10:20:30Z\"\n"),
        ),
        ("a:\n  2020-01-01: x\n", None),
    ]);
}

// `<<` merges a mapping, or a sequence of them; quoted it is dropped once.
#[test]
fn merges() {
    check_rows(&[
        ("a: &x {k: 1}\nb:\n  <<: *x\n  k: 2\n", Some("a:\n  k: 1\nb:\n  k: 2\n")),
        ("a: &x {k: 1}\nb:\n  k: 2\n  <<: *x\n", Some("a:\n  k: 1\nb:\n  k: 2\n")),
        (
            "a: &x {k: 1}\nb: &y {k: 2, l: 3}\nc:\n  <<: [*x, *y]\n",
            Some("a:\n  k: 1\nb:\n  k: 2\n  l: 3\nc:\n  k: 1\n  l: 3\n"),
        ),
        ("a: &x [1]\nb:\n  <<: *x\n", None),
        ("a:\n  <<: x\n", None),
        ("a:\n  <<:\n    k: 1\n    k: 2\n", Some("a:\n  k: 1\n")),
        ("a:\n  <<: {k: }\n", Some("a:\n  k: null\n")),
        ("a: &x\n  k:\nb: {<<: *x}\n", Some("a:\n  k: null\nb:\n  k: \"\"\n")),
        ("a:\n  \"<<\": x\n  b: 1\n", Some("a:\n  b: 1\n")),
        ("a:\n  \"<<\": x\n  \"<<\": y\n", Some("a:\n  <<: \"y\"\n")),
        ("<<:\n  b: 1\n", Some("b: 1\n")),
        ("a:\n  <<: {b: 1}\n  <<: {c: 1}\n", None),
        ("a: [<<]\n", Some("a:\n- <<\n")),
        ("a:\n  !!merge <<: {b: 1}\n", Some("a:\n  b: 1\n")),
    ]);
}

// Nothing is null in a block and an empty string in brackets, wherever it comes from.
#[test]
fn empty_values() {
    check_rows(&[
        ("a:\n", Some("a: null\n")),
        ("a:\n-\n- ~\n", Some("a:\n- null\n- null\n")),
        ("a: [~, null, ]\n", Some("a:\n- null\n- null\n")),
        ("a: {b: , c}\n", Some("a:\n  b: \"\"\n  c: \"\"\n")),
        ("a: &x\nb: [*x]\n", Some("a: null\nb:\n- \"\"\n")),
        ("a: &x {b: }\nc: *x\n", Some("a:\n  b: \"\"\nc:\n  b: \"\"\n")),
        ("a: ''\n", Some("a: \"\"\n")),
    ]);
}

// Only what is left when the document is complete can be wrong.
#[test]
fn yaml11_lets_later_keys_win() {
    check_rows_of_yaml11(&[
        ("a: .nan\na: 1\n", Some("a: 1\n")),
        ("a: .inf\n", None),
        ("a:\n  ~: 1\na: 2\n", Some("a: 2\n")),
        ("~: 1\n", None),
        ("18446744073709551615: 1\n", None),
        ("a: 1\na: 2\n", Some("a: 2\n")),
        ("{}: x\n", Some("{}\n")),
        ("a: {}\n", Some("a: {}\n")),
        ("{a: 1}: x\n", None),
        ("a: [b: c]\n", Some("a:\n- b: c\n")),
        ("a: \"x\"#c\n", Some("a: x\n")),
        ("a: 1\n--- x\n", Some("a: 1\n")),
        ("a: 1\n...\nb\n", Some("a: 1\n")),
        ("? a\n: b\n", Some("a: b\n")),
        ("!!merge x: 1\n", Some("x: 1\n")),
        ("a: &x {k: 1}\nb: {k: 2, <<: *x}\n", Some("a:\n  k: 1\nb:\n  k: 1\n")),
        ("a: 2020-01-01\n", Some("a: \"2020-01-01\"\n")),
        ("a: 0o17\n", Some("a: 15\n")),
        ("a: 0b1\n", Some("a: 1\n")),
        ("a: !!int \"1\"\n", Some("a: 1\n")),
    ]);
}
