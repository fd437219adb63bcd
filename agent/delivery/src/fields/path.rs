//! The way to a field as kustomize's replacements write it: keys with dots between them, an index, or `[name=web]` for an item of a list.

use super::Error;

/// One step of the way as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The value of a key; in a list, the item at an index.
    Key(String),
    /// The item of a list whose field has a value.
    Item { key: String, value: String },
}

/// Reads a way. A dot behind a backslash, and one within brackets, is part of a name.
pub(super) fn parse(field: &str) -> Result<Vec<Step>, Error> {
    let wrong = |why| Error::Path { field: field.to_owned(), why };
    let mut steps = Vec::new();
    let (mut name, mut inside, mut rest) = (String::new(), false, field.chars().peekable());
    loop {
        match rest.next() {
            Some('\\') if rest.peek() == Some(&'.') => name.extend(rest.next()),
            Some('[') if name.is_empty() && !inside => inside = true,
            Some(']') if inside => {
                inside = false;
                let (key, value) = name.split_once('=').ok_or_else(|| wrong("brackets hold a key and a value"))?;
                steps.push(Step::Item { key: key.to_owned(), value: value.to_owned() });
                name.clear();
                match rest.next() {
                    None => return Ok(steps),
                    Some('.') => {}
                    Some(_) => return Err(wrong("a dot must follow the bracket")),
                }
            }
            Some('.') if !inside => steps.push(Step::Key(taken(&mut name).ok_or_else(|| wrong("a name is empty"))?)),
            Some(char) => name.push(char),
            None if inside => return Err(wrong("a bracket is not closed")),
            None => break,
        }
    }
    steps.push(Step::Key(taken(&mut name).ok_or_else(|| wrong("a name is empty"))?));
    Ok(steps)
}

fn taken(name: &mut String) -> Option<String> {
    Some(std::mem::take(name)).filter(|name| !name.is_empty())
}
