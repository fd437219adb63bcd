//! The merge of lists by merge keys (`kyaml/yaml/walk/associative_sequence.go`), with all its corners.

use super::merge::{Build, Directive, Part, settle as settle_tree, take_list_directive, walk as walk_tree};
use crate::error::Fault;
use crate::schema::Schema;
use crate::tree::{Map, Tree};

/// Merges the list of a patch into that of an object.
pub(super) fn walk<'b>(
    object: Part<Vec<Tree>>,
    patch: Part<Vec<Tree>>,
    keys: &[&str],
    schema: Option<Schema<'b>>,
    build: Build<'b>,
) -> Result<Option<Tree>, Fault> {
    let elements = schema.and_then(Schema::elements);
    match (object, patch) {
        // A directive in a list that the object has not is no directive to kustomize.
        (Part::Missing | Part::Null, Part::There(patch)) => merge_with_itself(patch, keys, elements, build).map(Some),
        (Part::Missing | Part::Null, _) | (Part::There(_), Part::Null) => Ok(None),
        (Part::There(object), Part::Missing) => merge(object, None, keys, elements, build).map(Some),
        (Part::There(object), Part::There(mut patch)) => match take_list_directive(&mut patch)? {
            Directive::Delete => Ok(None),
            Directive::Replace => merge_with_itself(patch, keys, elements, build).map(Some),
            Directive::Merge => merge(object, Some(patch), keys, elements, build).map(Some),
        },
    }
}

/// Cleans a list that comes from the patch alone.
pub(super) fn settle<'b>(
    mut items: Vec<Tree>,
    keys: &[&str],
    schema: Option<Schema<'b>>,
    build: Build<'b>,
) -> Result<Option<Tree>, Fault> {
    if take_list_directive(&mut items)? == Directive::Delete {
        return Ok(None);
    }
    merge_with_itself(items, keys, schema.and_then(Schema::elements), build).map(Some)
}

fn merge_with_itself<'b>(
    items: Vec<Tree>,
    keys: &[&str],
    schema: Option<Schema<'b>>,
    build: Build<'b>,
) -> Result<Tree, Fault> {
    Merge { object: items, patch: Patch::Same, keys, schema, build }.run()
}

fn merge<'b>(
    object: Vec<Tree>,
    patch: Option<Vec<Tree>>,
    keys: &[&str],
    schema: Option<Schema<'b>>,
    build: Build<'b>,
) -> Result<Tree, Fault> {
    Merge { object, patch: patch.map_or(Patch::None, Patch::Other), keys, schema, build }.run()
}

enum Patch {
    None,
    Other(Vec<Tree>),
    /// The list of the object is that of the patch: what was added, walked once more.
    Same,
}

struct Merge<'a> {
    object: Vec<Tree>,
    patch: Patch,
    keys: &'a [&'a str],
    schema: Option<Schema<'a>>,
    build: Build<'a>,
}

