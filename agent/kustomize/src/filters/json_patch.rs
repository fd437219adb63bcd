//! JSON patches (RFC 6902), with the liberties of the library that kustomize uses (`evanphx/json-patch` version 4): `replace`
//! adds a missing key of a map, and a negative index counts from the end.

use plumb_yaml::{Number, Value};

use crate::budget::{Budget, check_depth};
use crate::error::Fault;
use crate::tree::Size;

/// Steps of an operation besides those for its value.
const STEPS_OF_AN_OPERATION: usize = 64;
/// A map of JSON takes as much memory as so many other values.
const VALUES_OF_A_MAP: usize = 8;
/// Steps to move one element of a list aside.
const STEPS_OF_A_SHIFT: usize = 2;

/// Applies the operations in order; all or nothing.
pub(crate) fn apply(mut document: Value, operations: &[Value], budget: &Budget) -> Result<Value, Fault> {
    for operation in operations {
        one(&mut document, operation, budget)?;
    }
    round(&mut document);
    Ok(document)
}

fn one(document: &mut Value, operation: &Value, budget: &Budget) -> Result<(), Fault> {
    let text = |field: &str| operation.get(field).and_then(Value::as_str);
    let op = text("op").unwrap_or("unknown");
    let path = || {
        text("path").ok_or_else(|| Fault::conflict(format!("the operation {op} needs a path, such as /spec/replicas")))
    };
    let value = || operation.get("value").cloned().unwrap_or_default();
    let made = |value: Value, path: &str| {
        budget.make(size(&value), path.matches('/').count())?;
        Ok::<_, Fault>(value)
    };
    budget.work(STEPS_OF_AN_OPERATION);
    match op {
        "add" => add(document, path()?, made(value(), path()?)?, budget),
        "remove" => remove(document, path()?, budget).map(|_| ()),
        "replace" => replace(document, path()?, made(value(), path()?)?),
        "test" => test(document, path()?, operation.get("value").unwrap_or(&Value::Null), budget),
        "move" | "copy" => {
            let from = text("from")
                .ok_or_else(|| Fault::conflict(format!("the operation {op} needs from, the path of what it takes")))?;
            let moved = if op == "move" {
                remove(document, from, budget)?
            } else {
                made(get(document, from)?.clone(), path()?)?
            };
            check_depth(path()?.matches('/').count() + size(&moved).depth)?;
            add(document, path()?, moved, budget)
        }
        other => Err(Fault::conflict(format!(
            "unknown operation {other:?}; known are add, remove, replace, move, copy and test"
        ))),
    }
}

fn missing(path: &str) -> Fault {
    Fault::conflict(format!("there is no {path} in the object"))
}

/// Says that there is nothing on the way to the end of a path.
fn missing_parent(path: &str, depth: usize) -> Fault {
    let parent: Vec<&str> = path.split('/').take(depth + 1).collect();
    let parent = parent.join("/");
    Fault::conflict(format!(
        "there is no map or list at {parent} in the object, so {path} leads nowhere; add {parent} first"
    ))
}

fn no_index(path: &str, items: &[Value]) -> Fault {
    Fault::conflict(format!("{path} is no place in the list, which has {} elements", items.len()))
}

/// The map or list that holds the last part of a path, and that part.
fn holder<'v>(document: &'v mut Value, path: &str) -> Result<(&'v mut Value, String), Fault> {
    check_depth(path.matches('/').count().saturating_sub(1))?;
    let mut parts: Vec<String> = path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    let last = parts.pop().filter(|_| !parts.is_empty());
    let last = last.ok_or_else(|| {
        Fault::conflict(format!("expected a path that starts with a slash, such as /spec/replicas, found {path:?}"))
    })?;
    let mut current = document;
    for (depth, part) in parts.iter().enumerate().skip(1) {
        current = match current {
            Value::Object(map) => map.get_mut(part),
            Value::Array(items) => index(part, items.len()).and_then(|index| items.get_mut(index)),
            _ => None,
        }
        .filter(|value| value.is_object() || value.is_array())
        .ok_or_else(|| missing_parent(path, depth))?;
    }
    Ok((current, last))
}

/// An index as Go reads it, which may count from the end.
fn index(part: &str, length: usize) -> Option<usize> {
    let number: i64 = part.parse().ok()?;
    let number = if number < 0 { number.checked_add(i64::try_from(length).ok()?)? } else { number };
    usize::try_from(number).ok()
}

