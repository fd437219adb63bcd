//! References by name follow the objects whose names changed (`api/filters/nameref`).
//!
//! Runs once, at the very end, over names, prefixes, suffixes, namespaces and hashes of all layers.

use std::collections::{HashMap, HashSet};

use crate::budget::Budget;
use crate::error::{Errors, Fault};
use crate::fieldspec::config::NameReference;
use crate::fieldspec::{Create, FieldSpec};
use crate::id::{Gvk, Id};
use crate::object::{Resource, set_entry_text};
use crate::resources::Resources;
use crate::tree::{Map, Tree};

/// What the others know of an object that may be referred to.
struct Candidate {
    id: Id,
    previous: Vec<Id>,
    original_namespace: String,
    name: String,
    /// The namespace as it is written.
    namespace: String,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// All candidates, and which had a name before, or a namespace at first.
struct Candidates {
    budget: Budget,
    all: Vec<Candidate>,
    by_previous_name: HashMap<String, Vec<usize>>,
    by_original_namespace: HashMap<String, Vec<usize>>,
}

/// The object whose references are followed.
struct Referrer<'a> {
    id: Id,
    /// The namespaces of the service accounts that a `RoleBinding` names.
    binding_namespaces: HashSet<String>,
    role: Option<Gvk>,
    prefixes: &'a [String],
    suffixes: &'a [String],
}

/// One reference: from which field to which kind.
struct Reference<'a> {
    referrer: &'a Referrer<'a>,
    spec: &'a FieldSpec,
    target: &'a Gvk,
    candidates: &'a Candidates,
}

pub(crate) fn apply(resources: &mut Resources, references: &[NameReference]) -> Result<(), Errors> {
    let candidates = Candidates::new(resources);
    let budget = resources.budget().clone();
    let mut errors = Vec::new();
    for resource in resources.iter_mut() {
        budget.check().map_err(|fault| resource.error(fault))?;
        errors.extend(follow(resource, references, &candidates).err().map(|fault| resource.error(fault)));
    }
    if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
}

/// Follows all references of an object.
fn follow(resource: &mut Resource, references: &[NameReference], candidates: &Candidates) -> Result<(), Fault> {
    let original = resource.original_id();
    let prefixes = resource.prefixes.clone();
    let suffixes = resource.suffixes.clone();
    let referrer = Referrer::new(resource, &prefixes, &suffixes)?;
    for target in references {
        for spec in target.referrers.iter().filter(|spec| spec.applies_to(&original.gvk)) {
            check_api_version(resource)?;
            let reference = Reference { referrer: &referrer, spec, target: &target.target, candidates };
            // The spec is chosen by the first kind of the object and applied whatever kind it is now.
            let path = FieldSpec { selector: Gvk::default(), path: spec.path.clone(), create: false };
            path.visit_in_place(resource, Create::Nothing, &mut |tree| reference.set(tree))
                .map_err(|fault| Fault { message: format!("{}: {}", resource.id(), fault.message), ..fault })?;
        }
    }
    Ok(())
}

/// Refuses an object that may refer to others and whose version kustomize reads in two ways, which it then takes for two objects: its bug.
fn check_api_version(resource: &Resource) -> Result<(), Fault> {
    let written = resource.tree.get("apiVersion").filter(|version| !version.is_null()).map_or("", Tree::text);
    let read = resource.api_version();
    if written == read && !read.starts_with('/') {
        return Ok(());
    }
    Err(Fault::conflict(format!(
        "{}: the apiVersion {read:?} of an object that may refer to others must name a version; leave it out if there is none",
        resource.id()
    )))
}

