//! How the manifests of two revisions differ, and what an apply would change.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use plumb_api::Environment;
use plumb_cluster::Cluster;
use plumb_delivery::{
    Desired, ManifestError, Manifests, ObjectId, Owner, definitions,
    difference::{self, Change, Difference},
    prepare, split_api_version,
};
use plumb_git::Tree;
use plumb_kustomize::{Builder, ReadSet};
use serde_json::Value;

use crate::agent::{board::Key, environment::Inputs};

/// How many requests are under way at once.
const PARALLEL: usize = 8;
/// The most objects that are compared with the cluster for one text.
const MOST: usize = 300;

/// The manifests of an environment.
pub(super) struct Rendered {
    pub(super) manifests: Manifests,
    /// What is wrong with some of them.
    pub(super) problems: Vec<ManifestError>,
    /// All that they were made from.
    pub(super) read: ReadSet,
}

/// Renders an environment's overlay as it is in a tree. Kinds that it brings itself count as known. Variables stay as they are written, for
/// their values may be secrets, and these are not for a forge.
///
/// # Errors
/// All that is wrong with the overlay.
pub(super) fn render(cluster: &Cluster, environment: &Environment, tree: &Tree) -> Result<Rendered, String> {
    let Key { namespace, name } = Key::of(environment);
    let path = environment.spec.path.trim_matches('/');
    let inputs = Inputs::new(&environment.spec, None);
    let rendered = Builder::new(tree).overrides(&inputs.overrides).build(path).map_err(|errors| errors.to_string())?;
    let objects: Vec<(Value, String)> =
        rendered.objects.into_iter().map(|object| (object.value, object.origin.file)).collect();
    let defined = definitions(objects.iter().map(|(value, _)| value));
    let owner = Owner { namespace, name };
    let (manifests, problems) =
        prepare(objects.iter().map(|(value, file)| (value, file.as_str())), &owner, |kind, version| {
            let known = cluster.kind(kind, Some(version)).map(|kind| kind.scope);
            known.or_else(|| defined.get(&(kind.clone(), version.to_owned())).copied())
        });
    Ok(Rendered { manifests, problems, read: rendered.read })
}

/// What the API server says about the objects that come or change: what each would become, or why it would be refused.
pub(super) struct Answers {
    /// By object: as it is, and as it would be.
    pub(super) merged: BTreeMap<ObjectId, (Option<Value>, Value)>,
    /// What was refused or could not be asked.
    pub(super) refused: Vec<String>,
}

/// Asks the API server, with dry runs, what would become of the objects that come or change.
///
/// With variables nothing is asked: without their values the answer is worth nothing, and with them it may hold secrets.
pub(super) async fn dry_run(
    cluster: &Cluster,
    environment: &Environment,
    manifests: &Manifests,
    differences: &[Difference],
) -> Option<Answers> {
    if environment.spec.substitute.is_some() {
        return None;
    }
    let asked: Vec<&Desired> = differences
        .iter()
        .filter(|difference| difference.change != Change::Removed)
        .filter_map(|difference| manifests.objects.get(&difference.id))
        .filter(|desired| !desired.rules.ignore)
        .collect();
    let mut answers = Answers { merged: BTreeMap::new(), refused: Vec::new() };
    if asked.len() > MOST {
        answers.refused.push(format!("{} objects were not tried: {MOST} are at most", asked.len() - MOST));
    }
    let is_served = |desired: &&Desired| {
        let version = split_api_version(&desired.api_version).1;
        cluster.kind(&desired.id.group_kind(), Some(version)).is_some()
    };
    let (served, coming): (Vec<&Desired>, Vec<&Desired>) = asked.into_iter().take(MOST).partition(is_served);
    for desired in coming {
        // Its kind comes with the same revision.
        answers.merged.insert(desired.id.clone(), (None, desired.body.value()));
    }
    let requests = served.into_iter().cloned().map(|desired| {
        let cluster = cluster.clone();
        async move {
            let answer = cluster.dry_run(&desired).await;
            (desired, answer)
        }
    });
    let all: Vec<_> = stream::iter(requests).buffer_unordered(PARALLEL).collect().await;
    let in_new_namespace = |id: &ObjectId| {
        id.namespace.as_ref().is_some_and(|namespace| {
            let namespace = ObjectId {
                group: "".into(),
                kind: "Namespace".into(),
                namespace: None,
                name: namespace.as_str().into(),
            };
            manifests.objects.contains_key(&namespace)
        })
    };
    for (desired, answer) in all {
        match answer {
            Ok((live, merged)) => drop(answers.merged.insert(desired.id.clone(), (live, merged))),
            Err(error) if error.code() == Some(404) && in_new_namespace(&desired.id) => {
                answers.merged.insert(desired.id.clone(), (None, desired.body.value()));
            }
            // It is deleted and created anew.
            Err(error) if error.is_immutable() && desired.rules.force => {}
            Err(error) => answers.refused.push(error.to_string()),
        }
    }
    answers.refused.sort();
    Some(answers)
}

/// What an apply would change in the cluster, as far as the manifests differ at all.
pub(super) fn against_cluster(answers: &Answers, differences: &[Difference]) -> Vec<Difference> {
    let of = |difference: &Difference| match answers.merged.get(&difference.id) {
        Some((live, merged)) => difference::of_object(&difference.id, live.as_ref(), Some(merged)),
        None if difference.change == Change::Removed => Some(difference.clone()),
        None => None,
    };
    differences.iter().filter_map(of).collect()
}
