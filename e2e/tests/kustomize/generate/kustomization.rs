//! The fields of one kustomization.

use serde_json::json;

use super::random::Random;
use super::resources::Resource;
use super::{configurations, generators, images, openapi, patch, plugins, replacement, vars, words};
use crate::case::Content;
use crate::value::Value;

/// The kinds that `replicas` knows.
const SCALABLE: [&str; 4] = ["Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"];

/// A kustomization while it is written.
pub(crate) struct Layer<'a> {
    pub(crate) random: &'a mut Random,
    /// The objects of this layer and those below, as their files have them.
    pub(crate) known: &'a [Resource],
    pub(crate) dir: &'a str,
    /// The vars of all layers so far.
    pub(crate) vars: &'a mut Vec<String>,
    pub(crate) files: Vec<(String, Content)>,
    pub(crate) fields: Vec<(String, Value)>,
}

impl Layer<'_> {
    pub(crate) fn field(&mut self, name: &str, value: Value) {
        self.fields.push((name.to_owned(), value));
    }

    /// Adds a file to the directory of the kustomization and gives its path.
    pub(crate) fn file(&mut self, stem: &str, content: Content) -> Value {
        let path = format!("{stem}-{}.yaml", self.files.len());
        self.files.push((path.clone(), content));
        Value::string(&path)
    }

    pub(crate) fn features(&mut self) {
        self.names();
        self.labels();
        if self.random.chance(40) {
            patch::patches(self);
        }
        if self.random.chance(8) {
            patch::strategic(self);
        }
        if self.random.chance(8) {
            patch::json6902(self);
        }
        if self.random.chance(25) {
            images::images(self);
        }
        if self.random.chance(10) {
            self.replicas();
        }
        if self.random.chance(25) {
            generators::config_maps(self);
        }
        if self.random.chance(15) {
            generators::secrets(self);
        }
        if self.random.chance(8) {
            generators::options(self);
        }
        if self.random.chance(20) {
            replacement::replacements(self);
        }
        if self.random.chance(5) {
            self.sort();
        }
        self.rare();
    }

    /// What few kustomizations have.
    fn rare(&mut self) {
        if self.random.chance(8) {
            vars::vars(self);
        }
        if self.random.chance(8) {
            configurations::configurations(self);
        }
        if self.random.chance(4) {
            configurations::crds(self);
        }
        if self.random.chance(3) {
            openapi::openapi(self);
        }
        if self.random.chance(7) {
            plugins::generator_plugins(self);
        }
        if self.random.chance(11) {
            plugins::transformers(self);
        }
        if self.random.chance(3) {
            plugins::validators(self);
        }
        if self.random.chance(10) {
            self.build_metadata();
        }
    }

    fn build_metadata(&mut self) {
        let mut list = vec!["originAnnotations", "transformerAnnotations", "managedByLabel"];
        self.random.shuffle(&mut list);
        list.truncate(self.random.between(1, 3));
        self.field("buildMetadata", Value::List(list.into_iter().map(Value::string).collect()));
    }

    fn names(&mut self) {
        if self.random.chance(25) {
            let namespace = Value::string(words::namespace(self.random));
            self.field("namespace", namespace);
        }
        if self.random.chance(25) {
            let prefix = Value::string(self.random.pick(&["dev-", "a-", "x"]));
            self.field("namePrefix", prefix);
        }
        if self.random.chance(15) {
            let suffix = Value::string(self.random.pick(&["-v2", "-b", "-x"]));
            self.field("nameSuffix", suffix);
        }
    }

    fn labels(&mut self) {
        if self.random.chance(12) {
            let labels = words::labels(self.random).into();
            self.field("commonLabels", labels);
        }
        if self.random.chance(12) {
            let annotations = words::plain_annotations(self.random).into();
            self.field("commonAnnotations", annotations);
        }
        if self.random.chance(20) {
            let count = self.random.between(1, 2);
            let labels = (0..count).map(|_| self.label_set()).collect();
            self.field("labels", Value::List(labels));
        }
    }

    fn label_set(&mut self) -> Value {
        let random = &mut *self.random;
        let mut json = json!({ "pairs": words::labels(random) });
        if random.chance(40) {
            json["includeSelectors"] = json!(random.chance(70));
        }
        if random.chance(10) {
            json["includeVolumeClaimTemplates"] = json!(random.chance(80));
        }
        if random.chance(30) {
            json["includeTemplates"] = json!(random.chance(70));
        }
        if random.chance(15) {
            let (path, create) = (
                random.pick(&[
                    "spec/labels",
                    "metadata/labels",
                    "spec/template/metadata/labels",
                    "spec/items[]/labels",
                    "metadata/annotations",
                ]),
                random.chance(60),
            );
            let mut spec = json!({ "path": path, "create": create });
            if random.chance(50) {
                spec["kind"] = json!(random.pick(&["Deployment", "Widget", "ConfigMap"]));
            }
            if random.chance(20) {
                spec["group"] = json!(random.pick(&["apps", "example.com"]));
            }
            json["fields"] = json!([spec]);
        }
        json.into()
    }

    fn replicas(&mut self) {
        let count = self.random.between(1, 2);
        let scalable: Vec<String> = self
            .known
            .iter()
            .filter(|resource| SCALABLE.contains(&resource.kind().as_str()))
            .map(Resource::name)
            .collect();
        let mut list = Vec::new();
        if scalable.is_empty() && self.random.chance(95) {
            return;
        }
        for _ in 0..count {
            let name = match self.random.one(&scalable) {
                Some(name) if !self.random.chance(5) => name.clone(),
                _ => words::name(self.random).to_owned(),
            };
            list.push(Value::from(json!({ "name": name, "count": self.random.below(7) })));
        }
        self.field("replicas", Value::List(list));
    }

    fn sort(&mut self) {
        let random = &mut *self.random;
        let json = match random.below(4) {
            0 => json!({ "order": "fifo" }),
            1 => json!({ "order": "legacy" }),
            2 => {
                json!({ "order": "legacy", "legacySortOptions": { "orderFirst": ["Deployment", "Service"], "orderLast": ["ConfigMap"] } })
            }
            _ => json!({ "order": "legacy", "legacySortOptions": { "orderFirst": ["Widget"] } }),
        };
        self.field("sortOptions", json.into());
    }

    /// The kustomization file, with its fields in any order, and the files beside it.
    pub(crate) fn finish(mut self, component: bool) -> (Value, Vec<(String, Content)>) {
        self.random.shuffle(&mut self.fields);
        let mut fields = std::mem::take(&mut self.fields);
        if component {
            fields.push(("apiVersion".to_owned(), Value::string("kustomize.config.k8s.io/v1alpha1")));
            fields.push(("kind".to_owned(), Value::string("Component")));
        } else if fields.is_empty() || self.random.chance(40) {
            fields.push(("kind".to_owned(), Value::string("Kustomization")));
            if self.random.chance(40) {
                fields.push(("apiVersion".to_owned(), Value::string("kustomize.config.k8s.io/v1beta1")));
            }
        }
        if self.random.chance(2)
            && let Some((name, _)) = fields.last_mut()
        {
            // The case of a name does not matter, also where the name stands in the other case as well.
            *name = match self.random.below(3) {
                0 => name.to_uppercase(),
                1 => name.to_lowercase(),
                _ => name[..1].to_uppercase() + &name[1..],
            };
        }
        (Value::Map(fields), self.files)
    }
}