impl Merge<'_> {
    fn run(mut self) -> Result<Tree, Fault> {
        // A list of scalars is merged as a set: the empty key stands for the element itself.
        let scalars = self.keys.is_empty();
        let keys: Vec<&str> = if scalars { vec![""] } else { self.keys.to_vec() };
        let mut all = self.values(&keys, scalars);
        // Each element is looked for among all others, and moved with them.
        self.build.budget.work(all.len().saturating_mul(all.len()).saturating_mul(keys.len()).saturating_mul(4));
        self.build.budget.check()?;
        if keys.len() > 1 {
            fill_in(&mut all);
        }
        let mut items = Vec::new();
        let mut last_keys = keys.clone();
        for values in &all {
            let (valid_keys, valid_values) = valid(&all, values, &keys);
            self.element(&valid_keys, &valid_values, &mut items)?;
            last_keys = valid_keys;
        }
        if !all.is_empty() {
            // The new elements come first, and the elements of the object follow or take their places.
            append(&mut items, self.object, &last_keys)?;
            self.object = items;
        }
        Ok(Tree::Sequence(self.object))
    }

    /// The values of the merge keys of all elements, those of the patch first, each once.
    fn values(&self, keys: &[&str], scalars: bool) -> Vec<Vec<String>> {
        let patch: &[Tree] = match &self.patch {
            Patch::Other(patch) => patch,
            Patch::None | Patch::Same => &[],
        };
        let mut all: Vec<Vec<String>> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for element in patch.iter().chain(&self.object) {
            let values: Vec<String> = if scalars {
                vec![element.text().to_owned()]
            } else {
                let value = |key: &&str| element.get(key).filter(|value| !value.is_empty()).map_or("", Tree::text);
                keys.iter().map(|key| value(key).to_owned()).collect()
            };
            if seen.insert(values.clone()) {
                all.push(values);
            }
        }
        all
    }

    /// Merges the elements with the given values of the merge keys and puts the result into `items`.
    fn element(&mut self, keys: &[&str], values: &[String], items: &mut Vec<Tree>) -> Result<(), Fault> {
        let (lookup_keys, lookup_values) = valid(std::slice::from_ref(&values.to_vec()), values, keys);
        let at = find(&self.object, &lookup_keys, &lookup_values);
        let own = at.and_then(|at| self.object.get(at)).cloned();
        let mut own_changes = true;
        let mut value = match &mut self.patch {
            Patch::Same => {
                // What is not deleted all the same, for lack of a merge key, has lost its directive; see below.
                if let Some(Tree::Mapping(map)) = at.and_then(|at| self.object.get_mut(at)) {
                    map.remove("$patch");
                }
                own.map(|own| settle_tree(own, self.schema, self.build)).transpose()?.flatten()
            }
            Patch::None => walk_tree(own, None, self.schema, self.build)?,
            Patch::Other(patch) => {
                let other_at = find(patch, &lookup_keys, &lookup_values);
                let other = other_at.and_then(|at| patch.get(at)).cloned();
                // kustomize takes the directive out of the element, and has it no more where it comes to the element twice; its bug.
                if let Some(Tree::Mapping(map)) = other_at.and_then(|at| patch.get_mut(at)) {
                    map.remove("$patch");
                }
                // A replaced element is a new one, so that the old one stays in the list of the object and wins later.
                own_changes =
                    other.as_ref().is_none_or(|other| other.get("$patch").is_none_or(|d| d.text() != "replace"));
                walk_tree(own, other, self.schema, self.build)?
            }
        };
        let gone = value.as_ref().is_none_or(|value| value.is_null() || value.as_mapping().is_some_and(Map::is_empty));
        if gone {
            return set_element(&mut self.object, None, keys, values);
        }
        let Some(value) = value.as_mut() else { return Ok(()) };
        if keys.first().is_some_and(|key| key.is_empty()) && !value.text().is_empty() {
            // kustomize writes the text of a scalar again, without its type: its bug.
            value.forget_type();
        }
        if let Tree::Mapping(map) = value {
            for (key, text) in keys.iter().zip(values) {
                if !text.is_empty() && !map.contains_key(key) {
                    map.insert((*key).to_owned(), Tree::plain(text.clone()));
                }
            }
        }
        if let Some(own) = at.filter(|_| own_changes).and_then(|at| self.object.get_mut(at)) {
            *own = value.clone();
        }
        set_element(items, Some(value), keys, values)
    }
}

/// Elements that agree in one merge key and differ only where one has nothing are taken for the same.
fn fill_in(all: &mut [Vec<String>]) {
    for i in 0..all.len() {
        // kustomize compares with the values that the outer loop started with.
        let Some(first) = all.get(i).cloned() else { return };
        for j in 0..all.len() {
            let Some(second) = all.get(j) else { return };
            if let Some(both) = common(&first, second) {
                for at in [i, j] {
                    if let Some(values) = all.get_mut(at) {
                        values.clone_from(&both);
                    }
                }
            }
        }
    }
}

