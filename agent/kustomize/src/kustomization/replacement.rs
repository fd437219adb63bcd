//! `replacements`, typed.

use plumb_yaml::{Data, Node};

use super::Target;
use super::decode::{Decoder, Mode, Problem, dotted};
use crate::error::Fault;
use crate::id::Gvk;

/// An entry of `replacements`: a replacement, or the path of a file with some.
#[derive(Debug, Clone)]
pub(crate) enum ReplacementEntry {
    Path(String),
    Inline(Box<Replacement>),
}

impl ReplacementEntry {
    /// The same as kustomize passes it on from the kustomization file, where an empty list of targets is as if it were missing. In a file of
    /// its own it is a replacement that does nothing.
    pub(crate) fn without_empty_targets(mut self) -> Self {
        if let Self::Inline(replacement) = &mut self {
            replacement.targets = replacement.targets.take().filter(|targets| !targets.is_empty());
        }
        self
    }
}

/// From where, and to where.
#[derive(Debug, Clone, Default)]
pub(crate) struct Replacement {
    pub(crate) source: Option<Source>,
    pub(crate) source_value: Option<String>,
    pub(crate) targets: Option<Vec<TargetSelector>>,
}

/// The field of the one object that a value comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    pub(crate) gvk: Gvk,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) field_path: String,
    pub(crate) options: FieldOptions,
}

/// The fields that a value goes to.
#[derive(Debug, Clone, Default)]
pub(crate) struct TargetSelector {
    pub(crate) select: Option<Target>,
    pub(crate) reject: Vec<Target>,
    pub(crate) field_paths: Vec<String>,
    pub(crate) options: FieldOptions,
}

/// Which part of a field, and whether to create it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FieldOptions {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    pub(crate) create: bool,
}

impl Source {
    /// The source for a message.
    pub(crate) fn describe(&self) -> String {
        let parts = [&self.gvk.kind, &self.name, &self.namespace];
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        parts.join(" ")
    }
}

/// Reads a file of replacements: one, or a list.
pub(crate) fn decode(node: &Node) -> Result<Vec<Replacement>, Vec<Problem>> {
    let mut decoder = Decoder { mode: Mode::Lenient, problems: Vec::new() };
    let replacements = match &node.data {
        Data::Sequence(items) => {
            items.iter().enumerate().map(|(index, item)| decoder.replacement(item, &format!("[{index}]"))).collect()
        }
        _ => vec![decoder.replacement(node, "")],
    };
    if decoder.problems.is_empty() { Ok(replacements) } else { Err(decoder.problems) }
}

const FIELDS: &[&str] = &["source", "sourceValue", "targets", "path"];

impl Decoder {
    pub(crate) fn replacement_entry(&mut self, node: &Node, path: &str) -> ReplacementEntry {
        let fields = self.fields(node, path, FIELDS);
        let file = self.text_of(&fields, path, "path");
        if file.is_empty() {
            return ReplacementEntry::Inline(Box::new(self.embedded(|decoder| decoder.replacement(node, path))));
        }
        if fields.contains_key("source") || fields.contains_key("targets") {
            let fault = Fault::syntax("the entry has both path and a replacement; keep one");
            self.problem(node, path, fault);
        }
        ReplacementEntry::Path(file)
    }

    fn replacement(&mut self, node: &Node, path: &str) -> Replacement {
        let fields = self.fields(node, path, FIELDS);
        Replacement {
            source: fields.get("source").map(|node| self.source(node, &dotted(path, "source"))),
            source_value: fields.get("sourceValue").map(|node| self.string(node, &dotted(path, "sourceValue"))),
            targets: fields.get("targets").map(|node| {
                let targets = self.list(Some(node), &dotted(path, "targets"), Self::target_selector);
                targets.into_iter().map(|target| target.value).collect()
            }),
        }
    }

    fn source(&mut self, node: &Node, path: &str) -> Source {
        let known = &["group", "version", "kind", "name", "namespace", "fieldPath", "options"];
        let fields = self.fields(node, path, known);
        Source {
            gvk: self.gvk(&fields, path),
            name: self.embedded(|decoder| decoder.text_of(&fields, path, "name")),
            namespace: self.embedded(|decoder| decoder.text_of(&fields, path, "namespace")),
            field_path: self.text_of(&fields, path, "fieldPath"),
            options: fields
                .get("options")
                .map(|node| self.field_options(node, &dotted(path, "options")))
                .unwrap_or_default(),
        }
    }

    fn target_selector(&mut self, node: &Node, path: &str) -> TargetSelector {
        let fields = self.fields(node, path, &["select", "reject", "fieldPaths", "options"]);
        let reject = self.list(fields.get("reject"), &dotted(path, "reject"), Self::target);
        let field_paths = self.strings(fields.get("fieldPaths"), &dotted(path, "fieldPaths"));
        TargetSelector {
            select: fields.get("select").map(|node| self.target(node, &dotted(path, "select"))),
            reject: reject.into_iter().map(|target| target.value).collect(),
            field_paths: field_paths.into_iter().map(|path| path.value).collect(),
            options: fields
                .get("options")
                .map(|node| self.field_options(node, &dotted(path, "options")))
                .unwrap_or_default(),
        }
    }

    fn field_options(&mut self, node: &Node, path: &str) -> FieldOptions {
        let fields = self.fields(node, path, &["delimiter", "index", "encoding", "create"]);
        // kustomize reads an encoding and does nothing with it.
        self.text_of(&fields, path, "encoding");
        FieldOptions {
            delimiter: self.text_of(&fields, path, "delimiter"),
            index: fields.get("index").map_or(0, |node| self.integer(node, &dotted(path, "index"))),
            create: self.bool_of(&fields, path, "create"),
        }
    }
}
