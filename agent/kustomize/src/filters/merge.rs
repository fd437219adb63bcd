//! The strategic merge of a patch into an object, as kustomize does it (`kyaml/yaml/merge2`).
//!
//! kustomize walks patch and object together. What is only in the object is walked too, which shows: an empty null is dropped,
//! and elements with the same merge key become one.

use crate::budget::Budget;
use crate::error::Fault;
use crate::schema::{Schema, Schemas};
use crate::tree::{Map, Tree};

/// What a merge makes of an object.
#[derive(Debug, PartialEq)]
pub(crate) enum Merged {
    /// The patch deletes the object.
    Deleted,
    /// The patch replaces the object at its root, which kustomize loses on the way: the object stays as it is. Its bug.
    Unchanged,
    Changed(Tree),
}

/// `$patch` in a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

const DIRECTIVE: &str = "$patch";

/// Merges a patch into an object.
pub(crate) fn merge(object: &Tree, patch: &Tree, schemas: &Schemas, budget: &Budget) -> Result<Merged, Fault> {
    if patch.get(DIRECTIVE).is_some_and(|directive| directive.text() == "replace") {
        return Ok(Merged::Unchanged);
    }
    let merged = walk(Some(object.clone()), Some(patch.clone()), None, Build { schemas, budget })?;
    Ok(merged.map_or(Merged::Deleted, Merged::Changed))
}

/// What a merge needs of its build.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build<'b> {
    pub(super) schemas: &'b Schemas,
    pub(super) budget: &'b Budget,
}

/// Merges two values, of which either may be missing. Nothing means that the field goes away; a null is one that was written
/// in the object and stays.
pub(super) fn walk<'b>(
    object: Option<Tree>,
    patch: Option<Tree>,
    schema: Option<Schema<'b>>,
    build: Build<'b>,
) -> Result<Option<Tree>, Fault> {
    let schema = schema.or_else(|| build.schema_of(object.as_ref())).or_else(|| build.schema_of(patch.as_ref()));
    let kind = [&object, &patch].into_iter().flatten().find(|tree| !tree.is_null());
    match kind {
        None => {
            // A null that is written out in the object is kept, an empty value is not.
            Ok(object.filter(|null| patch.is_none() && !null.text().is_empty()))
        }
        Some(Tree::Mapping(_)) => walk_map(into_map(object)?, into_map(patch)?, schema, build),
        Some(Tree::Sequence(_)) => {
            let (object, patch) = (into_list(object)?, into_list(patch)?);
            match schema.and_then(Schema::merge_keys) {
                Some(keys) => super::merge_list::walk(object, patch, &keys, schema, build),
                None => match patch {
                    Part::Missing => Ok(object.into_option().map(Tree::Sequence)),
                    patch => Ok(patch.into_option().map(Tree::Sequence)),
                },
            }
        }
        Some(Tree::Scalar(_)) => {
            if let Some(other) = [&object, &patch].into_iter().flatten().find(|tree| !matches!(tree, Tree::Scalar(_))) {
                return Err(different(other, "a scalar"));
            }
            match (object, patch) {
                (Some(mut object), Some(patch)) if !patch.is_null() => {
                    object.assign(patch);
                    Ok(Some(object))
                }
                (object, patch) => Ok(patch.or(object).filter(|tree| !tree.is_null())),
            }
        }
    }
}

/// One side of a merge.
#[derive(Debug, PartialEq)]
pub(super) enum Part<T> {
    Missing,
    Null,
    There(T),
}

impl<T> Part<T> {
    fn into_option(self) -> Option<T> {
        match self {
            Self::There(value) => Some(value),
            Self::Missing | Self::Null => None,
        }
    }
}

fn into_map(tree: Option<Tree>) -> Result<Part<Map>, Fault> {
    match tree {
        None => Ok(Part::Missing),
        Some(Tree::Mapping(map)) => Ok(Part::There(map)),
        Some(null) if null.is_null() => Ok(Part::Null),
        Some(other) => Err(different(&other, "a map")),
    }
}

fn into_list(tree: Option<Tree>) -> Result<Part<Vec<Tree>>, Fault> {
    match tree {
        None => Ok(Part::Missing),
        Some(Tree::Sequence(items)) => Ok(Part::There(items)),
        Some(null) if null.is_null() => Ok(Part::Null),
        Some(other) => Err(different(&other, "a list")),
    }
}

fn different(found: &Tree, expected: &str) -> Fault {
    Fault::conflict(format!("one side of the merge is {expected} and the other is {}", found.describe()))
}

impl<'b> Build<'b> {
    /// A value that names its own apiVersion and kind brings its schema along, wherever it stands.
    fn schema_of(self, tree: Option<&Tree>) -> Option<Schema<'b>> {
        let map = tree?.as_mapping()?;
        let (api_version, kind) = (map.get("apiVersion")?.text(), map.get("kind")?.text());
        if api_version.is_empty() || kind.is_empty() { None } else { self.schemas.of_kind(api_version, kind) }
    }
}

