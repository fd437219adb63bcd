//! Asks the API server what would become of each object.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::ResourceExt as _;
use plumb_api::Environment;
use plumb_cluster::Cluster;
use plumb_delivery::{
    Desired, HookPhase, Inventory, Known, ManifestError, Manifests, ObjectId, Owner, Policy, WatchEvent, Watched,
    definitions, health::HealthChecks, plan, prepare,
};
use plumb_kustomize::Rendered;
use serde_json::Value;

use super::text;
use crate::{
    agent::{Inputs, field_rules},
    cli::output::Colour,
};

/// How many requests are under way at once.
const PARALLEL: usize = 16;

/// What would become of an object.
#[derive(Debug)]
pub(super) enum Change {
    /// It would be made.
    Added {
        /// As the API server would make it, or as it is rendered where that could not be asked.
        body: Value,
        /// Why it could not be asked.
        note: Option<&'static str>,
    },
    /// It would change.
    Changed {
        /// As it is.
        live: Value,
        /// As it would be.
        merged: Value,
    },
    /// It is a hook, and would run.
    Runs {
        /// When.
        phase: HookPhase,
    },
    /// It would be deleted.
    Pruned,
    /// It would stay in the cluster and leave the inventory.
    Kept {
        /// Why it would not be deleted.
        why: &'static str,
    },
}

/// What would become of all objects of an environment.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Objects that would not stay as they are.
    pub(super) changes: BTreeMap<ObjectId, Change>,
    /// How many would.
    pub(super) unchanged: usize,
    /// What could not be found out, and why.
    pub(super) errors: Vec<String>,
}

/// Asks the API server what the rendered objects would change. What is wrong with one object keeps no other from being looked at.
///
/// The Environment and its inventory are in the cluster `home`, its objects in `cluster`, which mostly is the same.
///
/// # Errors
/// When the inventory can't be read.
pub(super) async fn survey(
    home: &Cluster,
    cluster: &Cluster,
    environment: &Environment,
    rendered: Rendered,
    inputs: &Inputs,
) -> anyhow::Result<Survey> {
    let owner = Owner { namespace: environment.namespace().unwrap_or_default(), name: environment.name_any() };
    let objects: Vec<(Value, String)> =
        rendered.objects.into_iter().map(|object| (object.value, object.origin.file)).collect();
    let defined = definitions(objects.iter().map(|(value, _)| value));
    let (objects, mut problems) = inputs.substitute(&objects).unwrap_or((objects, Vec::new()));
    let (manifests, more) =
        prepare(objects.iter().map(|(value, file)| (value, file.as_str())), &owner, |kind, version| {
            let known = cluster.kind(kind, Some(version)).map(|kind| kind.scope);
            known.or_else(|| defined.get(&(kind.clone(), version.to_owned())).copied())
        });
    problems.extend(more);
    let mut survey = Survey { errors: problems.iter().map(ToString::to_string).collect(), ..Survey::default() };
    survey.hooks(environment, &manifests);
    let mut watched = Watched::new(field_rules(&environment.spec), HealthChecks::default());
    if watched.rules().concede() {
        survey.look(cluster, &owner, &mut watched, manifests.objects.keys(), &manifests).await;
    }
    survey.dry_run(cluster, &manifests, &watched).await;
    let inventory = home.read_inventory(environment, &owner).await?;
    let unready: BTreeSet<_> = problems.iter().filter_map(ManifestError::unready).cloned().collect();
    let leaving = inventory.0.iter().filter(|id| !manifests.objects.contains_key(id) && !unready.contains(*id));
    survey.look(cluster, &owner, &mut watched, leaving, &manifests).await;
    survey.leavers(environment, &inventory, &manifests, &unready, &watched);
    Ok(survey)
}

