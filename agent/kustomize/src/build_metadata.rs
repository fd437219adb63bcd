//! `buildMetadata`: where objects come from and what has changed them, noted in annotations that are ordinary ones while kustomize works.

mod provenance;

pub(crate) use provenance::Provenance;

use std::collections::{BTreeMap, HashMap};

use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::filters::labels;
use crate::id::Gvk;
use crate::object::Resource;
use crate::resources::Resources;
use crate::tree::{Map, Tree};

pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";
const LABEL: &str = "managedByLabel";
const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "kustomize-v5.8.2");

/// What the kustomization at the top asks for; in the others the field means nothing.
///
/// If there is any entry, even one that kustomize does not know, it notes everything, and drops at the end what nobody asked for.
#[derive(Debug, Default)]
pub(crate) struct BuildMetadata(pub(crate) Vec<String>);

impl BuildMetadata {
    pub(crate) fn is_noted(&self) -> bool {
        !self.0.is_empty()
    }

    /// Asks for the label that says by what the objects are made, as the command line can.
    pub(crate) fn ask_for_label(&mut self) {
        self.0.push(LABEL.to_owned());
    }

    fn asks_for(&self, entry: &str) -> bool {
        self.0.iter().any(|own| own == entry)
    }

    /// Whether an annotation of kustomize stays in the output.
    pub(crate) fn keeps(&self, annotation: &str) -> bool {
        match annotation {
            ORIGIN => self.asks_for("originAnnotations"),
            TRANSFORMATIONS => self.asks_for("transformerAnnotations"),
            _ => false,
        }
    }

    /// Adds the label that says by what the objects are made.
    pub(crate) fn label(&self, resources: &mut Resources) -> Result<(), Fault> {
        if !self.asks_for(LABEL) {
            return Ok(());
        }
        let (key, value) = MANAGED_BY;
        let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        labels::set_entries(resources, &labels, &[field("metadata/labels")])
    }
}

fn field(path: &str) -> FieldSpec {
    FieldSpec { selector: Gvk::default(), path: path.to_owned(), create: true }
}

/// Notes on the objects of a file where they are from.
pub(crate) fn note_file(resources: &mut [Resource], from: &Provenance) -> Result<(), Fault> {
    let text = from.to_yaml();
    for resource in resources {
        field("metadata/annotations").visit(resource, Create::Mapping, &mut |tree| match tree {
            Tree::Mapping(map) => {
                map.insert(ORIGIN.to_owned(), Tree::string(text.as_str()));
                Ok(())
            }
            other => Err(Fault::conflict(format!("expected a map, found {}", other.describe()))),
        })?;
    }
    Ok(())
}

/// Notes on a generated object what made it, unless it says so itself.
pub(crate) fn note_generator(resource: &mut Resource, by: &Provenance) {
    if annotation(resource, ORIGIN).is_none() {
        set(resource, &[(ORIGIN, by.to_yaml())]);
    }
}

/// Notes on all objects what may have changed them. One that does not say where it is from counts as made by the transformer.
pub(crate) fn note_transformer(resources: &mut Resources, by: &Provenance) -> Result<(), Fault> {
    let text = by.to_yaml();
    // Most objects have gone through the same transformers.
    let mut seen: HashMap<String, String> = HashMap::new();
    let budget = resources.budget().clone();
    for resource in resources.iter_mut() {
        let Some(origin) = annotation(resource, ORIGIN) else {
            set(resource, &[(ORIGIN, text.clone())]);
            continue;
        };
        let at = |name: &str, fault: Fault, resource: &Resource| Fault {
            kind: fault.kind,
            message: format!("{}: annotation {name}: {}", resource.id(), fault.message),
        };
        Provenance::parse(origin).map_err(|fault| at(ORIGIN, fault, resource))?;
        let old = annotation(resource, TRANSFORMATIONS).unwrap_or_default();
        let new = if let Some(new) = seen.get(old) {
            new.clone()
        } else {
            let mut list = Provenance::parse_list(old).map_err(|fault| at(TRANSFORMATIONS, fault, resource))?;
            list.push(by.clone());
            let new = Provenance::list_to_yaml(&list);
            seen.insert(old.to_owned(), new.clone());
            new
        };
        budget.text(new.len());
        budget.check()?;
        set(resource, &[(TRANSFORMATIONS, new)]);
    }
    Ok(())
}

/// Where an object that configures a plugin is from, told of what the plugin does.
pub(crate) fn of_plugin(config: &Resource) -> Result<Option<Provenance>, Fault> {
    annotation(config, ORIGIN).map(|origin| Ok(Provenance::parse(origin)?.configured(config))).transpose()
}

/// The origin of an object that another is merged into stays.
pub(crate) fn keep_origin(resource: &mut Resource, old: &Resource) {
    if let Some(origin) = annotation(old, ORIGIN) {
        set(resource, &[(ORIGIN, origin.to_owned())]);
    }
}

/// Notes on an object that stands in the kustomization file itself where it is from.
pub(crate) fn note_inline(resource: &mut Resource, from: &Provenance) {
    set(resource, &[(ORIGIN, from.to_yaml())]);
}

fn annotation<'r>(resource: &'r Resource, name: &str) -> Option<&'r str> {
    resource.metadata_strings("annotations").find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Sets annotations; all others become strings, as whenever kustomize sets one.
fn set(resource: &mut Resource, new: &[(&str, String)]) {
    let old = resource.metadata_strings("annotations");
    let mut strings: Map = old.map(|(key, value)| (key.to_owned(), Tree::string(value))).collect();
    strings.extend(new.iter().map(|(key, value)| ((*key).to_owned(), Tree::string(value.as_str()))));
    resource.set_metadata_strings("annotations", strings);
}
