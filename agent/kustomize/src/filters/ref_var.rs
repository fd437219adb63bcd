//! `$(NAME)` in fields is replaced by the values of `vars` (`api/filters/refvar`).

use std::collections::{BTreeMap, HashMap};

use plumb_yaml::Number;

use super::field_path;
use crate::budget::Budget;
use crate::error::{Error, ErrorKind, Errors, Fault};
use crate::fieldspec::{Create, FieldSpec};
use crate::generate::encode_base64;
use crate::kustomization::var::PlacedVar;
use crate::object::Resource;
use crate::resources::Resources;
use crate::scalar_type::Type;
use crate::shared::{self, Shared};
use crate::tree::{Kind, Scalar, Tree};

/// What a var stands for; a map or a list stands for nothing, so that the reference stays.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Structure,
}

/// Steps to see whether a field spec is for an object, and to find its field.
const STEPS_OF_A_SPEC: usize = 8;

pub(crate) fn apply(
    resources: &mut Resources,
    vars: &BTreeMap<String, PlacedVar>,
    specs: &[FieldSpec],
) -> Result<(), Errors> {
    if vars.is_empty() {
        return Ok(());
    }
    let values = values(resources, vars)?;
    let budget = resources.budget().clone();
    budget.work(resources.len().saturating_mul(specs.len()).saturating_mul(STEPS_OF_A_SPEC));
    for resource in resources.iter_mut() {
        for spec in specs {
            let mut shared = false;
            let mut set = |tree: &mut Tree| set(tree, &values, &budget, &mut shared);
            spec.visit_in_place(resource, Create::Nothing, &mut set).map_err(|fault| {
                let message = format!("{}: {}", resource.id(), fault.message);
                Errors::from(resource.error(Fault { message, ..fault }))
            })?;
            // The next field may be one with a field that this one has changed.
            if shared {
                shared::settle(&mut resource.tree);
            }
        }
    }
    Ok(())
}

fn values<'v>(resources: &Resources, vars: &'v BTreeMap<String, PlacedVar>) -> Result<HashMap<&'v str, Value>, Errors> {
    let mut owners: HashMap<&str, &Resource> = HashMap::new();
    for resource in resources.iter() {
        for name in &resource.vars {
            owners.entry(name).or_insert(resource);
        }
    }
    let mut values = HashMap::new();
    let mut errors = Vec::new();
    for (name, PlacedVar { file, at }) in vars {
        let var = &at.value;
        let value = match owners.get(name.as_str()) {
            Some(owner) => {
                let value = field_path::lookup(&owner.tree, &path(&var.field_path)).ok().flatten().and_then(value);
                value.ok_or_else(|| format!("{} has no usable value at {}", owner.id(), var.field_path))
            }
            None => Err(format!(
                "no object is {} {:?}; group, version, kind and name must be equal",
                var.gvk.to_string().trim_start(),
                var.object_name
            )),
        };
        match value {
            Ok(value) => {
                values.insert(name.as_str(), value);
            }
            Err(message) => errors.push(Error {
                kind: ErrorKind::Conflict,
                file: file.clone(),
                line: Some(at.line),
                field: Some(at.field.clone()),
                bases: Vec::new(),
                message,
            }),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(Errors(errors)) }
}

/// The parts of a field path; `ports[0]` is the field and the index.
fn path(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in field_path::split(text) {
        let indexed = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('['));
        match indexed.filter(|(_, index)| !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())) {
            Some((name, index)) => parts.extend([name.to_owned(), index.to_owned()]),
            None => parts.push(part),
        }
    }
    parts
}

/// kustomize reads the text of numbers anew, in decimal only: `010` is ten, and `0x10` is an error.
///
/// The type counts and not the quotes, which a patch with a number leaves as they are: its bug.
fn value(tree: &Tree) -> Option<Value> {
    let Tree::Scalar(Scalar { text, typed, .. }) = tree else { return Some(Value::Structure) };
    Some(match typed {
        Type::Integer | Type::Float => match text.parse() {
            Ok(integer) => Value::Integer(integer),
            Err(_) if text.parse::<u64>().is_ok() => return None,
            Err(_) => Value::Float(text.parse().ok()?),
        },
        Type::Bool => Value::Bool(read_bool(text)?),
        // What a filter wrote has no type, whatever it looks like.
        Type::Open | Type::Null | Type::String | Type::Timestamp => Value::String(text.clone()),
    })
}

/// As Go's `strconv.ParseBool` does.
fn read_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// Replaces the references in a field; `shared` becomes true when other fields are one with it.
fn set(tree: &mut Tree, values: &HashMap<&str, Value>, budget: &Budget, shared: &mut bool) -> Result<(), Fault> {
    let mut expand = |tree: &Tree| {
        let mut new = expand(tree.text(), values, budget)?;
        if let (Tree::Scalar(new), Tree::Scalar(old)) = (&mut new, tree) {
            new.shared = old.shared.map(Shared::changed);
            *shared |= new.shared.is_some();
        }
        Ok::<_, Fault>(new)
    };
    match tree {
        Tree::Scalar(_) if is_string(tree) => *tree = expand(tree)?,
        Tree::Scalar(_) => {}
        Tree::Mapping(map) => {
            for value in map.values_mut().filter(|value| is_string(value)) {
                *value = expand(value)?;
            }
        }
        Tree::Sequence(items) => {
            for item in items {
                if !is_string(item) {
                    return Err(Fault::conflict(format!(
                        "expected only strings in the list, found {}",
                        item.describe()
                    )));
                }
                *item = expand(item)?;
            }
        }
    }
    Ok(())
}

