//! `atomic`: nothing is written before the API server has agreed to all of it.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use plumb_cluster::{Class, Cluster, Error};
use plumb_delivery::{Desired, GroupKind, ManifestError, ObjectId, Plan, definitions, split_api_version};

use super::{Worker, problems::Problems, reconcile::PARALLEL};

impl Worker {
    /// Whether the API server would take all that is planned.
    ///
    /// Objects of kinds and in namespaces that the same plan brings can't be tried, and are taken on trust.
    pub(super) async fn rehearse(&self, plan: &Plan, problems: &mut Problems) -> bool {
        let Some(target) = &self.target else { return true };
        let planned: Vec<Desired> = plan
            .apply
            .values()
            .flatten()
            .filter_map(|id| target.manifests.objects.get(id))
            .filter(|desired| !desired.rules.create_only)
            .map(|desired| self.watched.yielding(desired))
            .collect();
        let bodies: Vec<_> = planned
            .iter()
            .filter(|desired| desired.id.kind == "CustomResourceDefinition")
            .map(|desired| desired.body.value())
            .collect();
        let coming = definitions(&bodies);
        let is_coming = |error: &ManifestError| match error {
            ManifestError::UnknownKind { api_version, kind, .. } => {
                let version = split_api_version(api_version).1.to_owned();
                coming.contains_key(&(GroupKind::new(api_version, kind), version))
            }
            _ => false,
        };
        if target.errors.iter().any(|error| !is_coming(error)) {
            return false;
        }
        let refusals = refusals(&self.cluster, planned, |desired| self.may_recreate(desired)).await;
        for error in &refusals {
            let message = format!("{error}; nothing of the revision was applied, for spec.atomic is true");
            problems.add(message, error.class() == Class::Transient);
        }
        refusals.is_empty()
    }
}

/// Why the API server would not take some of these objects. Those in namespaces that come with them can't be tried, and are taken on trust.
pub(crate) async fn refusals(
    cluster: &Cluster,
    objects: Vec<Desired>,
    may_recreate: impl Fn(&Desired) -> bool,
) -> Vec<Error> {
    let namespaces: BTreeSet<String> =
        objects.iter().filter(|desired| is_namespace(&desired.id)).map(|desired| desired.id.name.to_string()).collect();
    let answers: Vec<_> = stream::iter(objects)
        .map(|desired| {
            let cluster = cluster.clone();
            async move {
                let answer = cluster.rehearse(&desired).await;
                (desired, answer)
            }
        })
        .buffer_unordered(PARALLEL)
        .collect()
        .await;
    let refusals = answers.into_iter().filter_map(|(desired, answer)| {
        let error = answer.err()?;
        let in_new_namespace = desired.id.namespace.as_deref().is_some_and(|namespace| namespaces.contains(namespace));
        let taken = (error.code() == Some(404) && in_new_namespace) || (error.is_immutable() && may_recreate(&desired));
        (!taken).then_some(error)
    });
    refusals.collect()
}

fn is_namespace(id: &ObjectId) -> bool {
    id.group.is_empty() && id.kind == "Namespace"
}
