//! The paths of replacements: `spec.containers.[name=web].image`, `a.*.b`, `list.0`, `data.my\.key` (`kyaml/yaml/match.go`).

use std::borrow::Cow;

use plumb_yaml::{Limits, Schema};

use crate::budget::Budget;
use crate::error::Fault;
use crate::pattern::Pattern;
use crate::tree::{Map, Tree};
use crate::unprintable::check_key;

/// What a path creates at its end where something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    Scalar,
    Sequence,
    Mapping,
}

/// Splits a path at its dots, except after a backslash and inside brackets; brackets without an equals sign only quote a key.
pub(crate) fn split(path: &str) -> Vec<String> {
    let mut escaped: Vec<String> = Vec::new();
    let pieces: Vec<&str> = path.split('.').collect();
    let skip = usize::from(pieces.len() > 1 && pieces.first().is_some_and(|first| first.is_empty()));
    for piece in pieces.into_iter().skip(skip) {
        match escaped.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('.');
                last.push_str(piece);
            }
            _ => escaped.push(piece.to_owned()),
        }
    }
    let mut parts = Vec::new();
    let mut pieces = escaped.into_iter();
    while let Some(mut part) = pieces.next() {
        if part.starts_with('[') && !part.ends_with(']') {
            for more in pieces.by_ref() {
                part.push('.');
                part.push_str(&more);
                if more.ends_with(']') {
                    break;
                }
            }
            if !part.contains('=') {
                part = part.replace(['[', ']'], "");
            }
        }
        parts.push(part);
    }
    parts
}

/// The path that still leads to the same value when what selects an element of a list changes: with the index of the element.
pub(crate) fn place(tree: &Tree, path: &[String]) -> Vec<String> {
    let mut place: Vec<String> = Vec::new();
    let mut current = Some(tree);
    for part in path {
        let items = current.and_then(Tree::as_sequence).unwrap_or_default();
        let next = current.and_then(|tree| lookup(tree, std::slice::from_ref(part)).ok().flatten());
        let index = next.and_then(|next| items.iter().position(|item| std::ptr::eq(item, next)));
        place.push(index.map_or_else(|| part.clone(), |index| index.to_string()));
        current = next;
    }
    place
}

/// Follows a path to one value; missing is none, and a step that does not fit the value is an error.
pub(crate) fn lookup<'t>(tree: &'t Tree, path: &[String]) -> Result<Option<&'t Tree>, Fault> {
    let mut current = tree;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let next = if let Ok(index) = part.parse::<i64>() {
            let index = usize::try_from(index).map_err(|_| {
                Fault::conflict(format!(
                    "the index {part} is negative; it counts from 0, and a dash stands for the last"
                ))
            })?;
            list(current, part)?.get(index)
        } else if part == "-" {
            list(current, part)?.last()
        } else if part == "*" {
            return Err(Fault::conflict("a source can not have a wildcard; name one element, such as [name=web] or 0"));
        } else if let Some((key, value)) = element(part)? {
            list(current, part)?.iter().find(|item| match item {
                Tree::Mapping(map) if !key.is_empty() => map.get(key).is_some_and(|field| field.text() == value),
                item => key.is_empty() && item.text() == value,
            })
        } else {
            match current {
                Tree::Mapping(map) => map.get(part),
                null if null.is_null() => None,
                other => return Err(expected("a map", part, other)),
            }
        };
        match next {
            Some(next) => current = next,
            None => return Ok(None),
        }
    }
    Ok(Some(current))
}

/// Visits every value that a path leads to, and says how many there are. Each is given with whether it was created just now.
pub(crate) fn visit(
    tree: &mut Tree,
    path: &[String],
    create: Option<Leaf>,
    budget: &Budget,
    set: &mut dyn FnMut(&mut Tree, bool) -> Result<(), Fault>,
) -> Result<usize, Fault> {
    Visit { create, budget, set }.walk(tree, path, false)
}

/// Steps to read a byte as YAML.
const STEPS_OF_A_PARSED_BYTE: usize = 8;

struct Visit<'a> {
    create: Option<Leaf>,
    budget: &'a Budget,
    set: &'a mut dyn FnMut(&mut Tree, bool) -> Result<(), Fault>,
}

