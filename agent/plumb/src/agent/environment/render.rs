//! From a revision to manifests, with as little work as can be proven enough.

use std::{borrow::Cow, collections::BTreeSet};

use plumb_delivery::{GroupKind, ManifestError, Manifests, ObjectId, Owner, split_api_version};
use plumb_git::CommitId;
use plumb_kustomize::{Builder, ReadSet, Rendered};
use serde_json::Value;

use super::{Inputs, Worker};
use crate::agent::board::Head;

/// What the environment shall be.
pub(crate) struct Target {
    /// The revision that it was rendered from, or one that was proven to render the same.
    pub(crate) revision: CommitId,
    pub(crate) path: String,
    /// What the manifests depend on besides the files.
    pub(crate) inputs: Inputs,
    pub(crate) read: ReadSet,
    /// What was rendered; kept only while kinds are missing, to be prepared again when they come.
    rendered: Vec<(Value, String)>,
    pub(crate) manifests: Manifests,
    /// What the render holds but the cluster can't take.
    pub(crate) errors: Vec<ManifestError>,
}

impl Target {
    /// Objects of the render that could not be prepared: not applied, and not pruned either.
    pub(crate) fn unready(&self) -> BTreeSet<ObjectId> {
        self.errors.iter().filter_map(ManifestError::unready).cloned().collect()
    }

    /// Prepared objects hold all that is sent, so the render is of use only while something could not be prepared.
    fn forget_render(&mut self) {
        if !self.has_unknown_kinds() {
            self.rendered = Vec::new();
        }
    }

    /// Whether its objects are in more than one numbered wave.
    pub(crate) fn has_waves(&self) -> bool {
        let mut numbers = self.manifests.objects.values().map(|desired| desired.wave.number);
        numbers.next().is_some_and(|first| numbers.any(|number| number != first))
    }

    /// Whether the render holds kinds that the cluster does not know.
    pub(crate) fn has_unknown_kinds(&self) -> bool {
        self.errors.iter().any(|error| matches!(error, ManifestError::UnknownKind { .. }))
    }
}

/// A render that failed: all that is wrong with it.
pub(crate) enum RenderFailure {
    /// The overlay is wrong.
    Overlay(String),
    /// Git or this process failed; it is worth another attempt.
    Transient(String),
}

/// Renders a path at a revision.
pub(crate) async fn render(
    head: &Head,
    revision: &CommitId,
    path: &str,
    inputs: &Inputs,
) -> Result<Rendered, RenderFailure> {
    let (git, revision, path, overrides) =
        (head.git.clone(), revision.clone(), path.to_owned(), inputs.overrides.clone());
    let rendered = tokio::task::spawn_blocking(move || {
        let tree = git.tree(&revision).map_err(|error| RenderFailure::Transient(error.to_string()))?;
        Builder::new(&tree)
            .overrides(&overrides)
            .build(&path)
            .map_err(|errors| RenderFailure::Overlay(errors.to_string()))
    });
    rendered.await.unwrap_or_else(|error| Err(RenderFailure::Transient(format!("the render ended early: {error}"))))
}

impl Worker {
    /// Brings the target to a revision. Renders only when something that the last render read has changed.
    pub(super) async fn render(
        &mut self,
        head: &Head,
        revision: &CommitId,
        inputs: Inputs,
    ) -> Result<(), RenderFailure> {
        let path = self.environment.spec.path.trim_matches('/').to_owned();
        let renders = self.cx.metrics.renders.clone();
        let key = self.key.clone();
        let count = |result: &str| renders.with_label_values(&[key.namespace.as_str(), &key.name, result]).inc();
        if let Some(target) = &mut self.target
            && target.path == path
            && target.inputs == inputs
        {
            if target.revision == *revision {
                return Ok(());
            }
            let changed = head.changed_since(&target.revision).filter(|_| *revision == head.revision);
            let same = if let Some(paths) = changed {
                !target.read.is_touched_by(paths.iter().map(String::as_str))
            } else {
                let (git, wanted, read) = (head.git.clone(), revision.clone(), target.read.clone());
                let look = tokio::task::spawn_blocking(move || read.unchanged(&git.tree(&wanted).ok()?).ok());
                look.await.ok().flatten() == Some(true)
            };
            if same {
                target.revision = revision.clone();
                count("skipped");
                return Ok(());
            }
        }
        // A thousand environments that one commit touches would else take a thread and a tree of objects each.
        let turn = self.cx.renders.clone().acquire_owned().await;
        let rendered = render(head, revision, &path, &inputs).await;
        drop(turn);
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(failure) => {
                count("failed");
                return Err(failure);
            }
        };
        count("done");
        let objects: Vec<_> = rendered.objects.into_iter().map(|object| (object.value, object.origin.file)).collect();
        let (manifests, errors) = prepare(&self.cluster, &self.owner, &objects, &inputs);
        let (revision, read) = (revision.clone(), rendered.read);
        let mut target = Target { revision, path, inputs, read, rendered: objects, manifests, errors };
        target.forget_render();
        self.target = Some(target);
        Ok(())
    }

    /// Prepares the render again, for the cluster may know more kinds now.
    pub(super) fn prepare_again(&mut self) {
        if let Some(target) = &mut self.target {
            let (manifests, errors) = prepare(&self.cluster, &self.owner, &target.rendered, &target.inputs);
            target.manifests = manifests;
            target.errors = errors;
            target.forget_render();
        }
    }
}

/// Makes rendered objects ready to apply, as far as the cluster knows their kinds.
pub(crate) fn prepare(
    cluster: &plumb_cluster::Cluster,
    owner: &Owner,
    rendered: &[(Value, String)],
    inputs: &Inputs,
) -> (Manifests, Vec<ManifestError>) {
    let substituted = inputs.substitute(rendered);
    let (rendered, mut errors) = match substituted {
        Some((rendered, errors)) => (Cow::Owned(rendered), errors),
        None => (Cow::Borrowed(rendered), Vec::new()),
    };
    let objects = rendered.iter().map(|(value, file)| (value, file.as_str()));
    let (manifests, more) = plumb_delivery::prepare(objects, owner, |kind, version| {
        cluster.kind(kind, Some(version)).map(|kind| kind.scope)
    });
    errors.extend(more);
    (manifests, errors)
}

/// The kinds of manifests.
pub(crate) fn kinds(manifests: &Manifests) -> BTreeSet<GroupKind> {
    manifests
        .objects
        .values()
        .chain(manifests.hooks.values())
        .map(|desired| GroupKind {
            group: split_api_version(&desired.api_version).0.into(),
            kind: desired.id.kind.clone(),
        })
        .collect()
}
