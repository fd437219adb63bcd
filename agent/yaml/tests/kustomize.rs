//! What kustomize 5.8.2 makes of a file, scenario by scenario. The expected texts are its output, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use expect_test::{Expect, expect};
use plumb_yaml::{Limits, Schema, parse, print, print_documents};

/// The head that every object of the scenarios has.
const HEAD: &str = "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: thing\n";

/// Reads an object and compares what is printed with what `kustomize build` prints.
fn check(body: &str, expected: &str) {
    let nodes = parse(format!("{HEAD}{body}").as_bytes(), Schema::Resource, &Limits::default()).unwrap();
    let values: Vec<_> = nodes.iter().filter(|node| !node.is_null()).map(|node| node.to_value().unwrap()).collect();
    assert_eq!(print_documents(&values), expected);
}

/// Reads a kustomization file and compares with what `sigs.k8s.io/yaml` reads.
fn check_yaml11(text: &str, expected: &str) {
    let nodes = parse(text.as_bytes(), Schema::Yaml11, &Limits::default()).unwrap();
    let value = nodes.first().map_or(plumb_yaml::Value::Null, |node| node.to_value().unwrap());
    assert_eq!(print(&value), expected);
}

/// A text that kustomize refuses; the line counts from the first after the head.
fn check_fails(body: &str, expected: &Expect) {
    let mut error = parse(format!("{HEAD}{body}").as_bytes(), Schema::Resource, &Limits::default()).unwrap_err();
    error.line -= 4;
    expected.assert_eq(&error.to_string());
}

// `yes`, `no`, `on` and `y` are strings, as values and as keys, and print in quotes.
#[test]
fn scalars_keep_yaml_12_booleans() {
    check(
        r#"spec:
  a: [yes, no, on, off, y, N, true, True, FALSE]
  yes: 1
  n: 2
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
  a:
  - "yes"
  - "no"
  - "on"
  - "off"
  - "y"
  - "N"
  - true
  - true
  - false
  "n": 2
  "yes": 1
"#,
    );
}

// Octal with and without `o`, hexadecimal, binary, underscores, and `08` which is no octal number.
#[test]
fn integers_of_every_base() {
    check(
        r#"spec: [0777, 0o17, 08, 0x1F, -0x1f, 0b101, -0b101, 0b-11, 0o-17, 1_000, 0_7, +5, -0, "0777", 0x, 0b2, 1__0]
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- 511
- 15
- 8
- 31
- -31
- 5
- -5
- -3
- -15
- 1000
- 7
- 5
- 0
- "0777"
- 0x
- 0b2
- 10
"#,
    );
}

#[test]
fn integers_beyond_64_bits_become_floats() {
    check(
        r#"spec: [9223372036854775807, 9223372036854775808, 18446744073709551615, 18446744073709551616, -9223372036854775808, -9223372036854775809, 12345678901234567890123, +9223372036854775808]
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- 9223372036854775807
- 9223372036854775808
- 18446744073709551615
- 1.8446744073709552e+19
- -9223372036854775808
- -9.223372036854776e+18
- 1.2345678901234568e+22
- 9223372036854776000
"#,
    );
}

// A float without a fraction becomes an integer; an exponent has two digits; the range of plain notation ends at 1e+06.
#[test]
fn floats() {
    check(
        r#"spec: [1.0, 1., .5, 1e3, 1.5e3, 1e-7, 0.0001, 0.00001, 123456.5, 1234567.5, 1e20, 1e21, 1e400, 9223372036854775808.0, 819351321958923.2, -0.0, .5_5, ._5, 1.5_5, 1e, .e1]
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- 1
- 1
- 0.5
- 1000
- 1500
- 1e-07
- 0.0001
- 1e-05
- 123456.5
- 1.2345675e+06
- 1e+20
- 1e+21
- 1e400
- 9223372036854776000
- 8.193513219589232e+14
- 0
- 0.55
- ._5
- 1.55
- 1e
- .e1
"#,
    );
}

