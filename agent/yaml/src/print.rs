//! Writing objects as `kustomize build` does.

mod emitter;
mod order;
mod scalar;

use serde_json::{Map, Value};

use emitter::{Context, Emitter};
pub(crate) use scalar::{escape, is_break, is_printable};

/// Prints one document, byte for byte as `kustomize build` 5.8 prints a resource.
///
/// kustomize turns a resource into JSON and that into YAML (`sigs.k8s.io/yaml`, over `go.yaml.in/yaml/v2`): keys in natural order (`a2` before
/// `a10`, letters behind all else), sequences not indented under their key, two blanks of indentation, lines folded behind 80
/// columns. The text ends with a line end.
#[must_use]
pub fn print(value: &Value) -> String {
    let mut emitter = Emitter::default();
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut next = Some((value, Context::Root));
    // A stack of our own, so that no depth of the value can overflow that of the thread.
    loop {
        if let Some((value, context)) = next.take() {
            open.extend(start(&mut emitter, value, context));
        }
        let Some(top) = open.last_mut() else { break };
        next = top.advance(&mut emitter);
        if next.is_none() {
            emitter.dedent();
            open.pop();
        }
    }
    emitter.finish()
}

/// Prints documents as `kustomize build` prints its output, with `---` between them.
#[must_use]
pub fn print_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut out = String::new();
    for (index, value) in values.into_iter().enumerate() {
        if index > 0 {
            out.push_str("---\n");
        }
        out.push_str(&print(value));
    }
    out
}

/// A collection of which not all is written yet.
enum Open<'v> {
    Sequence(std::slice::Iter<'v, Value>),
    Mapping(std::vec::IntoIter<(&'v String, &'v Value)>),
}

impl<'v> Open<'v> {
    /// Writes up to the next value; none when the collection is complete.
    fn advance(&mut self, emitter: &mut Emitter) -> Option<(&'v Value, Context)> {
        match self {
            Self::Sequence(items) => {
                let item = items.next()?;
                emitter.item();
                Some((item, Context::Item))
            }
            Self::Mapping(entries) => {
                let (key, value) = entries.next()?;
                emitter.key(key);
                Some((value, Context::Value))
            }
        }
    }
}

/// Writes a scalar, or opens a collection.
fn start<'v>(emitter: &mut Emitter, value: &'v Value, context: Context) -> Option<Open<'v>> {
    match value {
        Value::Null => emitter.plain("null"),
        Value::Bool(true) => emitter.plain("true"),
        Value::Bool(false) => emitter.plain("false"),
        Value::Number(number) => emitter.plain(&crate::number::print(number)),
        Value::String(text) => emitter.string(text),
        Value::Array(items) if items.is_empty() => emitter.plain("[]"),
        Value::Object(map) if map.is_empty() => emitter.plain("{}"),
        Value::Array(items) => {
            emitter.indent_sequence(context);
            return Some(Open::Sequence(items.iter()));
        }
        Value::Object(map) => {
            emitter.indent();
            return Some(Open::Mapping(sorted(map).into_iter()));
        }
    }
    None
}

fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    order::sort(map.iter().collect(), |(a, _), (b, _)| order::compare(a, b))
}
