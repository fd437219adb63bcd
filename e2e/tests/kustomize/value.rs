//! YAML that a generator composes, that a shrinker takes apart, and that is printed as it was meant.

use std::fmt::Write as _;

/// A YAML value. A scalar is the text that the file has, quotes and all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Scalar(String),
    Block(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn null() -> Self {
        Self::Scalar("null".to_owned())
    }

    /// A string, in quotes where it would be something else without.
    pub(crate) fn string(text: &str) -> Self {
        let plain = !text.is_empty()
            && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@$()".contains(c))
            && !matches!(text, "true" | "false" | "null" | "y" | "n" | "yes" | "no" | "on" | "off" | "Y" | "N");
        Self::Scalar(if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() })
    }

    pub(crate) fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The text of a scalar without its quotes.
    pub(crate) fn text(&self) -> Option<String> {
        let Self::Scalar(text) = self else { return None };
        Some(serde_json::from_str::<String>(text).unwrap_or_else(|_| text.trim_matches('\'').to_owned()))
    }

    /// The string at the end of a path of keys.
    pub(crate) fn at(&self, path: &[&str]) -> Option<String> {
        path.iter().try_fold(self, |value, key| value.get(key))?.text()
    }

    /// Sets a field of a map, which is there afterwards once.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        if let Self::Map(entries) = self {
            match entries.iter_mut().find(|(name, _)| name == key) {
                Some(entry) => entry.1 = value,
                None => entries.push((key.to_owned(), value)),
            }
        }
    }

    /// The values directly below this one.
    pub(crate) fn children(&self) -> usize {
        match self {
            Self::List(items) => items.len(),
            Self::Map(entries) => entries.len(),
            Self::Scalar(_) | Self::Block(_) => 0,
        }
    }

    pub(crate) fn child_mut(&mut self, index: usize) -> Option<&mut Self> {
        match self {
            Self::List(items) => items.get_mut(index),
            Self::Map(entries) => entries.get_mut(index).map(|(_, value)| value),
            Self::Scalar(_) | Self::Block(_) => None,
        }
    }

    /// The document as YAML in block style.
    pub(crate) fn print(&self) -> String {
        let mut text = String::new();
        self.print_below(&mut text, 0, false);
        text
    }

    /// `inline` tells that the line has begun: after `- `.
    fn print_below(&self, text: &mut String, indent: usize, inline: bool) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (position, (key, value)) in entries.iter().enumerate() {
                    if position > 0 || !inline {
                        text.extend(std::iter::repeat_n(' ', indent));
                    }
                    let _ = write!(text, "{key}:");
                    value.print_after(text, indent);
                }
            }
            Self::List(items) if !items.is_empty() => {
                for (position, item) in items.iter().enumerate() {
                    if position > 0 || !inline {
                        text.extend(std::iter::repeat_n(' ', indent));
                    }
                    text.push_str("- ");
                    item.print_below(text, indent + 2, true);
                }
            }
            Self::Block(content) => {
                if !inline {
                    text.extend(std::iter::repeat_n(' ', indent));
                }
                print_block(content, text, indent);
            }
            Self::Map(_) => text.push_str("{}\n"),
            Self::List(_) => text.push_str("[]\n"),
            Self::Scalar(scalar) => {
                let _ = writeln!(text, "{scalar}");
            }
        }
    }

    fn print_after(&self, text: &mut String, indent: usize) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                text.push('\n');
                self.print_below(text, indent + 2, false);
            }
            Self::List(items) if !items.is_empty() => {
                text.push('\n');
                self.print_below(text, indent, false);
            }
            Self::Block(content) => {
                text.push(' ');
                print_block(content, text, indent);
            }
            Self::Scalar(scalar) if scalar.is_empty() => text.push('\n'),
            _ => {
                text.push(' ');
                self.print_below(text, indent, true);
            }
        }
    }
}

fn print_block(content: &str, text: &mut String, indent: usize) {
    text.push_str(if content.ends_with('\n') { "|\n" } else { "|-\n" });
    for line in content.lines() {
        if !line.is_empty() {
            text.extend(std::iter::repeat_n(' ', indent + 2));
        }
        let _ = writeln!(text, "{line}");
    }
}

impl From<serde_json::Value> for Value {
    /// Keys come in the order of JSON. A string that begins with NUL is the text that the file has.
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::String(text) => match text.strip_prefix('\0') {
                Some(raw) => Self::Scalar(raw.to_owned()),
                None if text.contains('\n')
                    && text.lines().all(|line| !line.ends_with(' ') && !line.starts_with(' ')) =>
                {
                    Self::Block(text)
                }
                None => Self::string(&text),
            },
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => {
                Self::Map(entries.into_iter().map(|(key, value)| (quoted_key(key), Self::from(value))).collect())
            }
            scalar => Self::Scalar(scalar.to_string()),
        }
    }
}

fn quoted_key(key: String) -> String {
    match Value::string(&key) {
        Value::Scalar(text) => text,
        _ => key,
    }
}
