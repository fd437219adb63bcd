//! What is known of kinds: which lists a strategic merge patch merges, by which keys, and which kinds are cluster-scoped.
//!
//! Each build has its own [`Schemas`], because a kustomization can bring a schema of its own.

mod builtin;
mod custom;
pub(crate) mod definition;

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::{Error, ErrorKind, Fault};
use crate::parse::FileFault;
use builtin::{Field, Type};
pub(crate) use custom::Custom;
use definition::Definition;

/// The version of Kubernetes whose schema is built in.
const BUILT_IN: &str = "v1.21.2";

/// How many definitions may refer to each other in a row.
const MAX_REFERENCES: usize = 100;

/// What a build knows of kinds. A clone belongs to the same build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Schemas(Rc<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether a kustomization has said which schema it wants: the first one counts.
    chosen: Cell<bool>,
    custom: OnceCell<Chosen>,
    /// How much of the built-in schema kustomize has loaded so far.
    built_in: Cell<BuiltIn>,
    /// Whether a broken schema was asked, which is when kustomize finds out.
    broken: Cell<bool>,
}

/// A schema that a kustomization brings.
#[derive(Debug)]
struct Chosen {
    schema: Result<Custom, FileFault>,
    file: String,
    /// What kustomize had loaded of the built-in schema when the kustomization was read.
    built_in: BuiltIn,
}

/// kustomize loads its schema when it is needed first, and one that it has loaded stays when another one is set: its bug. So the
/// schema of a base depends on what was read before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum BuiltIn {
    /// It is left out when a custom one is set.
    #[default]
    Unused,
    /// The scope of an unknown kind was asked for: it is loaded after a custom one, and covers that.
    Delayed,
    /// A merge needed it: a custom one covers it.
    Loaded,
}

/// The schema of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Schema<'s> {
    /// An object with fields of which some lead to merged lists.
    Type(&'s Type, &'s Schemas),
    /// A list whose elements are merged.
    List(&'s Field, &'s Schemas),
    Custom(&'s Definition, &'s Schemas),
}

impl Schemas {
    /// Sets the schema that `openapi` of a kustomization asks for; `schema` is the file that it names. Of all kustomizations of a
    /// build the first one counts that asks for any, the top one first.
    pub(crate) fn set(
        &self,
        openapi: &BTreeMap<String, String>,
        schema: Option<(String, Result<Custom, FileFault>)>,
    ) -> Result<(), Fault> {
        if self.0.chosen.get() {
            return Ok(());
        }
        let version = openapi.get("version");
        match (schema, version.map(String::as_str)) {
            (Some(_), Some(_)) => Err(Fault::conflict("the field has both version and path; keep one")),
            (Some((file, schema)), None) => {
                self.0.chosen.set(true);
                let chosen = Chosen { schema, file, built_in: self.0.built_in.get() };
                // It is empty, since nothing was chosen before.
                let _ = self.0.custom.set(chosen);
                Ok(())
            }
            (None, None | Some("")) => Ok(()),
            (None, Some(BUILT_IN)) => {
                self.0.chosen.set(true);
                Ok(())
            }
            (None, Some(other)) => Err(Fault::unsupported(format!(
                "the schema of Kubernetes {other} is not built in; the only one is {BUILT_IN}, which needs no field"
            ))),
        }
    }

    /// Whether a kustomization has said which schema it wants.
    pub(crate) fn is_chosen(&self) -> bool {
        self.0.chosen.get()
    }

    /// What is wrong with the schema when it was needed, with file and line.
    pub(crate) fn fault(&self) -> Option<Error> {
        let chosen = self.0.custom.get().filter(|_| self.0.broken.get())?;
        let (line, kind, message) = match &chosen.schema {
            Ok(_) => {
                let message =
                    "a definition refers to itself, or an extension that says how to merge has the wrong type";
                (None, ErrorKind::Conflict, message.to_owned())
            }
            Err(FileFault { line, fault }) => (*line, fault.kind, fault.message.clone()),
        };
        Some(Error { kind, file: chosen.file.clone(), line, field: None, bases: Vec::new(), message })
    }