fn add(document: &mut Value, path: &str, value: Value, budget: &Budget) -> Result<(), Fault> {
    match holder(document, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(items), key) if key == "-" => items.push(value),
        (Value::Array(items), key) => {
            let at = index(&key, items.len() + 1).filter(|at| *at <= items.len());
            let at = at.ok_or_else(|| no_index(path, items))?;
            budget.work((items.len() - at).saturating_mul(STEPS_OF_A_SHIFT));
            budget.check()?;
            items.insert(at, value);
        }
        _ => return Err(missing(path)),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str, budget: &Budget) -> Result<Value, Fault> {
    match holder(document, path)? {
        (Value::Object(map), key) => map.remove(&key),
        (Value::Array(items), key) => {
            budget.work(items.len().saturating_mul(STEPS_OF_A_SHIFT));
            budget.check()?;
            let at = index(&key, items.len()).filter(|at| *at < items.len());
            at.map(|at| items.remove(at)).ok_or_else(|| no_index(path, items)).map(Some)?
        }
        _ => None,
    }
    .ok_or_else(|| missing(path))
}

fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), Fault> {
    if path.is_empty() {
        if !value.is_object() && !value.is_array() {
            return Err(Fault::conflict("the whole object can only be replaced by a map"));
        }
        *document = value;
        return Ok(());
    }
    match holder(document, path)? {
        (Value::Object(map), key) => {
            map.insert(key, value);
        }
        (Value::Array(items), key) => {
            let at = index(&key, items.len()).filter(|at| *at < items.len()).ok_or_else(|| no_index(path, items))?;
            if let Some(item) = items.get_mut(at) {
                *item = value;
            }
        }
        _ => return Err(missing(path)),
    }
    Ok(())
}

/// What a path leads to; a missing key of a map counts as null.
fn get<'v>(document: &'v mut Value, path: &str) -> Result<&'v Value, Fault> {
    match holder(document, path)? {
        (Value::Object(map), key) => Ok(map.get(&key).unwrap_or(&Value::Null)),
        (Value::Array(items), key) => {
            index(&key, items.len()).and_then(|at| items.get(at)).ok_or_else(|| no_index(path, items))
        }
        _ => Err(missing(path)),
    }
}

fn test(document: &mut Value, path: &str, expected: &Value, budget: &Budget) -> Result<(), Fault> {
    let found = if path.is_empty() { &*document } else { get(document, path)? };
    let Size { values, text, .. } = size(expected);
    budget.work(values.saturating_add(text));
    if equal(found, expected) {
        Ok(())
    } else {
        // The values stay out of the message: they may be those of a secret.
        Err(Fault::conflict(format!("the test of {path} failed: the object has another value there")))
    }
}

/// Where null stands in a list the library crashes, which is its bug; so no such lists are equal.
fn equal(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Array(found), Value::Array(expected)) => {
            let same = |(found, expected): (&Value, &Value)| !found.is_null() && equal(found, expected);
            found.len() == expected.len() && found.iter().zip(expected).all(same)
        }
        (Value::Object(found), Value::Object(expected)) => {
            let same = |(key, value): (&String, &Value)| expected.get(key).is_some_and(|other| equal(value, other));
            found.len() == expected.len() && found.iter().all(same)
        }
        (found, expected) => found == expected,
    }
}

fn size(value: &Value) -> Size {
    let add = |size: Size, key: usize, item: &Value| {
        let Size { values, text, depth } = self::size(item);
        Size { values: size.values + values, text: size.text + key + text, depth: size.depth.max(depth + 1) }
    };
    match value {
        Value::Array(items) => {
            items.iter().fold(Size { values: 1, text: 0, depth: 1 }, |size, item| add(size, 0, item))
        }
        Value::Object(map) => map
            .iter()
            .fold(Size { values: VALUES_OF_A_MAP, text: 0, depth: 1 }, |size, (key, item)| add(size, key.len(), item)),
        Value::String(text) => Size { values: 1, text: text.len(), depth: 0 },
        Value::Null | Value::Bool(_) | Value::Number(_) => Size { values: 1, text: 0, depth: 0 },
    }
}

/// kustomize reads the result as JSON numbers of double precision, so that a large integer loses its last digits.
fn round(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::Object(map) => map.values_mut().for_each(round),
        Value::Number(number) => {
            if let Some(rounded) = number.as_f64() {
                // Printed without a fraction, the shortest digits read as an integer again, as long as it fits.
                let integer = rounded.to_string().parse::<i64>().map(Number::from).ok();
                *number = integer.or_else(|| Number::from_f64(rounded)).unwrap_or_else(|| number.clone());
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
