use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check(source: &str, object: &Value, expected: Expect) {
    let result = match Expression::parse(source, None) {
        Ok(expression) => match expression.is_true(object.as_object().into_iter().flatten().map(|(k, v)| (&**k, v))) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        },
        Err(error) => format!("refused: {error}"),
    };
    expected.assert_eq(&result);
}

fn object() -> Value {
    json!({
        "metadata": {"generation": 3, "name": "web", "labels": {"tier": "front"}},
        "spec": {"replicas": 2, "version": "1.4.2", "memory": "1500Mi"},
        "status": {
            "observedGeneration": 3, "phase": "Running", "ratio": 0.5,
            "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-26T00:00:00Z"},
                {"type": "Synced", "status": "False"},
            ],
        },
    })
}

#[test]
fn fields_are_read_as_in_kubernetes() {
    let object = object();
    for source in [
        "status.phase == 'Running'",
        "status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')",
        "status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')",
        "status.conditions.map(c, c.type).exists(t, t == 'Synced')",
        "metadata.generation == status.observedGeneration",
        "has(status.conditions) && !has(status.failures)",
        "status.observedGeneration + 1 == 4",
        "status.ratio < 0.7 && spec.replicas > 1",
        "metadata.labels['tier'] in ['front', 'back']",
        "'tier' in metadata.labels",
        "size(status.conditions) == 2 ? true : false",
        "metadata.name.matches('^w[a-z]+$')",
        "quantity(spec.memory).isGreaterThan(quantity('1Gi'))",
        "semver(spec.version).major() == 1",
        "timestamp(status.conditions[0].lastTransitionTime) < timestamp('2027-01-01T00:00:00Z')",
        "'a,b'.split(',').size() == 2",
        "math.greatest(1, spec.replicas) == 2",
        "status.conditions.exists_one(c, c.status == 'False')",
        "status.missing == 1 || status.phase == 'Running'",
    ] {
        let expression = Expression::parse(source, None).unwrap_or_else(|error| panic!("{source}: {error}"));
        let variables = object.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value));
        assert_eq!(expression.is_true(variables), Ok(true), "{source}");
    }
}

#[test]
fn what_is_not_there_is_told_by_its_name() {
    check("status.failure == 'x'", &object(), expect!["there is no field failure"]);
    check("data.ready == 'true'", &object(), expect!["there is no field data"]);
    check("status.phase", &object(), expect!["it gives a string, expected true or false"]);
}

#[test]
fn an_error_tells_no_value() {
    let secret = json!({"data": {"password": "hunter2"}});
    for source in
        ["data.password + 1 == 2", "data.password > 1", "data['password']['x'] == 1", "int(data.password) == 1"]
    {
        let expression = Expression::parse(source, None).unwrap();
        let error = expression.is_true([("data", &secret["data"])]).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{source}: {error}");
    }
}

#[test]
fn a_wrong_expression_is_told_with_its_place() {
    check(
        "status.phase == ",
        &json!({}),
        expect![
            "refused: line 1, column 17: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
        ],
    );
    check(
        "status.phase ==\n  'Running' &&& true",
        &json!({}),
        expect!["refused: line 2, column 15: token recognition error at: '& '"],
    );
    check("", &json!({}), expect!["refused: line 1, column 1: it is empty, expected an expression"]);
    check(
        "status.phase.frobnicate()",
        &json!({}),
        expect!["refused: line 1, column 14: there is no function frobnicate, or it is not allowed here"],
    );
    check(
        "true ||\n  now() > 1",
        &json!({}),
        expect!["refused: line 2, column 3: there is no function now, or it is not allowed here"],
    );
    check(
        "lists.range(1000000000).size() > 1",
        &json!({}),
        expect!["refused: line 1, column 1: there is no function lists.range, or it is not allowed here"],
    );
    check(
        "'%.999999999f'.format([1.0]) == ''",
        &json!({}),
        expect!["refused: line 1, column 16: there is no function format, or it is not allowed here"],
    );
    check("Thing{a: 1}.a == 1", &json!({}), expect!["refused: line 1, column 1: messages can't be made here"]);
    let error = Expression::parse("dep.status.revision == other.status.revision", Some(&["dep", "self"])).unwrap_err();
    expect!["line 1, column 24: there is no variable other; there are dep and self"].assert_eq(&error.to_string());
    assert!(Expression::parse("dep.spec.items.all(x, x == self.spec.x)", Some(&["dep", "self"])).is_ok());
}