    /// Whether a kind is known to be cluster-scoped; an unknown kind counts as namespaced.
    pub(crate) fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        if let Some(namespaced) = builtin::is_namespaced(api_version, kind) {
            return !namespaced;
        }
        if let Some(chosen) = self.0.custom.get() {
            return self.custom(chosen).is_some_and(|custom| custom.is_cluster_scoped(api_version, kind));
        }
        if self.0.built_in.get() == BuiltIn::Unused {
            self.0.built_in.set(BuiltIn::Delayed);
        }
        false
    }

    /// The schema of the objects of a kind.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<Schema<'_>> {
        let Some(chosen) = self.0.custom.get() else {
            self.0.built_in.set(BuiltIn::Loaded);
            return Type::of_kind(api_version, kind).map(|own| Schema::Type(own, self));
        };
        let custom = || {
            let definition = self.custom(chosen)?.of_kind(api_version, kind)?;
            Some(Schema::Custom(definition, self))
        };
        let built_in = || Type::of_kind(api_version, kind).map(|own| Schema::Type(own, self));
        match chosen.built_in {
            BuiltIn::Unused => custom(),
            BuiltIn::Delayed => built_in().or_else(custom),
            BuiltIn::Loaded => custom().or_else(built_in),
        }
    }

    fn custom<'s>(&self, chosen: &'s Chosen) -> Option<&'s Custom> {
        let custom = chosen.schema.as_ref().ok();
        if custom.is_none() {
            self.0.broken.set(true);
        }
        custom
    }

    /// Follows the references of a definition.
    fn resolve<'s>(&'s self, mut definition: &'s Definition) -> Option<Schema<'s>> {
        for _ in 0..MAX_REFERENCES {
            let reference = match definition.reference.as_deref() {
                None | Some("") => return Some(Schema::Custom(definition, self)),
                Some(reference) => reference,
            };
            let chosen = self.0.custom.get()?;
            let custom = self.custom(chosen)?.definition(reference);
            let built_in = || Type::named(reference.strip_prefix("#/definitions/")?);
            let built_in = match (chosen.built_in, custom) {
                (BuiltIn::Delayed, _) | (BuiltIn::Loaded, None) => built_in(),
                _ => None,
            };
            if let Some(own) = built_in {
                return Some(Schema::Type(own, self));
            }
            definition = custom?;
        }
        self.0.broken.set(true);
        None
    }

    /// The type that a field of a built-in type refers to.
    fn child<'s>(&'s self, field: &Field) -> Option<Schema<'s>> {
        let child = field.child()?;
        let chosen = self.0.custom.get().filter(|chosen| chosen.built_in == BuiltIn::Loaded);
        match chosen.and_then(|chosen| self.custom(chosen)).and_then(|custom| custom.named(child.name)) {
            Some(definition) => self.resolve(definition),
            None => Some(Schema::Type(child, self)),
        }
    }
}

impl<'s> Schema<'s> {
    pub(crate) fn field(self, name: &str) -> Option<Self> {
        match self {
            Self::Type(own, schemas) => {
                let field = own.field(name)?;
                if field.merge_keys().is_some() { Some(Self::List(field, schemas)) } else { schemas.child(field) }
            }
            Self::List(..) => None,
            Self::Custom(definition, schemas) => {
                let field = definition.properties.get(name).or(definition.additional.as_deref())?;
                schemas.resolve(field)
            }
        }
    }

