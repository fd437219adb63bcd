//! The files of `configurations`: more fields for the transformers of a kustomization.

use std::sync::Arc;

use plumb_yaml::{Data, Node};

use super::decode::{Decoder, Fields, Problem, dotted};
use crate::error::Fault;
use crate::fieldspec::FieldSpec;
use crate::fieldspec::config::{self, Config, MAX_SPECS, NameReference};

const FIELDS: &[&str] = &[
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "volumeClaimTemplateLabels",
    "commonAnnotations",
    "nameReference",
    "varReference",
    "images",
    "replicas",
];

/// Reads a file of `configurations`.
pub(crate) fn decode(node: &Node) -> Result<Config, Vec<Problem>> {
    let mut decoder = Decoder::default();
    let fields = decoder.fields(node, "", FIELDS);
    let mut specs = |name: &str| -> Arc<[FieldSpec]> {
        let mut specs = decoder.field_specs(&fields, "", name, Decoder::scalar_of);
        config::sort(&mut specs);
        specs.into()
    };
    let config = Config {
        name_prefix: specs("namePrefix"),
        name_suffix: specs("nameSuffix"),
        namespace: specs("namespace"),
        common_labels: specs("commonLabels"),
        labels: specs("labels"),
        template_labels: specs("templateLabels"),
        claim_labels: specs("volumeClaimTemplateLabels"),
        annotations: specs("commonAnnotations"),
        images: specs("images"),
        replicas: specs("replicas"),
        var_references: specs("varReference"),
        name_references: decoder.name_references(&fields).into(),
    };
    if decoder.problems.is_empty() { Ok(config) } else { Err(decoder.problems) }
}

impl Decoder {
    /// A list of field specs; `text` reads the path of each.
    pub(crate) fn field_specs(
        &mut self,
        fields: &Fields<'_>,
        path: &str,
        name: &str,
        text: impl Fn(&mut Self, &Fields<'_>, &str, &str) -> String,
    ) -> Vec<FieldSpec> {
        let specs = self.list(fields.get(name), &dotted(path, name), |decoder, node, path| {
            let fields = decoder.fields(node, path, &["group", "version", "kind", "path", "create"]);
            FieldSpec {
                selector: decoder.gvk(&fields, path),
                path: text(decoder, &fields, path, "path"),
                create: decoder.bool_of(&fields, path, "create"),
            }
        });
        if let Some(node) = fields.get(name).filter(|_| specs.len() > MAX_SPECS) {
            let fault = Fault::limit(format!("there are more than {MAX_SPECS} field specs in a list"));
            self.problem(node, &dotted(path, name), fault);
        }
        specs.into_iter().map(|spec| spec.value).collect()
    }

    /// A string, or another scalar, which kustomize makes a string of in these files, though only where it stands in a struct of its own.
    fn scalar_of(&mut self, fields: &Fields<'_>, path: &str, name: &str) -> String {
        match fields.get(name).map(|node| &node.data) {
            Some(Data::Bool(value)) => value.to_string(),
            Some(Data::Number(value)) => value.to_string(),
            _ => self.text_of(fields, path, name),
        }
    }

    fn name_references(&mut self, fields: &Fields<'_>) -> Vec<NameReference> {
        let references = self.list(fields.get("nameReference"), "nameReference", |decoder, node, path| {
            let fields = decoder.fields(node, path, &["group", "version", "kind", "fieldSpecs"]);
            NameReference {
                target: decoder.gvk(&fields, path),
                referrers: decoder.field_specs(&fields, path, "fieldSpecs", Self::scalar_of),
            }
        });
        let mut references: Vec<_> = references.into_iter().map(|reference| reference.value).collect();
        config::sort_references(&mut references);
        references
    }
}
