//! Rendered objects made ready to apply: checked, named, labelled, digested.

mod body;
mod definitions;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::{
    Digest, GroupKind, ObjectId, Scope, SubstitutionError, Wave,
    object::{split_api_version, string_at},
    rules::{Rules, RulesError, rules},
    stage,
};

pub use body::Body;
pub use definitions::definitions;

/// Label with the name of the Environment that owns an object.
pub const ENVIRONMENT_LABEL: &str = "plumb.dev/environment";
/// Label with the namespace of the Environment that owns an object.
pub const NAMESPACE_LABEL: &str = "plumb.dev/environment-namespace";
/// Annotation with the digest of the manifest that was last applied.
pub const DIGEST_ANNOTATION: &str = "plumb.dev/applied-digest";
/// Stands behind the digest from the first apply of an object until the next one.
const UNMERGED: &str = "+";

/// The Environment that owns objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// Namespace of the Environment.
    pub namespace: String,
    /// Name of the Environment.
    pub name: String,
}

/// One object as it shall be.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// What it is.
    pub id: ObjectId,
    /// `apiVersion` of the manifest.
    pub api_version: String,
    /// Of the manifest with the labels of its owner.
    pub digest: Digest,
    /// What is sent: the manifest, its labels and the digest as an annotation.
    pub body: Body,
    /// When it is applied.
    pub wave: Wave,
    /// What it asks for itself.
    pub rules: Rules,
}

impl Desired {
    /// What is sent for a hook in a run: it carries the digest of the run, so that it can be told from what another run left.
    #[must_use]
    pub fn in_run(&self, run: Digest) -> Self {
        let mut body = self.body.value();
        if let Value::Object(body) = &mut body {
            mark(body, run);
        }
        Self { digest: run, body: Body::of(&body), ..self.clone() }
    }
}

/// All objects of one revision of an environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifests {
    /// Each object once, by its name.
    pub objects: BTreeMap<ObjectId, Desired>,
    /// Those that run before or after the others are applied, and are none of them.
    pub hooks: BTreeMap<ObjectId, Desired>,
    /// Of all of them: equal digests mean equal manifests.
    pub digest: Digest,
}

impl Manifests {
    /// Of an environment that shall have no objects.
    #[must_use]
    pub fn none() -> Self {
        let (objects, hooks) = (BTreeMap::new(), BTreeMap::new());
        Self { digest: digest(&objects, &hooks), objects, hooks }
    }
}

/// Why a rendered object can't be applied. The others can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A field without which an object has no name.
    #[error("{file}: an object has no {field}; every object needs apiVersion, kind and metadata.name")]
    Incomplete {
        /// The file that it came from.
        file: String,
        /// The missing field.
        field: &'static str,
    },
    /// Two objects with the same name.
    #[error("{file}: {id} is there twice; give one of them another name or remove it")]
    Duplicate {
        /// The file that the second came from.
        file: String,
        /// The object.
        id: ObjectId,
    },
    /// A kind that the cluster doesn't know.
    #[error(
        "{file}: {id}: the cluster does not know {kind} in {api_version}; add its CustomResourceDefinition to the overlay or correct apiVersion and kind"
    )]
    UnknownKind {
        /// The file that it came from.
        file: String,
        /// The object.
        id: ObjectId,
        /// Its `apiVersion`.
        api_version: String,
        /// Its kind.
        kind: String,
    },
    /// An annotation of ours that is not understood.
    #[error("{file}: {id}: {error}; the object stays as it is")]
    Rules {
        /// The file that it came from.
        file: String,
        /// The object.
        id: ObjectId,
        /// What is wrong.
        error: RulesError,
    },
    /// Variables that can't be replaced.
    #[error("{file}: {id}: {error}; the object stays as it is")]
    Substitution {
        /// The file that it came from.
        file: String,
        /// The object.
        id: ObjectId,
        /// What is wrong.
        error: SubstitutionError,
    },
}

impl ManifestError {
    /// The object that the render holds all the same, so that it is neither applied nor pruned; `None` when it has no name of its own.
    #[must_use]
    pub fn unready(&self) -> Option<&ObjectId> {
        match self {
            Self::UnknownKind { id, .. } | Self::Rules { id, .. } | Self::Substitution { id, .. } => Some(id),
            Self::Incomplete { .. } | Self::Duplicate { .. } => None,
        }
    }
}