fn common(first: &[String], second: &[String]) -> Option<Vec<String>> {
    let mut agree = false;
    let mut both = Vec::new();
    for (a, b) in first.iter().zip(second) {
        if a == b {
            agree = true;
        } else if !a.is_empty() && !b.is_empty() {
            return None;
        }
        both.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    agree.then_some(both)
}

/// Leaves out the merge keys that no element has a value for.
fn valid<'k>(all: &[Vec<String>], values: &[String], keys: &[&'k str]) -> (Vec<&'k str>, Vec<String>) {
    let used = |at: usize| all.iter().any(|values| values.get(at).is_some_and(|value| !value.is_empty()));
    if (0..keys.len()).all(|at| !used(at)) {
        return (keys.to_vec(), values.to_vec());
    }
    let kept_keys = keys.iter().enumerate().filter(|(at, _)| used(*at)).map(|(_, key)| *key).collect();
    let kept_values = values
        .iter()
        .enumerate()
        .filter(|(at, value)| !value.is_empty() || used(*at))
        .map(|(_, v)| v.clone())
        .collect();
    (kept_keys, kept_values)
}

/// The first element with the values.
fn find(items: &[Tree], keys: &[&str], values: &[String]) -> Option<usize> {
    if keys.first().is_none_or(|key| key.is_empty()) {
        return items.iter().position(|item| values.first().is_some_and(|value| item.text() == value));
    }
    if keys.len() != values.len() {
        return None;
    }
    items.iter().position(|item| {
        item.as_mapping().is_some_and(|map| {
            keys.iter().zip(values).all(|(key, value)| map.get(key).is_some_and(|field| field.text() == value))
        })
    })
}

/// Whether an element has a value under a key; no value means any.
fn has(element: &Tree, key: &str, value: &str) -> Result<bool, Fault> {
    if element.is_null() {
        return Ok(false);
    }
    match element {
        Tree::Scalar(scalar) if key.is_empty() => Ok(scalar.text == value),
        Tree::Mapping(map) if !key.is_empty() => {
            Ok(map.get(key).is_some_and(|field| value.is_empty() || field.text() == value))
        }
        other => Err(Fault::conflict(format!(
            "expected {} in a merged list, found {}",
            if key.is_empty() { "scalars" } else { "maps" },
            other.describe()
        ))),
    }
}

/// Replaces the elements with the values, or removes them; appends the new one if there is none.
fn set_element(items: &mut Vec<Tree>, new: Option<&Tree>, keys: &[&str], values: &[String]) -> Result<(), Fault> {
    let for_maps = keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|v| !v.is_empty());
    let mut found_any = false;
    let mut kept = Vec::with_capacity(items.len() + 1);
    for item in items.drain(..) {
        if item.is_null() || item.as_mapping().is_some_and(Map::is_empty) {
            continue;
        }
        if for_maps && item.as_mapping().is_none() {
            kept.push(item);
            continue;
        }
        let mut matches = false;
        for (at, key) in keys.iter().enumerate() {
            // A key without a value of its own takes over the verdict of the key before it.
            if let Some(value) = values.get(at) {
                matches = has(&item, key, value)?;
            }
            if !matches {
                break;
            }
        }
        if !matches {
            if !values.is_empty() {
                kept.push(item);
            }
            continue;
        }
        found_any = true;
        if let Some(new) = new {
            kept.push(new.clone());
        }
    }
    *items = kept;
    if let Some(new) = new.filter(|new| !found_any && !new.is_null()) {
        items.push(new.clone());
    }
    Ok(())
}

/// Puts the elements of the object behind those that are there, each in the place of the one with its merge keys if there is
/// one.
fn append(items: &mut Vec<Tree>, elements: Vec<Tree>, keys: &[&str]) -> Result<(), Fault> {
    for element in elements {
        if keys.first().is_none_or(|key| key.is_empty()) {
            let value = element.text().to_owned();
            set_element(items, Some(&element), &[""], &[value])?;
            continue;
        }
        let mut values = Vec::new();
        for key in keys {
            let field = match &element {
                Tree::Mapping(map) => map.get(key),
                null if null.is_null() => None,
                other => {
                    let found = other.describe();
                    return Err(Fault::conflict(format!("expected maps in a merged list, found {found}")));
                }
            };
            match field {
                Some(field) => values.push(field.text().to_owned()),
                None => items.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set_element(items, None, keys, &values)?;
        }
        set_element(items, Some(&element), keys, &values)?;
    }
    Ok(())
}
