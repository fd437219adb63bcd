//! The objects of a kustomization, in order.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::budget::Budget;
use crate::build_metadata;
use crate::error::Fault;
use crate::generate::encode_base64;
use crate::id::Id;
use crate::object::{Behavior, Resource};
use crate::tree::{Map, Tree};
use crate::unprintable::check_key;

/// The objects that a kustomization has gathered so far.
///
/// No two have the same current identity when they are added; a filter may make them collide, as in kustomize.
#[derive(Debug)]
pub(crate) struct Resources {
    budget: Budget,
    list: Vec<Resource>,
    /// The current identities, kept while only additions happen.
    ids: Option<HashSet<Id>>,
    /// The indices of the objects that have, or had, a name; kept while no name changes.
    names: OnceCell<HashMap<String, Vec<usize>>>,
}

/// Steps to look at one object.
const STEPS_OF_AN_OBJECT: usize = 16;
/// Steps to look for what a filter changes in one object.
const STEPS_OF_A_CHANGE: usize = 32;
/// Steps to learn the identity of one object anew.
const STEPS_OF_AN_IDENTITY: usize = 48;
/// Steps to see whether an object is there already.
const STEPS_OF_A_NEW_OBJECT: usize = 64;

impl Resources {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self { budget: budget.clone(), list: Vec::new(), ids: None, names: OnceCell::new() }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    fn look_at_all(&self, steps: usize) {
        self.budget.work(self.list.len().saturating_mul(steps));
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.look_at_all(STEPS_OF_AN_OBJECT);
        self.list.iter()
    }

