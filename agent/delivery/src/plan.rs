//! What a reconcile sends: the difference between what shall be and what is known to be, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Desired, DriftPolicy, GroupKind, Inventory, Live, Manifests, ObjectId, Owner, Stage, Wave, kept_when_removed,
};

/// What the plan may do, from the Environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether objects that left the overlay are deleted.
    pub prune: bool,
    /// Whether an overlay without objects may delete everything.
    pub allow_empty: bool,
    /// How many objects one reconcile may delete; `None` is any number.
    pub prune_limit: Option<usize>,
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
    /// Objects of later waves that wait until those of earlier ones are healthy.
    pub waiting: Vec<ObjectId>,
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
    /// The resource version at which it was last seen as ours.
    pub resource_version: u64,
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The overlay renders to nothing, and the inventory lists something.
    #[error(
        "the overlay renders to no object at all, which would delete all {0} objects of the environment; correct the overlay, or set spec.prune.allowEmpty to true to mean it"
    )]
    Empty(usize),
    /// More would be deleted than the environment allows.
    #[error(
        "{count} objects left the overlay, and spec.prune.limit allows to delete {limit} at once: {named}; correct the overlay, or to mean it annotate the Environment with plumb.dev/allow-prune: <revision>, or raise the limit"
    )]
    TooMany {
        /// How many would be deleted.
        count: usize,
        /// How many may be.
        limit: usize,
        /// The first of them.
        named: String,
    },
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
    /// Objects to be created only that others had created before.
    pub foreign: &'a BTreeSet<ObjectId>,
    /// Objects that another environment applied after us, and has now.
    pub elsewhere: &'a BTreeMap<ObjectId, Owner>,
    /// Objects that are not healthy, for which later waves wait.
    pub unhealthy: &'a BTreeSet<ObjectId>,
}

/// Plans a reconcile.
///
/// # Errors
/// [`PlanError::Empty`] when everything would be deleted without leave.
pub fn plan(manifests: &Manifests, known: &Known<'_>, policy: Policy) -> Result<Plan, PlanError> {
    let Known { unready, unlisted, inventory, live, .. } = *known;
    if manifests.objects.is_empty()
        && unready.is_empty()
        && !inventory.0.is_empty()
        && policy.prune
        && !policy.allow_empty
    {
        return Err(PlanError::Empty(inventory.0.len()));
    }
    let mut plan = Plan::default();
    for desired in manifests.objects.values() {
        plan.add(desired, known);
    }
    plan.hold_later_waves(manifests, known);
    // What became a hook leaves the inventory, and is none of ours to delete.
    let wanted =
        |id: &ObjectId| manifests.objects.contains_key(id) || manifests.hooks.contains_key(id) || unready.contains(id);
    let listed = |id: &ObjectId| !unlisted.contains(&id.group_kind());
    for id in inventory.0.iter().filter(|id| !wanted(id) && listed(id)) {
        // What is gone, or no longer carries our labels, is not ours to delete.
        let Some(live) = live.get(id).filter(|live| !live.deleted) else {
            continue;
        };
        let release = |why| Released { id: id.clone(), why };
        if !policy.prune {
            plan.released.push(release("spec.prune.enabled is false"));
        } else if live.prune == Some(false) {
            plan.released.push(release("its annotation plumb.dev/prune is disabled"));
        } else if kept_when_removed(&id.group_kind()) && live.prune != Some(true) {
            plan.released.push(release(
                "objects of this kind are kept, for what is in them could not be brought back; the annotation plumb.dev/prune: enabled lets them go",
            ));
        } else if !live.terminating {
            plan.prune.push(Doomed::of(id, live));
        }
    }
    if let Some(limit) = policy.prune_limit.filter(|limit| plan.prune.len() > *limit) {
        let named: Vec<_> = plan.prune.iter().take(5).map(|doomed| doomed.id.to_string()).collect();
        let named = format!("{}{}", named.join(", "), if plan.prune.len() > 5 { ", …" } else { "" });
        return Err(PlanError::TooMany { count: plan.prune.len(), limit, named });
    }
    plan.prune.sort_by_key(|doomed| std::cmp::Reverse(doomed.stage()));
    let kept = inventory.0.iter().filter(|id| unready.contains(*id) || !listed(id));
    plan.after.0 = manifests.objects.keys().chain(kept).cloned().collect();
    plan.before.0 = plan.after.0.union(&inventory.0).cloned().collect();
    Ok(plan)
}

impl Doomed {
    /// An object as it was last seen.
    #[must_use]
    pub fn of(id: &ObjectId, live: &Live) -> Self {
        Self { id: id.clone(), uid: live.uid.clone(), resource_version: live.resource_version }
    }

    /// Objects of one stage may go side by side.
    #[must_use]
    pub fn stage(&self) -> Stage {
        crate::stage(&self.id.group_kind())
    }
}

