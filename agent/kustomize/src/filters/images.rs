//! `images`: changes name, tag or digest of container images.

use crate::budget::Budget;
use crate::error::Fault;
use crate::fieldspec::{Create, FieldSpec};
use crate::kustomization::Image;
use crate::pattern::{Pattern, PatternFault};
use crate::resources::Resources;
use crate::tree::Tree;

pub(crate) fn apply(
    resources: &mut Resources,
    image: &Image,
    specs: &[FieldSpec],
    budget: &Budget,
) -> Result<(), Fault> {
    let Some(pattern) = pattern(&image.name, budget)? else { return Ok(()) };
    let mut update = |tree: &mut Tree| update(tree, image, &pattern, budget);
    for resource in resources.iter_mut().filter(|resource| resource.kind() != "CustomResourceDefinition") {
        // Both passes run over the same fields, so kustomize adds a tagSuffix twice; that is its bug.
        if let Err(fault) = in_containers(&mut resource.tree, budget, &mut update) {
            return Err(Fault { message: format!("{}: {}", resource.described(), fault.message), ..fault });
        }
        for spec in specs {
            spec.visit(resource, Create::Nothing, &mut update)?;
        }
    }
    Ok(())
}

/// The name is a regular expression. One that can not be read matches nothing, as in kustomize.
fn pattern(name: &str, budget: &Budget) -> Result<Option<Pattern>, Fault> {
    let text = format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{{}}-]*)?$");
    match Pattern::new(&text, budget) {
        Ok(pattern) => Ok(Some(pattern)),
        Err(PatternFault::Spent(fault)) => Err(fault),
        Err(PatternFault::TooLarge) => Err(Fault::limit("the image name makes too large a regular expression")),
        Err(PatternFault::Syntax(_)) => Ok(None),
    }
}

/// Visits the images in every list named `containers` or `initContainers`, at any depth.
fn in_containers(
    tree: &mut Tree,
    budget: &Budget,
    update: &mut dyn FnMut(&mut Tree) -> Result<(), Fault>,
) -> Result<(), Fault> {
    budget.work(1);
    match tree {
        Tree::Scalar(_) => Ok(()),
        Tree::Sequence(items) => items.iter_mut().try_for_each(|item| in_containers(item, budget, update)),
        Tree::Mapping(map) => {
            for (key, value) in map {
                in_containers(value, budget, update)?;
                if let (Tree::Sequence(containers), "containers" | "initContainers") = (value, key.as_str()) {
                    for container in containers {
                        match container {
                            Tree::Mapping(map) => map.get_mut("image").map_or(Ok(()), &mut *update)?,
                            null if null.is_null() => {}
                            other => {
                                let found = other.describe();
                                return Err(Fault::conflict(format!(
                                    "{key}: expected maps in the list, found {found}"
                                )));
                            }
                        }
                    }
                }
            }
            Ok(())
        }
    }
}

fn update(tree: &mut Tree, image: &Image, pattern: &Pattern, budget: &Budget) -> Result<(), Fault> {
    let Tree::Scalar(scalar) = &*tree else {
        return Err(Fault::conflict(format!("an image must be a string, found {}", tree.describe())));
    };
    if !pattern.is_match(&scalar.text) {
        return Ok(());
    }
    let (mut name, mut tag, mut digest) = split(&scalar.text);
    if !image.new_name.is_empty() {
        name = &image.new_name;
    }
    let suffixed;
    match (image.new_tag.is_empty(), image.digest.is_empty(), image.tag_suffix.is_empty()) {
        (false, false, _) => (tag, digest) = (&image.new_tag, &image.digest),
        (false, true, _) => (tag, digest) = (&image.new_tag, ""),
        (true, false, _) => (tag, digest) = ("", &image.digest),
        (true, true, false) => {
            suffixed = format!("{tag}{}", image.tag_suffix);
            (tag, digest) = (&suffixed, "");
        }
        (true, true, true) => {}
    }
    let mut new = name.to_owned();
    for (separator, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            new.push(separator);
            new.push_str(part);
        }
    }
    budget.text(new.len());
    tree.set_text(new);
    budget.check()
}

/// Splits `[[host[:port]/]component/]component[:tag][@digest]` into name, tag and digest.
fn split(image: &str) -> (&str, &str, &str) {
    let start = image.find('/').unwrap_or(0);
    let last = image.get(start..).unwrap_or_default();
    let at = |found: Option<usize>| found.map(|index| index + start);
    let cut = |from: usize, to: usize| image.get(from..to).unwrap_or_default();
    let end = image.len();
    match (at(last.find(':')), at(last.find('@'))) {
        (None, None) => (image, "", ""),
        (colon, Some(digest)) if colon.is_none_or(|colon| digest < colon) => (cut(0, digest), "", cut(digest + 1, end)),
        (Some(colon), Some(digest)) => (cut(0, colon), cut(colon + 1, digest), cut(digest + 1, end)),
        (Some(colon), None) => (cut(0, colon), cut(colon + 1, end), ""),
        (None, Some(digest)) => (cut(0, digest), "", cut(digest + 1, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        assert_eq!(split("nginx"), ("nginx", "", ""));
        assert_eq!(split("nginx:1.2"), ("nginx", "1.2", ""));
        assert_eq!(split("host:5000/a/b:1@sha256:aa"), ("host:5000/a/b", "1", "sha256:aa"));
        assert_eq!(split("a@sha256:aa"), ("a", "", "sha256:aa"));
    }
}
