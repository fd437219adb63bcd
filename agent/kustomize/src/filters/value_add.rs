//! `ValueAddTransformer`: writes a value into fields, or into the file paths that stand in them.

use super::namespace;
use super::target::Matcher;
use crate::budget::{Budget, check_depth};
use crate::error::Fault;
use crate::fieldspec;
use crate::kustomization;
use crate::resources::Resources;
use crate::tree::{Map, Tree};

/// Where the value goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// All objects when there is none.
    pub(crate) selector: Option<kustomization::Target>,
    pub(crate) path: String,
    /// From 1, the place of the value among the parts of a file path; 0 when the field is none.
    pub(crate) position: i64,
}

pub(crate) fn apply(resources: &mut Resources, value: &str, targets: &[Target], budget: &Budget) -> Result<(), Fault> {
    for target in targets {
        let matcher = target.selector.as_ref().map(|selector| Matcher::new(selector, budget)).transpose()?;
        let mut parts = fieldspec::split_all(&target.path);
        parts.retain(|part| !part.trim().is_empty());
        // Each part may make a map in the one before.
        check_depth(parts.len())?;
        for resource in resources.iter_mut() {
            let selected = matcher.as_ref().map_or(Ok(true), |matcher| matcher.matches(resource));
            if !selected? {
                continue;
            }
            budget.values(parts.len());
            budget.text(value.len().saturating_add(target.path.len()));
            budget.check()?;
            let result = if target.path == "metadata/namespace" {
                namespace::set_own(resource, value, budget)
            } else {
                add(&mut resource.tree, &parts, value, target.position)
            };
            result.map_err(|fault| Fault {
                kind: fault.kind,
                message: format!("{}: field {}: {}", resource.id(), target.path, fault.message),
            })?;
        }
    }
    Ok(())
}

fn add(tree: &mut Tree, parts: &[String], value: &str, position: i64) -> Result<(), Fault> {
    let Some((part, rest)) = parts.split_first() else {
        let Tree::Scalar(scalar) = &*tree else {
            return Err(Fault::conflict(format!("expected a scalar, found {}", tree.describe())));
        };
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let new = position.checked_sub(1).map_or_else(|| value.to_owned(), |at| insert(&scalar.text, at, value));
        tree.set_text(new);
        return Ok(());
    };
    let expected = |what: &str, found: &Tree| {
        Err(Fault::conflict(format!("expected {what} around {part}, found {}", found.describe())))
    };
    if part == "*" {
        return Err(Fault::conflict("the path can not have a wildcard"));
    }
    let index = part.parse::<usize>().ok();
    let pair = part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match tree {
        Tree::Sequence(items) if index.is_some() || part == "-" => {
            let item = index.map_or(items.len().checked_sub(1), Some).and_then(|index| items.get_mut(index));
            item.map_or(Ok(()), |item| add(item, rest, value, position))
        }
        Tree::Sequence(items) if pair.is_some() => {
            let Some((key, wanted)) = pair.and_then(|pair| pair.split_once('=')) else {
                return Err(Fault::syntax(format!("{part} must be [key=value] to pick an element of a list")));
            };
            let fits = |item: &Tree| match item {
                Tree::Mapping(map) => map.get(key).is_some_and(|field| field.text() == wanted),
                item => key.is_empty() && item.text() == wanted,
            };
            let found = items.iter().position(fits).unwrap_or(items.len());
            if found == items.len() {
                let plain = Tree::plain(wanted);
                let map = |plain| Tree::Mapping(Map::from([(key.to_owned(), plain)]));
                items.push(if key.is_empty() { plain } else { map(plain) });
            }
            items.get_mut(found).map_or(Ok(()), |item| add(item, rest, value, position))
        }
        other if index.is_some() || part == "-" || pair.is_some() => expected("a list", other),
        Tree::Mapping(map) => {
            let new = || match rest.first() {
                None => Tree::plain(""),
                Some(next) if next.starts_with('[') && next.ends_with(']') || next.parse::<usize>().is_ok() => {
                    Tree::Sequence(Vec::new())
                }
                Some(_) => Tree::empty_mapping(),
            };
            add(map.get_or_insert_with(part, new), rest, value, position)
        }
        // What is created below null is lost, and kustomize does not notice.
        null if null.is_null() => Ok(()),
        other => expected("a map", other),
    }
}

/// Puts a part into a file path; one that starts at the root still does. Slashes in the part count as those of the path.
fn insert(path: &str, at: usize, part: &str) -> String {
    let absolute = path.starts_with('/');
    let inside = path.strip_prefix('/').unwrap_or(path);
    let mut parts: Vec<&str> = if inside.is_empty() { Vec::new() } else { inside.split('/').collect() };
    parts.insert(at.min(parts.len()), part);
    let joined = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
    if absolute { format!("/{}", cleaned(&joined).trim_start_matches('/')) } else { cleaned(&joined) }
}

/// The shortest path that means the same, as Go's `path.Clean` gives it.
fn cleaned(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if absolute => {}
            part => parts.push(part),
        }
    }
    match (absolute, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_into_file_paths() {
        assert_eq!(insert("", 0, "new"), "new");
        assert_eq!(insert("/", 3, "new"), "/new");
        assert_eq!(insert("a", 0, "new"), "new/a");
        assert_eq!(insert("/a", 0, "new"), "/new/a");
        assert_eq!(insert("/a/b", 1, "new"), "/a/new/b");
        assert_eq!(insert("a/b/", 9, "new"), "a/b/new");
        assert_eq!(insert("a//b", 2, "new"), "a/new/b");
        assert_eq!(insert("", 1, "http://host/"), "http:/host");
        assert_eq!(insert("a/b", 1, "../c"), "c/b");
        assert_eq!(insert("a/b", 1, "/c"), "a/c/b");
        assert_eq!(insert("a", 0, "../.."), "../../a");
        assert_eq!(insert("a", 9, ".."), ".");
    }
}
