//! What holds for every input.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use plumb_yaml::{Limits, Number, Schema, Value, parse, plain, print, print_documents};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        // What the printer has to think about.
        "[a-c \n'\":#\\-,\\[\\]{}&*!|>%@`?=~<._0-9+eExyYnN]{0,12}",
        "([a-z]{1,9} {1,2}){8,20}",
        "[ \n\tab]{0,8}",
        "[+-]?[0-9_.:eExobTZ-]{1,10}",
        any::<String>().prop_map(|text| text.replace(['\u{85}', '\u{2028}', '\u{2029}'], "")),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        (-1000i32..1000).prop_filter_map("finite", |value| Number::from_f64(f64::from(value) / 8.0)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().filter(|(key, _)| key != "<<").collect())),
        ]
    })
}

/// A float without a fraction that fits 64 bits becomes an integer on its way through JSON.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let text = number.as_f64().unwrap().to_string();
            let integer = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
            Value::Number(integer.unwrap_or_else(|_| number.clone()))
        }
        Value::Array(items) => Value::Array(items.iter().map(normal).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), normal(value))).collect()),
        other => other.clone(),
    }
}

fn read(text: &str, schema: Schema) -> Vec<Value> {
    let nodes = parse(text.as_bytes(), schema, &Limits::default()).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    nodes.iter().map(|node| node.to_value().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_printed_reads_back(value in value()) {
        let value = normal(&value);
        let printed = print(&value);
        prop_assert!(printed.ends_with('\n'));
        for schema in [Schema::Resource, Schema::Yaml11] {
            prop_assert_eq!(read(&printed, schema), vec![value.clone()], "{}", printed);
        }
        prop_assert_eq!(print(&read(&printed, Schema::Resource)[0]), printed);
    }

    #[test]
    fn documents_read_back(values in prop::collection::vec(value(), 1..4)) {
        let values: Vec<_> = values.iter().map(normal).collect();
        prop_assert_eq!(read(&print_documents(&values), Schema::Resource), values);
    }

    #[test]
    fn a_plain_scalar_is_what_it_is_in_a_file(text in "[+-]?[0-9_.:eExobTZ-]{0,10}|[a-zA-Z.~]{1,6}") {
        for schema in [Schema::Resource, Schema::Yaml11] {
            let file = format!("v: {text}\n");
            if let (Some(data), Ok(nodes)) = (plain(&text, schema), parse(file.as_bytes(), schema, &Limits::default()))
                && let Some(node) = nodes[0].get("v")
            {
                prop_assert_eq!(&node.data, &data);
            }
        }
    }
}
