//! What no input may do: break the stack, the memory or the reader. Each fault names its place.

use expect_test::{Expect, expect};
use plumb_yaml::{Limits, Schema, parse};

fn check(text: impl AsRef<[u8]>, limits: &Limits, expected: &Expect) {
    let outcome = match parse(text.as_ref(), Schema::Resource, limits) {
        Ok(nodes) => format!("{} documents", nodes.len()),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&outcome);
}

fn small() -> Limits {
    Limits { bytes: 4000, depth: 4, nodes: 60, alias_nodes: 20, alias_bytes: 100, documents: 3 }
}

#[test]
fn bytes() {
    check(vec![b'a'; 4000], &small(), &expect!["1 documents"]);
    check(
        vec![b'a'; 4001],
        &small(),
        &expect!["line 1, column 1: the file has 4001 bytes, the limit is 4000; split it"],
    );
}

#[test]
fn depth_of_brackets_blocks_and_aliases() {
    check("[[[[1]]]]", &small(), &expect!["1 documents"]);
    check("[[[[[1]]]]]", &small(), &expect!["line 1, column 5: collections are nested more than 4 levels deep"]);
    check(
        "a:\n  b:\n    c:\n      d:\n        e: 1\n",
        &small(),
        &expect!["line 5, column 9: collections are nested more than 4 levels deep"],
    );
    check("- - - - - 1\n", &small(), &expect!["line 1, column 9: collections are nested more than 4 levels deep"]);
    check("a: &a [[1]]\nb: [*a]\n", &small(), &expect!["1 documents"]);
    check(
        "a: &a [[1]]\nb: [[*a]]\n",
        &small(),
        &expect!["line 2, column 6: collections are nested more than 4 levels deep"],
    );
}

#[test]
fn depth_beyond_any_stack() {
    check(
        "[".repeat(1_000_000),
        &Limits::default(),
        &expect!["line 1, column 129: collections are nested more than 128 levels deep"],
    );
    check(
        "{a: ".repeat(1_000_000),
        &Limits::default(),
        &expect!["line 1, column 513: collections are nested more than 128 levels deep"],
    );
    check(
        "- ".repeat(1_000_000),
        &Limits::default(),
        &expect!["line 1, column 257: collections are nested more than 128 levels deep"],
    );
    check(
        "? ".repeat(1_000_000),
        &Limits::default(),
        &expect!["line 1, column 257: collections are nested more than 128 levels deep"],
    );
    check(
        (0..3000).flat_map(|depth| [" ".repeat(depth), "a:\n".to_owned()]).collect::<String>(),
        &Limits::default(),
        &expect!["line 129, column 129: collections are nested more than 128 levels deep"],
    );
}

#[test]
fn nodes() {
    check(format!("[{}]", "1,".repeat(59)), &small(), &expect!["1 documents"]);
    check(
        format!("[{}]", "1,".repeat(60)),
        &small(),
        &expect!["line 1, column 120: the file has more than 60 values; split it"],
    );
}

#[test]
fn aliases() {
    check("a: &a [1, 2, 3, 4]\nb: [*a, *a, *a, *a]\n", &small(), &expect!["1 documents"]);
    check(
        "a: &a [1, 2, 3, 4]\nb: [*a, *a, *a, *a, *a]\n",
        &small(),
        &expect![
            "line 2, column 21: aliases of this file expand to more than 20 values or 100 bytes; write the values out"
        ],
    );
    check(
        format!("a: &a {}\nb: [*a, *a, *a]\n", "x".repeat(40)),
        &small(),
        &expect![
            "line 2, column 13: aliases of this file expand to more than 20 values or 100 bytes; write the values out"
        ],
    );
    check(
        "a: &a {x: 1, y: 2, z: 3}\nb: [{<<: *a}, {<<: *a}, {<<: *a}]\n",
        &small(),
        &expect![
            "line 2, column 30: aliases of this file expand to more than 20 values or 100 bytes; write the values out"
        ],
    );
}

/// Nine levels of nine aliases are 3.8 * 10^8 strings.
#[test]
fn an_alias_bomb() {
    let mut bomb = String::from("a0: &a0 lol\n");
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        let name = format!("a{level}");
        bomb.extend([&name, ": &", &name, " [", &aliases, "]\n"]);
    }
    check(
        bomb,
        &Limits::default(),
        &expect![
            "line 7, column 10: aliases of this file expand to more than 100000 values or 4194304 bytes; write the values out"
        ],
    );
}

#[test]
fn an_anchor_in_itself() {
    check("a: &a [*a]\n", &small(), &expect!["line 1, column 8: the value of the anchor contains an alias of itself"]);
    check(
        "&a {b: {<<: *a}}\n",
        &small(),
        &expect!["line 1, column 13: the value of the anchor contains an alias of itself"],
    );
}

#[test]
fn documents() {
    check("a\n---\nb\n---\nc\n", &small(), &expect!["3 documents"]);
    check("a\n---\nb\n---\nc\n---\nd\n", &small(), &expect!["line 7, column 1: more than 3 documents; split the file"]);
    check("", &small(), &expect!["0 documents"]);
}

#[test]
fn bytes_that_are_no_text() {
    check(b"a: 1\nb: \xFF\n", &small(), &expect!["line 2, column 4: invalid UTF-8; save the file as UTF-8"]);
    check(b"a: \xC3", &small(), &expect!["line 1, column 4: invalid UTF-8; save the file as UTF-8"]);
    check(b"\xFF\xFEa\0", &small(), &expect!["line 1, column 1: the file is in UTF-16; save it as UTF-8"]);
    check("é: \0", &small(), &expect!["line 1, column 4: a NUL character is not allowed; is this a binary file?"]);
    check(
        "a: b\u{7}\n",
        &small(),
        &expect![
            "line 1, column 5: the control character U+0007 is not allowed; write it as an escape in double quotes"
        ],
    );
    check(
        "a: \"\u{1b}[31m\"\n",
        &small(),
        &expect![
            "line 1, column 5: the control character U+001B is not allowed; write it as an escape in double quotes"
        ],
    );
    check(
        "a: \u{7f}\n",
        &small(),
        &expect![
            "line 1, column 4: the control character U+007F is not allowed; write it as an escape in double quotes"
        ],
    );
}

#[test]
fn byte_order_mark_and_windows_line_ends() {
    check("\u{FEFF}a: 1\r\nb:\r\n- c\r\n", &small(), &expect!["1 documents"]);
    check(
        "a: 1\r\nb: *x\r\n",
        &small(),
        &expect!["line 2, column 4: the alias has no anchor before it in this document"],
    );
    check(
        "a: 1\r\n---\r\nb: *x\r\n",
        &small(),
        &expect!["line 3, column 4: the alias has no anchor before it in this document"],
    );
}

#[test]
fn many_keys_and_documents_take_no_quadratic_time() {
    let keys: String = (0..100_000).flat_map(|key| ["k".to_owned(), key.to_string(), ": 1\n".to_owned()]).collect();
    check(keys, &Limits::default(), &expect!["1 documents"]);
    check("a: 1\n---\n".repeat(9_000), &Limits::default(), &expect!["9001 documents"]);
}
