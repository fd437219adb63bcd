//! `replicas`: sets the number of replicas of workloads by name.

use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::Id;
use crate::kustomization::Replica;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::Tree;

pub(crate) fn apply(resources: &mut Resources, replica: &Replica, specs: &[FieldSpec]) -> Result<(), Fault> {
    let mut found = false;
    for spec in specs {
        let fits = |id: &Id| id.name == replica.name && spec.applies_to(&id.gvk);
        for resource in resources.iter_mut() {
            // Names differ more often than anything else, and comparing them takes no copy.
            if resource.has_name(&replica.name) && (fits(&resource.id()) || resource.previous_ids().any(|id| fits(&id)))
            {
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
        let fits = |resource: &&Resource| specs.iter().any(|spec| spec.applies_to(&resource.gvk()));
        let names: Vec<String> =
            resources.iter().filter(fits).take(5).map(|resource| format!("{:?}", resource.name())).collect();
        let hint = if names.is_empty() { String::new() } else { format!("; there are {}", names.join(", ")) };
        Err(Fault::conflict(format!("no {kinds} is named {:?}{hint}", replica.name)))
    }
}
