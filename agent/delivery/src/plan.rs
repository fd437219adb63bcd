//! What a reconcile sends: the difference between what shall be and what is known to be, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{GroupKind, Inventory, Live, Manifests, ObjectId, Wave, kept_when_removed};

/// What the plan may do, from the Environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether drifted objects are put back.
    pub repair: bool,
    /// Whether objects that left the overlay are deleted.
    pub prune: bool,
    /// Whether an overlay without objects may delete everything.
    pub allow_empty: bool,
}

/// What a reconcile sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Objects to apply, wave by wave.
    pub apply: BTreeMap<Wave, Vec<ObjectId>>,
    /// Objects to delete, in the order in which to delete them: what was applied last goes first.
    pub prune: Vec<Doomed>,
    /// Objects that left the overlay and stay in the cluster all the same; they leave the inventory.
    pub released: Vec<Released>,
    /// Objects that wait for their deletion by somebody else to end; then they are created again.
    pub terminating: Vec<ObjectId>,
    /// Drifted objects that the policy leaves alone.
    pub tolerated: Vec<ObjectId>,
    /// What the inventory must list before the first object is applied.
    pub before: Inventory,
    /// What the inventory lists after the last object is pruned.
    pub after: Inventory,
}

/// An object to delete: this very one, and not another that took its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// The object.
    pub id: ObjectId,
    /// Its uid, a precondition of the deletion.
    pub uid: String,
}

/// An object that left the overlay and stays in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The object.
    pub id: ObjectId,
    /// Why it stays.
    pub why: &'static str,
}

/// Why there is no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The overlay renders to nothing, and the inventory lists something.
    #[error(
        "the overlay renders to no object at all, which would delete all {0} objects of the environment; correct the overlay, or set spec.prune.allowEmpty to true to mean it"
    )]
    Empty(usize),
}

/// What is known when a reconcile is planned.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Objects that the render holds but that could not be prepared (an unknown kind, say): they are neither applied nor pruned.
    pub unready: &'a BTreeSet<ObjectId>,
    /// Objects whose repair is not due yet.
    pub held: &'a BTreeSet<ObjectId>,
    /// Kinds of which it is not known what exists: nothing of them is pruned, nor leaves the inventory.
    pub unlisted: &'a BTreeSet<GroupKind>,
    /// What the cluster keeps.
    pub inventory: &'a Inventory,
    /// What the watches and answers said, for objects that carry the labels of their owner.
    pub live: &'a BTreeMap<ObjectId, Live>,
}

