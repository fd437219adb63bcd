//! What an environment owns in the cluster, as it is kept there.
//!
//! The inventory is written before the first object of a set is applied and after the last one is pruned, so it never lacks an object that exists.

use compact_str::CompactString;
use std::collections::BTreeSet;

use crate::ObjectId;

/// How many objects one shard lists. A ConfigMap holds 1 MiB, and a line rarely has more than 200 bytes.
const SHARD: usize = 4_000;

/// What an environment owns in the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory(pub BTreeSet<ObjectId>);

/// A line of an inventory that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} of the inventory is not 'group kind namespace name': {text:?}; restore it, or delete the inventory to give up what it lists (nothing will be pruned then)"
)]
pub struct InventoryError {
    /// From 1.
    pub line: usize,
    /// The line, cut to a readable length.
    pub text: String,
}

impl Inventory {
    /// Reads one shard: a line per object, `group kind namespace name`, with `-` for what is empty.
    ///
    /// # Errors
    /// When a line is not of that form. A half-read inventory is worse than none, for what it lacks would never be pruned.
    pub fn parse(text: &str) -> Result<Self, InventoryError> {
        let mut ids = BTreeSet::new();
        for (number, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let parts: Vec<_> = line.split(' ').collect();
            let [group, kind, namespace, name] = parts[..] else {
                return Err(InventoryError { line: number + 1, text: line.chars().take(80).collect() });
            };
            let given = |part: &str| CompactString::from(if part == "-" { "" } else { part });
            ids.insert(ObjectId {
                group: given(group),
                kind: kind.into(),
                namespace: Some(given(namespace)).filter(|text| !text.is_empty()),
                name: name.into(),
            });
        }
        Ok(Self(ids))
    }

    /// Writes the shards: as many as needed, at least one.
    #[must_use]
    pub fn shards(&self) -> Vec<String> {
        let lines: Vec<_> = self
            .0
            .iter()
            .map(|id| {
                let group = if id.group.is_empty() { "-" } else { &id.group };
                format!("{group} {} {} {}\n", id.kind, id.namespace.as_deref().unwrap_or("-"), id.name)
            })
            .collect();
        if lines.is_empty() { vec![String::new()] } else { lines.chunks(SHARD).map(<[String]>::concat).collect() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(ids in prop::collection::btree_set(("[a-z.]{0,9}", "[A-Z][a-z]{1,9}", prop::option::of("[a-z0-9]{1,9}"), "[a-z0-9.:]{1,9}"), 0..50)) {
            let inventory = Inventory(ids.into_iter().map(|(group, kind, namespace, name)| ObjectId { group: group.into(), kind: kind.into(), namespace: namespace.map(Into::into), name: name.into() }).collect());
            let read = inventory.shards().iter().map(|shard| Inventory::parse(shard).unwrap().0).fold(BTreeSet::new(), |mut all, part| {
                all.extend(part);
                all
            });
            prop_assert_eq!(read, inventory.0);
        }

        #[test]
        fn anything_is_read_or_refused(text in ".*") {
            let _ = Inventory::parse(&text);
        }
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = Inventory::parse("- ConfigMap shop a\n- ConfigMap shop\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2 of the inventory"), "{error}");
    }
}
