use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn variables(strict: bool) -> Variables {
    let pairs = [
        ("name", "shop"),
        ("n", "3"),
        ("yes", "true"),
        ("empty", ""),
        ("version", "1.10"),
        ("octal", "0755"),
        ("quote", "a: \"b\"\nc: ${name}"),
        ("Mixed", "eU West"),
        ("secret", "hunter2"),
        ("not a name", "x"),
    ];
    Variables::new(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(), strict)
}

/// One text as the value of a field that takes any type.
fn text(strict: bool, text: &str) -> String {
    let mut object = json!({"apiVersion": "example.org/v1", "kind": "Widget", "spec": {"field": text}});
    match variables(strict).replace(&mut object) {
        Ok(()) => object["spec"]["field"].to_string(),
        Err(error) => error.to_string(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check(texts: &[&str], expected: Expect) {
    let lines: Vec<_> = texts.iter().map(|source| format!("{source} → {}", text(false, source))).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn references_become_values() {
    check(
        &[
            "${name}",
            "a-${name}-b",
            "${name}${name}",
            "${missing}",
            "x${missing}y",
            "${empty}",
            "$name",
            "$",
            "${",
            "$$",
            "{name}",
        ],
        expect![[r#"
            ${name} → "shop"
            a-${name}-b → "a-shop-b"
            ${name}${name} → "shopshop"
            ${missing} → ""
            x${missing}y → "xy"
            ${empty} → ""
            $name → "$name"
            $ → "$"
            ${ → "${"
            $$ → "$$"
            {name} → "{name}""#]],
    );
}

#[test]
fn defaults_and_other_operations() {
    check(
        &[
            "${missing:=7}",
            "${missing:-a b}",
            "${empty:=x}",
            "${empty=x}",
            "${missing-x}",
            "${name:=x}",
            "${missing:=${name}}",
            "${missing:=${also:-${n}}}",
            "${missing:=}",
            "${name:1}",
            "${name:1:2}",
            "${name:9}",
            "${name/s/S}",
            "${Mixed//e/E}",
            "${name/#sh/SH}",
            "${name/%op/OP}",
            "${Mixed^^}",
            "${Mixed,,}",
            "${name^}",
            "${Mixed,}",
            "${name#sh}",
            "${name%op}",
            "${#name}",
        ],
        expect![[r#"
            ${missing:=7} → 7
            ${missing:-a b} → "a b"
            ${empty:=x} → "x"
            ${empty=x} → ""
            ${missing-x} → "x"
            ${name:=x} → "shop"
            ${missing:=${name}} → "shop"
            ${missing:=${also:-${n}}} → 3
            ${missing:=} → ""
            ${name:1} → "hop"
            ${name:1:2} → "ho"
            ${name:9} → ""
            ${name/s/S} → "Shop"
            ${Mixed//e/E} → "EU WEst"
            ${name/#sh/SH} → "SHop"
            ${name/%op/OP} → "shOP"
            ${Mixed^^} → "EU WEST"
            ${Mixed,,} → "eu west"
            ${name^} → "Shop"
            ${Mixed,} → "eU West"
            ${name#sh} → "op"
            ${name%op} → "sh"
            ${#name} → 4"#]],
    );
}

#[test]
fn what_is_no_reference_stays() {
    check(
        &[
            "$${name}",
            "$$${name}",
            "a $${name} ${name}",
            "${a.b}",
            "${a b}",
            "${{ github.ref }}",
            "${1}",
            "${@}",
            "${}",
            "${__interval}",
        ],
        expect![[r#"
            $${name} → "${name}"
            $$${name} → "$${name}"
            a $${name} ${name} → "a ${name} shop"
            ${a.b} → "${a.b}"
            ${a b} → "${a b}"
            ${{ github.ref }} → "${{ github.ref }}"
            ${1} → "${1}"
            ${@} → "${@}"
            ${} → "${}"
            ${__interval} → """#]],
    );
}

#[test]
fn what_is_not_understood_is_an_error() {
    check(
        &["${name", "${name:?message}", "${name:x}", "${name#*}", "${name/}", "${#name:1}"],
        expect![[r#"
            ${name → .spec.field: the reference to the variable name is not understood: expected a closing brace; write $${name…} for the text itself
            ${name:?message} → .spec.field: the reference to the variable name is not understood: expected :=default, :-default, :start or :start:length; write $${name…} for the text itself
            ${name:x} → .spec.field: the reference to the variable name is not understood: expected :=default, :-default, :start or :start:length; write $${name…} for the text itself
            ${name#*} → .spec.field: the reference to the variable name is not understood: patterns are not supported, only plain text; write $${name…} for the text itself
            ${name/} → .spec.field: the reference to the variable name is not understood: expected /text/replacement; write $${name…} for the text itself
            ${#name:1} → .spec.field: the reference to the variable name is not understood: a length takes nothing but the name; write $${name…} for the text itself"#]],
    );
}

#[test]
fn a_strict_environment_takes_no_undefined_variable() {
    expect![".spec.field: the variable missing is not defined; define it in spec.substitute, give a default as in ${missing:=…}, or write $${missing} for the text itself"]
        .assert_eq(&text(true, "a ${missing}"));
    assert_eq!(text(true, "${missing:=x}"), "\"x\"");
    assert_eq!(text(true, "${empty}"), "\"\"");
}

#[test]
fn a_value_that_is_one_reference_takes_the_type_of_its_text() {
    check(
        &[
            "${n}",
            "${yes}",
            "${n}x",
            "${n}${n}",
            "${version}",
            "${octal}",
            "${missing:=-5}",
            "${missing:=null}",
            "${missing:=99999999999999999999}",
        ],
        expect![[r#"
            ${n} → 3
            ${yes} → true
            ${n}x → "3x"
            ${n}${n} → "33"
            ${version} → "1.10"
            ${octal} → "0755"
            ${missing:=-5} → -5
            ${missing:=null} → "null"
            ${missing:=99999999999999999999} → "99999999999999999999""#]],
    );
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "${n}", "labels": {"a": "${n}"}, "annotations": {"b": "${yes}"}},
        "spec": {
            "replicas": "${n}",
            "selector": {"matchLabels": {"a": "${n}"}},
            "template": {
                "metadata": {"labels": {"a": "${n}"}},
                "spec": {"hostNetwork": "${yes}", "containers": [{
                    "name": "${n}", "image": "${n}", "args": ["${n}"], "command": ["${yes}"],
                    "env": [{"name": "A", "value": "${n}"}], "ports": [{"containerPort": "${n}"}],
                }]},
            },
        },
    });
    variables(false).replace(&mut object).unwrap();
    expect![[r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"b":"true"},"labels":{"a":"3"},"name":"3"},"spec":{"replicas":3,"selector":{"matchLabels":{"a":"3"}},"template":{"metadata":{"labels":{"a":"3"}},"spec":{"containers":[{"args":["3"],"command":["true"],"env":[{"name":"A","value":"3"}],"image":"3","name":"3","ports":[{"containerPort":3}]}],"hostNetwork":true}}}}"#]]
        .assert_eq(&object.to_string());
    let mut map = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "${n}"}});
    variables(false).replace(&mut map).unwrap();
    assert_eq!(map["data"]["a"], "3");
}

#[test]
fn an_object_may_opt_out() {
    for place in ["annotations", "labels"] {
        let object = json!({"kind": "A", "metadata": {place: {SUBSTITUTE_ANNOTATION: "disabled"}}, "spec": {"a": "${n}", "b": "${x"}});
        let mut replaced = object.clone();
        variables(true).replace(&mut replaced).unwrap();
        assert_eq!(replaced, object);
        let mut strings =
            json!({"kind": "A", "metadata": {place: {SUBSTITUTE_ANNOTATION: "strings"}}, "spec": {"a": "${n}"}});
        variables(true).replace(&mut strings).unwrap();
        assert_eq!(strings["spec"]["a"], "3");
        let mut wrong = json!({"kind": "A", "metadata": {place: {SUBSTITUTE_ANNOTATION: "off"}}});
        assert_eq!(variables(true).replace(&mut wrong), Err(SubstitutionError::Rule("off".into())));
    }
}

#[test]
fn a_value_stays_a_value() {
    let mut object = json!({"kind": "A", "spec": {"a": "x ${quote}", "${name}": 1}});
    variables(true).replace(&mut object).unwrap();
    assert_eq!(object, json!({"kind": "A", "spec": {"a": "x a: \"b\"\nc: ${name}", "${name}": 1}}));
}

#[test]
fn no_error_tells_a_value() {
    for source in ["${secret:x}", "${secret#*}", "${secret", "${secret}${missing}"] {
        assert!(!text(true, source).contains("hunter2"), "{source}");
    }
    assert!(!format!("{:?}", variables(true)).contains("hunter2"));
}

#[test]
fn what_grows_too_large_is_refused() {
    let large = Variables::new([("a".to_owned(), "x".repeat(1 << 20))].into(), true);
    for source in ["${a}${a}${a}${a}${a}", "${a//x/yyyyyyyyyy}"] {
        let mut object = json!({"spec": source});
        assert_eq!(large.replace(&mut object), Err(SubstitutionError::TooLarge(".spec".into())));
    }
    let mut object = json!({"spec": ["${a}", "${a}", "${a}", "${a}", "${a}"]});
    assert!(matches!(large.replace(&mut object), Err(SubstitutionError::TooLarge(_))));
}

fn any_object() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z${}:=/#% ]{0,12}",
        prop::sample::select(vec!["${n}", "${name}", "$${n}", "${x:=1}", "${n", "${a.b}", "", "1", "true"])
            .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn has_reference(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(has_reference),
        Value::Object(map) => map.values().any(has_reference),
        _ => false,
    }
}

fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        Value::Object(map) => map.iter().flat_map(|(key, value)| [vec![key.clone()], keys(value)].concat()).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn without_a_reference_nothing_changes(object in any_object()) {
        let mut replaced = object.clone();
        if !has_reference(&object) {
            prop_assert_eq!(variables(true).replace(&mut replaced), Ok(()));
            prop_assert_eq!(replaced, object);
        }
    }

    #[test]
    fn the_form_of_an_object_stays(object in any_object()) {
        let mut replaced = object.clone();
        if variables(false).replace(&mut replaced).is_ok() {
            prop_assert_eq!(keys(&replaced), keys(&object));
        }
    }
}
