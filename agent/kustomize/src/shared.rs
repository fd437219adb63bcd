//! Scalars that several fields of an object share.
//!
//! A filter of kustomize makes one YAML node for a label and puts it wherever it creates that label in an object. What later changes one of these fields
//! in place changes all of them: a label that an overlay sets in the metadata reaches the selectors that a base created. This is its bug.

use std::collections::BTreeMap;

use crate::tree::{Scalar, Tree};

/// Says with which other scalars of its object a scalar is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    group: u32,
    changes: u32,
}

impl Shared {
    pub(crate) fn new(group: u32) -> Self {
        Self { group, changes: 0 }
    }

    /// The number of its group; a group that was made later has a higher one.
    pub(crate) fn group(self) -> u32 {
        self.group
    }

    /// The same after the scalar was given another value.
    pub(crate) fn changed(self) -> Self {
        Self { changes: self.changes.saturating_add(1), ..self }
    }
}

/// What an object knows of its shared scalars.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sharing {
    /// How many groups there are so far.
    pub(crate) groups: u32,
    /// Whether any of them has more than one member.
    pub(crate) any: bool,
}

/// Gives all scalars of a group the value that was given to one of them last.
pub(crate) fn settle(tree: &mut Tree) {
    let mut last = BTreeMap::new();
    find(tree, &mut last);
    if last.values().any(|scalar| scalar.shared.is_some_and(|shared| shared.changes > 0)) {
        spread(tree, &last);
    }
}

/// Quotes all scalars of a group, or none.
pub(crate) fn quote(tree: &mut Tree, group: u32, quoted: bool) {
    match tree {
        Tree::Scalar(scalar) if scalar.shared.is_some_and(|shared| shared.group == group) => scalar.quoted = quoted,
        Tree::Scalar(_) => {}
        Tree::Sequence(items) => items.iter_mut().for_each(|item| quote(item, group, quoted)),
        Tree::Mapping(map) => map.values_mut().for_each(|value| quote(value, group, quoted)),
    }
}

fn find(tree: &Tree, last: &mut BTreeMap<u32, Scalar>) {
    match tree {
        Tree::Scalar(scalar) => {
            let Some(shared) = scalar.shared else { return };
            let changes = |scalar: &Scalar| scalar.shared.map_or(0, |shared| shared.changes);
            if last.get(&shared.group).is_none_or(|other| changes(other) <= shared.changes) {
                last.insert(shared.group, scalar.clone());
            }
        }
        Tree::Sequence(items) => items.iter().for_each(|item| find(item, last)),
        Tree::Mapping(map) => map.values().for_each(|value| find(value, last)),
    }
}

fn spread(tree: &mut Tree, last: &BTreeMap<u32, Scalar>) {
    match tree {
        Tree::Scalar(scalar) => {
            if let Some(other) = scalar.shared.and_then(|shared| last.get(&shared.group)) {
                *scalar = Scalar { shared: other.shared.map(|shared| Shared::new(shared.group)), ..other.clone() };
            }
        }
        Tree::Sequence(items) => items.iter_mut().for_each(|item| spread(item, last)),
        Tree::Mapping(map) => map.values_mut().for_each(|value| spread(value, last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reaches_the_scalars_of_its_group_and_no_others() {
        let string = |text: &str, group| Tree::shared_string(text, false, Shared::new(group));
        let mut tree = Tree::Sequence(vec![string("a", 0), string("b", 1), string("a", 0), Tree::string("a")]);
        let assign = |tree: &mut Tree, index: usize, text: &str| {
            if let Tree::Sequence(items) = tree {
                items[index].assign(Tree::string(text));
                settle(tree);
            }
        };
        let texts = |tree: &Tree| match tree {
            Tree::Sequence(items) => items.iter().map(|item| item.text().to_owned()).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        assign(&mut tree, 2, "c");
        assert_eq!(texts(&tree), ["c", "b", "c", "a"]);
        assign(&mut tree, 0, "d");
        assert_eq!(texts(&tree), ["d", "b", "d", "a"]);
        assign(&mut tree, 3, "e");
        assert_eq!(texts(&tree), ["d", "b", "d", "e"]);
    }
}