impl Survey {
    /// Learns of objects what the agent knows of them from its watches.
    async fn look(
        &mut self,
        cluster: &Cluster,
        owner: &Owner,
        watched: &mut Watched,
        ids: impl Iterator<Item = &ObjectId>,
        manifests: &Manifests,
    ) {
        let mut answers =
            stream::iter(ids.map(async |id| cluster.look(id, owner, false).await)).buffer_unordered(PARALLEL);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(Some(seen)) => {
                    drop(watched.absorb(WatchEvent::Seen(Box::new(seen)), Some(manifests), Timestamp::now()));
                }
                Ok(None) => {}
                Err(error) => self.errors.push(error.to_string()),
            }
        }
    }

    async fn dry_run(&mut self, cluster: &Cluster, manifests: &Manifests, watched: &Watched) {
        let version = |desired: &Desired| plumb_delivery::split_api_version(&desired.api_version).1.to_owned();
        let (served, coming): (Vec<_>, Vec<_>) = manifests
            .objects
            .values()
            .filter(|desired| !desired.rules.ignore)
            .partition(|desired| cluster.kind(&desired.id.group_kind(), Some(&version(desired))).is_some());
        for desired in coming {
            self.add(desired, "not tried, for its kind comes with the same overlay");
        }
        let answers: Vec<_> = stream::iter(
            served.into_iter().map(async |desired| (desired, cluster.dry_run(&watched.yielding(desired)).await)),
        )
        .buffer_unordered(PARALLEL)
        .collect()
        .await;
        let mut failed = Vec::new();
        for (desired, answer) in answers {
            match answer {
                Ok((Some(_), _)) if desired.rules.create_only => self.unchanged += 1,
                Ok((Some(live), merged)) if text::difference("", Some(&live), &merged, Colour::Off).is_empty() => {
                    self.unchanged += 1;
                }
                Ok((Some(live), merged)) => {
                    drop(self.changes.insert(desired.id.clone(), Change::Changed { live, merged }));
                }
                Ok((None, merged)) => {
                    drop(self.changes.insert(desired.id.clone(), Change::Added { body: merged, note: None }));
                }
                Err(error) => failed.push((desired, error)),
            }
        }
        for (desired, error) in failed {
            // In a namespace that does not exist yet nothing can be tried.
            if error.code() == Some(404) && self.brings_namespace_of(&desired.id) {
                self.add(desired, "not tried, for its namespace comes with the same overlay");
            } else {
                self.errors.push(error.to_string());
            }
        }
    }

    fn add(&mut self, desired: &Desired, note: &'static str) {
        self.changes.insert(desired.id.clone(), Change::Added { body: desired.body.value(), note: Some(note) });
    }

    fn brings_namespace_of(&self, id: &ObjectId) -> bool {
        id.namespace.as_ref().is_some_and(|namespace| {
            let namespace = ObjectId {
                group: "".into(),
                kind: "Namespace".into(),
                namespace: None,
                name: namespace.as_str().into(),
            };
            matches!(self.changes.get(&namespace), Some(Change::Added { .. }))
        })
    }

    /// Hooks run once for each change of the manifests.
    fn hooks(&mut self, environment: &Environment, manifests: &Manifests) {
        let digest = manifests.digest.to_string();
        let status = environment.status.as_ref();
        let known = status.and_then(|status| status.hooks.as_ref().map(|run| &run.digest).or(status.digest.as_ref()));
        if known == Some(&digest) {
            return;
        }
        let hooks = manifests.hooks.values().filter_map(|desired| Some((&desired.id, desired.rules.hook?.phase)));
        self.changes.extend(hooks.map(|(id, phase)| (id.clone(), Change::Runs { phase })));
    }

    /// What would become of objects that the inventory lists and the overlay no longer has.
    fn leavers(
        &mut self,
        environment: &Environment,
        inventory: &Inventory,
        manifests: &Manifests,
        unready: &BTreeSet<ObjectId>,
        watched: &Watched,
    ) {
        let spec = &environment.spec;
        let policy = Policy {
            prune: spec.prune.enabled,
            allow_empty: spec.prune.allow_empty,
            // What would go is shown, however much it is.
            prune_limit: None,
        };
        let nothing = BTreeSet::new();
        let known = Known {
            unready,
            held: &nothing,
            unlisted: &BTreeSet::new(),
            inventory,
            live: watched.live(),
            foreign: &nothing,
            elsewhere: &BTreeMap::new(),
            unhealthy: &nothing,
        };
        match plan(manifests, &known, policy) {
            Ok(plan) => {
                self.changes.extend(plan.prune.into_iter().map(|doomed| (doomed.id, Change::Pruned)));
                self.changes.extend(
                    plan.released.into_iter().map(|released| (released.id, Change::Kept { why: released.why })),
                );
            }
            Err(error) => self.errors.push(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_that_is_made_explains_what_is_missing_in_it() {
        let namespace = ObjectId { group: "".into(), kind: "Namespace".into(), namespace: None, name: "shop".into() };
        let id = |namespace: &str| ObjectId {
            group: "".into(),
            kind: "ConfigMap".into(),
            namespace: Some(namespace.into()),
            name: "a".into(),
        };
        let survey = Survey {
            changes: [(namespace, Change::Added { body: Value::Null, note: None })].into(),
            ..Survey::default()
        };
        assert!(survey.brings_namespace_of(&id("shop")));
        assert!(!survey.brings_namespace_of(&id("other")));
    }
}
