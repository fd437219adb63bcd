//! Generated config maps and secrets.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use base64::Engine as _;

use crate::error::Fault;
use crate::kustomization::decode::{At, Problem};
use crate::kustomization::generator::Generator;
use crate::load::Loader;
use crate::object::{Origin, Resource};
use crate::tree::{Map, Tree};
use crate::unprintable::{check_block, check_key};

/// Makes the object of a generator of the kustomization in `directory`, whose file is `file`.
pub(crate) fn generate(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    generator: &At<Generator>,
) -> Result<Resource, Vec<Problem>> {
    let args = &generator.value;
    if args.name.is_empty() {
        return Err(vec![
            generator.problem(Fault::syntax("the generator has no name, which its object needs; add name")),
        ]);
    }
    let data = pairs(loader, directory, generator)?;
    check(args, &data).map_err(|fault| vec![generator.problem(fault)])?;
    let mut map = Map::new();
    let kind = if args.is_secret { "Secret" } else { "ConfigMap" };
    map.insert("apiVersion".to_owned(), Tree::string("v1"));
    map.insert("kind".to_owned(), Tree::string(kind));
    let mut metadata = Map::from([("name".to_owned(), Tree::entry(args.name.as_str()))]);
    if !args.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), Tree::entry(args.namespace.as_str()));
    }
    for (field, strings) in [("labels", &args.options.labels), ("annotations", &args.options.annotations)] {
        if !strings.is_empty() {
            let strings = strings.iter().map(|(key, value)| (key.clone(), Tree::entry(value.as_str()))).collect();
            metadata.insert(field.to_owned(), Tree::Mapping(strings));
        }
    }
    map.insert("metadata".to_owned(), Tree::Mapping(metadata));
    if args.is_secret {
        let secret_type = if args.secret_type.is_empty() { "Opaque" } else { &args.secret_type };
        map.insert("type".to_owned(), Tree::entry(secret_type));
        let data = data.into_iter().map(|(key, value)| (key, Tree::entry(encode_base64(&value)))).collect();
        map.insert("data".to_owned(), Tree::Mapping(data));
    } else {
        for (key, value) in data {
            let (field, text) = match std::str::from_utf8(&value) {
                Ok(text) => ("data", text.to_owned()),
                Err(_) => ("binaryData", encode_base64(&value)),
            };
            let field = map.get_or_insert_with(field, Tree::empty_mapping);
            if let Some(field) = field.as_mapping_mut() {
                field.insert(key, Tree::entry(text));
            }
        }
    }
    if args.options.immutable {
        map.insert("immutable".to_owned(), Tree::bool(true));
    }
    let origin = Origin { file: file.to_owned(), line: Some(generator.line) };
    let mut resource = Resource::new(Tree::Mapping(map), origin, &loader.schemas);
    resource.read_internal_annotations().map_err(|fault| vec![generator.problem(fault)])?;
    resource.behavior = args.behavior;
    resource.needs_hash |= !args.options.disable_name_suffix_hash;
    Ok(resource)
}

/// Whether kustomize can carry what is generated.
fn check(args: &Generator, data: &BTreeMap<String, Arc<[u8]>>) -> Result<(), Fault> {
    data.keys().chain(args.options.labels.keys()).try_for_each(|key| check_key(key))?;
    if args.is_secret {
        return Ok(());
    }
    data.iter().try_for_each(|(key, value)| {
        let text = std::str::from_utf8(value).unwrap_or_default();
        check_block(text).map_err(|fault| Fault { message: format!("{key}: {}", fault.message), ..fault })
    })
}

