//! What the encoder of kyaml 0.21 prints, comment by comment and style by style.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use plumb_yaml::edit::{Document, Node};
use plumb_yaml::{Limits, Style};

fn read(text: &str) -> Document {
    Document::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{error}:\n{text}")).unwrap()
}

/// Reads a text and compares what is printed.
fn check(text: &str, expected: &str) {
    assert_eq!(read(text).to_string(), expected, "\n{text}");
}

/// Reads a text that comes out as it is.
fn check_same(text: &str) {
    check(text, text);
}

/// Puts a text into the value of `a` and compares what is printed.
fn check_set(text: &str, new: &str, expected: &str) {
    let mut document = read(text);
    assert!(document.root_mut().get_mut("a").unwrap().set_text(new));
    assert_eq!(document.to_string(), expected);
}

#[test]
fn comments_stay_where_they_are() {
    check_same("# head\na: 1 # line\n# foot\n\nb: 2\n");
    check_same("# of the document\n\n# of the key\na: 1\n\n# below\n");
    check_same("a: # of a block\n  b: 1\n  # below b\nc:\n# above the item\n- x # behind\n- y\n# below the items\n");
    check_same("- # above a block\n  a: 1\n# too\n- b: 1\n");
    check_same("a: | # of a text\n  x\n# below\nb: >- # too\n  x\n");
}

#[test]
fn comments_move_as_in_kyaml() {
    check("a: 1\n\n\n# far\n\n# near\nb: 2\n", "a: 1\n# far\n\n# near\nb: 2\n");
    check("a:\n    # deep\n    - x\n", "a:\n# deep\n- x\n");
    check("-   # first\n    a: 1\n", "- # first\n  a: 1\n");
    check("{a: 1, # one\n  b: 2} # two\n", "{a: 1, # one\n  b: 2} # two\n");
    check("[x, # one\n  y # two\n]\n", "[x, # one\n  y, # two\n]\n");
}

#[test]
fn layout_is_that_of_kyaml() {
    check("a:\n    b:\n      - c:   1\n        d: 2\n", "a:\n  b:\n  - c: 1\n    d: 2\n");
    check("a: 1\n\n\nb: 2\n", "a: 1\nb: 2\n");
    check("- - a\n  - b\n-\n  - c\n", "- - a\n  - b\n- - c\n");
    check("? a\n: b\n? [x, y]\n: z\n", "a: b\n? [x, y]\n: z\n");
    check("---\na: 1\n...\n", "a: 1\n");
    check_same("{}\n");
    check_same("a: []\nb: {}\n");
}

#[test]
fn styles_stay_where_the_text_allows_them() {
    check_same("a: 'x'\nb: \"y\"\nc: |\n  l1\n  l2\nd: >-\n  folded text\n");
    check_same("a: [1, 'two', {three: 3}]\nb: {x: y, z: [1]}\n");
    check("a: plain\n  on two lines\n", "a: plain on two lines\n");
    check("a: 'it''s\n\n  two'\n", "a: 'it''s\n\n  two'\n");
    check("a: \"tab\\there\"\n", "a: \"tab\\there\"\n");
    check("a: {b: , c}\n", "a: {b: '', c: ''}\n");
    let long = format!("a: {}\n", ["word"; 60].join(" "));
    check_same(&long);
}

#[test]
fn tags_anchors_and_aliases_stay() {
    check_same("a: &x 1\nb: *x\nc: &y\n  d: 1\ne: !!str 5\nf: !custom z\ng: !<urn:x> z\n");
    check("a: &x {k: v}\nb:\n  <<: *x\n", "a: &x {k: v}\nb:\n  !!merge <<: *x\n");
    check("a: ! 5\n", "a: 5\n");
}

#[test]
fn a_scalar_keeps_what_it_is() {
    check_set("a: 1 # one\nb: 2\n", "2", "a: 2 # one\nb: 2\n");
    check_set("a: 1\n", "x", "a: !!int x\n");
    check_set("a: x\n", "1", "a: \"1\"\n");
    check_set("a: x\n", "true", "a: \"true\"\n");
    check_set("a: 'x'\n", "1", "a: '1'\n");
    check_set("a: x\n", "k: v", "a: 'k: v'\n");
    check_set("a: x\n", "l1\nl2\n", "a: |\n  l1\n  l2\n");
    check_set("a: >-\n  x\n", "y", "a: >-\n  y\n");
    check_set("a: x\n", "", "a: \"\"\n");
}

#[test]
fn nodes_can_be_added_and_removed() {
    let mut document = read("# head\na: 1\nlist:\n- x\n");
    let root = document.root_mut();
    root.entries_mut().unwrap().remove(0);
    root.get_mut("list").unwrap().items_mut().unwrap().push(Node::scalar("y", Style::DoubleQuoted));
    let inner = Node::mapping(vec![(Node::plain("port"), Node::plain("80"))]);
    root.entries_mut().unwrap().push((Node::plain("new"), Node::sequence(vec![inner])));
    assert_eq!(document.to_string(), "list:\n- x\n- \"y\"\nnew:\n- port: 80\n");
}

#[test]
fn nodes_tell_what_is_written() {
    let document = read("# head\na: &x 'v' # line\nb: *x\nc: [1]\n# foot\n");
    let root = document.root();
    let key = &root.entries().unwrap()[0].0;
    assert_eq!((key.text(), key.head_comment()), (Some("a"), "# head"));
    let value = root.get("a").unwrap();
    assert_eq!((value.text(), value.style(), value.line_comment()), (Some("v"), Style::SingleQuoted, "# line"));
    assert!(root.get("b").unwrap().is_alias() && !value.is_alias());
    assert_eq!(root.get("c").unwrap().items().unwrap().len(), 1);
    assert_eq!(root.entries().unwrap()[2].0.foot_comment(), "# foot");
    for empty in ["", "# only a comment\n"] {
        assert!(Document::parse(empty, &Limits::default()).unwrap().is_none());
    }
}

#[test]
fn limits_hold() {
    let deep = "[".repeat(500);
    let error = Document::parse(&deep, &Limits::default()).unwrap_err();
    assert!(error.message.contains("nested"), "{error}");
    let error = Document::parse("a: *x\n", &Limits::default()).unwrap_err();
    assert!(error.message.contains("anchor"), "{error}");
}
