//! `replicas`: sets the number of replicas of workloads by name.

use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::Id;
use crate::kustomization::Replica;
use crate::resources::Resources;
use crate::tree::Tree;

pub(crate) fn apply(resources: &mut Resources, replica: &Replica, specs: &[FieldSpec]) -> Result<(), Fault> {
    let mut found = false;
    for spec in specs {
        let fits = |id: &Id| id.name == replica.name && spec.applies_to(&id.gvk);
        for resource in resources.iter_mut() {
            if fits(&resource.id()) || resource.previous_ids().any(|id| fits(&id)) {
                found = true;
                spec.visit(resource, Create::Scalar, &mut |tree| match tree {
                    Tree::Scalar(_) => {
                        tree.assign(Tree::integer(replica.count));
                        Ok(())
                    }
                    other => Err(Fault::conflict(format!("expected a number, found {}", other.describe()))),
                })?;
            }
        }
    }
    if found {
        Ok(())
    } else {
        let mut kinds: Vec<&str> = specs.iter().map(|spec| spec.selector.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let kinds = match kinds.split_last() {
            None => "object".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
        };
        Err(Fault::conflict(format!("no {kinds} is named {:?}", replica.name)))
    }
}