#[test]
fn timestamps_become_rfc_3339() {
    check(
        r#"spec:
- 2020-01-01
- 2020-1-1
- 2020-02-30
- 2020-01-01 10:20:30
- 2020-01-01   10:20:30
- 2020-1-1T1:2:3Z
- 2020-01-01t10:20:30.120+02:00
- 2020-01-01T10:20:30-00:30
- 2020-01-01 10:20:30.1234567891
- 2020-01-01 10:20:30,5
- 2020-01-01T10:20:30
- "2020-01-01"
- 1:30
- 190:20:30.15
- 2024-02-29
- 2023-02-29
- 1900-02-29
- 2020-01-01T24:00:00Z
- 2020-01-01T10:20:30+00:00
- 0000-01-01
- 2020-01-01T10:20:30.Z
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- "2020-01-01T00:00:00Z"
- "2020-01-01T00:00:00Z"
- 2020-02-30
- "2020-01-01T10:20:30Z"
- "2020-01-01T10:20:30Z"
- "2020-01-01T01:02:03Z"
- "2020-01-01T10:20:30.12+02:00"
- "2020-01-01T10:20:30-00:30"
- "2020-01-01T10:20:30.123456789Z"
- "2020-01-01T10:20:30.5Z"
- 2020-01-01T10:20:30
- "2020-01-01"
- "1:30"
- "190:20:30.15"
- "2024-02-29T00:00:00Z"
- 2023-02-29
- 1900-02-29
- 2020-01-01T24:00:00Z
- "2020-01-01T10:20:30Z"
- "0000-01-01T00:00:00Z"
- 2020-01-01T10:20:30.Z
"#,
    );
}

#[test]
fn times_within_brackets_stay() {
    check(
        r#"spec: [2020-01-01, 2020-01-01 10:20:30]
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- "2020-01-01T00:00:00Z"
- "2020-01-01 10:20:30"
"#,
    );
}

#[test]
fn nulls() {
    check(
        r#"a:
b: ~
c: null
d: Null
e: ""
f: nil
"#,
        r#"a: null
apiVersion: example.com/v1
b: null
c: null
d: null
e: ""
f: nil
kind: Thing
metadata:
  name: thing
"#,
    );
}

// kustomize writes the missing value as two quotes and reads it again.
#[test]
fn nothing_within_brackets_becomes_an_empty_string() {
    check(
        r#"spec: {a, b: , c: ~}
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
  a: ""
  b: ""
  c: null
"#,
    );
}

#[test]
fn tags() {
    check(
        r#"spec:
- !!str 1
- !!int "1"
- !!float 1
- !!binary aGVsbG8=
- !mine 1
- ! 12
- ! "12"
- !!timestamp 2020-01-01
- !!str 2020-01-01
- !!bool "true"
"#,
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- "1"
- 1
- 1
- hello
- "1"
- 12
- "12"
- "2020-01-01T00:00:00Z"
- "2020-01-01"
- true
"#,
    );
}

#[test]
fn anchors_and_aliases_are_expanded() {
    check(
        r#"base: &base {x: 1, y: [a, b]}
copy: *base
list: [&s text, *s]
"k": &k v
"#,
        r#"apiVersion: example.com/v1
base:
  x: 1
  "y":
  - a
  - b
copy:
  x: 1
  "y":
  - a
  - b
k: v
kind: Thing
list:
- text
- text
metadata:
  name: thing
"#,
    );
}

// The keys of the mapping win wherever they stand; of several mappings the first wins; a merge within a merge counts.
#[test]
fn merge_keys() {
    check(
        r#"a: &a {x: a, y: a}
b: &b
  <<: *a
  x: b
  z: b
c:
  x: c
  <<: *b
d:
  <<: [*a, *b, {w: inline}]
e:
  "<<": lost
  v: 1
f: <<
"#,
        r#"a:
  x: a
  "y": a
apiVersion: example.com/v1
b:
  x: b
  "y": a
  z: b
c:
  x: c
  "y": a
  z: b
d:
  w: inline
  x: a
  "y": a
  z: b
e:
  v: 1
f: <<
kind: Thing
metadata:
  name: thing
"#,
    );
}

