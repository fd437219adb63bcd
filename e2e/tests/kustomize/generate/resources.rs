//! Kubernetes objects of many kinds, whose names and labels meet.

mod access;
mod cluster;
mod config;
mod network;
mod workload;

use serde_json::{Value as Json, json};

use super::random::Random;
use super::words;
use crate::value::Value;

/// An object of a generated file.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) value: Value,
}

impl Resource {
    pub(crate) fn api_version(&self) -> String {
        self.value.at(&["apiVersion"]).unwrap_or_default()
    }

    pub(crate) fn kind(&self) -> String {
        self.value.at(&["kind"]).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> String {
        self.value.at(&["metadata", "name"]).unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> Option<String> {
        self.value.at(&["metadata", "namespace"])
    }

    pub(crate) fn group_version(&self) -> (String, String) {
        let api_version = self.api_version();
        match api_version.split_once('/') {
            Some((group, version)) => (group.to_owned(), version.to_owned()),
            None => (String::new(), api_version),
        }
    }

    /// What makes two objects the same to kustomize.
    pub(crate) fn id(&self) -> (String, String, String, String) {
        let namespace = self.namespace().unwrap_or_else(|| "default".to_owned());
        (self.api_version(), self.kind(), self.name(), namespace)
    }

    /// The items of a list, or the object itself.
    pub(crate) fn expand(self) -> Vec<Self> {
        match self.value.get("items") {
            Some(Value::List(items)) => items.iter().map(|item| Self { value: item.clone() }).collect(),
            _ => vec![self],
        }
    }

    /// The fields by which a patch finds the object.
    pub(crate) fn skeleton(&self) -> Value {
        let mut metadata = Value::map([(
            "name",
            self.value.get("metadata").and_then(|metadata| metadata.get("name")).cloned().unwrap_or_else(Value::null),
        )]);
        if let Some(namespace) = self.namespace() {
            metadata.set("namespace", Value::string(&namespace));
        }
        Value::map([
            ("apiVersion", Value::string(&self.api_version())),
            ("kind", Value::string(&self.kind())),
            ("metadata", metadata),
        ])
    }
}

/// Adds random objects to those of a layer, none twice.
pub(crate) fn some(random: &mut Random, known: &[Resource], count: usize) -> Vec<Resource> {
    let mut made: Vec<Resource> = Vec::new();
    for _ in 0..count {
        let resource = Resource { value: one(random) };
        // An input with the same object twice is refused and tells nothing else, so it is rare.
        let ids: Vec<_> =
            known.iter().chain(&made).cloned().flat_map(Resource::expand).map(|other| other.id()).collect();
        let twice = resource.clone().expand().iter().any(|item| ids.contains(&item.id()));
        if !twice || random.chance(1) {
            made.push(resource);
        }
    }
    made
}

fn one(random: &mut Random) -> Value {
    let json = match random.below(20) {
        0..=6 => workload::one(random),
        7..=10 => config::one(random),
        11..=13 => network::one(random),
        14..=16 => access::one(random),
        _ => cluster::one(random),
    };
    let mut value = Value::from(json);
    if random.chance(10) {
        shuffle(random, &mut value);
    }
    value
}

/// The order of keys means nothing, so it must change nothing.
fn shuffle(random: &mut Random, value: &mut Value) {
    if let Value::Map(entries) = value {
        random.shuffle(entries);
    }
    for index in 0..value.children() {
        if let Some(child) = value.child_mut(index) {
            shuffle(random, child);
        }
    }
}

/// Type and metadata with a random name; `namespaced` objects may have a namespace.
fn object(random: &mut Random, api_version: &str, kind: &str, namespaced: bool) -> Json {
    let mut metadata = json!({ "name": words::name(random) });
    if random.chance(if namespaced { 20 } else { 2 }) {
        metadata["namespace"] = json!(words::namespace(random));
    }
    if random.chance(25) {
        metadata["labels"] = words::labels(random);
    }
    if random.chance(20) {
        metadata["annotations"] = words::annotations(random);
    }
    if random.chance(1) {
        metadata["annotations"] = json!({ "config.kubernetes.io/local-config": random.pick(&["true", "false", ""]) });
    }
    if random.chance(3) {
        metadata["finalizers"] = json!(["example.com/a", "example.com/b"]);
    }
    if random.chance(2) {
        metadata["ownerReferences"] =
            json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": words::name(random), "uid": "1" }]);
    }
    json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata })
}
