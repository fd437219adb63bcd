//! Objects: what a render gives, and what filters work on.

use std::fmt;

use plumb_yaml::Value;

use crate::error::{Error, Fault};
use crate::id::{CLUSTER, Gvk, Id, split_api_version};
use crate::metadata_order::MetadataOrder;
use crate::schema::Schemas;
use crate::shared::Sharing;
use crate::tree::{Map, Tree};

/// A rendered Kubernetes object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The object; keys are sorted.
    pub value: Value,
    /// The namespace that it is in, which is `default` when it names none; nothing for a kind that is known to be cluster-scoped.
    pub namespace: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

impl Object {
    /// The object as `kustomize build` prints it.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        plumb_yaml::print(&self.value)
    }
}

/// Where an object came from: the file that holds it, or the kustomization file that generates it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The path of the file, relative to the root of the tree.
    pub file: String,
    /// The line where the object starts, from 1, when it is known.
    pub line: Option<u32>,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// What a generator does when its object exists already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// The object comes from no generator.
    #[default]
    None,
    Unspecified,
    Create,
    Replace,
    Merge,
}

/// A name that an object had before a filter changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreviousName {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) kind: String,
}

/// An object on its way through the filters, with the history that name references need.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) tree: Tree,
    pub(crate) origin: Origin,
    /// Oldest first; without the current name.
    pub(crate) previous: Vec<PreviousName>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
    pub(crate) behavior: Behavior,
    pub(crate) needs_hash: bool,
    /// What is known of the scalars that stand in several of its fields.
    pub(crate) sharing: Sharing,
    /// Which field of the metadata is the last one.
    pub(crate) metadata_order: MetadataOrder,
    /// The names of the vars that take their values from this object.
    pub(crate) vars: Vec<String>,
    /// What the build knows of kinds.
    pub(crate) schemas: Schemas,
}

impl Resource {
    pub(crate) fn new(tree: Tree, origin: Origin, schemas: &Schemas) -> Self {
        Self {
            tree,
            origin,
            previous: Vec::new(),
            prefixes: Vec::new(),
            suffixes: Vec::new(),
            behavior: Behavior::default(),
            needs_hash: false,
            sharing: Sharing::default(),
            metadata_order: MetadataOrder::default(),
            vars: Vec::new(),
            schemas: schemas.clone(),
        }
    }

    fn text(&self, key: &str) -> &str {
        self.tree.get(key).filter(|value| !value.is_null()).map_or("", Tree::text)
    }

    fn metadata_text(&self, key: &str) -> &str {
        let value = self.tree.get("metadata").and_then(|metadata| metadata.get(key));
        value.filter(|value| !value.is_null()).map_or("", Tree::text)
    }

