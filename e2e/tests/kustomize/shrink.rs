//! Makes an input smaller while a property of it stays.

use crate::case::{Case, Content};
use crate::value::Value;

/// So many inputs are tried at most: a smaller case saves minutes of reading, but not any number of minutes of shrinking.
const ATTEMPTS: usize = 3000;

/// The smallest input found that is still `interesting`.
pub(crate) fn shrink(case: &Case, mut interesting: impl FnMut(&Case) -> bool) -> Case {
    let mut smallest = case.clone();
    let mut attempts = 0;
    loop {
        let mut position = 0;
        let mut shrunk = false;
        while let Some(smaller) = reduction(&smallest, position) {
            attempts += 1;
            if attempts > ATTEMPTS {
                return smallest;
            }
            if smaller != smallest && interesting(&smaller) {
                // What stood at the next position is at this one now.
                smallest = smaller;
                shrunk = true;
            } else {
                position += 1;
            }
        }
        if !shrunk {
            return smallest;
        }
    }
}

/// The input without one of its parts, counted over files, documents and the values in them, outer ones first.
fn reduction(case: &Case, position: usize) -> Option<Case> {
    let mut left = position;
    let paths: Vec<&String> = case.files.keys().collect();
    if let Some(path) = paths.get(left) {
        let mut smaller = case.clone();
        smaller.files.remove(*path);
        return Some(smaller);
    }
    left -= paths.len();
    for path in paths {
        let parts = parts(&case.files[path]);
        if left < parts {
            let mut smaller = case.clone();
            let content = smaller.files.get_mut(path)?;
            remove(content, left);
            return Some(smaller);
        }
        left -= parts;
    }
    None
}

fn parts(content: &Content) -> usize {
    match content {
        Content::Yaml(documents) => documents.len() + documents.iter().map(values).sum::<usize>(),
        Content::Bytes(bytes) => String::from_utf8_lossy(bytes).lines().count(),
    }
}

/// How many ways there are to make a value smaller: without each of its children, each child smaller, and simpler scalars.
fn values(value: &Value) -> usize {
    match value {
        Value::List(items) => items.iter().map(|item| 1 + values(item)).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| 1 + values(value)).sum(),
        Value::Block(text) => 1 + text.lines().count(),
        Value::Scalar(_) => 1,
    }
}

fn remove(content: &mut Content, mut position: usize) {
    match content {
        Content::Yaml(documents) => {
            if position < documents.len() {
                documents.remove(position);
                return;
            }
            position -= documents.len();
            for document in documents {
                let count = values(document);
                if position < count {
                    reduce(document, position);
                    return;
                }
                position -= count;
            }
        }
        Content::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let lines = text.split_inclusive('\n').enumerate().filter(|(line, _)| *line != position);
            *bytes = lines.map(|(_, line)| line).collect::<String>().into_bytes();
        }
    }
}

fn reduce(value: &mut Value, mut position: usize) {
    match value {
        Value::Scalar(text) => {
            // A short plain word is as simple as it gets.
            if text.len() > 1 && !text.bytes().all(|byte| byte.is_ascii_lowercase()) {
                *value = Value::Scalar("a".to_owned());
            }
            return;
        }
        Value::Block(text) => {
            if position == 0 {
                *value = Value::Scalar("a".to_owned());
            } else {
                let lines = text.split_inclusive('\n').enumerate().filter(|(line, _)| line + 1 != position);
                *text = lines.map(|(_, line)| line).collect();
            }
            return;
        }
        Value::List(_) | Value::Map(_) => {}
    }
    for index in 0..value.children() {
        if position == 0 {
            match value {
                Value::List(items) => drop(items.remove(index)),
                Value::Map(entries) => drop(entries.remove(index)),
                Value::Scalar(_) | Value::Block(_) => {}
            }
            return;
        }
        position -= 1;
        let Some(child) = value.child_mut(index) else { return };
        let count = values(child);
        if position < count {
            reduce(child, position);
            return;
        }
        position -= count;
    }
}
