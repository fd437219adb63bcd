//! Random kustomizations: objects and one to four layers of kustomizations over them.

mod configurations;
mod corrupt;
mod generators;
mod images;
mod kustomization;
mod openapi;
mod patch;
mod paths;
mod plugins;
mod random;
mod replacement;
mod resources;
mod selector;
mod vars;
mod words;

use crate::case::{Case, Content};
use crate::value::Value;
use kustomization::Layer;
use random::Random;
use resources::Resource;

/// The input of a seed: always the same.
pub(crate) fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let mut case = Case::default();
    let mut below = Below::default();
    let mut previous: Vec<String> = Vec::new();
    let bases = if random.chance(20) { 2 } else { 1 };
    for base in ["base", "other"].iter().take(bases) {
        layer(&mut random, &mut case, &mut below, base, &[], false);
        previous.push((*base).to_owned());
    }
    case.dir = if bases == 1 { "base".to_owned() } else { String::new() };
    let overlays = if bases == 1 { random.below(3) } else { random.between(1, 2) };
    for overlay in ["overlay", "top"].iter().take(overlays) {
        if random.chance(20) {
            let component = format!("{overlay}-component");
            layer(&mut random, &mut case, &mut below, &component, &[], true);
        }
        layer(&mut random, &mut case, &mut below, overlay, &previous, false);
        (*overlay).clone_into(&mut case.dir);
        previous = vec![(*overlay).to_owned()];
    }
    if random.chance(8) {
        corrupt::corrupt(&mut random, &mut case);
    }
    case
}

/// What the layers so far have made.
#[derive(Default)]
struct Below {
    known: Vec<Resource>,
    vars: Vec<String>,
}

/// Writes the files of one kustomization over those that it is built on.
fn layer(random: &mut Random, case: &mut Case, below: &mut Below, dir: &str, bases: &[String], component: bool) {
    let Below { known, vars } = below;
    let bottom = bases.is_empty() && !component;
    let count = if bottom { random.between(1, 5) } else { random.below(3) };
    let others = std::mem::take(known);
    let added = resources::some(random, &others, count);
    let mut paths: Vec<Value> = bases.iter().map(|path| Value::string(&format!("../{path}"))).collect();
    for (path, documents) in files(random, &added) {
        paths.push(Value::string(&path));
        case.files.insert(format!("{dir}/{path}"), Content::Yaml(documents));
    }
    let added: Vec<Resource> = added.into_iter().flat_map(Resource::expand).collect();
    // A base knows its own objects only.
    let mut within = if bottom { Vec::new() } else { others.clone() };
    within.extend(added.iter().cloned());
    known.extend(others);
    known.extend(added);
    let mut layer = Layer { random, known: &within, dir, vars, files: Vec::new(), fields: Vec::new() };
    if !paths.is_empty() || layer.random.chance(50) {
        if bases.len() == 1 && layer.random.chance(8) {
            layer.field("bases", Value::List(vec![paths.remove(0)]));
        }
        layer.field("resources", Value::List(paths));
    }
    let beside = format!("{dir}-component/");
    if case.files.keys().any(|path| path.starts_with(&beside)) {
        layer.field("components", Value::List(vec![Value::string(&format!("../{dir}-component"))]));
    }
    layer.features();
    let (fields, files) = layer.finish(component);
    for (path, content) in files {
        case.files.insert(format!("{dir}/{path}"), content);
    }
    let name = match random.below(40) {
        0 => "kustomization.yml",
        1 => "Kustomization",
        _ => "kustomization.yaml",
    };
    case.files.insert(format!("{dir}/{name}"), Content::Yaml(vec![fields]));
}

/// Objects in files, one or several to a file.
fn files(random: &mut Random, resources: &[Resource]) -> Vec<(String, Vec<Value>)> {
    let mut files: Vec<(String, Vec<Value>)> = Vec::new();
    for resource in resources {
        match files.last_mut() {
            Some((_, documents)) if random.chance(60) => documents.push(resource.value.clone()),
            _ => files.push((format!("resources-{}.yaml", files.len()), vec![resource.value.clone()])),
        }
    }
    files
}
