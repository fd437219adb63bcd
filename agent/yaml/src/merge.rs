//! The entries of a mapping: merge keys expanded, duplicate keys found.

use std::collections::HashMap;

use crate::error::Error;
use crate::node::{Data, Node, Trait};
use crate::resolve::Schema;

/// An entry as it was read.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
    /// The key is `<<` and asks to merge the value into the mapping.
    pub(crate) merge: bool,
    /// The value was an alias.
    pub(crate) alias: bool,
}

/// In a mapping with more entries the places of keys are looked up.
const FEW: usize = 16;

/// A mapping under construction: entries in order, each key once.
#[derive(Default)]
struct Entries {
    entries: Vec<(Node, Node)>,
    /// Where each key first stands; empty as long as there are few.
    places: HashMap<String, usize>,
}

impl Entries {
    fn place(&self, key: &Node) -> Option<usize> {
        let name = key.as_str()?;
        if self.entries.len() > FEW {
            return self.places.get(name).copied();
        }
        self.entries.iter().position(|(key, _)| key.as_str() == Some(name))
    }

    fn set(&mut self, key: Node, value: Node) {
        match self.place(&key) {
            Some(at) => self.entries[at] = (key, value),
            None => self.push(key, value),
        }
    }

    fn push(&mut self, key: Node, value: Node) {
        let at = self.entries.len();
        self.entries.push((key, value));
        let new = match at {
            ..FEW => return,
            FEW => 0,
            _ => at,
        };
        for at in new..self.entries.len() {
            let name = self.entries[at].0.as_str().unwrap_or_default();
            self.places.entry(name.to_owned()).or_insert(at);
        }
    }
}

/// Puts the entries of a mapping together. A duplicate key of a resource stays, and is broken.
///
/// In resources (kyaml's `mergeAll`) a key of the mapping wins over a merged one wherever it stands, and of several merged mappings
/// the first. In YAML 1.1 (yaml.v2) all is set in the order of the file, so a merge key overrides what stands before it.
pub(crate) fn mapping(read: Vec<Entry>, schema: Schema) -> Result<Vec<(Node, Node)>, Error> {
    match schema {
        Schema::Resource => resource(read),
        Schema::Yaml11 => {
            let mut entries = Entries::default();
            for entry in read {
                if entry.merge {
                    // Of several mappings the first wins, so it is set last.
                    for source in sources(entry.value, entry.alias)?.into_iter().rev() {
                        for (key, value) in source {
                            entries.set(key, value);
                        }
                    }
                } else {
                    entries.set(entry.key, entry.value);
                }
            }
            Ok(entries.entries)
        }
    }
}

fn resource(read: Vec<Entry>) -> Result<Vec<(Node, Node)>, Error> {
    let mut entries = Entries::default();
    let mut merge: Option<Entry> = None;
    // kyaml clears the first field `<<` of every mapping before it merges, in quotes or not.
    let mut cleared = false;
    for entry in read {
        if entry.merge {
            cleared = true;
            if let Some(first) = &merge {
                let message = format!("the key << stands already on line {}; remove one", first.key.line);
                return Err(Error::new(entry.key.line, entry.key.column(), message));
            }
            merge = Some(entry);
        } else if !cleared && entry.key.as_str() == Some("<<") {
            cleared = true;
        } else if entries.place(&entry.key).is_some() {
            entries.push(entry.key.with(Trait::Broken, true), entry.value);
        } else {
            entries.set(entry.key, entry.value);
        }
    }
    if let Some(merge) = merge {
        for (key, value) in sources(merge.value, merge.alias)?.into_iter().flatten() {
            if entries.place(&key).is_none() {
                entries.set(key, value);
            }
        }
    }
    Ok(entries.entries)
}

/// The mappings that the value of a merge key names.
fn sources(value: Node, alias: bool) -> Result<Vec<Vec<(Node, Node)>>, Error> {
    let wrong = |node: &Node| {
        Error::new(
            node.line,
            node.column(),
            "the merge key << wants a mapping, or a sequence of mappings; give it an alias of one",
        )
    };
    match value.data {
        Data::Mapping(entries) => Ok(vec![entries]),
        Data::Sequence(items) if !alias => {
            let entries = |item: Node| match item.data {
                Data::Mapping(entries) => Ok(entries),
                _ => Err(wrong(&item)),
            };
            items.into_iter().map(entries).collect()
        }
        _ => Err(wrong(&value)),
    }
}
