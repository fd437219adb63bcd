//! What is changed in all objects of a render, from outside of the files.

use std::collections::BTreeMap;

/// Changes to all objects that a kustomization renders to, as those of another kustomization around it would be.
///
/// ```
/// use plumb_kustomize::{Builder, MemoryFs, Overrides};
///
/// let fs = MemoryFs::from([
///     ("kustomization.yaml", "resources: [app.yaml]\n"),
///     ("app.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\n"),
/// ]);
/// let overrides = Overrides { namespace: "shop".into(), ..Overrides::default() };
/// let rendered = Builder::new(&fs).overrides(&overrides).build("").unwrap();
/// assert_eq!(rendered.objects[0].value["metadata"]["namespace"], "shop");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `namespace`; empty leaves namespaces as they are.
    pub namespace: String,
    /// Labels in the metadata of objects, and nowhere else: `labels` without selectors and templates.
    pub labels: BTreeMap<String, String>,
    /// Annotations in the metadata of objects, and nowhere else.
    pub annotations: BTreeMap<String, String>,
    /// `images`.
    pub images: Vec<ImageOverride>,
}

/// An entry of `images`: what is empty stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageOverride {
    /// The name of the image without tag and digest: a regular expression, as in kustomize.
    pub name: String,
    /// Another name.
    pub new_name: String,
    /// Another tag.
    pub new_tag: String,
    /// A digest, such as `sha256:…`, in place of the tag.
    pub digest: String,
}

impl Overrides {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