/// Plans a reconcile.
///
/// # Errors
/// [`PlanError::Empty`] when everything would be deleted without leave.
pub fn plan(manifests: &Manifests, known: &Known<'_>, policy: Policy) -> Result<Plan, PlanError> {
    let Known { unready, held, unlisted, inventory, live } = *known;
    if manifests.objects.is_empty()
        && unready.is_empty()
        && !inventory.0.is_empty()
        && policy.prune
        && !policy.allow_empty
    {
        return Err(PlanError::Empty(inventory.0.len()));
    }
    let mut plan = Plan::default();
    for (id, desired) in &manifests.objects {
        let repair = policy.repair && !held.contains(id);
        match live.get(id) {
            Some(live) if live.deleted && !repair && live.applied == Some(desired.digest) => {
                plan.tolerated.push(id.clone());
            }
            Some(live) if live.terminating => plan.terminating.push(id.clone()),
            Some(live) if live.agrees_with == Some(desired.digest) => {}
            Some(live) if live.applied == Some(desired.digest) && live.ownership.is_some() && !repair => {
                plan.tolerated.push(id.clone());
            }
            _ => plan.apply.entry(desired.wave).or_default().push(id.clone()),
        }
    }
    let wanted = |id: &ObjectId| manifests.objects.contains_key(id) || unready.contains(id);
    let listed = |id: &ObjectId| !unlisted.contains(&id.group_kind());
    for id in inventory.0.iter().filter(|id| !wanted(id) && listed(id)) {
        // What is gone, or no longer carries our labels, is not ours to delete.
        let Some(live) = live.get(id).filter(|live| !live.deleted) else {
            continue;
        };
        let release = |why| Released { id: id.clone(), why };
        if !policy.prune {
            plan.released.push(release("spec.prune.enabled is false"));
        } else if kept_when_removed(&id.group_kind()) {
            plan.released.push(release("objects of this kind are kept, for what is in them could not be brought back"));
        } else if !live.terminating {
            plan.prune.push(Doomed { id: id.clone(), uid: live.uid.clone() });
        }
    }
    plan.prune.sort_by_key(|doomed| std::cmp::Reverse(crate::wave(&doomed.id.group_kind())));
    let kept = inventory.0.iter().filter(|id| unready.contains(*id) || !listed(id));
    plan.after.0 = manifests.objects.keys().chain(kept).cloned().collect();
    plan.before.0 = plan.after.0.union(&inventory.0).cloned().collect();
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Digest, Owner, Scope, prepare};

    const POLICY: Policy = Policy { repair: true, prune: true, allow_empty: false };

    fn manifests(names: &[&str], value: u32) -> Manifests {
        let values: Vec<_> = names
            .iter()
            .map(|name| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"value": value}}))
            .collect();
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        prepare(values.iter().map(|value| (value, "a.yaml")), &owner, |_, _| Some(Scope::Namespaced)).0
    }

    fn running(manifests: &Manifests) -> (Inventory, BTreeMap<ObjectId, Live>) {
        let live = |digest: Digest| Live {
            uid: "u".into(),
            resource_version: 1,
            terminating: false,
            deleted: false,
            ownership: Some(digest),
            agrees_with: Some(digest),
            applied: Some(digest),
            drifted: false,
            answered: None,
        };
        let objects = &manifests.objects;
        (
            Inventory(objects.keys().cloned().collect()),
            objects.iter().map(|(id, desired)| (id.clone(), live(desired.digest))).collect(),
        )
    }

    fn known<'a>(inventory: &'a Inventory, live: &'a BTreeMap<ObjectId, Live>) -> Known<'a> {
        const NOTHING: &BTreeSet<ObjectId> = &BTreeSet::new();
        Known { unready: NOTHING, held: NOTHING, unlisted: const { &BTreeSet::new() }, inventory, live }
    }

    fn sends_nothing(plan: &Plan, inventory: &Inventory) -> bool {
        plan.apply.is_empty() && plan.prune.is_empty() && plan.before == *inventory && plan.after == *inventory
    }

    fn names<'a>(ids: impl IntoIterator<Item = &'a ObjectId>) -> Vec<&'a str> {
        ids.into_iter().map(|id| id.name.as_str()).collect()
    }

    #[test]
    fn nothing_changed_sends_nothing() {
        let manifests = manifests(&["a", "b"], 1);
        let (inventory, live) = running(&manifests);
        let plan = plan(&manifests, &known(&inventory, &live), POLICY).unwrap();
        assert!(sends_nothing(&plan, &inventory), "{plan:?}");
    }

    #[test]
    fn what_left_the_overlay_is_pruned_and_what_came_is_applied() {
        let (inventory, live) = running(&manifests(&["a", "b"], 1));
        let plan = plan(&manifests(&["b", "c"], 1), &known(&inventory, &live), POLICY).unwrap();
        assert_eq!(names(plan.apply.values().flatten()), ["c"]);
        assert_eq!(names(plan.prune.iter().map(|doomed| &doomed.id)), ["a"]);
        assert_eq!((names(&plan.before.0), names(&plan.after.0)), (vec!["a", "b", "c"], vec!["b", "c"]));
    }

    #[test]
    fn an_empty_render_deletes_nothing_without_leave() {
        let (inventory, live) = running(&manifests(&["a"], 1));
        let empty = manifests(&[], 1);
        assert_eq!(plan(&empty, &known(&inventory, &live), POLICY), Err(PlanError::Empty(1)));
        let allowed = Policy { allow_empty: true, ..POLICY };
        assert_eq!(plan(&empty, &known(&inventory, &live), allowed).unwrap().prune.len(), 1);
    }

    #[test]
    fn an_object_that_could_not_be_prepared_is_not_pruned() {
        let (inventory, live) = running(&manifests(&["a", "b"], 1));
        let unready: BTreeSet<_> = inventory.0.iter().filter(|id| id.name == "a").cloned().collect();
        let plan =
            plan(&manifests(&["b"], 1), &Known { unready: &unready, ..known(&inventory, &live) }, POLICY).unwrap();
        assert!(sends_nothing(&plan, &inventory), "{plan:?}");
    }

    #[test]
    fn alert_leaves_a_drifted_object_alone_until_its_manifest_changes() {
        let one = manifests(&["a"], 1);
        let (inventory, mut live) = running(&one);
        for live in live.values_mut() {
            live.agrees_with = None;
        }
        let alert = Policy { repair: false, ..POLICY };
        assert_eq!(plan(&one, &known(&inventory, &live), alert).unwrap().tolerated.len(), 1);
        assert_eq!(plan(&manifests(&["a"], 2), &known(&inventory, &live), alert).unwrap().apply.len(), 1);
        assert_eq!(plan(&one, &known(&inventory, &live), POLICY).unwrap().apply.len(), 1);
    }

    #[test]
    fn an_object_that_is_fought_over_waits_for_its_time() {
        let one = manifests(&["a"], 1);
        let (inventory, mut live) = running(&one);
        for live in live.values_mut() {
            live.agrees_with = None;
        }
        let held: BTreeSet<_> = one.objects.keys().cloned().collect();
        let known = Known { held: &held, ..known(&inventory, &live) };
        assert!(sends_nothing(&plan(&one, &known, POLICY).unwrap(), &inventory));
        assert_eq!(plan(&manifests(&["a"], 2), &known, POLICY).unwrap().apply.len(), 1);
    }

    #[test]
    fn what_is_not_listed_is_neither_pruned_nor_forgotten() {
        let (inventory, live) = running(&manifests(&["a", "b"], 1));
        let unlisted: BTreeSet<_> = inventory.0.iter().map(ObjectId::group_kind).collect();
        let known = Known { unlisted: &unlisted, ..known(&inventory, &live) };
        let plan = plan(&manifests(&["b"], 1), &known, POLICY).unwrap();
        assert!(plan.prune.is_empty() && plan.after == inventory, "{plan:?}");
    }

    #[test]
    fn an_inventory_that_was_lost_is_written_again() {
        let manifests = manifests(&["a"], 1);
        let (inventory, live) = running(&manifests);
        let plan = plan(&manifests, &known(&Inventory::default(), &live), POLICY).unwrap();
        assert!(plan.apply.is_empty() && plan.after == inventory, "{plan:?}");
    }

    #[test]
    fn namespaces_are_kept() {
        let id = ObjectId { group: String::new(), kind: "Namespace".into(), namespace: None, name: "shop".into() };
        let (_, live) = running(&manifests(&["a"], 1));
        let live = BTreeMap::from([(id.clone(), live.into_values().next().unwrap())]);
        let inventory = Inventory([id].into());
        let plan = plan(&manifests(&["b"], 1), &known(&inventory, &live), POLICY).unwrap();
        assert_eq!((plan.prune.len(), plan.released.len()), (0, 1));
    }

    proptest! {
        #[test]
        fn prune_never_leaves_the_inventory(wanted in prop::collection::vec("[a-f]", 0..6), owned in prop::collection::vec("[a-f]", 0..6), alive in prop::collection::vec("[a-f]", 0..6)) {
            let of = |names: &[String]| manifests(&names.iter().map(String::as_str).collect::<Vec<_>>(), 1);
            let (inventory, _) = running(&of(&owned));
            let (_, live) = running(&of(&alive));
            let wanted = of(&wanted);
            if let Ok(plan) = plan(&wanted, &known(&inventory, &live), POLICY) {
                for doomed in &plan.prune {
                    prop_assert!(inventory.0.contains(&doomed.id) && !wanted.objects.contains_key(&doomed.id));
                }
                prop_assert!(inventory.0.is_subset(&plan.before.0) && plan.after.0.is_subset(&plan.before.0));
            }
        }
    }
}
