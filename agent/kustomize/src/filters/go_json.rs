//! JSON as Go prints it: keys sorted, and `<`, `>`, `&`, U+2028 and U+2029 escaped.

use std::fmt::Write as _;

use plumb_yaml::Value;

/// Prints a value, with an indentation of two spaces or without any.
pub(crate) fn print(value: &Value, pretty: bool) -> String {
    let mut out = String::new();
    write(&mut out, value, pretty.then_some(0));
    out
}

fn write(out: &mut String, value: &Value, indent: Option<usize>) {
    let deeper = indent.map(|level| level + 1);
    match value {
        Value::String(text) => write_string(out, text),
        Value::Array(items) if items.is_empty() => out.push_str("[]"),
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                break_line(out, deeper);
                write(out, item, deeper);
            }
            break_line(out, indent);
            out.push(']');
        }
        Value::Object(map) => {
            for (index, (key, value)) in map.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                break_line(out, deeper);
                write_string(out, key);
                out.push_str(if deeper.is_some() { ": " } else { ":" });
                write(out, value, deeper);
            }
            break_line(out, indent);
            out.push('}');
        }
        Value::Number(value) => match value.as_f64().filter(|_| value.is_f64()) {
            Some(value) => out.push_str(&json_float(value)),
            None => out.push_str(&value.to_string()),
        },
        Value::Null | Value::Bool(_) => out.push_str(&value.to_string()),
    }
}

/// A float as it stands in JSON: without a fraction where there is none, and with an exponent only where it is very large or small.
fn json_float(number: f64) -> String {
    let plain = number == 0.0 || (1e-6..1e21).contains(&number.abs());
    if plain { number.to_string() } else { float(number).replace("e-0", "e-") }
}

fn break_line(out: &mut String, indent: Option<usize>) {
    if let Some(level) = indent {
        out.push('\n');
        out.push_str(&"  ".repeat(level));
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A float in the shortest notation that Go has for it: with an exponent below 0.0001 and from a million on.
pub(crate) fn float(number: f64) -> String {
    let shortest = format!("{number:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_the_notation_of_go() {
        let numbers = [0.0, -0.0, 1.0, 1.5, 999_999.0, 1e6, 1_234_567.0, 1e21, 0.0001, 0.000_012, 1e-7, 1e100];
        let texts =
            ["0", "-0", "1", "1.5", "999999", "1e+06", "1.234567e+06", "1e+21", "0.0001", "1.2e-05", "1e-07", "1e+100"];
        assert_eq!(numbers.map(float), texts);
    }

    #[test]
    fn floats_in_json_have_a_notation_of_their_own() {
        let texts = [1.0, 0.5, 1e20, 1e21, 1e-6, 1.5e-7, 1e-10].map(json_float);
        assert_eq!(texts, ["1", "0.5", "100000000000000000000", "1e+21", "0.000001", "1.5e-7", "1e-10"]);
    }

    #[test]
    fn prints_as_go_does() {
        let value = serde_json::json!({"b": [1, {"c": "<&>\u{2028}\"\n"}], "a": {}, "d": []});
        assert_eq!(print(&value, false), r#"{"a":{},"b":[1,{"c":"\u003c\u0026\u003e\u2028\"\n"}],"d":[]}"#);
        assert_eq!(print(&value, true).lines().count(), 10);
    }
}