fn walk_map<'b>(
    object: Part<Map>,
    patch: Part<Map>,
    schema: Option<Schema<'b>>,
    build: Build<'b>,
) -> Result<Option<Tree>, Fault> {
    let (mut object, mut patch) = match (object, patch) {
        (Part::There(object), Part::There(patch)) => (object, patch),
        (Part::There(object), Part::Missing) => (object, Map::new()),
        (Part::There(_), Part::Null) | (_, Part::Missing | Part::Null) => return Ok(None),
        (_, Part::There(mut patch)) => {
            // Of what is only in the patch, kustomize does not mind a directive that it does not know.
            return match take_directive(&mut patch) {
                Ok(Directive::Delete) => Ok(None),
                _ => settle_map(patch, schema, build).map(Some),
            };
        }
    };
    match take_directive(&mut patch)? {
        Directive::Delete => return Ok(None),
        Directive::Replace => return settle_map(patch, schema, build).map(Some),
        Directive::Merge => {}
    }
    let mut merged = Map::like(&object);
    let only_in_patch: Vec<String> = patch.keys().filter(|key| !object.contains_key(key)).cloned().collect();
    let keys: Vec<String> = object.keys().cloned().chain(only_in_patch).collect();
    for key in keys {
        let schema = schema.and_then(|schema| schema.field(&key));
        let (own, other) = (object.remove(&key), patch.remove(&key));
        // A scalar of the patch takes over the quotes of what it replaces, and a null has none.
        let replaces_null = other.is_some() && own.as_ref().is_some_and(Tree::is_null);
        let is_one_sided = own.is_none() || other.is_none();
        if let Some(mut value) = walk(own, other, schema, build).map_err(|fault| under(&key, &fault))? {
            if is_one_sided {
                value.quote_as_entry();
            } else if replaces_null {
                value.unquote();
            }
            merged.insert(key, value);
        }
    }
    Ok(Some(Tree::Mapping(merged)))
}

/// Cleans a value that comes from the patch alone: nulls go, directives are followed, merged lists lose their duplicates.
pub(super) fn settle<'b>(tree: Tree, schema: Option<Schema<'b>>, build: Build<'b>) -> Result<Option<Tree>, Fault> {
    let schema = schema.or_else(|| build.schema_of(Some(&tree)));
    match tree {
        null @ Tree::Scalar(_) if null.is_null() => Ok(None),
        Tree::Mapping(mut map) => match take_directive(&mut map)? {
            Directive::Delete => Ok(None),
            Directive::Replace | Directive::Merge => settle_map(map, schema, build).map(Some),
        },
        Tree::Sequence(items) => match schema.and_then(Schema::merge_keys) {
            Some(keys) => super::merge_list::settle(items, &keys, schema, build),
            None => Ok(Some(Tree::Sequence(items))),
        },
        scalar @ Tree::Scalar(_) => Ok(Some(scalar)),
    }
}

fn settle_map<'b>(map: Map, schema: Option<Schema<'b>>, build: Build<'b>) -> Result<Tree, Fault> {
    let mut settled = Map::like(&map);
    for (key, value) in map {
        let schema = schema.and_then(|schema| schema.field(&key));
        if let Some(mut value) = settle(value, schema, build).map_err(|fault| under(&key, &fault))? {
            value.quote_as_entry();
            settled.insert(key, value);
        }
    }
    Ok(Tree::Mapping(settled))
}

/// Takes the directive out of a map of a patch.
fn take_directive(map: &mut Map) -> Result<Directive, Fault> {
    let Some(value) = map.get(DIRECTIVE) else { return Ok(Directive::Merge) };
    let directive = directive(value.text())?;
    map.remove(DIRECTIVE);
    Ok(directive)
}

/// Takes the directive out of a list of a patch: an element that has no other field.
pub(super) fn take_list_directive(items: &mut Vec<Tree>) -> Result<Directive, Fault> {
    let first = items.iter().find_map(|item| item.as_mapping().filter(|map| map.contains_key(DIRECTIVE)));
    let Some(value) = first.filter(|map| map.len() == 1).and_then(|map| map.get(DIRECTIVE)) else {
        return Ok(Directive::Merge);
    };
    let text = value.text().to_owned();
    let directive = directive(&text)?;
    items.retain(|item| !item.is_empty() && item.get(DIRECTIVE).is_none_or(|value| value.text() != text));
    Ok(directive)
}

fn directive(text: &str) -> Result<Directive, Fault> {
    match text {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => {
            Err(Fault::conflict(format!("unknown $patch directive {other:?}; known are merge, replace and delete")))
        }
    }
}

/// Adds a field to the path in a message.
fn under(key: &str, fault: &Fault) -> Fault {
    let message = match fault.message.strip_prefix("at ") {
        Some(rest) => format!("at {key}.{rest}"),
        None => format!("at {key}: {}", fault.message),
    };
    Fault { kind: fault.kind, message }
}
