//! What goes into a function, and what comes out of it.

use plumb_yaml::Value;
use serde_json::json;

use crate::error::Fault;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::{Map, Tree};

/// By this kustomize tells the function which object is which.
const ID: &str = "kustomize.config.k8s.io/id";

/// Annotations that say where an object stands in the input; none comes back from a function.
const PLACES: [&str; 5] = [
    "config.kubernetes.io/index",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "internal.config.kubernetes.io/id",
    "config.k8s.io/id",
];

/// Where kyaml would write an object that is in no file yet.
const PATHS: [&str; 2] = ["config.kubernetes.io/path", "internal.config.kubernetes.io/path"];

fn set(resource: &mut Resource, more: impl IntoIterator<Item = (String, String)>) {
    let old = resource.metadata_strings("annotations");
    let mut all: Map = old.map(|(key, value)| (key.to_owned(), Tree::string(value))).collect();
    all.extend(more.into_iter().map(|(key, value)| (key, Tree::string(value))));
    resource.set_metadata_strings("annotations", all);
}

/// The object that names the function, marked so that it is not printed if the function gives it back.
pub(super) fn function_config(config: &Resource) -> Resource {
    let mut config = config.clone();
    set(&mut config, [("config.kubernetes.io/local-config".to_owned(), "true".to_owned())]);
    config
}

/// A copy of an object with all that kustomize keeps in annotations, and with its id.
pub(super) fn with_id(resource: &Resource) -> Resource {
    let gvk = resource.gvk();
    let fields = [
        ("group", gvk.group.as_str()),
        ("kind", &gvk.kind),
        ("name", resource.name()),
        ("namespace", resource.namespace()),
        ("version", &gvk.version),
    ];
    let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
    let id: plumb_yaml::Map<String, Value> =
        fields.map(|(key, value)| (key.to_owned(), Value::String(value.to_owned()))).collect();
    let mut copy = resource.clone();
    copy.show_internal_annotations();
    set(&mut copy, [(ID.to_owned(), plumb_yaml::print(&Value::Object(id)))]);
    copy
}

/// The list that a function reads.
pub(super) fn resource_list(items: Vec<Resource>, config: &Resource) -> String {
    let items = items.into_iter().enumerate().map(|(index, mut item)| {
        let number = |place: &&str| if place.ends_with("/id") { index + 1 } else { index };
        set(&mut item, PLACES.iter().map(|place| ((*place).to_owned(), number(place).to_string())));
        item.tree.into_value()
    });
    plumb_yaml::print(&json!({
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "items": items.collect::<Vec<_>>(),
        "functionConfig": function_config(config).tree.into_value(),
    }))
}

/// Takes out of an object what only the function was told.
pub(super) fn without_ids(resource: &mut Resource) -> Result<(), Fault> {
    resource.believe_internal_annotations()?;
    let strings = resource.metadata_strings("annotations");
    let left = strings.filter(|(key, _)| *key != ID && !PLACES.contains(key));
    let mut left: Map = left.map(|(key, value)| (key.to_owned(), Tree::string(value))).collect();
    if !PATHS.iter().any(|path| left.contains_key(path)) {
        let directory = match resource.namespace() {
            "" => String::new(),
            namespace => format!("{namespace}/"),
        };
        let path = format!("{directory}{}_{}.yaml", resource.kind().to_lowercase(), resource.name());
        left.extend(PATHS.map(|name| (name.to_owned(), Tree::string(path.as_str()))));
    }
    resource.set_metadata_strings("annotations", left);
    Ok(())
}

/// Puts what a function printed in the place of what it was given.
pub(super) fn replace(resources: &mut Resources, printed: Vec<Resource>) -> Result<(), Fault> {
    let budget = resources.budget().clone();
    let mut new = Resources::new(&budget);
    new.append_all(printed)?;
    let mut printed: Vec<Option<Resource>> = new.into_list().into_iter().map(Some).collect();
    let mut list = Vec::with_capacity(printed.len());
    for mut old in std::mem::take(resources.list_mut()) {
        budget.work(printed.len());
        budget.check()?;
        let id = old.id();
        let found = printed.iter_mut().find(|new| new.as_ref().is_some_and(|new| new.id() == id));
        if let Some(new) = found.and_then(Option::take) {
            let origin = old.origin.clone();
            old = Resource { origin, ..new };
            list.push(old);
        }
    }
    list.extend(printed.into_iter().flatten());
    *resources.list_mut() = list;
    Ok(())
}