// Digits count as numbers, and letters stand behind all else.
#[test]
fn keys_in_natural_order() {
    check(
        r#"a10: 1
a2: 1
A: 1
_x: 1
ab: 1
a-b: 1
a.b: 1
a_b: 1
"1": 1
"10": 1
"2": 1
é: 1
a01: 1
"-": 1
"#,
        r#"'-': 1
_x: 1
"1": 1
"2": 1
"10": 1
A: 1
a-b: 1
a.b: 1
a_b: 1
a01: 1
a2: 1
a10: 1
ab: 1
apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
é: 1
"#,
    );
}

// At the top the text of a key counts.
#[test]
fn top_level_keys_that_are_no_strings() {
    check(
        r#"1: a
1.50: b
true: c
0x10: e
.inf: f
"#,
        r#"".inf": f
"0x10": e
"1": a
"1.50": b
apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
"true": c
"#,
    );
}

#[test]
fn sequences_are_not_indented() {
    check(
        r#"a:
    - 1
    -
        - 2
        - - 3
    - b: 1
      c:
        - d
    - {}
    - []
    - - {}
"#,
        r#"a:
- 1
- - 2
  - - 3
- b: 1
  c:
  - d
- {}
- []
- - {}
apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
"#,
    );
}

#[test]
fn long_texts_fold_behind_80_columns() {
    check(
        r#"plain: word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word
list:
- word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word
- a: word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word
quoted: "wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd"
double: "1  wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd   x"
unbroken: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
"#,
        r#"apiVersion: example.com/v1
double: "1  wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd
  wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd wo\trd   x"
kind: Thing
list:
- word word word word word word word word word word word word word word word word
  word word word word word word word word word word word word word word
- a: word word word word word word word word word word word word word word word word
    word word word word word word word word word word word word word word
metadata:
  name: thing
plain: word word word word word word word word word word word word word word word
  word word word word word word word word word word word word word word word
quoted: 'wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo:
  rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd wo: rd'
unbroken: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
"#,
    );
}