impl Candidates {
    fn new(resources: &Resources) -> Self {
        let mut by_previous_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut by_original_namespace: HashMap<String, Vec<usize>> = HashMap::new();
        let mut all = Vec::with_capacity(resources.len());
        for (index, resource) in resources.iter().enumerate() {
            let previous: Vec<Id> = resource.previous_ids().collect();
            let names: HashSet<&str> = previous.iter().map(|id| id.name.as_str()).collect();
            for name in names {
                by_previous_name.entry(name.to_owned()).or_default().push(index);
            }
            let id = resource.id();
            let original_namespace = previous.first().unwrap_or(&id).namespace.clone();
            by_original_namespace.entry(original_namespace.clone()).or_default().push(index);
            all.push(Candidate {
                original_namespace,
                id,
                previous,
                name: resource.name().to_owned(),
                namespace: resource.namespace().to_owned(),
                prefixes: resource.prefixes.clone(),
                suffixes: resource.suffixes.clone(),
            });
        }
        Self { budget: resources.budget().clone(), all, by_previous_name, by_original_namespace }
    }

    fn named_before(&self, name: &str) -> Vec<&Candidate> {
        self.at(self.by_previous_name.get(name))
    }

    fn of_original_namespace(&self, namespace: &str) -> Vec<&Candidate> {
        self.at(self.by_original_namespace.get(namespace))
    }

    fn at(&self, indices: Option<&Vec<usize>>) -> Vec<&Candidate> {
        let indices = indices.map(Vec::as_slice).unwrap_or_default();
        indices.iter().filter_map(|index| self.all.get(*index)).collect()
    }
}

impl<'a> Referrer<'a> {
    fn new(resource: &Resource, prefixes: &'a [String], suffixes: &'a [String]) -> Result<Self, Fault> {
        Ok(Self {
            id: resource.id(),
            binding_namespaces: binding_namespaces(resource)?,
            role: role(resource),
            prefixes,
            suffixes,
        })
    }

    /// Whether the object could refer to a candidate at all, by their namespaces.
    fn reaches(&self, candidate: &Candidate) -> bool {
        self.id.is_cluster_scoped()
            || candidate.id.is_cluster_scoped()
            || candidate.id.namespace == self.id.namespace
            || self.binding_namespaces.contains(&candidate.namespace)
    }
}

fn binding_namespaces(resource: &Resource) -> Result<HashSet<String>, Fault> {
    let mut namespaces = HashSet::new();
    let subjects =
        resource.tree.get("subjects").and_then(Tree::as_sequence).filter(|_| resource.kind() == "RoleBinding");
    for subject in subjects.unwrap_or_default() {
        let wrong = |what: &str| Fault::conflict(format!("{}: {what} of a subject must be a string", resource.id()));
        if subject.as_mapping().is_none() {
            let message = format!("{}: expected only maps in subjects, found {}", resource.id(), subject.describe());
            return Err(Fault::conflict(message));
        }
        let (Some(namespace), Some(kind)) = (subject.get("namespace"), subject.get("kind")) else { continue };
        if !kind.is_string() {
            return Err(wrong("the kind"));
        }
        if kind.text() == "ServiceAccount" {
            if !namespace.is_string() {
                return Err(wrong("the namespace"));
            }
            namespaces.insert(namespace.text().to_owned());
        }
    }
    Ok(namespaces)
}

fn role(resource: &Resource) -> Option<Gvk> {
    let role = resource.tree.get("roleRef")?;
    Some(Gvk {
        group: role.get("apiGroup")?.text().to_owned(),
        version: String::new(),
        kind: role.get("kind")?.text().to_owned(),
    })
}

/// Steps to see whether an object may be meant.
const STEPS_OF_A_CANDIDATE: usize = 8;

