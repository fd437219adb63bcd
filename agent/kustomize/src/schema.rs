//! What kustomize knows of the built-in kinds: which lists a strategic merge patch merges, by which keys, and which kinds are
//! cluster-scoped.
//!
//! The table is that of kustomize 5.8 itself, the OpenAPI of Kubernetes 1.21.2, so that results are equal; newer kinds and
//! custom resources have no merge keys there either. `schema/` in this crate regenerates it.

pub(crate) mod definition;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

/// The schema of a value, as far as it matters to merging.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Schema {
    /// An object with fields of which some lead to merged lists.
    Type(&'static Type),
    /// A list whose elements are merged.
    List(&'static Field),
}

/// The fields of a type that lead to merged lists; `*` stands for every key of a map.
#[derive(Debug, Default)]
pub(crate) struct Type {
    fields: HashMap<&'static str, Field>,
}

/// A field of a type.
#[derive(Debug)]
pub(crate) struct Field {
    /// The merge keys when the field is a merged list; no key means a list of scalars that is merged as a set.
    merge_keys: Option<Vec<&'static str>>,
    /// The type of the field, or of the elements of the list.
    child: Option<usize>,
}

#[derive(Debug, Default)]
struct Table {
    types: Vec<Type>,
    /// By apiVersion and kind.
    kinds: HashMap<&'static str, HashMap<&'static str, usize>>,
    cluster_scoped: HashMap<&'static str, HashSet<&'static str>>,
}

impl Schema {
    pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<Self> {
        let table = table();
        let id = table.kinds.get(api_version)?.get(kind)?;
        table.types.get(*id).map(Self::Type)
    }

    pub(crate) fn field(self, name: &str) -> Option<Self> {
        let Self::Type(own) = self else { return None };
        let field = own.fields.get(name).or_else(|| own.fields.get("*"))?;
        if field.merge_keys.is_some() { Some(Self::List(field)) } else { field.child() }
    }

    /// The merge keys if this is a merged list.
    pub(crate) fn merge_keys(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Type(_) => None,
            Self::List(field) => field.merge_keys.as_deref(),
        }
    }

    pub(crate) fn elements(self) -> Option<Self> {
        match self {
            Self::Type(_) => None,
            Self::List(field) => field.child(),
        }
    }
}

impl Field {
    fn child(&'static self) -> Option<Schema> {
        table().types.get(self.child?).map(Schema::Type)
    }
}

/// Whether a kind is known to be cluster-scoped; an unknown kind counts as namespaced.
pub(crate) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    table().cluster_scoped.get(api_version).is_some_and(|kinds| kinds.contains(kind))
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| parse(include_str!("schema/kubernetes.txt")))
}

/// Reads the table: `type N` followed by its fields (`NAME KEYS CHILD`), `kind APIVERSION KIND TYPE`, `cluster APIVERSION KIND`.
fn parse(text: &'static str) -> Table {
    let mut table = Table::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&'static str> = line.split(' ').collect();
        match words.as_slice() {
            ["type", _] => table.types.push(Type::default()),
            ["kind", api_version, kind, id] => {
                if let Ok(id) = id.parse() {
                    table.kinds.entry(api_version).or_default().insert(kind, id);
                }
            }
            ["cluster", api_version, kind] => {
                table.cluster_scoped.entry(api_version).or_default().insert(kind);
            }
            [name, keys, child] => {
                let merge_keys = match *keys {
                    "-" => None,
                    "@" => Some(Vec::new()),
                    keys => Some(keys.split(',').collect()),
                };
                if let Some(own) = table.types.last_mut() {
                    own.fields.insert(name, Field { merge_keys, child: child.parse().ok() });
                }
            }
            _ => {}
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_a_container_have_two_merge_keys() {
        let mut schema = Schema::of_kind("apps/v1", "Deployment").unwrap();
        for name in ["spec", "template", "spec", "containers"] {
            schema = schema.field(name).unwrap();
        }
        assert_eq!(schema.merge_keys(), Some(&["name"][..]));
        let ports = schema.elements().unwrap().field("ports").unwrap();
        assert_eq!(ports.merge_keys(), Some(&["containerPort", "protocol"][..]));
    }

    #[test]
    fn finalizers_are_merged_as_a_set() {
        let finalizers =
            Schema::of_kind("v1", "ConfigMap").unwrap().field("metadata").unwrap().field("finalizers").unwrap();
        assert_eq!(finalizers.merge_keys(), Some(&[][..]));
    }

    #[test]
    fn scopes() {
        assert!(is_cluster_scoped("v1", "Namespace"));
        assert!(is_cluster_scoped("rbac.authorization.k8s.io/v1", "ClusterRole"));
        assert!(!is_cluster_scoped("v1", "Pod"));
        assert!(!is_cluster_scoped("example.com/v1", "Anything"));
    }
}