impl Plan {
    /// Puts an object where it belongs.
    fn add(&mut self, desired: &Desired, known: &Known<'_>) {
        let id = &desired.id;
        let live = known.live.get(id);
        let repair = live.is_none_or(|live| live.policy == DriftPolicy::Repair) && !known.held.contains(id);
        match live {
            _ if desired.rules.ignore => {}
            None if known.elsewhere.contains_key(id) => self.tolerated.push(id.clone()),
            Some(live) if desired.rules.create_only && !live.deleted => {}
            None if desired.rules.create_only && known.foreign.contains(id) => {}
            Some(live) if live.deleted && !repair && live.applied == Some(desired.digest) => {
                self.tolerated.push(id.clone());
            }
            // What is to be left as it is may as well end.
            Some(live) if live.terminating && !repair && live.applied == Some(desired.digest) => {
                self.tolerated.push(id.clone());
            }
            Some(live) if live.terminating => self.terminating.push(id.clone()),
            Some(live) if live.agrees_with == Some(desired.digest) => {}
            Some(live) if live.applied == Some(desired.digest) && live.ownership.is_some() && !repair => {
                self.tolerated.push(id.clone());
            }
            _ => self.apply.entry(desired.wave).or_default().push(id.clone()),
        }
    }

    /// Takes out what must wait: objects whose number is higher than that of one which is not yet there or not healthy.
    fn hold_later_waves(&mut self, manifests: &Manifests, known: &Known<'_>) {
        let due = self.apply.keys().next().map(|wave| wave.number);
        let ending = self.terminating.iter().filter_map(|id| manifests.objects.get(id));
        let unhealthy = known.unhealthy.iter().filter_map(|id| manifests.objects.get(id));
        let unsettled = ending.chain(unhealthy).map(|desired| desired.wave.number).min();
        let Some(open) = due.into_iter().chain(unsettled).min() else { return };
        while let Some(later) = self.apply.last_entry().filter(|wave| wave.key().number > open) {
            self.waiting.extend(later.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Digest, Scope, prepare};

    const POLICY: Policy = Policy { prune: true, allow_empty: false, prune_limit: None };

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
            unmerged: false,
            prune: None,
            drifted: false,
            policy: DriftPolicy::default(),
            yielded: Vec::new(),
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
        Known {
            unready: NOTHING,
            held: NOTHING,
            unlisted: const { &BTreeSet::new() },
            inventory,
            live,
            foreign: NOTHING,
            elsewhere: const { &BTreeMap::new() },
            unhealthy: NOTHING,
        }
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
            live.policy = DriftPolicy::Alert;
        }
        assert_eq!(plan(&one, &known(&inventory, &live), POLICY).unwrap().tolerated.len(), 1);
        assert_eq!(plan(&manifests(&["a"], 2), &known(&inventory, &live), POLICY).unwrap().apply.len(), 1);
        for live in live.values_mut() {
            live.policy = DriftPolicy::Repair;
        }
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
        let id = ObjectId { group: "".into(), kind: "Namespace".into(), namespace: None, name: "shop".into() };
        let (_, live) = running(&manifests(&["a"], 1));
        let live = BTreeMap::from([(id.clone(), live.into_values().next().unwrap())]);
        let inventory = Inventory([id].into());
        let plan = plan(&manifests(&["b"], 1), &known(&inventory, &live), POLICY).unwrap();
        assert_eq!((plan.prune.len(), plan.released.len()), (0, 1));
    }

