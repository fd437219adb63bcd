//! Maps of values, sorted by key.

use std::collections::{BTreeMap, btree_map};
use std::slice;

use either::Either;

use super::Tree;

/// A map with more entries is a tree: in a list, each new entry would move many others.
const MOST_IN_A_LIST: usize = 64;

/// A mapping; kustomize sorts keys when it prints.
///
/// Nearly all maps of Kubernetes objects have a few entries, and a node of a [`BTreeMap`] takes room for eleven. So a small map is a sorted list.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    form: Form,
    /// Whether it is written in braces, where kustomize writes nothing as `''`.
    flow: bool,
    /// The line of the file that it was read from; 0 for what a filter made.
    line: u32,
}

#[derive(Debug, Clone)]
enum Form {
    List(Vec<(String, Tree)>),
    Tree(BTreeMap<String, Tree>),
}

impl Default for Map {
    fn default() -> Self {
        Self::from_form(Form::List(Vec::new()))
    }
}

/// Maps are equal when their entries are, in whatever form they are held.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Map {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn from_form(form: Form) -> Self {
        Self { form, flow: false, line: 0 }
    }

    /// The same map, written in braces or not.
    pub(crate) fn written(self, flow: bool) -> Self {
        Self { flow, ..self }
    }

    /// The same map, read from a line of a file.
    pub(crate) fn at_line(self, line: u32) -> Self {
        Self { line, ..self }
    }

    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    pub(crate) fn is_flow(&self) -> bool {
        self.flow
    }

    /// An empty map that is written as another one.
    pub(crate) fn like(other: &Self) -> Self {
        Self { flow: other.flow, line: other.line, ..Self::new() }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.form {
            Form::List(list) => list.len(),
            Form::Tree(tree) => tree.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Tree> {
        match &self.form {
            Form::List(list) => find(list, key).ok().and_then(|at| list.get(at)).map(|(_, value)| value),
            Form::Tree(tree) => tree.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Tree> {
        match &mut self.form {
            Form::List(list) => find(list, key).ok().and_then(|at| list.get_mut(at)).map(|(_, value)| value),
            Form::Tree(tree) => tree.get_mut(key),
        }
    }

    pub(crate) fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets an entry, and gives the value that it had.
    pub(crate) fn insert(&mut self, key: String, value: Tree) -> Option<Tree> {
        if let Some(old) = self.get_mut(&key) {
            return Some(std::mem::replace(old, value));
        }
        self.add(key, value);
        None
    }

    /// The value of an entry, which is made where it is missing.
    pub(crate) fn get_or_insert_with(&mut self, key: &str, make: impl FnOnce() -> Tree) -> &mut Tree {
        if !self.contains_key(key) {
            self.add(key.to_owned(), make());
        }
        match &mut self.form {
            Form::List(list) => {
                let at = find(list, key).unwrap_or_else(|at| at);
                &mut list[at].1
            }
            Form::Tree(tree) => tree.entry(key.to_owned()).or_insert_with(Tree::empty_mapping),
        }
    }

    /// Adds an entry that is not there.
    fn add(&mut self, key: String, value: Tree) {
        match &mut self.form {
            Form::List(list) if list.len() < MOST_IN_A_LIST => {
                let at = find(list, &key).unwrap_or_else(|at| at);
                list.insert(at, (key, value));
            }
            Form::List(list) => {
                let mut tree: BTreeMap<_, _> = std::mem::take(list).into_iter().collect();
                tree.insert(key, value);
                self.form = Form::Tree(tree);
            }
            Form::Tree(tree) => {
                tree.insert(key, value);
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Tree> {
        match &mut self.form {
            Form::List(list) => find(list, key).ok().map(|at| list.remove(at).1),
            Form::Tree(tree) => tree.remove(key),
        }
    }

    pub(crate) fn retain(&mut self, mut stays: impl FnMut(&str) -> bool) {
        match &mut self.form {
            Form::List(list) => list.retain(|(key, _)| stays(key)),
            Form::Tree(tree) => tree.retain(|key, _| stays(key)),
        }
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter(match &self.form {
            Form::List(list) => Either::Left(list.iter()),
            Form::Tree(tree) => Either::Right(tree.iter()),
        })
    }

    pub(crate) fn iter_mut(&mut self) -> IterMut<'_> {
        IterMut(match &mut self.form {
            Form::List(list) => Either::Left(list.iter_mut()),
            Form::Tree(tree) => Either::Right(tree.iter_mut()),
        })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &String> {
        self.iter().map(|(key, _)| key)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Tree> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Tree> {
        self.iter_mut().map(|(_, value)| value)
    }
}

/// The place of a key, or the one that it would have.
fn find(list: &[(String, Tree)], key: &str) -> Result<usize, usize> {
    // Keys mostly come in order, as those of another map.
    match list.last() {
        Some((greatest, _)) if greatest.as_str() < key => Err(list.len()),
        _ => list.binary_search_by(|(own, _)| own.as_str().cmp(key)),
    }
}

/// The entries of a map in the order of their keys.
#[derive(Debug, Clone)]
pub(crate) struct Iter<'m>(Either<slice::Iter<'m, (String, Tree)>, btree_map::Iter<'m, String, Tree>>);

impl<'m> Iterator for Iter<'m> {
    type Item = (&'m String, &'m Tree);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Either::Left(list) => list.next().map(|(key, value)| (key, value)),
            Either::Right(tree) => tree.next(),
        }
    }
}

/// The same with values that can be changed.
#[derive(Debug)]
pub(crate) struct IterMut<'m>(Either<slice::IterMut<'m, (String, Tree)>, btree_map::IterMut<'m, String, Tree>>);

impl<'m> Iterator for IterMut<'m> {
    type Item = (&'m String, &'m mut Tree);

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Either::Left(list) => list.next().map(|(key, value)| (&*key, value)),
            Either::Right(tree) => tree.next(),
        }
    }
}

impl<'m> IntoIterator for &'m Map {
    type Item = (&'m String, &'m Tree);
    type IntoIter = Iter<'m>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'m> IntoIterator for &'m mut Map {
    type Item = (&'m String, &'m mut Tree);
    type IntoIter = IterMut<'m>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl IntoIterator for Map {
    type Item = (String, Tree);
    type IntoIter = Either<std::vec::IntoIter<(String, Tree)>, btree_map::IntoIter<String, Tree>>;

    fn into_iter(self) -> Self::IntoIter {
        match self.form {
            Form::List(list) => Either::Left(list.into_iter()),
            Form::Tree(tree) => Either::Right(tree.into_iter()),
        }
    }
}

/// Of several entries with one key, the last stays.
impl FromIterator<(String, Tree)> for Map {
    fn from_iter<I: IntoIterator<Item = (String, Tree)>>(entries: I) -> Self {
        let mut list: Vec<(String, Tree)> = entries.into_iter().collect();
        if list.len() > MOST_IN_A_LIST {
            return Self::from_form(Form::Tree(list.into_iter().collect()));
        }
        if !list.is_sorted_by(|(one, _), (other, _)| one < other) {
            list.sort_by(|(one, _), (other, _)| one.cmp(other));
            list.dedup_by(|next, before| {
                let same = next.0 == before.0;
                if same {
                    std::mem::swap(next, before);
                }
                same
            });
        }
        list.shrink_to_fit();
        Self::from_form(Form::List(list))
    }
}

impl Extend<(String, Tree)> for Map {
    fn extend<I: IntoIterator<Item = (String, Tree)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<const N: usize> From<[(String, Tree); N]> for Map {
    fn from(entries: [(String, Tree); N]) -> Self {
        entries.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Change {
        Insert(u8, i64),
        Remove(u8),
        Find(u8, i64),
        Keep(u8),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            6 => (any::<u8>(), any::<i64>()).prop_map(|(key, value)| Change::Insert(key, value)),
            2 => any::<u8>().prop_map(Change::Remove),
            2 => (any::<u8>(), any::<i64>()).prop_map(|(key, value)| Change::Find(key, value)),
            1 => (2..9_u8).prop_map(Change::Keep),
        ]
    }

    proptest! {
        /// It is what the map of the standard library is, on both sides of the bound between its forms.
        #[test]
        fn is_a_map(start in vec((any::<u8>(), any::<i64>()), 0..100), changes in vec(change(), 0..200)) {
            let entry = |(key, value): (u8, i64)| (key.to_string(), Tree::integer(value));
            let mut expected: BTreeMap<_, _> = start.iter().copied().map(entry).collect();
            let mut map: Map = start.iter().copied().map(entry).collect();
            for change in changes {
                match change {
                    Change::Insert(key, value) => {
                        let (key, value) = entry((key, value));
                        prop_assert_eq!(map.insert(key.clone(), value.clone()), expected.insert(key, value));
                    }
                    Change::Remove(key) => {
                        let key = key.to_string();
                        prop_assert_eq!(map.remove(&key), expected.remove(&key));
                    }
                    Change::Find(key, value) => {
                        let (key, value) = entry((key, value));
                        let other = expected.entry(key.clone()).or_insert_with(|| value.clone());
                        prop_assert_eq!(map.get_or_insert_with(&key, || value), other);
                        prop_assert_eq!(map.get(&key), expected.get(&key));
                    }
                    Change::Keep(length) => {
                        let stays = |key: &str| !key.len().is_multiple_of(usize::from(length));
                        map.retain(stays);
                        expected.retain(|key, _| stays(key));
                    }
                }
                prop_assert_eq!(map.len(), expected.len());
                prop_assert!(map.iter().eq(expected.iter()) && map.keys().eq(expected.keys()));
            }
            prop_assert!(map.clone() == expected.clone().into_iter().collect::<Map>());
            prop_assert!(map.into_iter().eq(expected));
        }
    }
}
