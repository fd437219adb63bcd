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
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        let value = serde_json::json!({"b": [1, {"c": "<&>\u{2028}\"\n"}], "a": {}, "d": []});
        assert_eq!(print(&value, false), r#"{"a":{},"b":[1,{"c":"\u003c\u0026\u003e\u2028\"\n"}],"d":[]}"#);
        assert_eq!(print(&value, true).lines().count(), 10);
    }
}
