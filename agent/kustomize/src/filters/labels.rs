//! `labels` and `commonLabels`: adds labels to objects, and to templates and selectors where that is asked for.

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::error::Fault;
use crate::fieldspec::config::Config;
use crate::fieldspec::{Create, FieldSpec, merge_one};
use crate::id::Gvk;
use crate::kustomization::{Include, Labels};
use crate::resources::Resources;
use crate::shared::{self, Shared};
use crate::tree::{Tree, looks_different};
use crate::unprintable::check_key;

/// The fields that get the labels: those that the user lists, and those that the options stand for.
pub(crate) fn specs(labels: &Labels, config: &Config) -> Result<Vec<FieldSpec>, Fault> {
    let mut specs = labels.fields.clone();
    let mut add = |more: &[FieldSpec]| more.iter().try_for_each(|spec| merge_one(&mut specs, spec));
    match labels.include {
        // These are not merged with anything, so that even a conflict among them is none.
        Include::Common => return Ok(config.common_labels.to_vec()),
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
    let new: Vec<Entry<'_>> = entries.iter().map(|(key, value)| Entry::new(key, value)).collect();
    for resource in resources.iter_mut() {
        let specs: Vec<&FieldSpec> = specs.iter().filter(|spec| resource.is_selected_by(&spec.selector)).collect();
        budget.work(entries.len().saturating_mul(specs.len()).saturating_mul(STEPS_OF_AN_ENTRY));
        budget.check()?;
        // kustomize keeps what it knows of an object in its annotations, so they may be there although no file has any. Its bug.
        let annotations = specs.iter().any(|spec| spec.path.trim_start_matches('/') == "metadata/annotations");
        if annotations {
            resource.show_internal_annotations();
        }
        let mut new = new.clone();
        for (new, group) in new.iter_mut().zip(resource.sharing.groups..) {
            new.group = group;
            // One entry after the other: a field that the first one creates is there for the second.
            for spec in &specs {
                spec.visit(resource, Create::Mapping, &mut |tree| set(tree, new, &budget))?;
            }
        }
        if annotations {
            resource.read_internal_annotations()?;
        }
        for new in new.iter().filter(|new| new.created > 0 && new.quoted != new.created_quoted) {
            shared::quote(&mut resource.tree, new.group, new.quoted);
        }
        resource.sharing.groups += u32::try_from(entries.len()).unwrap_or(u32::MAX);
        resource.sharing.any |= new.iter().any(|new| new.created > 1);
        budget.check()?;
    }
    Ok(())
}

/// Steps to find a field of an object and to set an entry in it.
const STEPS_OF_AN_ENTRY: usize = 40;

/// The one scalar that kustomize makes for an entry and puts wherever the entry is missing in an object.
#[derive(Clone)]
struct Entry<'a> {
    key: &'a str,
    value: &'a str,
    /// Whether a reader of YAML 1.1 would take the value for something else than a string.
    looks_different: bool,
    group: u32,
    created: usize,
    /// Whether it is in quotes, which it takes over from the fields that it is copied to.
    quoted: bool,
    created_quoted: bool,
}

impl<'a> Entry<'a> {
    fn new(key: &'a str, value: &'a str) -> Self {
        Self {
            key,
            value,
            looks_different: looks_different(value),
            group: 0,
            created: 0,
            quoted: false,
            created_quoted: false,
        }
    }
}

/// Sets an entry in one map.
fn set(tree: &mut Tree, new: &mut Entry<'_>, budget: &Budget) -> Result<(), Fault> {
    match tree {
        Tree::Mapping(map) => {
            let (key, value) = (new.key, new.value);
            budget.work(key.len() + value.len());
            new.quoted |= new.looks_different;
            if let Some(old) = map.get_mut(key).filter(|_| !key.is_empty()) {
                new.quoted = old.is_quoted();
                old.assign(Tree::string(value));
            } else {
                check_key(key)?;
                budget.values(2);
                budget.text(key.len() + value.len());
                map.insert(key.to_owned(), Tree::shared_string(value, new.quoted, Shared::new(new.group)));
                new.created += 1;
                new.created_quoted = new.quoted;
            }
            Ok(())
        }
        null if null.is_null() => Ok(()),
        other => Err(Fault::conflict(format!("expected a map, found {}", other.describe()))),
    }
}
