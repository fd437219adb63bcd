//! Strategic merge patches on the objects that they name, or that a target selects.

use super::merge::{Merged, merge};
use super::target::Matcher;
use crate::budget::Budget;
use crate::error::Fault;
use crate::object::{Resource, set_entry_text};
use crate::resources::Resources;
use crate::tree::{Map, Tree};

/// What a patch may change besides the content of an object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allow {
    pub(crate) name_change: bool,
    pub(crate) kind_change: bool,
}

impl Allow {
    /// kustomize notes on the patch what it may do, and believes what others note there.
    fn or_as_annotated(self, patch: &Resource) -> Self {
        let allowed = |name: &str| {
            let mut annotations = patch.metadata_strings("annotations");
            annotations.any(|(key, value)| {
                value == "enabled" && key.strip_prefix("internal.config.kubernetes.io/") == Some(name)
            })
        };
        Self {
            name_change: self.name_change || allowed("allowNameChange"),
            kind_change: self.kind_change || allowed("allowKindChange"),
        }
    }
}

/// Applies a patch to the one object that has, or had, its name.
pub(crate) fn apply_by_name(resources: &mut Resources, patch: &Resource, allow: Allow) -> Result<(), Fault> {
    let index = resources.find(&patch.original_id())?;
    let mut patch = patch.clone();
    if allow.name_change || allow.kind_change {
        rewrite(&mut patch, "annotations");
    }
    let mut deleted = false;
    let budget = resources.budget().clone();
    if let Some(patched) = resources.change(index, |resource| patch_one(resource, &patch, allow, &budget)) {
        deleted = !patched?;
    }
    if deleted {
        resources.remove(index);
    }
    Ok(())
}

/// Applies a patch to each object that fits, whatever name the patch has.
pub(crate) fn apply_to_target(
    resources: &mut Resources,
    matcher: &Matcher,
    patch: &Resource,
    allow: Allow,
) -> Result<(), Fault> {
    // kustomize notes identities first, so that of equal objects all are patched.
    let selected = matcher.select(resources)?;
    apply_to(resources, selected, patch, allow)
}

/// Applies a patch of the field `patchesStrategicMerge`, which kustomize treats like one with a target once it has found the object.
pub(crate) fn apply_of_old_field(resources: &mut Resources, patch: &Resource) -> Result<(), Fault> {
    let index = resources.find(&patch.original_id())?;
    apply_to(resources, vec![index], patch, Allow::default())
}

fn apply_to(resources: &mut Resources, selected: Vec<usize>, patch: &Resource, allow: Allow) -> Result<(), Fault> {
    let mut patch = patch.clone();
    rewrite(&mut patch, "labels");
    rewrite(&mut patch, "annotations");
    // kustomize writes the texts of these two again, and does not look at what they were.
    for path in [&["kind"][..], &["metadata", "name"]] {
        if let Some(value) = path.iter().try_fold(&mut patch.tree, |tree, key| tree.as_mapping_mut()?.get_mut(key)) {
            *value = Tree::plain(value.text());
        }
    }
    let mut deleted = Vec::new();
    let budget = resources.budget().clone();
    for index in selected {
        let patched = resources.change(index, |resource| {
            // It also gives the patch the text of the version of the object, which so stays, even if it reads as null.
            let given = Tree::plain(resource.api_version());
            let removes = given.is_null() || given.text().is_empty();
            let written = removes.then(|| {
                let mut written = resource.tree.get("apiVersion").cloned().unwrap_or_else(|| Tree::added(""));
                written.forget_type();
                written
            });
            if let Tree::Mapping(map) = &mut patch.tree {
                map.insert("apiVersion".to_owned(), given);
            }
            let stays = patch_one(resource, &patch, allow, &budget)?;
            if let Some(written) = written.filter(|_| stays)
                && let Some(map) = resource.tree.as_mapping_mut()
            {
                map.insert("apiVersion".to_owned(), written);
            }
            Ok::<_, Fault>(stays)
        });
        if let Some(false) = patched.transpose()? {
            deleted.push(index);
        }
    }
    for index in deleted.into_iter().rev() {
        resources.remove(index);
    }
    resources.check_identities()
}

/// Makes strings of the labels or annotations of a patch, so that no null among them deletes anything: kustomize does so to the
/// patches of a target, and where it notes on a patch that it may change names or kinds.
fn rewrite(patch: &mut Resource, field: &str) {
    let strings = patch.metadata_strings(field).map(|(key, text)| (key.to_owned(), Tree::entry(text))).collect();
    patch.set_metadata_strings(field, strings);
}

/// Steps to walk over one value of an object or of a patch.
const STEPS_OF_A_MERGED_VALUE: usize = 16;

/// Says whether the object is still there.
fn patch_one(resource: &mut Resource, patch: &Resource, allow: Allow, budget: &Budget) -> Result<bool, Fault> {
    let allow = allow.or_as_annotated(patch);
    let patch = &patch.tree;
    if allow.name_change || allow.kind_change {
        resource.store_previous_name();
    }
    let id = resource.id();
    let located =
        |fault: Fault| Fault { kind: fault.kind, message: format!("can not merge the patch into {id}: {fault}") };
    let before = resource.tree.size();
    let patch_size = patch.size();
    budget.work((before.values + patch_size.values).saturating_mul(STEPS_OF_A_MERGED_VALUE));
    budget.work(before.text + patch_size.text);
    budget.check()?;
    let mut tree = match merge(&resource.tree, patch, &resource.schemas, budget).map_err(located)? {
        Merged::Deleted => return Ok(false),
        Merged::Unchanged => return Ok(true),
        Merged::Changed(tree) if tree.is_empty() => return Ok(false),
        Merged::Changed(tree) => tree,
    };
    let after = tree.size();
    budget.values(after.values.saturating_sub(before.values));
    budget.text(after.text.saturating_sub(before.text));
    budget.check()?;
    let old_metadata = resource.tree.get("metadata").and_then(Tree::as_mapping);
    if let Some(map) = tree.as_mapping_mut() {
        if !allow.kind_change {
            restore(map, "kind", resource.tree.get("kind"));
        }
        let metadata = map.get_or_insert_with("metadata", Tree::empty_mapping);
        if let Some(metadata) = metadata.as_mapping_mut() {
            if !allow.name_change {
                restore(metadata, "name", old_metadata.and_then(|metadata| metadata.get("name")));
            }
            // A patch never moves an object to another namespace.
            restore(metadata, "namespace", old_metadata.and_then(|metadata| metadata.get("namespace")));
        }
    }
    resource.tree = tree;
    if drops_annotations(patch) {
        resource.forget();
    }
    resource.believe_internal_annotations()?;
    Ok(true)
}

/// Whether a patch replaces or removes all annotations. kustomize keeps there what it knows of an object, and loses it: its bug.
fn drops_annotations(patch: &Tree) -> bool {
    let replaces = |tree: &Tree| tree.get("$patch").is_some_and(|directive| directive.text() != "merge");
    let metadata = patch.get("metadata");
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    metadata.is_some_and(replaces)
        || annotations.is_some_and(|annotations| annotations.is_null() || replaces(annotations))
}

fn restore(map: &mut Map, key: &str, old: Option<&Tree>) {
    match old.filter(|old| !old.text().is_empty()) {
        // kustomize writes the text again, in the quotes that the merge left there.
        Some(old) => set_entry_text(map, key, old.text()),
        None => {
            map.remove(key);
        }
    }
}