/// The data: environment files first, then literals, then files; a key may come only once.
fn pairs(
    loader: &Loader<'_>,
    directory: &str,
    generator: &At<Generator>,
) -> Result<BTreeMap<String, Arc<[u8]>>, Vec<Problem>> {
    let mut data = BTreeMap::new();
    let mut problems = Vec::new();
    let mut insert = |at: &At<String>, key: String, value: Arc<[u8]>, problems: &mut Vec<Problem>| match data.entry(key)
    {
        Entry::Vacant(entry) => {
            entry.insert(value);
        }
        Entry::Occupied(entry) => {
            problems.push(at.problem(Fault::conflict(format!(
                "the generator has the key {:?} twice; keep one of the two",
                entry.key()
            ))));
        }
    };
    for env in &generator.value.envs {
        match loader.file(directory, &env.value).and_then(|(_, bytes)| env_file(&bytes)) {
            Ok(pairs) => {
                for (key, value) in pairs {
                    insert(env, key, Arc::from(value.as_bytes()), &mut problems);
                }
            }
            Err(fault) => problems.push(env.problem(fault)),
        }
    }
    for literal in &generator.value.literals {
        match split_literal(&literal.value) {
            Some((key, value)) => insert(literal, key.to_owned(), Arc::from(value.as_bytes()), &mut problems),
            // The literal may be part of a secret, so the message does not show it.
            None => problems
                .push(literal.problem(Fault::syntax("the literal has no key or no equals sign; write key=value"))),
        }
    }
    for file in &generator.value.files {
        match split_file(&file.value).and_then(|(key, path)| Ok((key, loader.file(directory, path)?.1))) {
            Ok((key, bytes)) => insert(file, key.to_owned(), bytes, &mut problems),
            Err(fault) => problems.push(file.problem(fault)),
        }
    }
    if problems.is_empty() { Ok(data) } else { Err(problems) }
}

/// Splits `key=value`; a value in matching quotes loses them.
fn split_literal(literal: &str) -> Option<(&str, &str)> {
    let (key, value) = literal.split_once('=').filter(|(key, _)| !key.is_empty())?;
    let unquoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    Some((key, unquoted('"').or_else(|| unquoted('\'')).unwrap_or(value)))
}

/// Splits `key=path`; a path alone has its last part for a key.
fn split_file(source: &str) -> Result<(&str, &str), Fault> {
    match source.split_once('=') {
        None => Ok((source.trim_end_matches('/').rsplit('/').next().unwrap_or(source), source)),
        Some((_, path)) if path.contains('=') => {
            Err(Fault::syntax(format!("{source} has more than one equals sign; expected path or key=path")))
        }
        Some(("", _)) => Err(Fault::syntax(format!("{source} has no key before the equals sign"))),
        Some((_, "")) => Err(Fault::syntax(format!("{source} has no path after the equals sign"))),
        Some(pair) => Ok(pair),
    }
}

/// kustomize stops reading an environment file at a line that is as long, without a word, which is its bug.
const LONGEST_LINE: usize = 64 << 10;

/// Reads lines of `KEY=value`. A line without an equals sign has an empty value: kustomize takes it from its environment,
/// which a render must not depend on.
fn env_file(bytes: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let mut pairs = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.len() >= LONGEST_LINE {
            break;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| {
            Fault::syntax(format!(
                "line {} of the file is not valid UTF-8; list the file under files, which takes any bytes",
                index + 1
            ))
        })?;
        let text = if index == 0 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if !key.is_empty() {
            pairs.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(pairs)
}

/// Base64, in lines of 70 columns when it is longer than that.
pub(crate) fn encode_base64(bytes: &[u8]) -> String {
    const COLUMNS: usize = 70;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    if encoded.len() < COLUMNS {
        return encoded;
    }
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / COLUMNS + 1);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(COLUMNS));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_ends_an_environment_file() {
        let keys = |length: usize| {
            let text = format!("a=1\nb={}\nc=3\n", "x".repeat(length - 2));
            env_file(text.as_bytes()).unwrap().into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(LONGEST_LINE - 1), ["a", "b", "c"]);
        assert_eq!(keys(LONGEST_LINE), ["a"]);
    }
}
