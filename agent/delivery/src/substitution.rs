//! Variables in the values of objects: `${name}` and its kin, after the render and before the apply.
//!
//! The forms are those that Flux documents for its post-build substitution (<https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution>).
//! Unlike there, values of objects are replaced and not the text of a file, so no value can become anything but a value.

mod expand;
mod types;

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use crate::Digest;

/// An object says by it how variables in it are treated: an annotation, or a label.
pub const SUBSTITUTE_ANNOTATION: &str = "plumb.dev/substitute";
/// The most text in bytes that variables may add to one object: more than etcd takes.
const MOST: usize = 4 << 20;

/// The variables of an environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, String>,
    strict: bool,
}

/// Why variables in an object can't be replaced. It never says the value of one, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubstitutionError {
    /// A variable that nobody defines, where that matters.
    #[error(
        "{path}: the variable {name} is not defined; define it in spec.substitute, give a default as in ${{{name}:=…}}, or write $${{{name}}} for the text itself"
    )]
    Undefined {
        /// The field, as in `.spec.replicas`.
        path: String,
        /// The variable.
        name: String,
    },
    /// A reference that is not understood.
    #[error(
        "{path}: the reference to the variable {name} is not understood: {message}; write $${{{name}…}} for the text itself"
    )]
    Form {
        /// The field.
        path: String,
        /// The variable.
        name: String,
        /// What was expected.
        message: &'static str,
    },
    /// An annotation that says nothing.
    #[error("the annotation or label {SUBSTITUTE_ANNOTATION} is {0:?}; expected disabled or strings")]
    Rule(String),
    /// Too much text.
    #[error("{0}: the variables make the object larger than {MOST} bytes")]
    TooLarge(String),
}

impl Variables {
    /// Variables with their values. `strict` makes an undefined one an error instead of an empty text. Names that no reference can have are left out.
    #[must_use]
    pub fn new(values: BTreeMap<String, String>, strict: bool) -> Self {
        Self { values: values.into_iter().filter(|(name, _)| is_name(name)).collect(), strict }
    }

    /// Stands for all names and values.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let named: Vec<_> =
            self.values.iter().map(|(name, value)| (name.as_str(), Digest::of(value.as_bytes()))).collect();
        let strict = (if self.strict { "strict" } else { "" }, Digest::of(b""));
        Digest::of_named(named.into_iter().chain([strict]))
    }

    /// Replaces the variables in all string values of an object. Keys stay as they are.
    ///
    /// An object that says `disabled` under [`SUBSTITUTE_ANNOTATION`] is left alone. A value that is one reference and nothing else becomes a number or a truth
    /// value when its text is one, except where Kubernetes wants text, or when the object says `strings`.
    ///
    /// # Errors
    /// The first that is wrong; the object is of no use then.
    pub fn replace(&self, object: &mut Value) -> Result<(), SubstitutionError> {
        let rule = rule(object)?;
        if rule == Rule::Disabled {
            return Ok(());
        }
        let mut walk = Walk { variables: self, path: Vec::new(), types: types::Types::of(object), rule, left: MOST };
        walk.visit(object)
    }
}

/// Says nothing of the values.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Disabled,
    Strings,
    Typed,
}

fn rule(object: &Value) -> Result<Rule, SubstitutionError> {
    for place in ["/metadata/annotations/plumb.dev~1substitute", "/metadata/labels/plumb.dev~1substitute"] {
        match object.pointer(place) {
            None => {}
            Some(Value::String(value)) if value == "disabled" => return Ok(Rule::Disabled),
            Some(Value::String(value)) if value == "strings" => return Ok(Rule::Strings),
            Some(value) => {
                return Err(SubstitutionError::Rule(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
        }
    }
    Ok(Rule::Typed)
}

/// A name as a shell has it.
fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
}

struct Walk<'v> {
    variables: &'v Variables,
    path: Vec<String>,
    types: types::Types,
    rule: Rule,
    /// How many bytes may still be added.
    left: usize,
}

impl Walk<'_> {
    fn visit(&mut self, value: &mut Value) -> Result<(), SubstitutionError> {
        match value {
            Value::String(text) if text.contains("${") => {
                let expanded = expand::expand(text, self.variables, self.left).map_err(|fault| self.error(fault))?;
                self.left = self.left.saturating_sub(expanded.len());
                let typed =
                    self.rule == Rule::Typed && expand::is_one_reference(text) && !self.types.is_text(&self.path);
                *value = if typed { types::typed(expanded) } else { Value::String(expanded) };
            }
            Value::Array(items) => {
                for (place, item) in items.iter_mut().enumerate() {
                    self.below(place.to_string(), item)?;
                }
            }
            Value::Object(map) => {
                for (key, item) in map.iter_mut() {
                    self.below(key.clone(), item)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn below(&mut self, key: String, value: &mut Value) -> Result<(), SubstitutionError> {
        self.path.push(key);
        self.visit(value)?;
        self.path.pop();
        Ok(())
    }

    fn error(&self, fault: expand::Fault) -> SubstitutionError {
        let path = format!(".{}", self.path.join("."));
        match fault {
            expand::Fault::Undefined(name) => SubstitutionError::Undefined { path, name },
            expand::Fault::Form(name, message) => SubstitutionError::Form { path, name, message },
            expand::Fault::TooLarge => SubstitutionError::TooLarge(path),
        }
    }
}

#[cfg(test)]
mod tests;
