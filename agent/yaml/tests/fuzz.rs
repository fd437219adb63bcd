//! Whatever bytes come from outside, reading ends without a panic, and what is printed of them reads back as the same.
//!
//! `cargo test` tries a bounded number of random inputs; `docs/guides/fuzzing.md` says how to go on with feedback from the coverage of the code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use plumb_yaml::edit::Document;
use plumb_yaml::{Limits, Schema, Value, parse, plain, print};

const WORDS: [&str; 64] = [
    "a",
    "b",
    ": ",
    ":\n  ",
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "\n- ",
    "? ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&x ",
    "*x",
    "<<: ",
    "|",
    "|+\n  ",
    ">-\n  ",
    "\"",
    "'",
    "#",
    " # c\n",
    "!!int ",
    "!!str ",
    "!!merge ",
    "!!binary ",
    "! ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "\t",
    "1",
    "0x1F",
    "0o17",
    "1_000",
    "1e3",
    ".inf",
    ".nan",
    "-0",
    "~",
    "null",
    "true",
    "yes",
    "\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{FEFF}",
    "é",
    "\u{1F389}",
    "2020-01-01",
    "2020-01-01T00:00:00Z",
    "1:30",
    "=",
    "<<",
    "\\n",
    "\\x41",
    "\\u00e9",
    "\\",
    "%",
    "@",
    "`",
];

/// The text that some bytes stand for: ASCII as it is, words for most others, and those that are left as they are.
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for byte in bytes {
        match byte.checked_sub(128).and_then(|word| WORDS.get(usize::from(word) % 72)) {
            Some(word) => text.extend(word.bytes()),
            None => text.push(*byte),
        }
    }
    text
}

fn read(text: &[u8], schema: Schema) -> Option<Vec<Value>> {
    let nodes = parse(text, schema, &Limits::default()).ok()?;
    nodes
        .iter()
        .map(|node| {
            assert!(node.line >= 1 && node.column() >= 1);
            node.to_value().unwrap()
        })
        .map(Some)
        .collect()
}

#[test]
fn resources() {
    bolero::check!().with_iterations(3000).for_each(|input: &[u8]| {
        for value in read(&text(input), Schema::Resource).into_iter().flatten() {
            let printed = print(&value);
            let again = read(printed.as_bytes(), Schema::Resource).unwrap();
            assert_eq!(again.iter().map(print).collect::<String>(), printed);
        }
    });
}

#[test]
fn yaml11() {
    bolero::check!().with_iterations(3000).for_each(|input: &[u8]| {
        for value in read(&text(input), Schema::Yaml11).into_iter().flatten() {
            // A block keeps the line break that its text ends with, also one that only YAML takes for one.
            assert!(print(&value).ends_with(['\n', '\u{2028}', '\u{2029}']));
        }
    });
}

#[test]
fn a_plain_scalar() {
    bolero::check!().with_iterations(3000).for_each(|input: &[u8]| {
        let Ok(text) = String::from_utf8(text(input)) else { return };
        for schema in [Schema::Resource, Schema::Yaml11] {
            let _ = plain(&text, schema);
        }
    });
}

#[test]
fn an_edited_text() {
    bolero::check!().with_iterations(3000).for_each(|input: &[u8]| {
        let Ok(text) = String::from_utf8(text(input)) else { return };
        if let Ok(Some(document)) = Document::parse(&text, &Limits::default()) {
            let _ = document.to_string();
        }
    });
}