    /// The merge keys if this is a merged list; no key means a list of scalars that is merged as a set.
    pub(crate) fn merge_keys(self) -> Option<Vec<&'s str>> {
        match self {
            Self::Type(..) => None,
            Self::List(field, _) => field.merge_keys().map(<[&str]>::to_vec),
            Self::Custom(definition, schemas) => custom::merge_keys(definition).unwrap_or_else(|_| {
                schemas.0.broken.set(true);
                None
            }),
        }
    }

    pub(crate) fn elements(self) -> Option<Self> {
        match self {
            Self::Type(..) => None,
            Self::List(field, schemas) => schemas.child(field),
            Self::Custom(definition, schemas) => {
                schemas.resolve(definition.items.as_deref().filter(|_| definition.is_array)?)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_container_have_two_merge_keys() {
        let schemas = Schemas::default();
        let mut schema = schemas.of_kind("apps/v1", "Deployment").unwrap();
        for name in ["spec", "template", "spec", "containers"] {
            schema = schema.field(name).unwrap();
        }
        assert_eq!(schema.merge_keys(), Some(vec!["name"]));
        let ports = schema.elements().unwrap().field("ports").unwrap();
        assert_eq!(ports.merge_keys(), Some(vec!["containerPort", "protocol"]));
    }

    #[test]
    fn finalizers_are_merged_as_a_set() {
        let schemas = Schemas::default();
        let metadata = schemas.of_kind("v1", "ConfigMap").unwrap().field("metadata").unwrap();
        assert_eq!(metadata.field("finalizers").unwrap().merge_keys(), Some(Vec::new()));
    }

    #[test]
    fn scopes() {
        let schemas = Schemas::default();
        assert!(schemas.is_cluster_scoped("v1", "Namespace"));
        assert!(schemas.is_cluster_scoped("rbac.authorization.k8s.io/v1", "ClusterRole"));
        assert!(!schemas.is_cluster_scoped("v1", "Pod"));
        assert!(!schemas.is_cluster_scoped("example.com/v1", "Anything"));
    }

    /// What a base brings covers what was loaded before it, and is covered by what was only asked for.
    #[test]
    fn what_was_asked_before_decides() {
        let openapi = BTreeMap::from([("path".to_owned(), "schema.json".to_owned())]);
        let custom = || {
            let value = serde_json::json!({"definitions": {"ConfigMap": {
                "properties": {"data": {"type": "array", "x-kubernetes-patch-strategy": "merge"}},
                "x-kubernetes-group-version-kind": [{"group": "", "kind": "ConfigMap", "version": "v1"}],
            }}});
            Some(("schema.json".to_owned(), Custom::decode(&value).map_err(FileFault::from)))
        };
        let has = |schemas: &Schemas, kind: &str, field: &str| {
            schemas.of_kind("v1", kind).and_then(|schema| schema.field(field)).is_some()
        };
        let unused = Schemas::default();
        unused.set(&openapi, custom()).unwrap();
        assert!(has(&unused, "ConfigMap", "data"));
        assert!(!has(&unused, "Pod", "spec"));

        let delayed = Schemas::default();
        delayed.is_cluster_scoped("example.com/v1", "App");
        delayed.set(&openapi, custom()).unwrap();
        assert!(!has(&delayed, "ConfigMap", "data"));
        assert!(has(&delayed, "Pod", "spec"));

        let loaded = Schemas::default();
        assert!(has(&loaded, "Pod", "spec"));
        loaded.set(&openapi, custom()).unwrap();
        assert!(has(&loaded, "ConfigMap", "data"));
        assert!(has(&loaded, "Pod", "spec"));
    }

    /// kustomize would follow it forever.
    #[test]
    fn a_cycle_of_references_is_an_error() {
        let value = serde_json::json!({"definitions": {
            "App": {
                "properties": {"spec": {"$ref": "#/definitions/A"}},
                "x-kubernetes-group-version-kind": [{"group": "example.com", "kind": "App", "version": "v1"}],
            },
            "A": {"$ref": "#/definitions/B"},
            "B": {"$ref": "#/definitions/A"},
        }});
        let schemas = Schemas::default();
        let custom = Custom::decode(&value).map_err(FileFault::from);
        schemas.set(&BTreeMap::new(), Some(("schema.json".to_owned(), custom))).unwrap();
        let app = schemas.of_kind("example.com/v1", "App").unwrap();
        assert!(schemas.fault().is_none());
        assert!(app.field("spec").is_none());
        assert_eq!(schemas.fault().unwrap().file, "schema.json");
    }
}
