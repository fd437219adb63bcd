//! What manifests depend on besides the files of the repository: what the Environment changes in them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use plumb_api::{Environment, EnvironmentSpec, Reason, VariableSource, VariableSourceKind};
use plumb_cluster::{ReferenceKind, Referenced, References};
use plumb_delivery::{Digest, ManifestError, ObjectId, Variables, split_api_version};
use plumb_kustomize::{ImageOverride, Overrides};
use serde_json::Value;
use tokio::sync::watch;

use super::reconcile::Outcome;

/// How long a ConfigMap or Secret may take to be read for the first time.
const FIRST_READ: Duration = Duration::from_secs(10);

/// An object, and the file that it came from.
type Rendered = (Value, String);

/// What manifests depend on besides the files of the repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Inputs {
    pub(crate) overrides: Overrides,
    variables: Option<Arc<Variables>>,
}

impl Inputs {
    /// Of a spec with its variables, if it has any.
    pub(crate) fn new(spec: &EnvironmentSpec, variables: Option<Variables>) -> Self {
        let images = spec.images.iter().map(|image| ImageOverride {
            name: image.name.clone(),
            new_name: image.new_name.clone().unwrap_or_default(),
            new_tag: image.new_tag.clone().unwrap_or_default(),
            digest: image.digest.clone().unwrap_or_default(),
        });
        let overrides = Overrides {
            namespace: spec.target_namespace.clone().unwrap_or_default(),
            labels: spec.common_metadata.labels.clone(),
            annotations: spec.common_metadata.annotations.clone(),
            images: images.collect(),
        };
        Self { overrides, variables: variables.map(Arc::new) }
    }

    /// Of an Environment, whose ConfigMaps and Secrets are read for it.
    ///
    /// # Errors
    /// When one of them can't be read.
    pub(crate) async fn of(environment: &Environment, references: &References) -> anyhow::Result<Self> {
        let namespace = environment.metadata.namespace.as_deref().unwrap_or_default();
        let mut sources = Sources::default();
        sources.follow(&environment.spec, namespace, references);
        match sources.variables(&environment.spec, namespace).await {
            Ok(variables) => Ok(Self::new(&environment.spec, variables)),
            Err(Outcome::Failed { message, .. } | Outcome::Waiting(message)) => Err(anyhow::anyhow!(message)),
            Err(Outcome::Pending | Outcome::Applied) => Ok(Self::new(&environment.spec, None)),
        }
    }

    /// Stands for all of it.
    pub(crate) fn digest(&self) -> Digest {
        let overrides = format!("{:?}", self.overrides);
        let variables = self.variables.as_ref().map_or_else(|| Digest::of(b""), |variables| variables.digest());
        Digest::of_named([("overrides", Digest::of(overrides.as_bytes())), ("variables", variables)])
    }

    /// Rendered objects with their variables replaced, and what is wrong with the others.
    pub(crate) fn substitute(&self, rendered: &[Rendered]) -> Option<(Vec<Rendered>, Vec<ManifestError>)> {
        let variables = self.variables.as_ref()?;
        let mut errors = Vec::new();
        let mut objects = Vec::with_capacity(rendered.len());
        for (value, file) in rendered {
            let mut value = value.clone();
            match variables.replace(&mut value) {
                Ok(()) => objects.push((value, file.clone())),
                Err(error) => {
                    errors.push(ManifestError::Substitution { file: file.clone(), id: id(&value), error });
                }
            }
        }
        Some((objects, errors))
    }
}

/// What an object is called before it is ready.
fn id(value: &Value) -> ObjectId {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    ObjectId {
        group: split_api_version(text("/apiVersion")).0.into(),
        kind: text("/kind").into(),
        namespace: Some(text("/metadata/namespace")).filter(|namespace| !namespace.is_empty()).map(Into::into),
        name: text("/metadata/name").into(),
    }
}

/// The ConfigMaps and Secrets that an Environment takes variables from.
#[derive(Default)]
pub(super) struct Sources(Vec<(VariableSource, watch::Receiver<Referenced>)>);

impl Sources {
    /// Follows those that a spec names; those that are followed already stay so.
    pub(super) fn follow(&mut self, spec: &EnvironmentSpec, namespace: &str, references: &References) {
        let wanted = spec.substitute.iter().flat_map(|substitute| &substitute.from);
        let follow = |source: &VariableSource| {
            let same = |(known, _): &&(VariableSource, _)| known.kind == source.kind && known.name == source.name;
            let receiver = self.0.iter().find(same).map_or_else(
                || references.follow(reference(source.kind), namespace, &source.name),
                |(_, receiver)| receiver.clone(),
            );
            (source.clone(), receiver)
        };
        self.0 = wanted.map(follow).collect();
    }

    /// Returns when any of them changed.
    pub(super) async fn changed(&mut self) {
        let changes: Vec<_> = self.0.iter_mut().map(|(_, receiver)| Box::pin(receiver.changed())).collect();
        if changes.is_empty() {
            std::future::pending::<()>().await;
        }
        let _ = futures::future::select_all(changes).await;
    }

    /// The variables of a spec; `None` when it asks for no substitution.
    pub(super) async fn variables(
        &mut self,
        spec: &EnvironmentSpec,
        namespace: &str,
    ) -> Result<Option<Variables>, Outcome> {
        let Some(substitute) = &spec.substitute else { return Ok(None) };
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (source, receiver) in &mut self.0 {
            let known = receiver.wait_for(|known| *known != Referenced::Unknown);
            let known = match tokio::time::timeout(FIRST_READ, known).await {
                Ok(Ok(known)) => known.clone(),
                Ok(Err(_)) | Err(_) => Referenced::Unknown,
            };
            let name = format!("{} {namespace}/{}", reference(source.kind), source.name);
            match known {
                Referenced::Found(texts) => {
                    values.extend(texts.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                Referenced::Missing if source.optional => {}
                Referenced::Missing => missing.push(name),
                Referenced::Failed(why) => return Err(Outcome::transient(Reason::ReferenceInvalid, why)),
                Referenced::Unknown => {
                    let message = format!("the API server did not show {name} within {} s", FIRST_READ.as_secs());
                    return Err(Outcome::transient(Reason::ReferenceInvalid, message));
                }
            }
        }
        if !missing.is_empty() {
            let message = format!(
                "spec.substitute.from names {}, which does not exist; create it, or say that it is optional",
                missing.join(" and ")
            );
            return Err(Outcome::config(Reason::ReferenceInvalid, message));
        }
        values.extend(substitute.variables.clone());
        Ok(Some(Variables::new(values, substitute.strict)))
    }
}

fn reference(kind: VariableSourceKind) -> ReferenceKind {
    match kind {
        VariableSourceKind::ConfigMap => ReferenceKind::ConfigMap,
        VariableSourceKind::Secret => ReferenceKind::Secret,
    }
}
