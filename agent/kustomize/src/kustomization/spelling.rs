//! Fields that a kustomization file has in several spellings, such as `images` and `Images`.

use plumb_yaml::{Data, Node};

/// Joins the fields that differ in case alone, as the reader of kustomize does: it takes them in the order of their bytes, and
/// each fills what the one before has made, entry by entry. None if there are none.
pub(crate) fn join(node: &Node) -> Option<Node> {
    let Data::Mapping(entries) = &node.data else { return None };
    let same = |a: &Node, b: &Node| match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => false,
    };
    let is_double = |(index, (key, _)): (usize, &(Node, Node))| entries.iter().take(index).any(|(k, _)| same(k, key));
    if !entries.iter().enumerate().any(is_double) {
        return None;
    }
    let mut sorted: Vec<&(Node, Node)> = entries.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.as_str().cmp(&b.as_str()));
    let mut joined: Vec<(Node, Node)> = Vec::new();
    for (key, value) in sorted {
        match joined.iter_mut().find(|(k, _)| same(k, key)) {
            Some((_, old)) => *old = fill(old, value),
            None => joined.push((key.clone(), value.clone())),
        }
    }
    let mut node = node.clone();
    node.data = Data::Mapping(joined);
    Some(node)
}

fn fill(old: &Node, new: &Node) -> Node {
    let mut filled = new.clone();
    match (&old.data, &new.data) {
        (Data::Mapping(a), Data::Mapping(b)) => {
            let mut entries = a.clone();
            for (key, value) in b {
                match entries.iter_mut().find(|(k, _)| k.as_str() == key.as_str()) {
                    Some((_, old)) => *old = fill(old, value),
                    None => entries.push((key.clone(), value.clone())),
                }
            }
            filled.data = Data::Mapping(entries);
        }
        (Data::Sequence(a), Data::Sequence(b)) => {
            let item = |(index, new)| a.get(index).map_or_else(|| Node::clone(new), |old| fill(old, new));
            filled.data = Data::Sequence(b.iter().enumerate().map(item).collect());
        }
        (Data::String(_) | Data::Bool(_) | Data::Number(_), Data::Null) => return old.clone(),
        _ => {}
    }
    filled
}
