//! A schema of a kustomization's own: an OpenAPI document with definitions, and with paths that tell the scope of kinds.

use std::collections::{BTreeMap, HashMap};

use plumb_yaml::{Map, Value};

use super::definition::{self, Definition};
use crate::error::Fault;

const KINDS: &str = "x-kubernetes-group-version-kind";
const METHODS: &[&str] = &["get", "put", "post", "delete", "options", "head", "patch"];

/// The definitions of a file, and what kinds they are for.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    definitions: BTreeMap<String, Definition>,
    /// By apiVersion and kind, the definition.
    kinds: HashMap<String, HashMap<String, String>>,
    /// By apiVersion and kind, whether the objects of a kind are in namespaces.
    namespaced: HashMap<String, HashMap<String, bool>>,
}

impl Custom {
    pub(crate) fn decode(file: &Value) -> Result<Self, Fault> {
        let mut custom = Self::default();
        let Some(map) = definition::object(file, "the schema")? else { return Ok(custom) };
        if let Some(definitions) = map.get("definitions") {
            custom.definitions = definition::decode_all(definitions, "definitions")?;
        }
        for (name, definition) in &custom.definitions {
            let Some(Value::Array(kinds)) = definition.extensions.get(KINDS) else { continue };
            for kind in kinds.iter().filter(|kind| kind.is_object()) {
                let (api_version, kind) = type_meta(kind, name)?;
                custom.kinds.entry(api_version).or_default().insert(kind, name.clone());
            }
        }
        check(map)?;
        let paths = map.get("paths").map(|paths| definition::object(paths, "paths")).transpose()?.flatten();
        for (path, item) in paths.into_iter().flatten().filter(|(path, _)| path.starts_with('/')) {
            for (method, operation) in definition::object(item, path)?.into_iter().flatten() {
                if METHODS.contains(&method.as_str()) {
                    let operation = definition::object(operation, &format!("{path}.{method}"))?;
                    custom.operation(path, method, operation.unwrap_or(&Map::new()))?;
                }
            }
        }
        Ok(custom)
    }

    /// Takes the scope of a kind from how it is read.
    fn operation(&mut self, path: &str, method: &str, operation: &Map<String, Value>) -> Result<(), Fault> {
        if operation.get("parameters").is_some_and(|parameters| !parameters.is_array() && !parameters.is_null()) {
            return Err(Fault::syntax(format!("{path}.{method}.parameters: expected a list")));
        }
        if let Some(kind) = operation.get(KINDS).filter(|kind| method == "get" && kind.is_object()) {
            let (api_version, kind) = type_meta(kind, path)?;
            let is_namespaced = path.contains("namespaces/{namespace}");
            *self.namespaced.entry(api_version).or_default().entry(kind).or_default() |= is_namespaced;
        }
        Ok(())
    }

    pub(super) fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        self.namespaced.get(api_version).and_then(|kinds| kinds.get(kind)) == Some(&false)
    }

    pub(super) fn of_kind(&self, api_version: &str, kind: &str) -> Option<&Definition> {
        self.definitions.get(self.kinds.get(api_version)?.get(kind)?)
    }

    pub(super) fn named(&self, name: &str) -> Option<&Definition> {
        self.definitions.get(name)
    }

    /// The definition that a reference such as `#/definitions/NAME` or `#/definitions/NAME/properties/FIELD` names.
    pub(super) fn definition(&self, reference: &str) -> Option<&Definition> {
        let (_, pointer) = reference.split_once('#')?;
        let mut parts = pointer.strip_prefix("/definitions/")?.split('/').map(unescape);
        let mut definition = self.definitions.get(&parts.next()?)?;
        while let Some(part) = parts.next() {
            definition = match part.as_str() {
                "properties" => definition.properties.get(&parts.next()?)?,
                "items" => definition.items.as_deref()?,
                "additionalProperties" => definition.additional.as_deref()?,
                _ => return None,
            };
        }
        Some(definition)
    }
}

/// A part of a JSON pointer that is the fragment of a URL.
fn unescape(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let [first, behind @ ..] = rest {
        let byte = match behind {
            [high, low, ..] if *first == b'%' => {
                let digits =
                    std::str::from_utf8(&[*high, *low]).ok().and_then(|text| u8::from_str_radix(text, 16).ok());
                digits.map(|byte| (byte, behind.get(2..).unwrap_or_default()))
            }
            _ => None,
        };
        let (byte, behind) = byte.unwrap_or((*first, behind));
        bytes.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&bytes).replace("~1", "/").replace("~0", "~")
}

/// Checks what kustomize reads but does not use.
fn check(document: &Map<String, Value>) -> Result<(), Fault> {
    let empty = Map::new();
    let info = document.get("info").map(|info| definition::object(info, "info")).transpose()?.flatten();
    for (map, names) in [
        (document, &["swagger", "host", "basePath", "id"][..]),
        (info.unwrap_or(&empty), &["title", "version", "description"]),
    ] {
        for name in names {
            if map.get(*name).is_some_and(|value| !value.is_string() && !value.is_null()) {
                return Err(Fault::syntax(format!("{name}: expected a string; put it in quotes")));
            }
        }
    }
    Ok(())
}

fn type_meta(kind: &Value, at: &str) -> Result<(String, String), Fault> {
    let text = |key: &str| kind.get(key).and_then(Value::as_str);
    let (Some(version), Some(name)) = (text("version"), text("kind")) else {
        return Err(Fault::syntax(format!("{at}: {KINDS} needs version and kind, both strings")));
    };
    let group = text("group").unwrap_or_default();
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Ok((api_version, name.to_owned()))
}

/// An extension has the wrong type, which is where kustomize stops.
pub(super) struct WrongType;

/// The merge keys of a definition if it is a merged list.
pub(super) fn merge_keys(definition: &Definition) -> Result<Option<Vec<&str>>, WrongType> {
    let Some(strategy) = definition.extensions.get("x-kubernetes-patch-strategy") else { return Ok(None) };
    let key = definition.extensions.get("x-kubernetes-patch-merge-key");
    if key.is_some_and(|key| !key.is_string()) {
        return Err(WrongType);
    }
    if !strategy.as_str().ok_or(WrongType)?.split(',').any(|strategy| strategy == "merge") {
        return Ok(None);
    }
    let keys: Option<Vec<&str>> = match definition.extensions.get("x-kubernetes-list-map-keys") {
        Some(keys) => keys.as_array().and_then(|keys| keys.iter().map(Value::as_str).collect()),
        None => Some(key.and_then(Value::as_str).into_iter().collect()),
    };
    keys.map(Some).ok_or(WrongType)
}