#[test]
fn what_goes_too_deep_is_refused() {
    for source in [
        format!("{}1{} == 1", "(".repeat(500), ")".repeat(500)),
        format!("a{} == 1", ".b".repeat(1_000)),
        format!("a{} == 1", "[0]".repeat(600)),
        format!("{}true", "!".repeat(2_000)),
        format!("1{} == 1", " + 1".repeat(500)),
        format!("{}true", "true ? true : ".repeat(140)),
        "a".repeat(3_000),
    ] {
        let error = Expression::parse(&source, None).unwrap_err();
        assert!(matches!(error, ExpressionError::TooLarge(_)), "{source}: {error}");
    }
    // What is just within the bounds needs no more stack than there is.
    for source in [
        format!("{}1{} == 1", "(".repeat(24), ")".repeat(24)),
        format!("a{} == 1", ".b".repeat(80)),
        format!("a{} == 1", "[0]".repeat(80)),
        format!("{}true", "!".repeat(250)),
        format!("1{} == 1", " + 1".repeat(80)),
        format!("{}true", "true ? true : ".repeat(24)),
        format!("true{}", " && true".repeat(80)),
    ] {
        if let Ok(expression) = Expression::parse(&source, None) {
            let _ = expression.is_true([]);
        }
    }
}

#[test]
fn what_would_cost_too_much_is_not_evaluated() {
    let many: Vec<_> = (0..2_000).map(|number| json!({"number": number})).collect();
    let object = json!({"items": many, "text": "x".repeat(100_000)});
    for source in [
        "items.all(a, items.all(b, items.all(c, items.all(d, true))))",
        "items.exists(a, items.exists(b, items.filter(c, c == a).size() > items.filter(c, c == b).size()))",
        "text.replace('x', text).replace('x', text).size() > 1",
        "text.split('').map(a, text).size() > 1",
        "[text, text].map(a, [a, a, a, a]).map(a, a.map(b, [b, b, b, b])).map(a, a.map(b, b.map(c, [c + c + c + c]))).map(a, [a, a, a, a]).size() > items.map(x, text + text).size()",
    ] {
        let expression = Expression::parse(source, None).unwrap();
        let variables = object.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value));
        assert!(matches!(expression.is_true(variables), Err(EvaluationError::TooCostly(_))), "{source}");
    }
    let plain = Expression::parse("items.exists(i, i.number == 1999)", None).unwrap();
    let variables = object.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value));
    assert_eq!(plain.is_true(variables), Ok(true));
}

/// Expressions of any form, from the words of the language.
fn any_source() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "status",
        "spec",
        "self",
        "items",
        "x",
        "1",
        "-1",
        "0",
        "1u",
        "0.5",
        "9223372036854775807",
        "'a'",
        "b'a'",
        "true",
        "null",
        "[]",
        "{}",
        "{'a': 1}",
        "[1, 2]",
        ".",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        " in ",
        "has",
        "size",
        "all(x, x)",
        ".map(x, x + x)",
        ".filter(x, x > 1)",
        ".exists(x, x)",
        ".exists_one(x, x == 1)",
        ".first()",
        ".sum()",
        ".slice(0, 9)",
        ".flatten()",
        ".sort()",
        ".min()",
        ".replace('a', 'aa')",
        ".split('')",
        ".substring(5)",
        ".charAt(9)",
        ".matches('(')",
        ".find('a*')",
        "timestamp",
        "duration",
        "('1h')",
        "int",
        "('x')",
        "quantity",
        "math.greatest",
        "math.abs",
        "sets.contains",
        "base64.decode",
        "Thing{",
        "\"",
        "'",
        "\\",
        "é",
        "\u{0}",
        "/**/",
        "//",
    ]);
    prop::collection::vec(word, 0..14).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_expression_is_refused_or_has_an_answer(source in any_source()) {
        if let Ok(expression) = Expression::parse(&source, None) {
            let object = object();
            let _ = expression.is_true(object.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value)));
        }
    }

    #[test]
    fn any_text_is_refused_or_read(source in ".{0,60}") {
        let _ = Expression::parse(&source, Some(&["self"]));
    }
}