    /// Looks at the metadata of all objects after a filter.
    pub(crate) fn note_metadata(&mut self) {
        self.look_at_all(STEPS_OF_AN_OBJECT);
        self.list.iter_mut().for_each(Resource::note_metadata);
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Resource> {
        self.forget();
        self.look_at_all(STEPS_OF_A_CHANGE);
        self.list.iter_mut()
    }

    /// Forgets what was known of identities and names.
    fn forget(&mut self) {
        self.ids = None;
        self.names.take();
    }

    /// Changes one object. What is known of the identities stays known.
    pub(crate) fn change<T>(&mut self, index: usize, change: impl FnOnce(&mut Resource) -> T) -> Option<T> {
        let resource = self.list.get_mut(index)?;
        let before = self.ids.is_some().then(|| resource.id());
        let names = self.names.get().is_some().then(|| resource.names());
        let changed = change(resource);
        if names.is_some_and(|names| names != resource.names()) {
            self.names.take();
        }
        if let (Some(before), Some(ids)) = (before, &mut self.ids) {
            let after = resource.id();
            if before != after && !(ids.remove(&before) && ids.insert(after)) {
                // Two objects are the same now, which the next look at all of them finds.
                self.ids = None;
            }
        }
        Some(changed)
    }

    pub(crate) fn remove(&mut self, index: usize) {
        let removed = self.list.remove(index);
        self.names.take();
        if let Some(ids) = &mut self.ids {
            ids.remove(&removed.id());
        }
    }

    /// Refuses objects that have become the same.
    pub(crate) fn check_identities(&mut self) -> Result<(), Fault> {
        if self.ids.is_some() {
            return Ok(());
        }
        self.names.take();
        let list = std::mem::take(&mut self.list);
        self.append_all(list)
    }

    pub(crate) fn list_mut(&mut self) -> &mut Vec<Resource> {
        self.forget();
        &mut self.list
    }

    pub(crate) fn into_list(self) -> Vec<Resource> {
        self.list
    }

    /// Adds an object, which must not be there yet.
    pub(crate) fn append(&mut self, mut resource: Resource) -> Result<(), Fault> {
        resource.note_metadata();
        if self.ids.is_none() {
            self.look_at_all(STEPS_OF_AN_IDENTITY);
        }
        let ids = self.ids.get_or_insert_with(|| self.list.iter().map(Resource::id).collect());
        self.budget.work(STEPS_OF_A_NEW_OBJECT);
        let id = resource.id();
        if ids.contains(&id) {
            let first = self.list.iter().find(|other| other.id() == id);
            let message = match first.map(|other| &other.origin) {
                Some(origin) if *origin == resource.origin => format!(
                    "{id} is there twice: {origin} is reached in two ways; list it once, or tell the two apart by namePrefix, nameSuffix or namespace"
                ),
                Some(origin) => format!(
                    "{id} is there twice: in {origin} and in {}; remove one of the two or give it another name",
                    resource.origin
                ),
                None => format!("{id} is there twice"),
            };
            return Err(Fault::conflict(message));
        }
        ids.insert(id);
        if let Some(names) = self.names.get_mut() {
            for name in resource.names() {
                names.entry(name).or_default().push(self.list.len());
            }
        }
        self.list.push(resource);
        Ok(())
    }

    pub(crate) fn append_all(&mut self, resources: impl IntoIterator<Item = Resource>) -> Result<(), Fault> {
        resources.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// The indices of the objects that have, or had, an identity.
    pub(crate) fn matching(&self, id: &Id) -> Vec<usize> {
        let names = self.names.get_or_init(|| {
            self.look_at_all(STEPS_OF_AN_IDENTITY);
            let mut names: HashMap<String, Vec<usize>> = HashMap::new();
            for (index, resource) in self.list.iter().enumerate() {
                for name in resource.names() {
                    names.entry(name).or_default().push(index);
                }
            }
            names
        });
        let found = names.get(&id.name).map(Vec::as_slice).unwrap_or_default();
        self.budget.work(STEPS_OF_AN_OBJECT.saturating_mul(1 + found.len()));
        let is = |index: &&usize| self.list.get(**index).is_some_and(|resource| resource.has_id(id));
        found.iter().filter(is).copied().collect()
    }

    /// The one object that has, or had, an identity.
    pub(crate) fn find(&self, id: &Id) -> Result<usize, Fault> {
        self.budget.check()?;
        match self.matching(id).as_slice() {
            [index] => Ok(*index),
            [] => Err(Fault::conflict(format!("no object matches {id}; {}", self.similar(id)))),
            several => {
                let ids = several.iter().filter_map(|index| self.list.get(*index)).take(3);
                let ids: Vec<String> = ids.map(|resource| resource.id().to_string()).collect();
                let ids = ids.join(", ");
                Err(Fault::conflict(format!(
                    "more than one object matches {id}: {ids}; use a name that only one of them has had"
                )))
            }
        }
    }

    fn similar(&self, id: &Id) -> String {
        let near: Vec<String> = self
            .list
            .iter()
            .filter(|other| other.name() == id.name || other.kind() == id.gvk.kind)
            .take(3)
            .map(Resource::described)
            .collect();
        if near.is_empty() {
            "check its kind, its name and its namespace".to_owned()
        } else {
            format!("there are {}", near.join(", "))
        }
    }

    /// Adds a generated object, or puts it into the one that is there already.
    pub(crate) fn absorb(&mut self, resource: Resource) -> Result<(), Fault> {
        self.budget.check()?;
        let id = resource.id();
        let matching = self.matching(&id);
        match (matching.as_slice(), resource.behavior) {
            ([], Behavior::Merge | Behavior::Replace) => Err(Fault::conflict(format!(
                "{id} does not exist, so nothing can be merged into it or replaced; {}",
                self.similar(&id)
            ))),
            ([], _) => self.append(resource),
            ([index], Behavior::Merge | Behavior::Replace) => {
                self.change(*index, |old| absorb(old, resource)).unwrap_or(Ok(()))
            }
            ([index], _) => {
                let at = self.list.get(*index).map(|other| format!(" ({})", other.origin)).unwrap_or_default();
                Err(Fault::conflict(format!(
                    "{id} exists already{at}; set behavior to merge or replace, or give the generator another name"
                )))
            }
            (several, _) => {
                let several = several.iter().filter_map(|index| self.list.get(*index)).map(Resource::described);
                Err(Fault::conflict(format!(
                    "more than one object is or was {id}: {}; name one of them as it is called there",
                    several.collect::<Vec<_>>().join(", ")
                )))
            }
        }
    }
}

/// Puts a generated object in the place of one, merged with it if it says so.
fn absorb(old: &mut Resource, mut new: Resource) -> Result<(), Fault> {
    let merge = new.behavior == Behavior::Merge;
    take_metadata(&mut new, old)?;
    if merge {
        let from = if new.kind() == "Secret" { &with_encoded_strings(&old.tree)? } else { &old.tree };
        merge_strings(&mut new.tree, from, "data")?;
        merge_strings(&mut new.tree, &old.tree, "binaryData")?;
        build_metadata::keep_origin(&mut new, old);
    }
    new.note_metadata();
    *old = new;
    Ok(())
}

/// Gives a generated object the name, history, labels and annotations of the one that it replaces; its own labels and
/// annotations win.
fn take_metadata(new: &mut Resource, old: &Resource) -> Result<(), Fault> {
    for field in ["labels", "annotations"] {
        let mut strings: Map = Map::new();
        for (key, value) in old.metadata_strings(field).chain(new.metadata_strings(field)) {
            strings.insert(key.to_owned(), Tree::entry(value));
        }
        strings.keys().try_for_each(|key| check_key(key))?;
        new.set_metadata_strings(field, strings);
    }
    new.set_name(old.name());
    new.set_namespace(old.namespace());
    new.previous.clone_from(&old.previous);
    new.prefixes.clone_from(&old.prefixes);
    new.suffixes.clone_from(&old.suffixes);
    new.behavior = old.behavior;
    new.vars.clone_from(&old.vars);
    // A hash needs both: a merge into an object that has none gives none.
    new.needs_hash = new.needs_hash && old.needs_hash;
    Ok(())
}

/// The `stringData` of a secret, encoded into its `data` as the API server does it.
fn with_encoded_strings(secret: &Tree) -> Result<Tree, Fault> {
    let mut secret = secret.clone();
    let Some(map) = secret.as_mapping_mut() else { return Ok(secret) };
    let strings = match map.remove("stringData").filter(|strings| !strings.is_null()) {
        None => return Ok(secret),
        Some(Tree::Mapping(strings)) => strings,
        Some(other) => {
            return Err(Fault::conflict(format!(
                "stringData must be a map of strings, and it is {}",
                other.describe()
            )));
        }
    };
    let data = map.get_or_insert_with("data", Tree::empty_mapping);
    for (key, value) in strings {
        let Tree::Scalar(_) = value else {
            return Err(Fault::conflict(format!("stringData.{key} must be a string, and it is {}", value.describe())));
        };
        if let Some(data) = data.as_mapping_mut() {
            let text = if value.is_null() { "" } else { value.text() };
            data.insert(key, Tree::string(encode_base64(text.as_bytes())));
        }
    }
    Ok(secret)
}

fn merge_strings(new: &mut Tree, old: &Tree, field: &str) -> Result<(), Fault> {
    let mut merged = Map::new();
    for side in [old.get(field), new.get(field)].into_iter().flatten() {
        for (key, value) in side.as_mapping().into_iter().flatten() {
            let text = if value.is_null() { "" } else { value.text() };
            check_key(key).map_err(|fault| Fault { message: format!("{field}: {}", fault.message), ..fault })?;
            merged.insert(key.clone(), Tree::entry(text));
        }
    }
    if let Some(map) = new.as_mapping_mut() {
        if merged.is_empty() {
            map.remove(field);
        } else {
            map.insert(field.to_owned(), Tree::Mapping(merged));
        }
    }
    Ok(())
}