/// Makes rendered objects ready to apply.
///
/// `scope` tells where objects of a kind live, or `None` when the cluster doesn't know the kind. An object of a namespaced kind without a namespace goes to
/// `default`, as with kubectl; a namespace on an object that lives in the cluster as a whole is dropped, as the API server does.
/// The objects that are in order are returned also when others are not.
pub fn prepare<'a>(
    rendered: impl IntoIterator<Item = (&'a Value, &'a str)>,
    owner: &Owner,
    scope: impl Fn(&GroupKind, &str) -> Option<Scope>,
) -> (Manifests, Vec<ManifestError>) {
    let (mut objects, mut hooks) = (BTreeMap::new(), BTreeMap::new());
    let mut errors = Vec::new();
    for (value, file) in rendered {
        match prepare_one(value, file, owner, &scope) {
            Ok(desired) if objects.contains_key(&desired.id) || hooks.contains_key(&desired.id) => {
                errors.push(ManifestError::Duplicate { file: file.to_owned(), id: desired.id });
            }
            Ok(desired) => {
                let is_hook = desired.rules.hook.is_some() && !desired.rules.ignore;
                let list = if is_hook { &mut hooks } else { &mut objects };
                list.insert(desired.id.clone(), desired);
            }
            Err(error) => errors.push(error),
        }
    }
    let digest = digest(&objects, &hooks);
    (Manifests { objects, hooks, digest }, errors)
}

fn digest(objects: &BTreeMap<ObjectId, Desired>, hooks: &BTreeMap<ObjectId, Desired>) -> Digest {
    let named: Vec<_> =
        objects.values().chain(hooks.values()).map(|desired| (desired.id.to_string(), desired.digest)).collect();
    Digest::of_named(named.iter().map(|(name, digest)| (name.as_str(), *digest)))
}

fn prepare_one(
    value: &Value,
    file: &str,
    owner: &Owner,
    scope: impl Fn(&GroupKind, &str) -> Option<Scope>,
) -> Result<Desired, ManifestError> {
    let required = |path: &[&str], field| {
        string_at(value, path)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| ManifestError::Incomplete { file: file.to_owned(), field })
    };
    let api_version = required(&["apiVersion"], "apiVersion")?;
    let kind = required(&["kind"], "kind")?;
    let name = required(&["metadata", "name"], "metadata.name")?;
    let kind = GroupKind::new(api_version, kind);
    let namespace = string_at(value, &["metadata", "namespace"]).filter(|text| !text.is_empty());
    let mut id = ObjectId {
        group: kind.group.clone(),
        kind: kind.kind.clone(),
        namespace: namespace.map(Into::into),
        name: name.into(),
    };
    match scope(&kind, split_api_version(api_version).1) {
        Some(Scope::Cluster) => id.namespace = None,
        Some(Scope::Namespaced) => id.namespace = Some(namespace.unwrap_or("default").into()),
        None => {
            let kind = kind.kind.into();
            return Err(ManifestError::UnknownKind {
                file: file.to_owned(),
                id,
                api_version: api_version.to_owned(),
                kind,
            });
        }
    }

    let rules = rules(value).map_err(|error| ManifestError::Rules { file: file.to_owned(), id: id.clone(), error })?;
    let mut body = value.as_object().cloned().unwrap_or_default();
    // `status` belongs to controllers, and applying it would make us its owner.
    body.remove("status");
    if id.group.is_empty() && id.kind == "Secret" {
        encode_string_data(&mut body);
    }
    edit(&mut body, "metadata", |metadata| {
        match &id.namespace {
            Some(namespace) => metadata.insert("namespace".into(), Value::from(namespace.as_str())),
            None => metadata.remove("namespace"),
        };
        edit(metadata, "labels", |labels| {
            labels.insert(ENVIRONMENT_LABEL.into(), Value::String(owner.name.clone()));
            labels.insert(NAMESPACE_LABEL.into(), Value::String(owner.namespace.clone()));
        });
    });
    let mut body = Value::Object(body);
    let digest = Digest::of_value(&body);
    if let Value::Object(body) = &mut body {
        mark(body, digest);
    }
    let wave = Wave { number: rules.wave, stage: stage(&kind) };
    Ok(Desired { id, api_version: api_version.to_owned(), digest, body: Body::of(&body), wave, rules })
}

impl Desired {
    /// The same, but noting that what other tools applied before is not merged into ours yet: see [`crate::adopt`].
    #[must_use]
    pub fn unmerged(&self) -> Self {
        let digest = self.digest.to_string();
        Self { body: self.body.with(&digest, &format!("{digest}{UNMERGED}")), ..self.clone() }
    }
}

/// What the annotation [`DIGEST_ANNOTATION`] says: which manifest was applied, and whether it was [`Desired::unmerged`].
#[must_use]
pub fn applied(annotation: &str) -> (Option<Digest>, bool) {
    let digest = annotation.strip_suffix(UNMERGED);
    (Digest::from_hex(digest.unwrap_or(annotation)), digest.is_some())
}

/// Notes a digest on an object.
fn mark(body: &mut Map<String, Value>, digest: Digest) {
    edit(body, "metadata", |metadata| {
        edit(metadata, "annotations", |annotations| {
            annotations.insert(DIGEST_ANNOTATION.into(), Value::String(digest.to_string()));
        });
    });
}