impl Reference<'_> {
    fn set(&self, tree: &mut Tree) -> Result<(), Fault> {
        match tree {
            null @ Tree::Scalar(_) if null.is_null() => Ok(()),
            Tree::Sequence(items) => items.iter_mut().try_for_each(|item| match item {
                Tree::Sequence(_) => Err(Fault::conflict("expected names or maps with a name, found a list")),
                item => self.set(item),
            }),
            Tree::Mapping(map) => self.set_map(map),
            scalar @ Tree::Scalar(_) => {
                let found = self.find(scalar.text(), |_| true, |a, b| a.name == b.name)?;
                if let Some(found) = found.filter(|found| found.name != scalar.text()) {
                    scalar.set_text(found.name.clone());
                }
                Ok(())
            }
        }
    }

    /// Sets name and namespace of a reference that is a map, such as a subject.
    fn set_map(&self, map: &mut Map) -> Result<(), Fault> {
        let name = map
            .get("name")
            .ok_or_else(|| {
                Fault::conflict("expected the name of an object or a map with one, found a map without name")
            })?
            .text()
            .to_owned();
        let in_namespace = match map.get("namespace") {
            None => None,
            Some(namespace) => {
                let namespace = namespace.text().to_owned();
                // The original namespace counts before the current one.
                let original = self.candidates.of_original_namespace(&namespace);
                self.candidates.budget.work(original.len().saturating_mul(STEPS_OF_A_CANDIDATE));
                let original = original.into_iter().any(|candidate| self.referrer.reaches(candidate));
                Some((namespace, original))
            }
        };
        let in_namespace = |candidate: &Candidate| match &in_namespace {
            None => true,
            Some((namespace, true)) => candidate.original_namespace == *namespace,
            Some((namespace, false)) => candidate.id.namespace == *namespace,
        };
        let same = |a: &Candidate, b: &Candidate| a.name == b.name && a.namespace == b.namespace;
        let Some(found) = self.find(&name, in_namespace, same)? else { return Ok(()) };
        if found.name == name && found.namespace.is_empty() {
            return Ok(());
        }
        set_entry_text(map, "name", &found.name);
        if !found.namespace.is_empty() {
            set_entry_text(map, "namespace", &found.namespace);
        }
        Ok(())
    }

    /// The one object that a name can mean.
    fn find(
        &self,
        name: &str,
        accept: impl Fn(&Candidate) -> bool,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&Candidate>, Fault> {
        let mut candidates = self.candidates.named_before(name);
        self.candidates.budget.work(candidates.len().saturating_mul(STEPS_OF_A_CANDIDATE));
        self.candidates.budget.check()?;
        candidates.retain(|candidate| {
            self.referrer.reaches(candidate)
                && accept(candidate)
                && candidate.previous.iter().any(|id| id.gvk.is_selected_by(self.target))
                && self.fits_role(candidate)
                && self.in_same_namespace(candidate)
        });
        if let [only] = candidates[..] {
            return Ok(Some(only));
        }
        candidates.retain(|candidate| {
            (either_empty(self.referrer.prefixes, &candidate.prefixes)
                || same_ending(self.referrer.prefixes, &candidate.prefixes))
                && (either_empty(self.referrer.suffixes, &candidate.suffixes)
                    || same_ending(self.referrer.suffixes, &candidate.suffixes))
        });
        if candidates.len() > 1 {
            candidates.retain(|candidate| {
                same_ending(self.referrer.prefixes, &candidate.prefixes)
                    && same_ending(self.referrer.suffixes, &candidate.suffixes)
            });
        }
        match candidates[..] {
            [] => Ok(None),
            [first, ref others @ ..] if others.iter().all(|other| same(first, other)) => Ok(Some(first)),
            _ => {
                let ids: Vec<String> = candidates.iter().map(|candidate| candidate.id.to_string()).collect();
                Err(Fault::conflict(format!(
                    "the name {name:?} could mean any of {}; write the name that the one you mean has in its own kustomization",
                    ids.join(", ")
                )))
            }
        }
    }

    /// The reference to a role says which kind of role it means.
    fn fits_role(&self, candidate: &Candidate) -> bool {
        match &self.referrer.role {
            Some(role) if self.spec.path.ends_with("roleRef/name") => {
                candidate.previous.iter().any(|id| id.gvk.is_selected_by(role))
            }
            _ => true,
        }
    }

    fn in_same_namespace(&self, candidate: &Candidate) -> bool {
        self.referrer.id.is_cluster_scoped()
            || candidate.id.is_cluster_scoped()
            || candidate.id.gvk.kind == "ServiceAccount"
            || candidate.id.namespace == self.referrer.id.namespace
    }
}

fn either_empty(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty()
}

/// Whether the shorter list is the end of the longer one; an empty one is only the end of another empty one.
fn same_ending(a: &[String], b: &[String]) -> bool {
    let (short, long) = if a.len() > b.len() { (b, a) } else { (a, b) };
    if short.is_empty() { long.is_empty() } else { long.ends_with(short) }
}