/// Whether a value is a string, or was written by a filter without a type, which kustomize takes for one. The plain text of a merge key is none to it.
fn is_string(tree: &Tree) -> bool {
    let merge = matches!(tree, Tree::Scalar(Scalar { typed: Type::String, quoted: false, tagged: false, text, .. }) if text == "<<");
    tree.is_string() && !merge || matches!(tree, Tree::Scalar(Scalar { typed: Type::Open, .. }))
}

/// Replaces each `$(NAME)`. One that is the whole text gives the value with its type; `$$` stands for a dollar sign.
fn expand(text: &str, values: &HashMap<&str, Value>, budget: &Budget) -> Result<Tree, Fault> {
    budget.work(text.len());
    let mut new: Vec<u8> = Vec::new();
    let mut rest = text.as_bytes();
    // Whether a bracket may still be closed.
    let mut closes = true;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        let (before, after) = rest.split_at(at);
        new.extend(before);
        match after {
            [_, b'(', inner @ ..] => {
                let end = if closes { inner.iter().position(|byte| *byte == b')') } else { None };
                let Some(end) = end else {
                    closes = false;
                    new.extend(b"$(");
                    rest = inner;
                    continue;
                };
                let (name, behind) = inner.split_at(end);
                let name = std::str::from_utf8(name).unwrap_or_default();
                match values.get(name).filter(|value| **value != Value::Structure) {
                    Some(value) if name.len() + 3 == text.len() => {
                        let new = value.to_tree();
                        budget.text(new.text().len());
                        return budget.check().map(|()| new);
                    }
                    Some(value) => {
                        let value = value.print();
                        budget.text(value.len());
                        budget.check()?;
                        new.extend(value.into_bytes());
                    }
                    None => new.extend(format!("$({name})").into_bytes()),
                }
                rest = behind.get(1..).unwrap_or_default();
            }
            [_, b'$', behind @ ..] => {
                new.push(b'$');
                rest = behind;
            }
            [_, first, behind @ ..] => {
                // kustomize takes a byte for a character, which breaks one that is not ASCII: its bug.
                new.extend(format!("${}", char::from(*first)).into_bytes());
                rest = behind;
            }
            _ => {
                rest = after;
                break;
            }
        }
    }
    new.extend(rest);
    // Text that broke that way is printed in base64.
    Ok(Tree::string(String::from_utf8(new).unwrap_or_else(|broken| encode_base64(broken.as_bytes()))))
}

impl Value {
    fn to_tree(&self) -> Tree {
        match self {
            Self::String(text) => Tree::string(text.as_str()),
            Self::Integer(value) => Tree::integer(*value),
            Self::Bool(value) => Tree::bool(*value),
            Self::Float(value) => match Number::from_f64(*value) {
                Some(number) => {
                    let new = Scalar::new(value.to_string(), Kind::Number(number));
                    Tree::Scalar(Scalar { typed: Type::Integer, ..new })
                }
                None => Tree::string(value.to_string()),
            },
            Self::Structure => Tree::string(""),
        }
    }

    /// The value inside of a text, as Go prints it.
    fn print(&self) -> String {
        match self {
            Self::String(text) => text.clone(),
            Self::Integer(value) => value.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Float(value) => print_float(*value),
            Self::Structure => String::new(),
        }
    }
}

/// With an exponent where that is under -4 or over 5.
fn print_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    match exponent.parse::<i32>() {
        Ok(exponent) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn expanded(text: &str) -> Tree {
        let values = HashMap::from([
            ("A", Value::String("a".to_owned())),
            ("N", Value::Integer(8)),
            ("REF", Value::String("$(A)".to_owned())),
            ("MAP", Value::Structure),
        ]);
        expand(text, &values, &Budget::new(&Options::default())).unwrap()
    }

    #[test]
    fn expands() {
        for (text, expected) in [
            ("x$(A)y$(N)", "xay8"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$a"),
            ("$(MISSING)$(MAP)", "$(MISSING)$(MAP)"),
            ("$(REF)-", "$(A)-"),
            ("$(A$(A))", "$(A$(A))"),
            ("$x ${A} $( $", "$x ${A} $( $"),
            ("$", "$"),
            ("$(A", "$(A"),
            ("$(A)$(A$$$(", "a$(A$$("),
        ] {
            assert_eq!(expanded(text), Tree::string(expected), "{text}");
        }
        assert_eq!(expanded("$(N)"), Tree::integer(8));
    }

    #[test]
    fn floats_print_as_in_go() {
        assert_eq!(print_float(1.5), "1.5");
        assert_eq!(print_float(123_456.5), "123456.5");
        assert_eq!(print_float(1_234_567.0), "1.234567e+06");
        assert_eq!(print_float(0.000_01), "1e-05");
    }

    #[test]
    fn paths() {
        assert_eq!(path("spec.ports[0].port"), ["spec", "ports", "0", "port"]);
        assert_eq!(path("a.[x=y].b"), ["a", "[x=y]", "b"]);
    }
}
