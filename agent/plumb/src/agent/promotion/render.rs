//! What an environment of this cluster would be at a revision.

use plumb_api::Environment;
use plumb_cluster::Cluster;
use plumb_delivery::{GroupKind, ManifestError, Manifests, Owner, definitions, split_api_version};
use plumb_git::Tree;
use plumb_kustomize::Builder;

use crate::agent::{Context, Inputs, board::Key, environment::prepare};

/// A render.
pub(super) struct Rendered {
    pub(super) manifests: Manifests,
    /// What the cluster can't take, besides objects of kinds that come with the same revision.
    pub(super) errors: Vec<String>,
    /// Whether the cluster knows all kinds already, so that the manifests are all there are.
    pub(super) complete: bool,
}

/// What the environment changes in its overlay; `None` while that is not known.
pub(super) fn inputs(cx: &Context, environment: &Environment) -> Option<Inputs> {
    let without = || environment.spec.substitute.is_none().then(|| Inputs::new(&environment.spec, None));
    cx.board.inputs(&Key::of(environment)).or_else(without)
}

/// Renders an environment's overlay as it is in a tree. It reads git, so it blocks.
///
/// # Errors
/// Everything that is wrong with the overlay, for people.
pub(super) fn render(
    cx: &Context,
    cluster: &Cluster,
    environment: &Environment,
    tree: &Tree,
) -> Result<Rendered, String> {
    let key = Key::of(environment);
    let owner = Owner { namespace: key.namespace, name: key.name };
    let path = environment.spec.path.trim_matches('/');
    let inputs = inputs(cx, environment).ok_or("what its variables come from has not been read yet")?;
    let rendered = Builder::new(tree).overrides(&inputs.overrides).build(path).map_err(|errors| errors.to_string())?;
    let objects: Vec<_> = rendered.objects.into_iter().map(|object| (object.value, object.origin.file)).collect();
    let (manifests, errors) = prepare(cluster, &owner, &objects, &inputs);
    let coming = definitions(objects.iter().map(|(value, _)| value));
    let is_coming = |error: &&ManifestError| match error {
        ManifestError::UnknownKind { api_version, kind, .. } => {
            let version = split_api_version(api_version).1.to_owned();
            coming.contains_key(&(GroupKind::new(api_version, kind), version))
        }
        _ => false,
    };
    let complete = errors.is_empty();
    let errors = errors.iter().filter(|error| !is_coming(error)).map(ToString::to_string).collect();
    Ok(Rendered { manifests, errors, complete })
}
