//! Definitions of OpenAPI: what a type has for fields, as far as kustomize looks at them, read as strictly as it does.

use std::collections::BTreeMap;

use plumb_yaml::{Map, Node, Schema as Yaml, Value};

use crate::budget::Budget;
use crate::error::Fault;
use crate::parse::{self, FileFault};

/// The definition of a type, or of a field of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Definition {
    pub(crate) properties: BTreeMap<String, Definition>,
    /// What every other field of a map is.
    pub(crate) additional: Option<Box<Definition>>,
    /// What the elements of a list are.
    pub(crate) items: Option<Box<Definition>>,
    /// Whether the type is said to be a list and nothing else.
    pub(crate) is_array: bool,
    pub(crate) reference: Option<String>,
    /// The fields that begin with `x-`.
    pub(crate) extensions: BTreeMap<String, Value>,
}

/// Reads the first document of a file: strict JSON when it begins with a brace, else YAML.
pub(crate) fn read(bytes: &[u8], budget: &Budget) -> Result<Value, FileFault> {
    if bytes.first() != Some(&b'{') {
        let documents = parse::documents(bytes, Yaml::Yaml11, budget)?;
        return Ok(documents.first().map_or(Ok(Value::Null), Node::to_value)?);
    }
    if bytes.len() > budget.options.max_file_bytes {
        return Err(Fault::limit(format!("the file has more than {} bytes", budget.options.max_file_bytes)).into());
    }
    budget.work(bytes.len());
    budget.check()?;
    let value = serde_json::from_slice(bytes).map_err(|error| {
        let line = u32::try_from(error.line()).ok();
        FileFault { line, fault: Fault::syntax(format!("not valid JSON: {error}")) }
    })?;
    budget.values(count(&value));
    Ok(value)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

impl Definition {
    /// Reads a definition; `path` is where it stands, for messages.
    pub(crate) fn decode(value: &Value, path: &str) -> Result<Self, Fault> {
        let mut definition = Self::default();
        let Some(map) = object(value, path)? else { return Ok(definition) };
        for (key, value) in map {
            let path = || format!("{path}.{key}");
            match key.as_str() {
                "properties" => definition.properties = decode_all(value, &path())?,
                "patternProperties" | "definitions" => {
                    decode_all(value, &path())?;
                }
                "allOf" | "anyOf" | "oneOf" => {
                    for value in expect(value, value.as_array(), "a list", &path)?.into_iter().flatten() {
                        Self::decode(value, &path())?;
                    }
                }
                "not" => {
                    Self::decode(value, &path())?;
                }
                "additionalProperties" if value.is_object() => {
                    definition.additional = Some(Box::new(Self::decode(value, &path())?));
                }
                "items" if value.is_object() => definition.items = Some(Box::new(Self::decode(value, &path())?)),
                "type" => match value {
                    Value::String(name) => definition.is_array = name == "array",
                    Value::Array(names) => definition.is_array = names.len() == 1 && names[..] == ["array"],
                    Value::Null => {}
                    _ => return Err(wrong(value, "a string or a list", &path())),
                },
                "$ref" => definition.reference = value.as_str().map(str::to_owned),
                "id" | "$schema" | "description" | "format" | "title" | "pattern" | "discriminator" => {
                    expect(value, value.as_str(), "a string", &path)?;
                }
                "maximum" | "minimum" | "multipleOf" => {
                    expect(value, value.as_f64(), "a number", &path)?;
                }
                "maxLength" | "minLength" | "maxItems" | "minItems" | "maxProperties" | "minProperties" => {
                    expect(value, value.as_i64(), "a whole number", &path)?;
                }
                "exclusiveMaximum" | "exclusiveMinimum" | "uniqueItems" | "nullable" | "readOnly" => {
                    expect(value, value.as_bool(), "true or false", &path)?;
                }
                "enum" => {
                    expect(value, value.as_array(), "a list", &path)?;
                }
                "required" => {
                    for value in expect(value, value.as_array(), "a list", &path)?.into_iter().flatten() {
                        expect(value, value.as_str(), "a string", &path)?;
                    }
                }
                key if key.starts_with("x-") => {
                    definition.extensions.insert(key.to_owned(), value.clone());
                }
                _ => {}
            }
        }
        Ok(definition)
    }

    /// The text of an extension; other values count as none.
    pub(crate) fn extension(&self, name: &str) -> Option<&str> {
        self.extensions.get(name)?.as_str()
    }
}

/// Reads definitions by name.
pub(crate) fn decode_all(value: &Value, path: &str) -> Result<BTreeMap<String, Definition>, Fault> {
    let map = object(value, path)?.into_iter().flatten();
    map.map(|(name, value)| Ok((name.clone(), Definition::decode(value, &format!("{path}.{name}"))?))).collect()
}

/// The entries of a map; null is none.
pub(crate) fn object<'v>(value: &'v Value, path: &str) -> Result<Option<&'v Map<String, Value>>, Fault> {
    expect(value, value.as_object(), "a map", &|| path.to_owned())
}

fn expect<T>(value: &Value, found: Option<T>, what: &str, path: &dyn Fn() -> String) -> Result<Option<T>, Fault> {
    match found {
        Some(found) => Ok(Some(found)),
        None if value.is_null() => Ok(None),
        None => Err(wrong(value, what, &path())),
    }
}

fn wrong(value: &Value, what: &str, path: &str) -> Fault {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    };
    Fault::syntax(format!("{}: expected {what}, found {found}", path.trim_start_matches('.')))
}