/// Moves `stringData` of a Secret to `data`, which the API server would do as well.
///
/// Whoever applies `stringData` owns that and not `data`: a key that leaves the manifest would stay, and a changed value would not be seen
/// (<https://github.com/kubernetes/kubernetes/issues/108008>).
fn encode_string_data(secret: &mut Map<String, Value>) {
    let Some(Value::Object(texts)) = secret.remove("stringData") else {
        return;
    };
    edit(secret, "data", |data| {
        for (key, text) in texts {
            // What is no text is left for the API server to refuse.
            let value = text.as_str().map_or(text.clone(), |text| Value::String(STANDARD.encode(text)));
            data.insert(key, value);
        }
    });
}

/// Edits the mapping under a key, which is made when it is missing or no mapping.
fn edit(map: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut inner = match map.remove(key) {
        Some(Value::Object(inner)) => inner,
        _ => Map::new(),
    };
    change(&mut inner);
    map.insert(key.to_owned(), Value::Object(inner));
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(rendered: &[Value], expected: &Expect) {
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let (manifests, errors) =
            prepare(rendered.iter().map(|value| (value, "overlays/dev/a.yaml")), &owner, |kind, _| {
                match kind.kind.as_str() {
                    "Namespace" => Some(Scope::Cluster),
                    "Widget" => None,
                    _ => Some(Scope::Namespaced),
                }
            });
        let mut out = String::new();
        for desired in manifests.objects.values() {
            writeln!(out, "{} ({:?}): {}", desired.id, desired.wave.stage, desired.body.value()["metadata"]).unwrap();
        }
        for error in errors {
            writeln!(out, "error: {error}").unwrap();
        }
        expected.assert_eq(&out);
    }

    #[test]
    fn the_first_apply_says_that_it_is_the_first() {
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "b"}});
        let (manifests, _) = prepare([(&map, "a.yaml")], &owner, |_, _| Some(Scope::Namespaced));
        let desired = manifests.objects.into_values().next().unwrap();
        let said = |desired: &Desired| {
            let annotations = desired.body.value()["metadata"]["annotations"].clone();
            applied(annotations[DIGEST_ANNOTATION].as_str().unwrap())
        };
        assert_eq!(said(&desired), (Some(desired.digest), false));
        assert_eq!(said(&desired.unmerged()), (Some(desired.digest), true));
        assert_eq!(desired.unmerged().body.value()["data"], map["data"]);
        assert_eq!((applied("+"), applied("x+"), applied("")), ((None, true), (None, true), (None, false)));
    }

    #[test]
    fn objects_get_a_namespace_their_owner_and_a_digest() {
        check(
            &[
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}),
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "namespace": "wrong"}}),
            ],
            &expect![[r#"
                ConfigMap default/a (Configuration): {"annotations":{"plumb.dev/applied-digest":"5a82114850e41fd21fa64735fa91198c42f72be1c248bbcc768516e6311b69c6"},"labels":{"plumb.dev/environment":"dev","plumb.dev/environment-namespace":"plumb-system"},"name":"a","namespace":"default"}
                Namespace shop (Definitions): {"annotations":{"plumb.dev/applied-digest":"cfa4c0923866fb6d68c480193b2629e752751e9b777f2cabf621ed6ee1436445"},"labels":{"plumb.dev/environment":"dev","plumb.dev/environment-namespace":"plumb-system"},"name":"shop"}
            "#]],
        );
    }

    #[test]
    fn texts_of_a_secret_become_data() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "b2xk", "b": "eA=="}, "stringData": {"a": "new"}});
        let owner = Owner { namespace: "plumb-system".into(), name: "dev".into() };
        let (manifests, _) = prepare([(&secret, "a.yaml")], &owner, |_, _| Some(Scope::Namespaced));
        let body = manifests.objects.values().next().unwrap().body.value();
        assert_eq!((&body["data"], body.get("stringData")), (&json!({"a": "bmV3", "b": "eA=="}), None));
    }

    #[test]
    fn one_bad_object_does_not_hide_the_good_ones() {
        check(
            &[
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}),
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}),
                json!({"kind": "ConfigMap", "metadata": {"name": "b"}}),
                json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}),
                json!("text"),
            ],
            &expect![[r#"
                ConfigMap default/a (Configuration): {"annotations":{"plumb.dev/applied-digest":"bfed7ed023f8b36315ced63d977656630946ff710b88a9e8a6c9a68f6578a54d"},"labels":{"plumb.dev/environment":"dev","plumb.dev/environment-namespace":"plumb-system"},"name":"a","namespace":"default"}
                error: overlays/dev/a.yaml: ConfigMap default/a is there twice; give one of them another name or remove it
                error: overlays/dev/a.yaml: an object has no apiVersion; every object needs apiVersion, kind and metadata.name
                error: overlays/dev/a.yaml: Widget.example.com w: the cluster does not know Widget in example.com/v1; add its CustomResourceDefinition to the overlay or correct apiVersion and kind
                error: overlays/dev/a.yaml: an object has no apiVersion; every object needs apiVersion, kind and metadata.name
            "#]],
        );
    }
}
