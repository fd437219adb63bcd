//! `replacements`: copies values from one object into fields of others (`api/filters/replacement`).

use std::borrow::Cow;

use super::field_path::{self, Leaf};
use super::structured;
use super::target::Matcher;
use crate::budget::{Budget, check_depth};
use crate::error::Fault;
use crate::id::Id;
use crate::kustomization::replacement::{FieldOptions, Replacement, Source, TargetSelector};
use crate::object::Resource;
use crate::resources::Resources;
use crate::shared::{self, Shared};
use crate::tree::{Scalar, Tree};

pub(crate) fn apply(resources: &mut Resources, replacement: &Replacement, budget: &Budget) -> Result<(), Fault> {
    let mut value = match (&replacement.source_value, &replacement.source) {
        (Some(value), None) => Value { tree: Tree::plain(value.as_str()), lives_in: None },
        (None, Some(source)) => from_source(resources, source)?,
        (Some(_), Some(_)) => return Err(Fault::syntax("the replacement has both source and sourceValue; keep one")),
        (None, None) => return Err(Fault::syntax("the replacement needs source or sourceValue")),
    };
    let targets = replacement.targets.as_ref();
    for target in
        targets.ok_or_else(|| Fault::syntax("the replacement needs targets, each with select and fieldPaths"))?
    {
        Target::new(target, budget)?.apply(resources, &mut value)?;
    }
    Ok(())
}

/// What is put into the targets.
struct Value {
    tree: Tree,
    /// The object and the field that it is. kustomize reads the field anew each time, so a replacement that changes it goes on with what it made of it.
    lives_in: Option<(usize, Vec<String>)>,
}

impl Value {
    /// Follows the source after an object was changed.
    fn follow(&mut self, index: usize, changed: &Resource) {
        if let Some((source, path)) = &self.lives_in
            && *source == index
            && let Ok(Some(tree)) = field_path::lookup(&changed.tree, path)
        {
            self.tree = tree.clone();
        }
    }
}

fn from_source(resources: &Resources, source: &Source) -> Result<Value, Fault> {
    let selected = |resource: &Resource| ids(resource).iter().any(|id| is_selected(id, source));
    let mut matching = resources.iter().enumerate().filter(|(_, resource)| selected(resource));
    let what = source.describe();
    let (index, found) = matching.next().ok_or_else(|| {
        Fault::conflict(format!("no object matches the source {what}; its fields are no regular expressions"))
    })?;
    if let Some((_, other)) = matching.next() {
        let message = format!(
            "more than one object matches the source {what}: {} and {}; add its name or namespace",
            found.id(),
            other.id()
        );
        return Err(Fault::conflict(message));
    }
    let path = if source.field_path.is_empty() { "metadata.name" } else { &source.field_path };
    let parts = field_path::split(path);
    let mut shown = Cow::Borrowed(found);
    if has_all_annotations(&parts) {
        shown.to_mut().show_internal_annotations();
    }
    let value = field_path::lookup(&shown.tree, &parts)
        .map_err(|fault| Fault { kind: fault.kind, message: format!("source field {path}: {}", fault.message) })?
        .filter(|value| !value.is_empty())
        .ok_or_else(|| Fault::conflict(format!("the source {what} has no field {path}, or nothing in it")))?;
    if source.options.delimiter.is_empty() {
        let place = field_path::place(&shown.tree, &parts);
        return Ok(Value { tree: value.clone(), lives_in: Some((index, place)) });
    }
    let Tree::Scalar(scalar) = value else {
        return Err(Fault::conflict(format!("the source field {path} is no scalar, so it can not have a delimiter")));
    };
    let mut texts = scalar.text.split(source.options.delimiter.as_str());
    let part = usize::try_from(source.options.index).ok().and_then(|index| texts.nth(index));
    let part = part.ok_or_else(|| {
        Fault::conflict(format!("the source field {path} has no part at index {}", source.options.index))
    })?;
    let mut scalar = Scalar { shared: None, ..scalar.clone() };
    scalar.change_text(part);
    Ok(Value { tree: Tree::Scalar(scalar), lives_in: None })
}

/// Whether a path leads to all annotations of an object, and so to those that kustomize keeps there.
fn has_all_annotations(path: &[String]) -> bool {
    match path {
        [metadata] => metadata == "metadata",
        [metadata, annotations] => metadata == "metadata" && annotations == "annotations",
        _ => false,
    }
}

/// The current identity with the namespace as it is written, and the earlier ones.
fn ids(resource: &Resource) -> Vec<Id> {
    let namespace = resource.namespace().to_owned();
    std::iter::once(Id { namespace, ..resource.id() }).chain(resource.previous_ids()).collect()
}

fn is_selected(id: &Id, source: &Source) -> bool {
    let effective = |namespace: &str| if namespace.is_empty() { "default".to_owned() } else { namespace.to_owned() };
    (source.name.is_empty() || source.name == id.name)
        && (source.namespace.is_empty() || effective(&source.namespace) == effective(&id.namespace))
        && id.gvk.is_selected_by(&source.gvk)
}

/// Steps to compare one identity with a selector.
const STEPS_OF_AN_ID: usize = 64;
/// Steps to follow a path to a field.
const STEPS_OF_A_PATH: usize = 64;

struct Target<'a> {
    selector: &'a TargetSelector,
    select: Matcher,
    reject: Vec<Matcher>,
    budget: &'a Budget,
}

impl<'a> Target<'a> {
    fn new(selector: &'a TargetSelector, budget: &'a Budget) -> Result<Self, Fault> {
        let select =
            selector.select.as_ref().ok_or_else(|| Fault::syntax("a target of the replacement needs select"))?;
        let reject = selector.reject.iter().map(|reject| Matcher::new(reject, budget));
        Ok(Self { selector, select: Matcher::new(select, budget)?, reject: reject.collect::<Result<_, _>>()?, budget })
    }

