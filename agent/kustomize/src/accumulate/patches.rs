//! Reads the patches and replacements of a kustomization.

use plumb_yaml::Schema;

use super::{Accumulator, Layer};
use crate::error::Fault;
use crate::filters::patch_json6902::{self, Operations};
use crate::filters::target::Matcher;
use crate::kustomization::Patch;
use crate::kustomization::decode::{At, Problem};
use crate::kustomization::replacement::{self, Replacement, ReplacementEntry};
use crate::object::Resource;
use crate::parse::{self, FileFault};
use crate::transformer;

impl Accumulator<'_> {
    /// The replacements of an entry, which may stand in a file.
    pub(super) fn replacements(&mut self, layer: &Layer<'_>, entry: &At<ReplacementEntry>) -> Option<Vec<Replacement>> {
        let path = match &entry.value {
            ReplacementEntry::Inline(replacement) => return Some(vec![Replacement::clone(replacement)]),
            ReplacementEntry::Path(path) => path,
        };
        let read = self.loader.file(layer.directory, path);
        let (path, bytes) = self.noted(layer, entry, read)?;
        let documents = parse::documents(&bytes, Schema::Yaml11, &self.loader.budget);
        let documents = self.noted_file(layer, &path, documents)?;
        let empty = || Fault::syntax("the file has no replacement");
        let document = self.noted_file(layer, &path, documents.first().ok_or_else(|| FileFault::from(empty())))?;
        match replacement::decode(document) {
            Ok(replacements) => Some(replacements),
            Err(problems) => {
                for Problem { line, field, fault } in problems {
                    self.error(layer.chain, &path, line, field, fault);
                }
                None
            }
        }
    }

    /// An entry of `patchesStrategicMerge` is a patch, or else the path of one.
    pub(super) fn strategic_patch(&mut self, layer: &Layer<'_>, entry: &At<String>) -> Option<Vec<Resource>> {
        if let Ok(inline) =
            parse::resources(entry.value.as_bytes(), &layer.file, &self.loader.schemas, &self.loader.budget)
        {
            return Some(inline);
        }
        let read = self.loader.file(layer.directory, &entry.value);
        let (path, bytes) = self.noted(layer, entry, read)?;
        let patches = parse::resources(&bytes, &path, &self.loader.schemas, &self.loader.budget);
        self.noted_objects(layer, &path, patches)
    }

    /// The text of a patch, and its file.
    fn patch_text(&mut self, layer: &Layer<'_>, entry: &At<Patch>, inline: &str) -> Option<(Vec<u8>, Option<String>)> {
        let path = &entry.value.path;
        let read = match (inline.is_empty(), path.is_empty()) {
            (true, true) => Err(Fault::syntax("the entry needs patch or path")),
            (false, false) => Err(Fault::syntax("the entry has both patch and path; keep one")),
            (false, true) => Ok((inline.as_bytes().to_vec(), None)),
            (true, false) => self.loader.file(layer.directory, path).map(|(path, bytes)| (bytes.to_vec(), Some(path))),
        };
        self.noted(layer, entry, read)
    }

    pub(super) fn patch(
        &mut self,
        layer: &Layer<'_>,
        entry: &At<Patch>,
    ) -> Option<(transformer::Patch, Option<Matcher>)> {
        let (text, path) = self.patch_text(layer, entry, entry.value.text.trim())?;
        let matcher = match &entry.value.target {
            Some(target) => {
                let matcher = Matcher::new(target, &self.loader.budget);
                Some(self.noted(layer, entry, matcher)?)
            }
            None => None,
        };
        let file = path.as_deref().unwrap_or(&layer.file);
        let json = || match std::str::from_utf8(&text) {
            Ok(text) => patch_json6902::parse(text),
            Err(_) => Err(Fault::syntax("the patch is not valid UTF-8")),
        };
        let loaded = match parse::resources(&text, file, &self.loader.schemas, &self.loader.budget) {
            Ok(patches) => transformer::Patch::Strategic(patches),
            Err(strategic) => match json() {
                Ok(operations) => transformer::Patch::Json(operations),
                Err(fault) => {
                    // What starts like a list is a JSON patch to the reader, whatever it is to the parser.
                    let is_list = text.trim_ascii_start().first().is_some_and(|first| matches!(first, b'-' | b'['))
                        && !text.starts_with(b"---");
                    let faults = if is_list { vec![FileFault::from(fault)] } else { strategic };
                    for FileFault { line, fault } in faults {
                        if let Some(path) = &path {
                            self.error(layer.chain, path, line, None, fault);
                        } else {
                            let place = line.map(|line| format!("line {line} of the patch: ")).unwrap_or_default();
                            let message = format!("{place}{}", fault.message);
                            self.problem(layer, entry.problem(Fault { kind: fault.kind, message }));
                        }
                    }
                    return None;
                }
            },
        };
        let wrong = match (&loaded, &matcher) {
            (transformer::Patch::Strategic(patches), Some(_)) if patches.len() > 1 => {
                Some("several patches in one entry can not have a target; make an entry of each")
            }
            (transformer::Patch::Json(operations), None) if !operations.is_empty() => {
                Some("a JSON patch needs a target; add target with kind and name")
            }
            _ => None,
        };
        if let Some(message) = wrong {
            self.problem(layer, entry.problem(Fault::conflict(message)));
            return None;
        }
        Some((loaded, matcher))
    }

    pub(super) fn json_patch(&mut self, layer: &Layer<'_>, entry: &At<Patch>) -> Option<(Operations, Matcher)> {
        let target = entry.value.target.as_ref().filter(|target| !target.name.is_empty());
        let target = target.ok_or_else(|| Fault::syntax("the entry needs a target with a name"));
        let matcher = target.and_then(|target| Matcher::new(target, &self.loader.budget));
        let matcher = self.noted(layer, entry, matcher)?;
        // A space before the bracket makes YAML of the patch here, while `patches` does not mind it.
        let (text, path) = self.patch_text(layer, entry, &entry.value.text)?;
        let text = String::from_utf8(text).map_err(|_| Fault::syntax("the patch is not valid UTF-8"));
        let operations = text.and_then(|text| patch_json6902::parse(&text)).and_then(|operations| {
            if operations.is_empty() { Err(Fault::syntax("the patch is empty")) } else { Ok(operations) }
        });
        match path {
            Some(path) => self.noted_file(layer, &path, operations.map_err(FileFault::from)),
            None => self.noted(layer, entry, operations),
        }
        .map(|operations| (operations, matcher))
    }
}
