//! Reading and writing pin files.

use plumb_yaml::{Data, Limits, Node, Schema, Value};
use serde_json::json;

use super::{CopiedFields, Hold, Pin, Strategy};
use crate::fields::{Named, Selection};

const API_VERSION: &str = "plumb.dev/v1alpha1";
const KIND: &str = "Pin";

const HEADER: &str = "\
# The revision of this repository that runs in the environment beside this file.
# Plumb moves it with a promotion commit; to choose another revision yourself, commit a change of `revision`.
";

const FIELDS_HEADER: &str = "\
# The revision whose values were copied into the overlay beside this file, which runs at the head of the branch.
# Plumb changes both with a promotion commit.
";

/// Why a pin file names no revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file is not YAML.
    #[error("{file}, {problem}")]
    Yaml {
        /// The file.
        file: String,
        /// What is wrong, and in which line.
        problem: plumb_yaml::Error,
    },
    /// The file has no document, or several.
    #[error("{file}: a pin file holds one document, and this one holds {count}")]
    Documents {
        /// The file.
        file: String,
        /// How many documents there are.
        count: usize,
    },
    /// A field is not what it must be.
    #[error("{file}, line {line}: {field} must be {expected}")]
    Field {
        /// The file.
        file: String,
        /// The line of the field's value, from 1.
        line: u32,
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A field is missing.
    #[error("{file}, line {line}: {field} is missing")]
    Missing {
        /// The file.
        file: String,
        /// The line in which the mapping starts, from 1.
        line: u32,
        /// The field.
        field: &'static str,
    },
    /// There is a field that a pin does not have.
    #[error("{file}, line {line}: {field} is not a field here; the fields are {known}")]
    Unknown {
        /// The file.
        file: String,
        /// The line of the field, from 1.
        line: u32,
        /// The field.
        field: String,
        /// The fields that exist.
        known: String,
    },
}

/// Far more than any pin needs.
fn limits() -> Limits {
    Limits { bytes: 64 << 10, depth: 8, ..Limits::default() }
}

/// Reads a pin file; `file` is its path, for errors.
///
/// # Errors
/// [`Error`] names the file and the line.
pub fn parse(text: &[u8], file: &str) -> Result<Pin, Error> {
    let documents = plumb_yaml::parse(text, Schema::Resource, &limits())
        .map_err(|problem| Error::Yaml { file: file.to_owned(), problem })?;
    let [document] = documents.as_slice() else {
        return Err(Error::Documents { file: file.to_owned(), count: documents.len() });
    };
    let reader = Reader { file };
    let known = ["apiVersion", "kind", "revision", "from", "requestedBy", "rollbackOf", "hold", "strategy", "fields"];
    let [api_version, kind, revision, from, requested_by, rollback_of, hold, strategy, fields] =
        reader.fields("the file", document, known)?;
    reader.constant(reader.required(document, "apiVersion", api_version)?, "apiVersion", API_VERSION)?;
    reader.constant(reader.required(document, "kind", kind)?, "kind", KIND)?;
    Ok(Pin {
        revision: reader.commit(reader.required(document, "revision", revision)?, "revision")?,
        from: from.map(|from| reader.names(from, "from")).transpose()?.unwrap_or_default(),
        requested_by: requested_by.map(|commit| reader.commit(commit, "requestedBy")).transpose()?,
        rollback_of: rollback_of.map(|commit| reader.commit(commit, "rollbackOf")).transpose()?,
        hold: hold.map(|hold| reader.hold(hold)).transpose()?,
        strategy: strategy.map(|strategy| reader.strategy(strategy)).transpose()?.unwrap_or_default(),
        fields: fields.map(|fields| reader.copied(fields)).transpose()?,
    })
}

/// The text of a pin file, always the same for the same pin.
#[must_use]
pub fn print(pin: &Pin) -> String {
    let from = match pin.from.as_slice() {
        [] => None,
        [one] => Some(json!(one)),
        several => Some(json!(several)),
    };
    let fields: [(&str, Option<Value>); 9] = [
        ("apiVersion", Some(json!(API_VERSION))),
        ("kind", Some(json!(KIND))),
        ("revision", Some(json!(pin.revision))),
        ("from", from),
        ("requestedBy", pin.requested_by.as_ref().map(|commit| json!(commit))),
        ("rollbackOf", pin.rollback_of.as_ref().map(|commit| json!(commit))),
        ("hold", pin.hold.as_ref().map(|hold| json!({"reason": hold.reason}))),
        ("strategy", (pin.strategy == Strategy::Fields).then(|| json!("Fields"))),
        ("fields", pin.fields.as_ref().map(copied)),
    ];
    // A document for each field, since the printer sorts keys and people read from the top.
    let fields = fields.into_iter().filter_map(|(name, value)| Some(plumb_yaml::print(&json!({name: value?}))));
    let header = if pin.strategy == Strategy::Fields { FIELDS_HEADER } else { HEADER };
    [header.to_owned()].into_iter().chain(fields).collect()
}

