//! One file of an overlay: values with their places, and the changes of its text.

use std::collections::BTreeMap;
use std::ops::Range;

use plumb_yaml::edit::{self, Document};
use plumb_yaml::{Limits, Node, Schema, Style, Value};

use super::Error;
use super::path::Step;

/// One step to a value of this file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum At {
    Key(String),
    Index(usize),
}

/// Something that shall be otherwise.
pub(super) enum Change {
    /// A scalar says something else; it is made where only its key is missing.
    Set { place: Vec<At>, to: Node },
    /// A key is gone.
    Remove { place: Vec<At> },
    /// A list of the root gets another item, and is made where it is missing.
    Push { list: &'static str, entries: Vec<(&'static str, Node)> },
}

/// A file.
pub(super) struct Sheet {
    path: String,
    text: String,
    root: Node,
    changes: Vec<Change>,
    /// What takes the place of which bytes, while each change is one of values on single lines.
    splices: Option<Vec<(Range<usize>, String)>>,
}

impl Sheet {
    pub(super) fn read(path: String, bytes: &[u8]) -> Result<Self, Error> {
        let documents = plumb_yaml::parse(bytes, Schema::Resource, &Limits::default());
        let mut documents = documents.map_err(|problem| Error::Yaml { file: path.clone(), problem })?;
        let count = documents.len();
        let Some(root) = documents.pop().filter(|_| count == 1) else {
            return Err(Error::Documents { file: path, count });
        };
        let text = String::from_utf8_lossy(bytes).into_owned();
        let sheet = Self { path, text, root, changes: Vec::new(), splices: Some(Vec::new()) };
        if sheet.root.as_mapping().is_none() {
            return Err(sheet.kind(&sheet.root, "the file", "a mapping of fields to values"));
        }
        Ok(sheet)
    }

    /// The items of a list of the root; none where it is missing.
    pub(super) fn list(&self, name: &str) -> Result<&[Node], Error> {
        match self.root.get(name).filter(|list| !list.is_null()) {
            None => Ok(&[]),
            Some(list) => list.as_sequence().ok_or_else(|| self.kind(list, name, "a list")),
        }
    }