    fn annotated(objects: &[(&str, serde_json::Value)]) -> Manifests {
        let values: Vec<_> = objects
            .iter()
            .map(|(name, annotations)| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "annotations": annotations}}))
            .collect();
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        prepare(values.iter().map(|value| (value, "a.yaml")), &owner, |_, _| Some(Scope::Namespaced)).0
    }

    #[test]
    fn a_later_wave_waits_until_the_one_before_is_there_and_healthy() {
        let first = json!({"plumb.dev/wave": "-1"});
        let manifests = annotated(&[("first", first.clone()), ("second", json!({}))]);
        let (inventory, live) = (Inventory::default(), BTreeMap::new());
        let plan_of = |known: &Known<'_>| {
            let plan = plan(&manifests, known, POLICY).unwrap();
            (names(plan.apply.values().flatten()).join(" "), names(&plan.waiting).join(" "))
        };
        assert_eq!(plan_of(&known(&inventory, &live)), ("first".into(), "second".into()));
        let (_, live) = running(&annotated(&[("first", first)]));
        let unhealthy: BTreeSet<_> = live.keys().cloned().collect();
        let settling = Known { unhealthy: &unhealthy, ..known(&inventory, &live) };
        assert_eq!(plan_of(&settling), (String::new(), "second".into()));
        assert_eq!(plan_of(&known(&inventory, &live)), ("second".into(), String::new()));
    }

    #[test]
    fn what_is_only_to_be_created_is_left_alone_once_it_is_there() {
        let manifests = annotated(&[("a", json!({"plumb.dev/apply": "IfNotPresent"}))]);
        let (inventory, mut live) = running(&manifests);
        for live in live.values_mut() {
            live.agrees_with = None;
        }
        let nothing = plan(&manifests, &known(&inventory, &live), POLICY).unwrap();
        assert!(nothing.apply.is_empty() && nothing.after == inventory, "{nothing:?}");
        for live in live.values_mut() {
            live.deleted = true;
        }
        assert_eq!(plan(&manifests, &known(&inventory, &live), POLICY).unwrap().apply.len(), 1);
        let (foreign, none) = (inventory.0.clone(), BTreeMap::new());
        let known = Known { foreign: &foreign, ..known(&inventory, &none) };
        assert!(plan(&manifests, &known, POLICY).unwrap().apply.is_empty());
    }

    #[test]
    fn what_is_ignored_is_neither_applied_nor_pruned() {
        let manifests = annotated(&[("a", json!({"plumb.dev/reconcile": "disabled"}))]);
        let (inventory, mut live) = running(&manifests);
        for live in live.values_mut() {
            live.agrees_with = None;
        }
        assert!(sends_nothing(&plan(&manifests, &known(&inventory, &live), POLICY).unwrap(), &inventory));
    }

    #[test]
    fn more_than_the_limit_is_not_pruned() {
        let (inventory, live) = running(&manifests(&["a", "b", "c"], 1));
        let limit = |limit| Policy { prune_limit: Some(limit), ..POLICY };
        let known = known(&inventory, &live);
        let error = plan(&manifests(&["c"], 1), &known, limit(1)).unwrap_err();
        assert!(error.to_string().starts_with("2 objects left the overlay"), "{error}");
        assert_eq!(plan(&manifests(&["c"], 1), &known, limit(2)).unwrap().prune.len(), 2);
    }

    #[test]
    fn an_object_says_itself_whether_it_goes() {
        let (mut inventory, mut live) = running(&manifests(&["a"], 1));
        for live in live.values_mut() {
            live.prune = Some(false);
        }
        let namespace = ObjectId { group: "".into(), kind: "Namespace".into(), namespace: None, name: "shop".into() };
        let going = Live { prune: Some(true), ..live.values().next().unwrap().clone() };
        live.insert(namespace.clone(), going);
        inventory.0.insert(namespace);
        let plan = plan(&manifests(&["b"], 1), &known(&inventory, &live), POLICY).unwrap();
        assert_eq!(names(plan.prune.iter().map(|doomed| &doomed.id)), ["shop"]);
        assert_eq!(names(plan.released.iter().map(|released| &released.id)), ["a"]);
    }

    #[test]
    fn what_became_a_hook_leaves_the_inventory_and_stays() {
        let (inventory, live) = running(&annotated(&[("a", json!({})), ("b", json!({}))]));
        let manifests = annotated(&[("a", json!({"plumb.dev/hook": "before-apply"})), ("b", json!({}))]);
        let plan = plan(&manifests, &known(&inventory, &live), POLICY).unwrap();
        assert_eq!((plan.apply.len(), plan.prune.len(), plan.released.len()), (0, 0, 0));
        assert_eq!(names(&plan.after.0), ["b"]);
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

        #[test]
        fn the_plan_of_what_was_carried_out_is_empty(
            wanted in prop::collection::btree_map("[a-f]", -1..2_i32, 1..6),
            hooks in prop::collection::btree_set("[g-h]", 0..2),
            owned in prop::collection::vec("[a-h]", 0..8),
            alive in prop::collection::vec("[a-h]", 0..8),
        ) {
            let of = |names: &[String]| manifests(&names.iter().map(String::as_str).collect::<Vec<_>>(), 1);
            let (mut inventory, _) = running(&of(&owned));
            let (_, mut live) = running(&of(&alive));
            let waves = wanted.iter().map(|(name, wave)| (name.as_str(), json!({"plumb.dev/wave": wave.to_string()})));
            let hooks = hooks.iter().map(|name| (name.as_str(), json!({"plumb.dev/hook": "after-apply"})));
            let wanted = annotated(&waves.chain(hooks).collect::<Vec<_>>());
            // One round for each wave, and one in which nothing is left.
            for _ in 0..4 {
                let Ok(plan) = plan(&wanted, &known(&inventory, &live), POLICY) else { return Ok(()) };
                prop_assert!(plan.prune.iter().all(|doomed| !wanted.hooks.contains_key(&doomed.id)));
                let applied: Vec<_> = plan.apply.values().flatten().cloned().collect();
                let (_, all) = running(&wanted);
                live.extend(applied.into_iter().map(|id| (id.clone(), all[&id].clone())));
                for doomed in &plan.prune {
                    live.remove(&doomed.id);
                }
                inventory = plan.after;
            }
            let plan = plan(&wanted, &known(&inventory, &live), POLICY).unwrap();
            prop_assert!(sends_nothing(&plan, &inventory), "{:?}", plan);
        }
    }
}