impl Visit<'_> {
    fn walk(&mut self, tree: &mut Tree, path: &[String], fresh: bool) -> Result<usize, Fault> {
        self.budget.work(1);
        let Some((part, rest)) = path.split_first() else {
            (self.set)(tree, fresh)?;
            return Ok(1);
        };
        // What is created below null is lost, and kustomize does not notice.
        if tree.is_null() && self.create.is_some() && part != "*" {
            let mut lost = new(path, Leaf::Mapping);
            return self.walk(&mut lost, path, false);
        }
        if let Ok(index) = part.parse::<usize>() {
            return self.index(list_mut(tree, part)?, index, rest);
        }
        if let Some((key, pattern)) = element(part)? {
            let items = list_mut(tree, part)?;
            let found = self.elements(items, key, pattern, rest)?;
            if found > 0 || self.create.is_none() {
                return Ok(found);
            }
            // What is created has no type of its own, so that the new text decides it.
            items.push(if key.is_empty() {
                Tree::plain(pattern)
            } else {
                Tree::Mapping(Map::from([(key.to_owned(), Tree::plain(pattern))]))
            });
            return self.elements(items, key, pattern, rest);
        }
        if part == "*" {
            let mut found = 0;
            for item in list_mut(tree, part)? {
                found += self.walk(item, rest, false)?;
            }
            return Ok(found);
        }
        self.field(tree, part, rest)
    }

    fn field(&mut self, tree: &mut Tree, part: &str, rest: &[String]) -> Result<usize, Fault> {
        let map = match tree {
            Tree::Mapping(map) => map,
            null if null.is_null() => return Ok(0),
            other => return Err(expected("a map", part, other)),
        };
        let mut fresh = false;
        if !map.contains_key(part) {
            let Some(leaf) = self.create else { return Ok(0) };
            check_key(part)?;
            map.insert(part.to_owned(), new(rest, leaf));
            fresh = true;
        }
        let Some(field) = map.get_mut(part) else { return Ok(0) };
        if let (Tree::Scalar(scalar), false) = (&*field, rest.is_empty()) {
            return self.inside_text(&scalar.text, rest);
        }
        self.walk(field, rest, fresh)
    }

    /// kustomize looks into the text of a field as if it were YAML and changes what it read, but not the field: its bug. So only
    /// whether there is something counts.
    fn inside_text(&self, text: &str, rest: &[String]) -> Result<usize, Fault> {
        self.budget.work(text.len().saturating_mul(STEPS_OF_A_PARSED_BYTE));
        self.budget.check()?;
        let documents = plumb_yaml::parse(text.as_bytes(), Schema::Resource, &Limits::default());
        let document = documents.ok().and_then(|documents| documents.into_iter().next());
        let document =
            document.ok_or_else(|| Fault::conflict("the text that the path leads into is empty or no valid YAML"))?;
        let value = document.to_value().unwrap_or_default();
        let mut copy = Tree::from_value(value);
        Visit { create: self.create, budget: self.budget, set: &mut |_, _| Ok(()) }.walk(&mut copy, rest, false)
    }

    fn index(&mut self, items: &mut Vec<Tree>, index: usize, rest: &[String]) -> Result<usize, Fault> {
        let mut fresh = false;
        if let Some(leaf) = self.create.filter(|_| items.len() == index) {
            items.push(new(rest, leaf));
            fresh = true;
        }
        let length = items.len();
        let item = items
            .get_mut(index)
            .ok_or_else(|| Fault::conflict(format!("the list has {length} elements, none at index {index}")))?;
        self.walk(item, rest, fresh)
    }

    /// The pattern is a regular expression that need not match the whole value, as in kustomize.
    fn elements(&mut self, items: &mut [Tree], key: &str, pattern: &str, rest: &[String]) -> Result<usize, Fault> {
        let regex = Pattern::new(pattern, self.budget);
        let regex = regex.map_err(|_| Fault::syntax(format!("{pattern:?} is not a regular expression")))?;
        let mut found = 0;
        for item in items {
            if key.is_empty() {
                // What follows the match of an element without a key is not looked at, as in kustomize.
                if regex.is_match(&written(item)) {
                    (self.set)(item, false)?;
                    found += 1;
                }
            } else if item.get(key).is_some_and(|field| regex.is_match(&written(field))) {
                found += self.walk(item, rest, false)?;
            }
        }
        Ok(found)
    }
}

/// A value as kustomize compares it: its YAML, with the quotes of a string.
fn written(tree: &Tree) -> Cow<'_, str> {
    match tree {
        Tree::Scalar(_) if tree.is_quoted() => Cow::Owned(format!("{:?}", tree.text())),
        Tree::Scalar(_) => Cow::Borrowed(tree.text()),
        other => Cow::Owned(plumb_yaml::print(&other.clone().into_value()).trim().to_owned()),
    }
}

/// What stands where the rest of a path begins.
fn new(rest: &[String], leaf: Leaf) -> Tree {
    match rest.first() {
        None => match leaf {
            Leaf::Scalar => Tree::string(""),
            Leaf::Sequence => Tree::Sequence(Vec::new()),
            Leaf::Mapping => Tree::empty_mapping(),
        },
        Some(next) if next.starts_with('[') && next.ends_with(']') || next.parse::<usize>().is_ok() => {
            Tree::Sequence(Vec::new())
        }
        Some(_) => Tree::empty_mapping(),
    }
}

/// The key and the value of `[key=value]`.
fn element(part: &str) -> Result<Option<(&str, &str)>, Fault> {
    match part.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        None => Ok(None),
        Some(inner) => inner
            .split_once('=')
            .map(Some)
            .ok_or_else(|| Fault::syntax(format!("{part} must be [key=value] to pick an element of a list"))),
    }
}

fn list<'t>(tree: &'t Tree, part: &str) -> Result<&'t [Tree], Fault> {
    tree.as_sequence().ok_or_else(|| expected("a list", part, tree))
}

fn list_mut<'t>(tree: &'t mut Tree, part: &str) -> Result<&'t mut Vec<Tree>, Fault> {
    match tree {
        Tree::Sequence(items) => Ok(items),
        other => Err(expected("a list", part, other)),
    }
}

fn expected(what: &str, part: &str, found: &Tree) -> Fault {
    Fault::conflict(format!("expected {what} that has {part}, found {}", found.describe()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        assert_eq!(split("a.b"), ["a", "b"]);
        assert_eq!(split(r"a.b\.c"), ["a", "b.c"]);
        assert_eq!(split("a.[name=x.y].b"), ["a", "[name=x.y]", "b"]);
        assert_eq!(split("a.[b.c].d"), ["a", "b.c", "d"]);
        assert_eq!(split("a.[b]"), ["a", "[b]"]);
    }
}