    /// A value that may be copied.
    pub(super) fn scalar<'n>(&self, node: &'n Node, what: &str) -> Result<&'n Node, Error> {
        if node.text().is_some() { Ok(node) } else { Err(self.kind(node, what, "a single value")) }
    }

    pub(super) fn kind(&self, node: &Node, what: &str, expected: &'static str) -> Error {
        Error::Kind { file: self.path.clone(), line: node.line, what: what.to_owned(), expected }
    }

    pub(super) fn missing(&self, near: &Node, what: String) -> Error {
        Error::Missing { file: self.path.clone(), line: near.line, what }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    /// The value that a way leads to.
    pub(super) fn find(&self, steps: &[Step]) -> Result<&Node, Error> {
        let mut node = &self.root;
        for step in steps {
            node = self.step(node, step)?.ok_or_else(|| self.missing(node, name(step)))?.1;
        }
        Ok(node)
    }

    /// The place that a way leads to. What it leads to may be missing, but not what it would be in.
    pub(super) fn place(&self, steps: &[Step]) -> Result<Vec<At>, Error> {
        let (mut node, mut place) = (&self.root, Vec::new());
        for (index, step) in steps.iter().enumerate() {
            match (self.step(node, step)?, step) {
                (Some((at, next)), _) => {
                    place.push(at);
                    node = next;
                }
                (None, Step::Key(key)) if index + 1 == steps.len() && node.as_mapping().is_some() => {
                    place.push(At::Key(key.clone()));
                }
                (None, _) => return Err(self.missing(node, name(step))),
            }
        }
        Ok(place)
    }

    fn step<'n>(&self, node: &'n Node, step: &Step) -> Result<Option<(At, &'n Node)>, Error> {
        let found = match (step, node.as_sequence()) {
            (Step::Key(key), None) => {
                if node.as_mapping().is_none() {
                    return Err(self.kind(node, &format!("what holds {key}"), "a mapping of fields to values"));
                }
                return Ok(node.get(key).map(|value| (At::Key(key.clone()), value)));
            }
            (Step::Key(key), Some(_)) => key.parse::<usize>().ok(),
            (Step::Item { key, value }, Some(items)) => {
                items.iter().position(|item| item.get(key).and_then(Node::text) == Some(value))
            }
            (Step::Item { .. }, None) => return Err(self.kind(node, &name(step), "an item of a list")),
        };
        let items = node.as_sequence().unwrap_or_default();
        Ok(found.and_then(|index| Some((At::Index(index), items.get(index)?))))
    }

    fn at(&self, place: &[At]) -> Option<&Node> {
        place.iter().try_fold(&self.root, |node, at| match at {
            At::Key(key) => node.get(key),
            At::Index(index) => node.as_sequence()?.get(*index),
        })
    }

    /// Notes a change, with the file that its value comes from. One that changes nothing is none.
    pub(super) fn change(&mut self, change: Change, source: &Sheet) -> Result<(), Error> {
        let mut splice = None;
        match &change {
            Change::Set { place, to } => {
                if let Some(now) = self.at(place) {
                    if now.text() == to.text() && now.data == to.data {
                        return Ok(());
                    }
                    self.scalar(now, &names(place))?;
                    let raw = source.written(to).and_then(|range| source.text.get(range));
                    splice = self.written(now).zip(raw.map(str::to_owned));
                }
            }
            Change::Remove { place } if self.at(place).is_none() => return Ok(()),
            Change::Remove { .. } | Change::Push { .. } => {}
        }
        self.splices = self.splices.take().zip(splice).map(|(mut splices, splice)| {
            splices.push(splice);
            splices
        });
        self.changes.push(change);
        Ok(())
    }

    /// The bytes that a scalar of one line consists of; none where that can't be told.
    fn written(&self, node: &Node) -> Option<Range<usize>> {
        let lines = self.text.split_inclusive('\n');
        let before: usize = lines.clone().take(usize::try_from(node.line).ok()?.checked_sub(1)?).map(str::len).sum();
        let line = self.text.get(before..)?.split('\n').next()?;
        let column = usize::try_from(node.column()).ok()?.checked_sub(1)?;
        let start = line.char_indices().nth(column)?.0;
        let rest = line.get(start..)?;
        let length = match node.style() {
            Style::Plain => {
                rest.starts_with(node.text()?).then_some(node.text()?.len()).filter(|length| *length > 0)?
            }
            Style::SingleQuoted => {
                let inner = rest.strip_prefix('\'')?;
                let quotes = inner.replace("''", "\0\0");
                quotes.find('\'')? + 2
            }
            Style::DoubleQuoted => {
                let inner = rest.strip_prefix('"')?;
                let mut escaped = false;
                let end = inner.bytes().position(|byte| {
                    let ends = byte == b'"' && !escaped;
                    escaped = byte == b'\\' && !escaped;
                    ends
                });
                end? + 2
            }
            Style::Literal | Style::Folded => return None,
        };
        Some(before + start..before + start + length)
    }

    /// The new text, if there is anything new, among `files`.
    pub(super) fn finish(self, files: &mut BTreeMap<String, String>) -> Result<(), Error> {
        let Some(first) = self.changes.first() else { return Ok(()) };
        let says = |text: &str| {
            let documents = plumb_yaml::parse(text.as_bytes(), Schema::Resource, &Limits::default()).ok()?;
            documents.first()?.to_value().ok()
        };
        let wanted = self.wanted();
        // Anchors and the context of a value may make its text mean something else, or somewhere else too.
        let text = [self.spliced(), self.printed()];
        let Some(text) = text.into_iter().flatten().find(|text| wanted.is_some() && says(text) == wanted) else {
            let (line, what) = match first {
                Change::Set { place, .. } | Change::Remove { place } => {
                    let near = (0..=place.len()).rev().find_map(|length| self.at(&place[..length]));
                    (near.map_or(1, |node| node.line), names(place))
                }
                Change::Push { list, .. } => (self.root.get(list).map_or(1, |node| node.line), (*list).to_owned()),
            };
            return Err(Error::Written { file: self.path, line, what });
        };
        files.insert(self.path, text);
        Ok(())
    }

    /// What the text shall say.
    fn wanted(&self) -> Option<Value> {
        let mut root = self.root.to_value().ok()?;
        for change in &self.changes {
            match change {
                Change::Set { place, to } => {
                    let (last, before) = place.split_last()?;
                    let parent = within(&mut root, before)?;
                    match last {
                        At::Key(key) => drop(parent.as_object_mut()?.insert(key.clone(), to.to_value().ok()?)),
                        At::Index(index) => *parent.get_mut(index)? = to.to_value().ok()?,
                    }
                }
                Change::Remove { place } => {
                    let (At::Key(key), before) = place.split_last()? else { return None };
                    within(&mut root, before)?.as_object_mut()?.remove(key);
                }
                Change::Push { list, entries } => {
                    let entries = entries.iter().map(|(key, value)| Some(((*key).to_owned(), value.to_value().ok()?)));
                    let item = Value::Object(entries.collect::<Option<_>>()?);
                    let list = root.as_object_mut()?.entry(*list).or_insert(Value::Null);
                    match list {
                        Value::Array(items) => items.push(item),
                        list => *list = Value::Array(vec![item]),
                    }
                }
            }
        }
        Some(root)
    }

    /// The text with other bytes in the place of values.
    fn spliced(&self) -> Option<String> {
        let mut splices = self.splices.clone()?;
        splices.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut text = self.text.clone();
        for (range, new) in splices {
            text.replace_range(range, &new);
        }
        Some(text)
    }

    /// The text printed anew, with its comments.
    fn printed(&self) -> Option<String> {
        let mut document = Document::parse(&self.text, &Limits::default()).ok()??;
        for change in &self.changes {
            let root = document.root_mut();
            match change {
                Change::Set { place, to } => {
                    let (last, before) = place.split_last()?;
                    let parent = node_at(root, before)?;
                    match (node_at(parent, std::slice::from_ref(last)), last) {
                        (Some(node), _) => drop(node.set_scalar(to.text()?, to.style())),
                        (None, At::Key(key)) => parent.entries_mut()?.push((edit::Node::plain(key), fresh(to)?)),
                        (None, At::Index(_)) => return None,
                    }
                }
                Change::Remove { place } => {
                    let (At::Key(key), before) = place.split_last()? else { return None };
                    node_at(root, before)?.entries_mut()?.retain(|(name, _)| name.text() != Some(key));
                }
                Change::Push { list, entries } => {
                    let entries = entries.iter().map(|(key, value)| Some((edit::Node::plain(*key), fresh(value)?)));
                    let item = edit::Node::mapping(entries.collect::<Option<_>>()?);
                    match root.get_mut(list) {
                        Some(node) if node.items().is_some() => node.items_mut()?.push(item),
                        Some(node) => *node = edit::Node::sequence(vec![item]),
                        None => {
                            root.entries_mut()?.push((edit::Node::plain(*list), edit::Node::sequence(vec![item])));
                        }
                    }
                }
            }
        }
        Some(document.to_string())
    }
}

fn fresh(value: &Node) -> Option<edit::Node> {
    Some(edit::Node::scalar(value.text()?, value.style()))
}

fn node_at<'n>(root: &'n mut edit::Node, place: &[At]) -> Option<&'n mut edit::Node> {
    place.iter().try_fold(root, |node, at| match at {
        At::Key(key) => node.get_mut(key),
        At::Index(index) => node.items_mut()?.get_mut(*index),
    })
}

fn within<'v>(root: &'v mut Value, place: &[At]) -> Option<&'v mut Value> {
    place.iter().try_fold(root, |value, at| match at {
        At::Key(key) => value.get_mut(key),
        At::Index(index) => value.get_mut(index),
    })
}

fn name(step: &Step) -> String {
    match step {
        Step::Key(key) => key.clone(),
        Step::Item { key, value } => format!("[{key}={value}]"),
    }
}

fn names(place: &[At]) -> String {
    let name = |at: &At| match at {
        At::Key(key) => key.clone(),
        At::Index(index) => index.to_string(),
    };
    place.iter().map(name).collect::<Vec<_>>().join(".")
}
