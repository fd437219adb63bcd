//! Field specs: which fields of which kinds a filter changes.

pub(crate) mod builtin;
pub(crate) mod config;
pub(crate) mod crds;

use crate::error::Fault;
use crate::id::Gvk;
use crate::object::Resource;
use crate::tree::Tree;

/// A field of all objects that a selector fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    pub(crate) selector: Gvk,
    /// The path with `/` between its parts; `\/` is a slash inside a part, and `[]` after a part says that it is a list.
    /// Lists on the way need no part of their own.
    pub(crate) path: String,
    /// Whether to create the field where it is missing.
    pub(crate) create: bool,
}

/// What a filter creates where a field is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Create {
    Nothing,
    Scalar,
    Mapping,
}

impl FieldSpec {
    pub(crate) fn applies_to(&self, gvk: &Gvk) -> bool {
        gvk.is_selected_by(&self.selector)
    }

    /// Calls `set` for each value at the path. What is wrong says where the object is.
    pub(crate) fn visit(
        &self,
        resource: &mut Resource,
        create: Create,
        set: &mut dyn FnMut(&mut Tree) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.visit_in_place(resource, create, set).map_err(|fault| Fault {
            kind: fault.kind,
            message: format!("{}: {}", resource.described(), fault.message),
        })
    }

    /// Whether an object has not even the field that the path begins with, which most have not.
    fn leads_nowhere(&self, tree: &Tree) -> bool {
        let first = without_slash(&self.path).split('/').next().unwrap_or_default();
        let plain = first.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && first.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain && tree.as_mapping().is_some_and(|map| !map.contains_key(first))
    }

    /// Calls `set` for each value at the path, where the caller says in which object.
    pub(crate) fn visit_in_place(
        &self,
        resource: &mut Resource,
        create: Create,
        set: &mut dyn FnMut(&mut Tree) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if !resource.is_selected_by(&self.selector) {
            return Ok(());
        }
        if self.path.len() > LONGEST_PATH {
            return Err(Fault::limit(format!("the path of a field spec has more than {LONGEST_PATH} bytes")));
        }
        let create = if self.create { create } else { Create::Nothing };
        if create == Create::Nothing && self.leads_nowhere(&resource.tree) {
            return Ok(());
        }
        let escaped;
        let parts: Vec<&str> = if self.path.contains('\\') {
            escaped = split(&self.path);
            escaped.iter().map(String::as_str).collect()
        } else {
            without_slash(&self.path).split('/').collect()
        };
        visit(&mut resource.tree, &parts, create, set)
            .map_err(|fault| Fault { kind: fault.kind, message: format!("field {:?}: {}", self.path, fault.message) })
    }
}

/// The longest path in bytes; each part of it may create a map in a map.
const LONGEST_PATH: usize = 1024;

/// Adds a field spec unless one for the same field is there; one with another `create` is a conflict.
pub(crate) fn merge_one(specs: &mut Vec<FieldSpec>, spec: &FieldSpec) -> Result<(), Fault> {
    // An existing spec counts as the same when the new selector fits it, which is not symmetric; so does kustomize.
    match specs.iter().find(|own| own.path == spec.path && own.selector.is_selected_by(&spec.selector)) {
        Some(own) if own.create != spec.create => Err(Fault::conflict(format!(
            "the field {} is listed with create: {}, but create: {} is already set for it",
            spec.path, spec.create, own.create
        ))),
        Some(_) => Ok(()),
        None => {
            specs.push(spec.clone());
            Ok(())
        }
    }
}

/// Splits the path of a field spec at its slashes, except at those after a backslash; one at its start does not count.
pub(crate) fn split(path: &str) -> Vec<String> {
    split_all(without_slash(path))
}

fn without_slash(path: &str) -> &str {
    path.strip_prefix('/').filter(|_| path.len() > 1).unwrap_or(path)
}

/// Splits a path at all slashes but those after a backslash.
pub(crate) fn split_all(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.split('/') {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('/');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

fn visit(
    tree: &mut Tree,
    parts: &[&str],
    create: Create,
    set: &mut dyn FnMut(&mut Tree) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let Some((part, rest)) = parts.split_first() else {
        return set(tree);
    };
    let map = match tree {
        Tree::Sequence(items) => {
            return items.iter_mut().try_for_each(|item| visit(item, parts, create, set));
        }
        Tree::Mapping(map) => map,
        scalar if scalar.is_null() => return Ok(()),
        Tree::Scalar(_) => {
            return Err(Fault::conflict(format!("expected a map or a list around {part}, found a scalar")));
        }
    };
    let name = part.strip_suffix("[]").unwrap_or(part);
    if name.is_empty() {
        return Err(Fault::conflict(
            "the path is empty or has an empty part; write it like spec/template/metadata/labels",
        ));
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) || name == "-" {
        // kustomize takes it for an index of a list, where lists have been gone into already.
        return Err(Fault::conflict(format!("expected a list around {name}, found a map")));
    }
    // A part that is said to be a list is never created.
    let may_create = create != Create::Nothing && name.len() == part.len();
    let new = |text: &str| match create {
        Create::Scalar if rest.is_empty() => Tree::string(text),
        _ => Tree::empty_mapping(),
    };
    let field = match map.get_mut(name) {
        Some(field) => {
            if field.is_null() && name.len() < part.len() {
                // kustomize makes an empty list of a null that a path says is a list.
                *field = Tree::Sequence(Vec::new());
            } else if field.is_null() && may_create {
                // kustomize makes a string of a null and keeps its text.
                *field = new(field.text());
            }
            field
        }
        None if may_create => map.get_or_insert_with(name, || new("")),
        None => return Ok(()),
    };
    visit(field, rest, create, set)
}
