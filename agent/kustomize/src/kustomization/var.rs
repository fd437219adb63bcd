//! Entries of `vars`.

use plumb_yaml::Node;

use super::decode::{At, Decoder, dotted};
use crate::id::Gvk;

/// An entry of `vars`: a name, and the field that its value comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Var {
    pub(crate) name: String,
    /// The kind of the object, whose parts must all be equal.
    pub(crate) gvk: Gvk,
    pub(crate) object_name: String,
    /// Nothing means any namespace.
    pub(crate) namespace: String,
    pub(crate) field_path: String,
}

/// A var with the file and the line that define it.
#[derive(Debug, Clone)]
pub(crate) struct PlacedVar {
    pub(crate) file: String,
    pub(crate) at: At<Var>,
}

impl Decoder {
    pub(super) fn var(&mut self, node: &Node, path: &str) -> Var {
        let fields = self.fields(node, path, &["name", "objref", "fieldref"]);
        let name = self.text_of(&fields, path, "name");
        let mut var = Var { name, ..Var::default() };
        if let Some(node) = fields.get("objref") {
            let path = dotted(path, "objref");
            let fields = self.fields(node, &path, &["apiVersion", "group", "version", "kind", "name", "namespace"]);
            var.gvk = self.gvk(&fields, &path);
            let api_version = self.text_of(&fields, &path, "apiVersion");
            match api_version.split('/').collect::<Vec<_>>()[..] {
                [group, version] => (var.gvk.group, var.gvk.version) = (group.to_owned(), version.to_owned()),
                [version] if !version.is_empty() => version.clone_into(&mut var.gvk.version),
                _ => {}
            }
            var.object_name = self.text_of(&fields, &path, "name");
            var.namespace = self.text_of(&fields, &path, "namespace");
        }
        if let Some(node) = fields.get("fieldref") {
            let path = dotted(path, "fieldref");
            let fields = self.fields(node, &path, &["fieldPath"]);
            var.field_path = self.text_of(&fields, &path, "fieldPath");
        }
        if var.field_path.is_empty() {
            "metadata.name".clone_into(&mut var.field_path);
        }
        var
    }
}
