//! `crds`: field specs from the OpenAPI definitions of custom kinds.

use std::collections::BTreeMap;

use plumb_yaml::Value;

use super::config::{Config, NameReference, sort, sort_references};
use super::{FieldSpec, LONGEST_PATH, merge_one};
use crate::error::Fault;
use crate::id::Gvk;
use crate::schema::definition::{self, Definition};

/// How many definitions may refer to each other in a row.
const MAX_DEPTH: usize = 100;

/// How many fields are looked at: definitions that refer to others can make many of few.
const MAX_FIELDS: usize = 1_000_000;

/// Reads a file of definitions by name, each with its `Schema`.
pub(crate) fn decode(file: &Value) -> Result<Config, Fault> {
    let mut definitions = BTreeMap::new();
    for (name, entry) in definition::object(file, "the file")?.into_iter().flatten() {
        let mut schema = Definition::default();
        for (key, value) in definition::object(entry, name)?.into_iter().flatten() {
            if key.eq_ignore_ascii_case("schema") {
                schema = Definition::decode(value, &format!("{name}.{key}"))?;
            } else if key.eq_ignore_ascii_case("dependencies") && !(value.is_array() || value.is_null()) {
                return Err(Fault::syntax(format!("{name}.{key}: expected a list")));
            }
        }
        definitions.insert(name.as_str(), schema);
    }
    let mut reader = Reader { definitions: &definitions, fields: 0, specs: Specs::default() };
    for (name, definition) in &definitions {
        if ["kind", "apiVersion", "metadata"].iter().all(|field| definition.properties.contains_key(*field)) {
            let kind = name.rsplit('.').next().unwrap_or_default();
            reader.read(kind, definition, &mut vec![name], &mut Vec::new())?;
        }
    }
    Ok(reader.specs.into_config())
}

#[derive(Default)]
struct Specs {
    annotations: Vec<FieldSpec>,
    labels: Vec<FieldSpec>,
    names: Vec<FieldSpec>,
    references: Vec<NameReference>,
}

struct Reader<'d> {
    definitions: &'d BTreeMap<&'d str, Definition>,
    fields: usize,
    specs: Specs,
}

impl<'d> Reader<'d> {
    /// Reads the fields of a definition, and those of the definitions that they refer to by their bare names.
    fn read(
        &mut self,
        kind: &str,
        definition: &'d Definition,
        around: &mut Vec<&'d str>,
        path: &mut Vec<&'d str>,
    ) -> Result<(), Fault> {
        for (name, property) in &definition.properties {
            self.fields += 1;
            if self.fields > MAX_FIELDS {
                return Err(Fault::limit(format!("the definitions have more than {MAX_FIELDS} fields")));
            }
            path.push(name);
            self.field(kind, property, path)?;
            let reference = property.reference.as_deref().and_then(|name| self.definitions.get_key_value(name));
            if let Some((name, definition)) = reference {
                if around.contains(name) {
                    return Err(Fault::conflict(format!("the definition {name} refers to itself")));
                }
                if around.len() >= MAX_DEPTH {
                    return Err(Fault::limit(format!(
                        "more than {MAX_DEPTH} definitions refer to each other in a row"
                    )));
                }
                around.push(name);
                self.read(kind, definition, around, path)?;
                around.pop();
            }
            path.pop();
        }
        Ok(())
    }

    fn field(&mut self, kind: &str, property: &Definition, path: &[&str]) -> Result<(), Fault> {
        if !property.extensions.keys().any(|name| name.starts_with("x-kubernetes-")) {
            return Ok(());
        }
        if path.iter().map(|part| part.len() + 1).sum::<usize>() > LONGEST_PATH {
            return Err(Fault::limit(format!("the path of a field has more than {LONGEST_PATH} bytes")));
        }
        let path = path.join("/");
        let selector = Gvk { kind: kind.to_owned(), ..Gvk::default() };
        let spec = FieldSpec { selector, path: path.clone(), create: false };
        let specs = &mut self.specs;
        for (extension, list) in [
            ("x-kubernetes-annotation", &mut specs.annotations),
            ("x-kubernetes-label-selector", &mut specs.labels),
            ("x-kubernetes-identity", &mut specs.names),
        ] {
            if property.extension(extension).is_some() {
                merge_one(list, &spec)?;
            }
        }
        let version = property.extension("x-kubernetes-object-ref-api-version");
        if let (Some(version), Some(kind)) = (version, property.extension("x-kubernetes-object-ref-kind")) {
            let key = property.extension("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let target = Gvk { group: String::new(), version: version.to_owned(), kind: kind.to_owned() };
            let spec = FieldSpec { path: format!("{path}/{key}"), ..spec };
            match specs.references.iter_mut().find(|reference| reference.target == target) {
                Some(reference) => merge_one(&mut reference.referrers, &spec)?,
                None => specs.references.push(NameReference { target, referrers: vec![spec] }),
            }
        }
        Ok(())
    }
}

impl Specs {
    fn into_config(mut self) -> Config {
        sort(&mut self.annotations);
        sort(&mut self.labels);
        sort(&mut self.names);
        sort_references(&mut self.references);
        Config {
            annotations: self.annotations.into(),
            common_labels: self.labels.into(),
            name_prefix: self.names.into(),
            name_references: self.references.into(),
            ..Config::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(definitions: Vec<(String, Value)>) -> Result<Config, Fault> {
        decode(&Value::Object(definitions.into_iter().collect()))
    }

    fn definition(fields: &[&str], reference: &str, extension: &str) -> Value {
        let mut properties = serde_json::json!({"kind": {}, "apiVersion": {}, "metadata": {}});
        for field in fields {
            properties[field] = serde_json::json!({"$ref": reference, extension: ""});
        }
        serde_json::json!({"Schema": {"properties": properties}})
    }

    #[test]
    fn a_long_chain_is_an_error() {
        let chain = (0..500).map(|i| (i.to_string(), definition(&["f"], &(i + 1).to_string(), "x-none"))).collect();
        assert!(decoded(chain).unwrap_err().message.contains("in a row"));
    }

    #[test]
    fn references_that_double_the_fields_are_an_error() {
        let chain = (0..50).map(|i| (i.to_string(), definition(&["f", "g"], &(i + 1).to_string(), "x-none"))).collect();
        assert!(decoded(chain).unwrap_err().message.contains("fields"));
    }

    #[test]
    fn a_long_path_is_an_error() {
        let name = "f".repeat(LONGEST_PATH);
        let one = definition(&[&name], "", "x-kubernetes-annotation");
        assert!(decoded(vec![("App".to_owned(), one)]).unwrap_err().message.contains("bytes"));
    }
}