#[test]
fn strings_that_need_quotes() {
    check(
        "spec: [\"\", \"y\", \"No\", \"null\", \"~\", \"1\", \"1.5\", \"0x1f\", \"08\", \"1_0\", \".5\", \".inf\", \"2020-01-01\", \"1:30\", \"1:60\", \"<<\", \"=\", \"-\", \"- a\", \"-a\", \"?\", \"? a\", \"?a\", \":\", \": a\", \":a\", \"a:\", \"a: b\", \"a:b\", \"a #b\", \"a#b\", \"#a\", \"@a\", \"`a\", \"%a\", \"&a\", \"*a\", \"!a\", \"|\", \">\", \"a,b\", \"[a\", \"{a\", \"]\", \"it's\", \"'a\", \"\\\"a\", \"---\", \"--- a\", \"...\", \" a\", \"a \", \"a'b: c\"]\n",
        r#"apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
spec:
- ""
- "y"
- "No"
- "null"
- "~"
- "1"
- "1.5"
- "0x1f"
- "08"
- "1_0"
- ".5"
- ".inf"
- "2020-01-01"
- "1:30"
- 1:60
- <<
- =
- '-'
- '- a'
- -a
- '?'
- '? a'
- ?a
- ':'
- ': a'
- :a
- 'a:'
- 'a: b'
- a:b
- 'a #b'
- a#b
- '#a'
- '@a'
- '`a'
- '%a'
- '&a'
- '*a'
- '!a'
- '|'
- '>'
- a,b
- '[a'
- '{a'
- ']'
- it's
- '''a'
- '"a'
- '---'
- '--- a'
- '...'
- ' a'
- 'a '
- 'a''b: c'
"#,
    );
}

#[test]
fn characters_that_are_escaped() {
    check(
        "spec: [\"🎉\", \"tab\\there\", \"cr\\r\", \"nul\\0\", \"bell\\a\", \"esc\\e\", \"é日\", \"nbsp\\_x\", \"ls\\Lx\", \"bom\\uFEFFx\", \"\\uFEFFab\", \"back\\\\slash\"]\n",
        "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: thing\nspec:\n- \"\\U0001F389\"\n- \"tab\\there\"\n- \"cr\\r\"\n- \"nul\\0\"\n- \"bell\\a\"\n- \"esc\\e\"\n- é日\n- nbsp x\n- 'ls   x'\n- \"bom\\uFEFFx\"\n- \"\\uFEFF\\x61\\x62\"\n- back\\slash\n",
    );
}

// Blocks where possible; a trailing blank, a tab or an emoji forces double quotes.
#[test]
fn texts_of_several_lines() {
    check(
        "a: \"x\\ny\"\nb: \"x\\ny\\n\"\nc: \"x\\ny\\n\\n\"\nd: \"  x\\ny\"\ne: \"\\nx\"\nf: \"x \\ny\"\ng: \"x\\n y\\n\"\nh: \"x\\n\\n\\ny\"\ni: \"\\n\"\nj: \"x\\ty\\nz\"\nk: \"🎉\\nz\"\nl: \"x\\ny \"\nm: [\"x\\ny\", {n: \"x\\ny\"}]\n",
        r#"a: |-
  x
  y
apiVersion: example.com/v1
b: |
  x
  y
c: |+
  x
  y

d: |2-
    x
  y
e: |2-

  x
f: "x \ny"
g: |
  x
   y
h: |-
  x


  y
i: |2+

j: "x\ty\nz"
k: "\U0001F389\nz"
kind: Thing
l: "x\ny "
m:
- |-
  x
  y
- "n": |-
    x
    y
metadata:
  name: thing
"#,
    );
}

// kustomize writes `>` blocks with a line end too much before deeper lines and before kept ones.
#[test]
fn folded_texts_are_folded_twice() {
    check(
        r#"a: >
  one
  two

  three
    deep
  four
b: >+
  one


c: >-
  one
   deep
   deep

   deep
  two
d: >2
   deep
  one
  two
"#,
        r#"a: |
  one two
  three

    deep
  four
apiVersion: example.com/v1
b: |+
  one



c: |-
  one

   deep
   deep

   deep
  two
d: |2
   deep
  one two
kind: Thing
metadata:
  name: thing
"#,
    );
}

#[test]
fn literal_texts() {
    check(
        r#"a: |
  one
    two

  three
b: |-
  one
c: |+
  one


d: |2
    one
"#,
        r#"a: |
  one
    two

  three
apiVersion: example.com/v1
b: one
c: |+
  one


d: |2
    one
kind: Thing
metadata:
  name: thing
"#,
    );
}

#[test]
fn a_block_at_the_end_without_a_line_end() {
    check(
        r#"a: |
  one
  two"#,
        r#"a: |-
  one
  two
apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
"#,
    );
}

#[test]
fn keys_of_several_lines_or_beyond_128_bytes() {
    check(
        r#""a\nb": 1
"c\nd": [1, {e: 2}]
"f\ng": {h: 1}
? kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
: 1
llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll: 1
"#,
        r#"? |-
  a
  b
: 1
apiVersion: example.com/v1
? |-
  c
  d
: - 1
  - e: 2
? |-
  f
  g
: h: 1
kind: Thing
? kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
: 1
llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll: 1
metadata:
  name: thing
"#,
    );
}

#[test]
fn windows_line_ends() {
    check(
        "a: one\r\nb: |\r\n  x\r\n  y\r\n",
        r#"a: one
apiVersion: example.com/v1
b: |
  x
  y
kind: Thing
metadata:
  name: thing
"#,
    );
}

#[test]
fn documents() {
    check(
        r#"a: 1
---
# only a comment
---
apiVersion: example.com/v1
kind: Thing
metadata:
  name: second
--- # comment
apiVersion: example.com/v1
kind: Thing
metadata:
  name: third
...
lost: 1
"#,
        r#"a: 1
apiVersion: example.com/v1
kind: Thing
metadata:
  name: thing
---
apiVersion: example.com/v1
kind: Thing
metadata:
  name: second
---
apiVersion: example.com/v1
kind: Thing
metadata:
  name: third
"#,
    );
}

#[test]
fn plain_text_over_lines() {
    check(
        r#"a: one
  two

  three
b: "one
  two\
  three"
c: 'it''s

  two'
"#,
        r#"a: |-
  one two
  three
apiVersion: example.com/v1
b: one twothree
c: |-
  it's
  two
kind: Thing
metadata:
  name: thing
"#,
    );
}

#[test]
fn yaml11_booleans() {
    check_yaml11(
        r#"a: [y, Y, yes, Yes, on, ON, n, no, off, true, "y", yEs]
"#,
        r#"a:
- true
- true
- true
- true
- true
- true
- false
- false
- false
- true
- "y"
- yEs
"#,
    );
}

#[test]
fn yaml11_keys_become_strings() {
    check_yaml11(
        r#"y: 1
n: 2
1: 3
0x10: 4
1.50: 5
1e10: 6
.inf: 7
true2: 8
"#,
        r#"".inf": 7
"1": 3
"1.5": 5
"16": 4
"1e+10": 6
"false": 2
"true": 1
true2: 8
"#,
    );
}

#[test]
fn yaml11_the_last_duplicate_counts() {
    check_yaml11(
        r#"a: 1
b: 2
a: 3
"#,
        r#"a: 3
b: 2
"#,
    );
}

#[test]
fn yaml11_merges_in_the_order_of_the_file() {
    check_yaml11(
        r#"base: &b {x: base, y: base}
a:
  x: before
  <<: *b
c:
  <<: *b
  x: after
d:
  <<: [{x: first}, {x: second}]
"#,
        r#"a:
  "true": base
  x: base
base:
  "true": base
  x: base
c:
  "true": base
  x: after
d:
  x: first
"#,
    );
}

#[test]
fn yaml11_timestamps_stay() {
    check_yaml11(
        r#"a: 2020-01-01
b: 2020-1-1 1:1:1
"#,
        r#"a: "2020-01-01"
b: "2020-1-1 1:1:1"
"#,
    );
}

#[test]
fn yaml11_numbers() {
    check_yaml11(
        r#"a: [0777, 0o17, 08, 1_000, 0x1F, 0b-11, 0o-17, 1.0, 1e3, 18446744073709551616]
"#,
        r#"a:
- 511
- 15
- 8
- 1000
- 31
- -3
- 0o-17
- 1
- 1000
- 1.8446744073709552e+19
"#,
    );
}

#[test]
fn yaml11_only_the_first_document_counts() {
    check_yaml11(
        r#"a: 1
---
b: 2
---
[
"#,
        r#"a: 1
"#,
    );
}

#[test]
fn yaml11_nothing() {
    check_yaml11(
        r#"# nothing
"#,
        r#"null
"#,
    );
}

#[test]
fn yaml11_tags() {
    check_yaml11(
        r#"a: [!!str 1, ! 70, !mine 1, !!int "1"]
"#,
        r#"a:
- "1"
- "70"
- "1"
- 1
"#,
    );
}

#[test]
fn yaml11_folded_texts() {
    check_yaml11(
        r#"a: >
  one
    deep
  two
b: >+
  one

"#,
        r#"a: |
  one
    deep
  two
b: |+
  one

"#,
    );
}

#[test]
fn refuses_infinity() {
    check_fails(
        r#"a: .inf
"#,
        &expect!["line 1, column 4: .inf is a number that JSON cannot hold; put it in quotes if it is meant as text"],
    );
}

#[test]
fn refuses_not_a_number() {
    check_fails(
        r#"a: {b: .nan}
"#,
        &expect!["line 1, column 8: .nan is a number that JSON cannot hold; put it in quotes if it is meant as text"],
    );
}

#[test]
fn refuses_duplicate_key() {
    check_fails(
        r#"spec:
  a: 1
  b: 2
  a: 3
"#,
        &expect![[r#"line 4, column 3: the key "a" stands already on line 6; remove one"#]],
    );
}

#[test]
fn refuses_duplicate_key_by_text() {
    check_fails(
        r#"1: a
"1": b
"#,
        &expect![[r#"line 2, column 1: the key "1" stands already on line 5; remove one"#]],
    );
}

#[test]
fn refuses_number_as_key() {
    check_fails(
        r#"spec: {1: a}
"#,
        &expect!["line 1, column 8: a key must be a string; put it in quotes"],
    );
}

#[test]
fn refuses_boolean_as_key() {
    check_fails(
        r#"spec:
  true: a
"#,
        &expect!["line 2, column 3: a key must be a string; put it in quotes"],
    );
}

#[test]
fn refuses_null_as_key() {
    check_fails(
        r#"spec: {~: a}
"#,
        &expect!["line 1, column 8: a key must be a string, not null; put it in quotes"],
    );
}

#[test]
fn refuses_null_as_key_at_the_top() {
    check_fails(
        r#"~: a
"#,
        &expect!["line 1, column 1: a key must be a string, not null; put it in quotes"],
    );
}

#[test]
fn refuses_mapping_as_key() {
    check_fails(
        r#"spec: {{a: b}: c}
"#,
        &expect!["line 1, column 8: a key must be a string, not a sequence or a mapping"],
    );
}

#[test]
fn refuses_alias_without_anchor() {
    check_fails(
        r#"a: *missing
"#,
        &expect!["line 1, column 4: the alias has no anchor before it in this document"],
    );
}

#[test]
fn refuses_alias_of_an_earlier_document() {
    check_fails(
        r#"a: &a 1
---
b: *a
"#,
        &expect!["line 3, column 4: the alias has no anchor before it in this document"],
    );
}

#[test]
fn refuses_merge_of_a_scalar() {
    check_fails(
        r#"a:
  <<: 1
"#,
        &expect![
            "line 2, column 7: the merge key << wants a mapping, or a sequence of mappings; give it an alias of one"
        ],
    );
}

#[test]
fn refuses_merge_of_an_alias_of_a_sequence() {
    check_fails(
        r#"l: &l [{x: 1}]
a:
  <<: *l
"#,
        &expect![
            "line 3, column 7: the merge key << wants a mapping, or a sequence of mappings; give it an alias of one"
        ],
    );
}

#[test]
fn refuses_two_merges() {
    check_fails(
        r#"x: &x {}
a:
  <<: *x
  <<: *x
"#,
        &expect!["line 4, column 3: the key << stands already on line 7; remove one"],
    );
}

#[test]
fn refuses_tag_that_does_not_fit() {
    check_fails(
        r#"a: !!int text
"#,
        &expect!["line 1, column 10: the value does not fit its tag !!int; drop the tag or change the value"],
    );
}

#[test]
fn refuses_bad_base64() {
    check_fails(
        r#"a: !!binary "***"
"#,
        &expect!["line 1, column 13: the value of !!binary is not valid base64"],
    );
}

#[test]
fn refuses_separator_with_content() {
    check_fails(
        r#"a: 1
--- b
"#,
        &expect!["line 2, column 4: only a comment may stand behind the document separator ---; start a new line"],
    );
}

#[test]
fn refuses_tab_as_indentation() {
    check_fails("a:\n\tb: 1\n", &expect!["line 2, column 1: a tab cannot indent; use blanks"]);
}

#[test]
fn refuses_unclosed() {
    check_fails(
        r#"a: [1, 2
"#,
        &expect!["line 1, column 4: this [ is not closed"],
    );
}

#[test]
fn refuses_mapping_in_a_scalar() {
    check_fails(
        r#"a: b: c
"#,
        &expect!["line 1, column 5: a : with a blank behind it is not allowed here; put the text in quotes"],
    );
}

#[test]
fn refuses_unclosed_quote() {
    check_fails(
        r#"a: "b
"#,
        &expect!["line 2, column 1: the text in quotes is not closed"],
    );
}

// Files that were put together from several may have a mark at the start of each document.
#[test]
fn a_byte_order_mark_may_start_each_document() {
    let text = "\u{FEFF}a: 1\n---\n\u{FEFF}b: 2\n";
    let nodes = parse(text.as_bytes(), Schema::Resource, &Limits::default()).unwrap();
    let values: Vec<_> = nodes.iter().map(|node| node.to_value().unwrap()).collect();
    assert_eq!(print_documents(&values), "a: 1\n---\nb: 2\n");
}
