//! The content of the annotations: kustomize's `Origin`.

use std::fmt::Write as _;

use plumb_yaml::{Data, Limits, Node, Schema, Value};

use crate::error::Fault;
use crate::kustomization::decode::{Decoder, Mode, Problem};
use crate::object::Resource;
use crate::remote::RepoSpec;

/// Where something is from: paths are relative to the directory that is built, or to the root of another repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub(crate) path: String,
    pub(crate) repo: String,
    pub(crate) reference: String,
    configured_in: String,
    /// What is configured there: apiVersion, kind, name and namespace.
    configured_by: [String; 4],
}

const CONFIGURED_BY: [&str; 4] = ["apiVersion", "kind", "name", "namespace"];

impl Provenance {
    /// What an entry of `resources` or `components` leads to.
    pub(crate) fn append(&self, entry: &str) -> Self {
        let Some(spec) = RepoSpec::parse(entry) else {
            return Self { path: join(&self.path, entry), ..self.clone() };
        };
        // For the root of a repository kustomize notes the name that it has for a clone that is not there yet: its bug.
        let path = if spec.directory.is_empty() { "notCloned" } else { &spec.directory };
        Self { path: join("", path), repo: spec.clone_url(), reference: spec.reference, ..self.clone() }
    }

    /// A built-in plugin that a field of the kustomization file `name` in this directory stands for.
    pub(crate) fn field(&self, name: &str, plugin: &str) -> Self {
        Self {
            path: String::new(),
            configured_in: join(&self.path, name),
            configured_by: ["builtin".to_owned(), plugin.to_owned(), String::new(), String::new()],
            ..self.clone()
        }
    }

    /// The plugin that an object of this file configures.
    pub(super) fn configured(self, by: &Resource) -> Self {
        Self {
            path: String::new(),
            configured_in: self.path,
            configured_by: [by.api_version(), by.kind(), by.name(), by.namespace()].map(str::to_owned),
            repo: self.repo,
            reference: self.reference,
        }
    }

    /// The text of the annotation.
    pub(crate) fn to_yaml(&self) -> String {
        let mut text = String::new();
        let fields = [
            ("path", &self.path),
            ("repo", &self.repo),
            ("ref", &self.reference),
            ("configuredIn", &self.configured_in),
        ];
        for (name, value) in fields {
            push(&mut text, name, value);
        }
        if self.configured_by.iter().any(|part| !part.is_empty()) {
            text.push_str("configuredBy:\n");
            for (name, value) in CONFIGURED_BY.iter().zip(&self.configured_by) {
                push(&mut text, &format!("  {name}"), value);
            }
        }
        if text.is_empty() { "{}\n".to_owned() } else { text }
    }

    pub(super) fn list_to_yaml(list: &[Self]) -> String {
        let mut text = String::new();
        for item in list {
            for (index, line) in item.to_yaml().lines().enumerate() {
                let indent = if index == 0 { "- " } else { "  " };
                let _ = writeln!(text, "{indent}{line}");
            }
        }
        text
    }

    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        parse(text, Decoder::provenance)
    }

    pub(super) fn parse_list(text: &str) -> Result<Vec<Self>, Fault> {
        parse(text, |decoder, node| {
            decoder.items(node, "").into_iter().map(|(_, item)| decoder.provenance(item)).collect()
        })
    }
}

fn parse<T: Default>(text: &str, read: impl FnOnce(&mut Decoder, &Node) -> T) -> Result<T, Fault> {
    let documents = plumb_yaml::parse(text.as_bytes(), Schema::Yaml11, &Limits::default());
    let documents = documents.map_err(|error| Fault::syntax(format!("not valid YAML: {}", error.message)))?;
    let Some(node) = documents.first() else { return Ok(T::default()) };
    let mut decoder = Decoder { mode: Mode::Lenient, problems: Vec::new() };
    let value = read(&mut decoder, node);
    match decoder.problems.into_iter().next() {
        None => Ok(value),
        Some(Problem { field: None, fault, .. }) => Err(fault),
        Some(Problem { field: Some(field), fault, .. }) => {
            Err(Fault { kind: fault.kind, message: format!("{field}: {}", fault.message) })
        }
    }
}

impl Decoder {
    fn provenance(&mut self, node: &Node) -> Provenance {
        let fields = self.fields(node, "", &["path", "repo", "ref", "configuredIn", "configuredBy"]);
        let configured_by = fields.get("configuredBy").filter(|node| !matches!(node.data, Data::Null));
        Provenance {
            path: self.text_of(&fields, "", "path"),
            repo: self.text_of(&fields, "", "repo"),
            reference: self.text_of(&fields, "", "ref"),
            configured_in: self.text_of(&fields, "", "configuredIn"),
            configured_by: configured_by
                .map(|node| {
                    self.embedded(|decoder| {
                        let fields = decoder.fields(node, "configuredBy", &CONFIGURED_BY);
                        CONFIGURED_BY.map(|name| decoder.text_of(&fields, "configuredBy", name))
                    })
                })
                .unwrap_or_default(),
        }
    }
}

/// Adds a field with its value, unless there is none.
fn push(text: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        let value = plumb_yaml::print(&Value::String(value.to_owned()));
        let _ = writeln!(text, "{name}: {}", value.trim_end());
    }
}

/// Joins paths as Go does: by their text alone, whatever they lead to.
fn join(base: &str, path: &str) -> String {
    let joined = if base.is_empty() { path.to_owned() } else { format!("{base}/{path}") };
    let root = if joined.starts_with('/') { "/" } else { "" };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if !root.is_empty() => {}
            part => parts.push(part),
        }
    }
    let path = format!("{root}{}", parts.join("/"));
    if path.is_empty() { ".".to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths_by_their_text() {
        assert_eq!(join("", "a/b.yaml"), "a/b.yaml");
        assert_eq!(join("../base", "./x"), "../base/x");
        assert_eq!(join("a", "../../b"), "../b");
        assert_eq!(join("/a", "../../b"), "/b");
        assert_eq!(join("a", ".."), ".");
    }

    #[test]
    fn repositories_start_anew() {
        let here = Provenance { path: "../base".to_owned(), ..Provenance::default() };
        let there = here.append("https://example.org/a/b.git//deep/er?ref=v1").append("x.yaml");
        assert_eq!(there.to_yaml(), "path: deep/er/x.yaml\nrepo: https://example.org/a/b.git\nref: v1\n");
        assert_eq!(here.append("git@example.org:a/b.git").path, "notCloned");
    }

    #[test]
    fn reads_what_it_writes() {
        let here = Provenance { path: "../base".to_owned(), ..Provenance::default() };
        let list = vec![here.field("kustomization.yaml", "PrefixTransformer"), here, Provenance::default()];
        let text = Provenance::list_to_yaml(&list);
        assert_eq!(
            text,
            "- configuredIn: ../base/kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PrefixTransformer\n- path: ../base\n- {}\n"
        );
        assert_eq!(Provenance::parse_list(&text).unwrap(), list);
        assert!(Provenance::parse("[]").is_err());
    }
}