    /// A null that is written out is the version of this name to kustomize.
    pub(crate) fn api_version(&self) -> &str {
        self.tree.get("apiVersion").map_or("", Tree::text)
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(crate) fn name(&self) -> &str {
        self.metadata_text("name")
    }

    pub(crate) fn namespace(&self) -> &str {
        self.metadata_text("namespace")
    }

    pub(crate) fn gvk(&self) -> Gvk {
        Gvk::from_api_version(self.api_version(), self.kind())
    }

    /// What is wrong with the object, at the place where it came from.
    pub(crate) fn error(&self, fault: Fault) -> Error {
        let Origin { file, line } = self.origin.clone();
        Error { kind: fault.kind, file, line, field: None, bases: Vec::new(), message: fault.message }
    }

    /// Whether the kind is known to be cluster-scoped.
    pub(crate) fn is_cluster_scoped(&self) -> bool {
        self.schemas.is_cluster_scoped(self.api_version(), self.kind())
    }

    pub(crate) fn into_object(self) -> Object {
        let namespace = Some(self.effective_namespace()).filter(|namespace| *namespace != CLUSTER).map(str::to_owned);
        Object { namespace, value: self.tree.into_value(), origin: self.origin }
    }

    /// The identity that the object has now.
    pub(crate) fn id(&self) -> Id {
        let gvk = self.gvk();
        Id { gvk, name: self.name().to_owned(), namespace: self.effective_namespace().to_owned() }
    }

    /// What the object is and where it stands, for messages.
    pub(crate) fn described(&self) -> String {
        format!("{} ({})", self.id(), self.origin)
    }

    /// The identities that the object had before, oldest first.
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = Id> {
        let gvk = self.gvk();
        self.previous.iter().map(move |previous| Id {
            gvk: Gvk { kind: previous.kind.clone(), ..gvk.clone() },
            name: previous.name.clone(),
            namespace: previous.namespace.clone(),
        })
    }

    /// The identity that the object had in its file.
    pub(crate) fn original_id(&self) -> Id {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }

    /// The name that the object has, and those that it had.
    pub(crate) fn names(&self) -> Vec<String> {
        let previous = self.previous.iter().map(|previous| previous.name.as_str());
        let mut names: Vec<String> = previous.chain([self.name()]).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the object has a name, or had it.
    pub(crate) fn has_name(&self, name: &str) -> bool {
        self.name() == name || self.previous.iter().any(|previous| previous.name == name)
    }

    pub(crate) fn has_id(&self, id: &Id) -> bool {
        // Names differ more often than anything else, and comparing them takes no copy.
        let is_now = self.name() == id.name;
        (is_now && self.id() == *id)
            || (self.previous.iter().any(|previous| previous.name == id.name)
                && self.previous_ids().any(|previous| previous == *id))
    }

    /// Group, version and kind.
    pub(crate) fn group_version_kind(&self) -> (&str, &str, &str) {
        let (group, version) = split_api_version(self.api_version());
        (group, version, self.kind())
    }

    pub(crate) fn is_selected_by(&self, selector: &Gvk) -> bool {
        let (group, version, kind) = self.group_version_kind();
        let fits = |own: &str, wanted: &str| wanted.is_empty() || own == wanted;
        fits(kind, &selector.kind) && fits(version, &selector.version) && fits(group, &selector.group)
    }

    /// The namespace as objects are compared by it: no namespace and `default` are the same to kustomize, and a cluster-scoped object
    /// has none whatever it says.
    pub(crate) fn effective_namespace(&self) -> &str {
        match self.namespace() {
            _ if self.is_cluster_scoped() => CLUSTER,
            "" => "default",
            namespace => namespace,
        }
    }

    /// Remembers the current name before a filter changes it.
    pub(crate) fn store_previous_name(&mut self) {
        let id = self.id();
        self.previous.push(PreviousName { name: id.name, namespace: id.namespace, kind: id.gvk.kind });
    }

    /// Refuses an object that was renamed and had a comma in its name: kustomize keeps these names in one text with commas between them, and fails when it
    /// reads more names than there were.
    pub(crate) fn check_history(&self) -> Result<(), Fault> {
        let mut names = self.previous.iter().flat_map(|previous| [&previous.name, &previous.namespace, &previous.kind]);
        match names.find(|name| name.contains(',')) {
            Some(name) => Err(Fault::conflict(format!(
                "an object that was called {name:?} can not be renamed, because there is a comma in it"
            ))),
            None => Ok(()),
        }
    }

    /// Loses the history of the object and what its generator said of it.
    pub(crate) fn forget(&mut self) {
        self.previous.clear();
        self.prefixes.clear();
        self.suffixes.clear();
        self.behavior = Behavior::default();
        self.needs_hash = false;
    }

    pub(crate) fn metadata_mut(&mut self) -> Option<&mut Map> {
        let metadata = self.tree.as_mapping_mut()?.get_or_insert_with("metadata", Tree::empty_mapping);
        if metadata.is_null() {
            *metadata = Tree::empty_mapping();
        }
        metadata.as_mapping_mut()
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        if let Some(metadata) = self.metadata_mut() {
            set_entry_text(metadata, "name", name);
        }
    }

    /// Sets the namespace; an empty one removes the field.
    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if let Some(metadata) = self.metadata_mut() {
            if namespace.is_empty() {
                metadata.remove("namespace");
            } else {
                set_entry_text(metadata, "namespace", namespace);
            }
        }
    }

    /// Labels or annotations with their values as text.
    pub(crate) fn metadata_strings(&self, field: &str) -> impl Iterator<Item = (&str, &str)> + Clone {
        let map = self.tree.get("metadata").and_then(|metadata| metadata.get(field)).and_then(Tree::as_mapping);
        map.into_iter().flatten().map(|(key, value)| (key.as_str(), value.text()))
    }

    /// Replaces labels or annotations; none removes the field.
    pub(crate) fn set_metadata_strings(&mut self, field: &str, strings: Map) {
        if !strings.is_empty() {
            self.metadata_order.wrote(field);
        }
        if let Some(metadata) = self.metadata_mut() {
            if strings.is_empty() {
                metadata.remove(field);
            } else {
                metadata.insert(field.to_owned(), Tree::Mapping(strings));
            }
        }
    }

    /// Checks what kustomize demands of an object: a kind, and a name unless the kind ends in `List`.
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        if self.tree.as_mapping().is_none() {
            let message = format!(
                "expected an object, which is a map with apiVersion, kind and metadata.name, found {}",
                self.tree.describe()
            );
            return Err(Fault::syntax(message));
        }
        if self.kind().is_empty() {
            return Err(Fault::syntax("the object has no kind; each object needs apiVersion, kind and metadata.name"));
        }
        if !self.kind().ends_with("List") && self.name().is_empty() {
            return Err(Fault::syntax(format!(
                "the {} {}; each object needs a name",
                self.kind(),
                self.lack_of_name()
            )));
        }
        Ok(())
    }

    /// Why an object without a name has none.
    fn lack_of_name(&self) -> String {
        let Some(metadata) = self.tree.get("metadata").filter(|metadata| !metadata.is_null()) else {
            return "has no metadata.name".to_owned();
        };
        match metadata.get("name") {
            _ if metadata.as_mapping().is_none() => format!("has {} for metadata, expected a map", metadata.describe()),
            Some(Tree::Mapping(_) | Tree::Sequence(_)) => "has a metadata.name that is no text".to_owned(),
            Some(name) if !name.is_null() => "has an empty metadata.name".to_owned(),
            _ if metadata.get("generateName").is_some() => {
                "has metadata.generateName but no metadata.name, and objects of a kustomization are told apart by it"
                    .to_owned()
            }
            _ => "has no metadata.name".to_owned(),
        }
    }
}

/// Sets an entry as kustomize's field setter does: a quoted value stays quoted, and a new one is quoted where it reads as something else.
pub(crate) fn set_entry_text(map: &mut Map, key: &str, text: &str) {
    if let Some(value) = map.get_mut(key) {
        value.set_text(text);
        return;
    }
    let mut new = Tree::plain(text);
    new.quote_as_entry();
    map.insert(key.to_owned(), new);
}