    fn is_for(&self, resource: &Resource) -> Result<bool, Fault> {
        if !self.select.matches_labels(resource)? {
            return Ok(false);
        }
        for reject in self.reject.iter().filter(|reject| !reject.selects_any_labels()) {
            if reject.matches_labels(resource)? {
                return Ok(false);
            }
        }
        let ids = ids(resource);
        self.budget.work(ids.len().saturating_mul(1 + self.reject.len()).saturating_mul(STEPS_OF_AN_ID));
        let is_rejected = |reject: &Matcher| !reject.selects_any_id() && ids.iter().any(|id| reject.matches_id(id));
        Ok(!self.reject.iter().any(is_rejected) && ids.iter().any(|id| self.select.matches_id(id)))
    }

    fn apply(&self, resources: &mut Resources, value: &mut Value) -> Result<(), Fault> {
        let default = ["metadata.name".to_owned()];
        let paths: &[String] = if self.selector.field_paths.is_empty() { &default } else { &self.selector.field_paths };
        let create = self.selector.options.create.then_some(match value.tree {
            Tree::Scalar(_) => Leaf::Scalar,
            Tree::Sequence(_) => Leaf::Sequence,
            Tree::Mapping(_) => Leaf::Mapping,
        });
        for (index, resource) in resources.iter_mut().enumerate() {
            self.budget.check()?;
            if !self.is_for(resource)? {
                continue;
            }
            let id = resource.id();
            for path in paths {
                let size = value.tree.size();
                let at = |fault: Fault| Fault {
                    kind: fault.kind,
                    message: format!("{id}: field {path}: {}", fault.message),
                };
                let parts = field_path::split(path);
                let annotations = has_all_annotations(&parts);
                if annotations {
                    resource.show_internal_annotations();
                }
                let options = &self.selector.options;
                self.budget.work(path.len() + STEPS_OF_A_PATH);
                check_depth(parts.len()).map_err(at)?;
                // What becomes of the source goes into the fields behind it.
                let own = own_turn(value, index, resource, &parts, self.budget);
                let (mut turn, mut changed) = (0, None);
                let mut set = |tree: &mut Tree, fresh: bool| {
                    self.budget.make(size, parts.len())?;
                    put(tree, changed.as_ref().unwrap_or(&value.tree), options, fresh, self.budget)?;
                    if own == Some(turn) {
                        changed = Some(tree.clone());
                    }
                    turn += 1;
                    Ok(())
                };
                let inside = structured::set(&mut resource.tree, &parts, create, self.budget, &mut set);
                if inside.map_err(at)? {
                    value.follow(index, resource);
                    continue;
                }
                let found = field_path::visit(&mut resource.tree, &parts, create, self.budget, &mut set);
                if found.map_err(at)? == 0 {
                    return Err(at(missing(&parts)));
                }
                if annotations {
                    resource.read_internal_annotations().map_err(at)?;
                }
                // The next path may lead to a scalar that this one has changed.
                if resource.sharing.any {
                    shared::settle(&mut resource.tree);
                }
                value.follow(index, resource);
            }
        }
        Ok(())
    }
}

/// Which of the values that a path leads to is the one that the source is, if it is one of several.
fn own_turn(value: &Value, index: usize, resource: &mut Resource, path: &[String], budget: &Budget) -> Option<usize> {
    let (_, place) = value.lives_in.as_ref().filter(|(source, _)| *source == index)?;
    let source = std::ptr::from_ref(field_path::lookup(&resource.tree, place).ok()??);
    let (mut turn, mut own) = (0, None);
    let mut look = |target: &mut Tree, _: bool| {
        if std::ptr::eq(target, source) {
            own = Some(turn);
        }
        turn += 1;
        Ok(())
    };
    field_path::visit(&mut resource.tree, path, None, budget, &mut look).ok()?;
    own.filter(|_| turn > 1)
}

/// Says that a path leads nowhere.
fn missing(path: &[String]) -> Fault {
    Fault::conflict(if path.iter().any(String::is_empty) {
        "the path has an empty part; there is one between dots that follow each other"
    } else if path.iter().any(|part| part == "*") {
        "no element of the list has this field, and options.create does not help behind a wildcard"
    } else {
        "there is no such field; correct the path, or set options.create to create it"
    })
}

/// Writes a value into a field. A scalar keeps the type of the field.
fn put(target: &mut Tree, value: &Tree, options: &FieldOptions, fresh: bool, budget: &Budget) -> Result<(), Fault> {
    let mut text = value.text().to_owned();
    if !options.delimiter.is_empty() {
        let Tree::Scalar(scalar) = &*target else {
            return Err(Fault::conflict("the field is no scalar, so it can not have a delimiter"));
        };
        let mut parts: Vec<&str> = scalar.text.split(options.delimiter.as_str()).collect();
        let text_of_value = if value.is_null() { "" } else { value.text() };
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, text_of_value),
            Ok(index) => match parts.get_mut(index) {
                Some(part) => *part = text_of_value,
                None => parts.push(text_of_value),
            },
        }
        text = parts.join(&options.delimiter);
        budget.text(text.len());
        budget.check()?;
    }
    match target {
        Tree::Scalar(_) if fresh => *target = Tree::added(text),
        Tree::Scalar(scalar) => {
            scalar.change_text(&text);
            scalar.shared = scalar.shared.map(Shared::changed);
        }
        other => *other = value.clone(),
    }
    Ok(())
}
