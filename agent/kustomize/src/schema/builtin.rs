//! What kustomize knows of the kinds of Kubernetes.
//!
//! The table is that of kustomize 5.8 itself, the OpenAPI of Kubernetes 1.21.2, so that results are equal; newer kinds and
//! custom resources have no merge keys there either. `schema/` in this crate regenerates it.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The fields of a type that lead to merged lists; `*` stands for every key of a map.
#[derive(Debug)]
pub(crate) struct Type {
    pub(super) name: &'static str,
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
}

/// By apiVersion and kind, whether the objects of a kind are in namespaces.
type Scopes = HashMap<&'static str, HashMap<&'static str, bool>>;

impl Type {
    pub(super) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Self> {
        let table = table();
        let id = table.kinds.get(api_version)?.get(kind)?;
        table.types.get(*id)
    }

    /// The type of a definition.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        table().types.iter().find(|own| own.name == name)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name).or_else(|| self.fields.get("*"))
    }
}

impl Field {
    pub(super) fn merge_keys(&self) -> Option<&[&'static str]> {
        self.merge_keys.as_deref()
    }

    pub(super) fn child(&self) -> Option<&'static Type> {
        table().types.get(self.child?)
    }
}

/// Whether the objects of a kind are in namespaces, if that is known.
pub(super) fn is_namespaced(api_version: &str, kind: &str) -> Option<bool> {
    scopes().get(api_version)?.get(kind).copied()
}

/// The table: `type NAME` followed by its fields (`NAME KEYS CHILD`, where the child is the number of a type), `kind APIVERSION KIND TYPE`, `cluster APIVERSION KIND`,
/// `namespaced APIVERSION KIND`.
const TEXT: &str = include_str!("kubernetes.txt");

/// What a render without patches needs, too.
fn scopes() -> &'static Scopes {
    static SCOPES: OnceLock<Scopes> = OnceLock::new();
    SCOPES.get_or_init(|| {
        let mut scopes = Scopes::new();
        for line in TEXT.lines().filter(|line| line.starts_with("cluster ") || line.starts_with("namespaced ")) {
            let mut words = line.split(' ');
            if let (Some(scope), Some(api_version), Some(kind)) = (words.next(), words.next(), words.next()) {
                scopes.entry(api_version).or_default().insert(kind, scope == "namespaced");
            }
        }
        scopes
    })
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| parse(TEXT))
}

fn parse(text: &'static str) -> Table {
    let mut table = Table::default();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        match [words.next(), words.next(), words.next(), words.next()] {
            [Some("type"), Some(name), None, None] => table.types.push(Type { name, fields: HashMap::new() }),
            [Some("kind"), Some(api_version), Some(kind), Some(id)] => {
                if let Ok(id) = id.parse() {
                    table.kinds.entry(api_version).or_default().insert(kind, id);
                }
            }
            [Some("cluster" | "namespaced"), ..] => {}
            [Some(name), Some(keys), Some(child), None] => {
                let merge_keys = match keys {
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