/// What is selected, without the lists that select nothing.
fn copied(fields: &CopiedFields) -> Value {
    let CopiedFields { from, selection: Selection { images, charts, named } } = fields;
    let named: Vec<Value> = named.iter().map(|Named { file, field }| json!({"file": file, "field": field})).collect();
    let lists = [("images", json!(images)), ("charts", json!(charts)), ("named", json!(named))];
    let lists = lists.into_iter().filter(|(_, list)| list.as_array().is_some_and(|list| !list.is_empty()));
    let all = [("from", json!(from))].into_iter().chain(lists);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Reads fields, and names the file in errors.
struct Reader<'a> {
    file: &'a str,
}

impl Reader<'_> {
    fn wrong(&self, node: &Node, field: &'static str, expected: &'static str) -> Error {
        Error::Field { file: self.file.to_owned(), line: node.line, field, expected }
    }

    /// The values of the fields of a mapping that has no others; an empty field counts as missing.
    fn fields<'n, const N: usize>(
        &self,
        what: &'static str,
        node: &'n Node,
        known: [&'static str; N],
    ) -> Result<[Option<&'n Node>; N], Error> {
        let entries = node.as_mapping().ok_or_else(|| self.wrong(node, what, "a mapping of fields to values"))?;
        let mut values = [None; N];
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            let Some(place) = known.iter().position(|known| *known == name) else {
                return Err(Error::Unknown {
                    file: self.file.to_owned(),
                    line: key.line,
                    field: name.to_owned(),
                    known: known.join(", "),
                });
            };
            if !value.is_null() {
                values[place] = Some(value);
            }
        }
        Ok(values)
    }

    fn required<'n>(&self, within: &Node, field: &'static str, value: Option<&'n Node>) -> Result<&'n Node, Error> {
        value.ok_or_else(|| Error::Missing { file: self.file.to_owned(), line: within.line, field })
    }

    fn constant(&self, node: &Node, field: &'static str, expected: &'static str) -> Result<(), Error> {
        if node.as_str() == Some(expected) { Ok(()) } else { Err(self.wrong(node, field, expected)) }
    }

    /// A commit id. Its text is taken as it stands in the file: without quotes, YAML may read digits as a number.
    fn commit(&self, node: &Node, field: &'static str) -> Result<String, Error> {
        let text = node.text().unwrap_or_default();
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(text.to_ascii_lowercase());
        }
        Err(self.wrong(node, field, "a full commit id, 40 hexadecimal digits"))
    }

    /// One name, or a list of names.
    fn names(&self, node: &Node, field: &'static str) -> Result<Vec<String>, Error> {
        match &node.data {
            Data::Sequence(items) => items.iter().map(|item| self.name(item, field)).collect(),
            _ => Ok(vec![self.name(node, field)?]),
        }
    }

    fn name(&self, node: &Node, field: &'static str) -> Result<String, Error> {
        match node.text() {
            Some(text) if !text.is_empty() && !node.is_null() => Ok(text.to_owned()),
            _ => Err(self.wrong(node, field, "a name, or a list of names")),
        }
    }

    fn copied(&self, node: &Node) -> Result<CopiedFields, Error> {
        let [from, images, charts, named] = self.fields("fields", node, ["from", "images", "charts", "named"])?;
        let from = self.required(node, "fields.from", from)?;
        let Some(from) = from.text().map(str::to_owned) else {
            return Err(self.wrong(from, "fields.from", "the directory of an overlay"));
        };
        let images = images.map(|images| self.names(images, "fields.images")).transpose()?.unwrap_or_default();
        let charts = charts.map(|charts| self.names(charts, "fields.charts")).transpose()?.unwrap_or_default();
        let named = match named {
            None => Vec::new(),
            Some(list) => match &list.data {
                Data::Sequence(items) => items.iter().map(|item| self.named(item)).collect::<Result<_, _>>()?,
                _ => return Err(self.wrong(list, "fields.named", "a list of files and fields")),
            },
        };
        Ok(CopiedFields { from, selection: Selection { images, charts, named } })
    }

    fn named(&self, node: &Node) -> Result<Named, Error> {
        let [file, field] = self.fields("an element of fields.named", node, ["file", "field"])?;
        Ok(Named {
            file: self.name(self.required(node, "file", file)?, "file")?,
            field: self.name(self.required(node, "field", field)?, "field")?,
        })
    }

    fn strategy(&self, node: &Node) -> Result<Strategy, Error> {
        match node.as_str() {
            Some("Tree") => Ok(Strategy::Tree),
            Some("Fields") => Ok(Strategy::Fields),
            _ => Err(self.wrong(node, "strategy", "Tree or Fields")),
        }
    }

    fn hold(&self, node: &Node) -> Result<Hold, Error> {
        let [reason] = self.fields("hold", node, ["reason"])?;
        let reason = self.required(node, "hold.reason", reason)?;
        match reason.text() {
            Some(text) if !text.trim().is_empty() => Ok(Hold { reason: text.to_owned() }),
            _ => Err(self.wrong(reason, "hold.reason", "a sentence that says why")),
        }
    }
}
