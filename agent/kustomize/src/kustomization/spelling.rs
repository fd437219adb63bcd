//! Fields that a kustomization file has in several spellings, such as `images` and `Images`.

use std::collections::{HashMap, HashSet};

use plumb_yaml::{Data, Node};

/// Joins the fields that differ in case alone, as the reader of kustomize does: it takes them in the order of their bytes, and
/// each fills what the one before has made, entry by entry. None if there are none.
pub(crate) fn join(node: &Node) -> Option<Node> {
    let Data::Mapping(entries) = &node.data else { return None };
    let folded = |key: &Node| key.as_str().map(str::to_ascii_lowercase);
    let mut names = HashSet::new();
    if entries.iter().filter_map(|(key, _)| folded(key)).all(|name| names.insert(name)) {
        return None;
    }
    let mut sorted: Vec<&(Node, Node)> = entries.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    let mut joined: Vec<(Node, Node)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (key, value) in sorted {
        let name = folded(key);
        let place = name.as_ref().and_then(|name| places.get(name));
        if let Some((_, old)) = place.and_then(|place| joined.get_mut(*place)) {
            fill(old, value);
        } else {
            places.extend(name.map(|name| (name, joined.len())));
            joined.push((key.clone(), value.clone()));
        }
    }
    let mut node = node.clone();
    node.data = Data::Mapping(joined);
    Some(node)
}

fn fill(old: &mut Node, new: &Node) {
    let data = match (std::mem::replace(&mut old.data, Data::Null), &new.data) {
        (Data::Mapping(mut entries), Data::Mapping(more)) => {
            let places: HashMap<String, usize> =
                entries.iter().zip(0..).filter_map(|((key, _), at)| Some((key.as_str()?.to_owned(), at))).collect();
            for (key, value) in more {
                let place = key.as_str().and_then(|name| places.get(name));
                match place.and_then(|place| entries.get_mut(*place)) {
                    Some((_, old)) => fill(old, value),
                    None => entries.push((key.clone(), value.clone())),
                }
            }
            Data::Mapping(entries)
        }
        (Data::Sequence(items), Data::Sequence(more)) => {
            let mut items = items.into_iter();
            let filled = more.iter().map(|new| match items.next() {
                Some(mut old) => {
                    fill(&mut old, new);
                    old
                }
                None => new.clone(),
            });
            Data::Sequence(filled.collect())
        }
        (data @ (Data::String(_) | Data::Bool(_) | Data::Number(_)), Data::Null) => {
            old.data = data;
            return;
        }
        _ => new.data.clone(),
    };
    old.clone_from(new);
    old.data = data;
}
