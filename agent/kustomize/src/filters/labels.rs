//! `labels` and `commonLabels`: adds labels to objects, and to templates and selectors where that is asked for.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::error::Fault;
use crate::fieldspec::config::Config;
use crate::fieldspec::{Create, FieldSpec, merge_one};
use crate::id::Gvk;
use crate::kustomization::{Include, Labels};
use crate::resources::Resources;
use crate::shared::Shared;
use crate::tree::Tree;
use crate::unprintable::check_key;

/// The fields that get the labels: those that the user lists, and those that the options stand for.
pub(crate) fn specs(labels: &Labels, config: &Config) -> Result<Vec<FieldSpec>, Fault> {
    let mut specs = labels.fields.clone();
    let mut add = |more: &[FieldSpec]| more.iter().try_for_each(|spec| merge_one(&mut specs, spec));
    match labels.include {
        Include::Common => add(&config.common_labels)?,
        Include::Selectors => {
            add(&config.labels)?;
            add(&config.common_labels)?;
        }
        Include::Metadata { templates, claim_templates } => {
            add(&config.labels)?;
            if templates {
                add(&config.template_labels)?;
            }
            if claim_templates {
                add(&config.claim_labels)?;
            }
            add(&[FieldSpec { selector: Gvk::default(), path: "metadata/labels".to_owned(), create: true }])?;
        }
    }
    Ok(specs)
}

/// Sets entries in the maps that field specs lead to.
pub(crate) fn set_entries(
    resources: &mut Resources,
    entries: &BTreeMap<String, String>,
    specs: &[FieldSpec],
) -> Result<(), Fault> {
    if entries.is_empty() {
        return Ok(());
    }
    let budget = resources.budget().clone();
    for resource in resources.iter_mut() {
        let gvk = resource.gvk();
        let group = resource.sharing.groups;
        let mut created = vec![0_u32; entries.len()];
        for spec in specs.iter().filter(|spec| spec.applies_to(&gvk)) {
            spec.visit(resource, Create::Mapping, &mut |tree| set_all(tree, entries, group, &mut created, &budget))?;
        }
        resource.sharing.groups += u32::try_from(entries.len()).unwrap_or(u32::MAX);
        resource.sharing.any |= created.iter().any(|times| *times > 1);
        budget.check()?;
    }
    Ok(())
}

/// Sets the entries in one map, and counts those that it did not have. What is created for one entry is one scalar.
fn set_all(
    tree: &mut Tree,
    entries: &BTreeMap<String, String>,
    group: u32,
    created: &mut [u32],
    budget: &Budget,
) -> Result<(), Fault> {
    match tree {
        Tree::Mapping(map) => {
            for ((group, created), (key, value)) in (group..).zip(created).zip(entries) {
                budget.work(key.len() + value.len());
                if let Some(old) = map.get_mut(key) {
                    old.assign(Tree::string(value.as_str()));
                } else {
                    check_key(key)?;
                    budget.values(2);
                    budget.text(key.len() + value.len());
                    map.insert(key.clone(), Tree::shared_string(value.as_str(), Shared::new(group)));
                    *created += 1;
                }
            }
            Ok(())
        }
        null if null.is_null() => Ok(()),
        other => Err(Fault::conflict(format!("expected a map, found {}", other.describe()))),
    }
}
