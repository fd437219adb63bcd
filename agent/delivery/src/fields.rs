//! Copies image pins, chart versions and named fields from one overlay to another, for teams that keep all environments on the head of the
//! branch.
//!
//! A text is changed in place: where a value stands on one line, nothing else of the file is touched, and else comments and order are
//! kept. What can't be copied is told with file and line, all of it at once, and then nothing is changed.

mod error;
mod kustomization;
mod path;
mod sheet;

use std::collections::BTreeMap;

pub use error::Error;
use error::Problems;
use sheet::{Change, Sheet};

/// The names of a kustomization file, as kustomize looks for them.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Stands for all names.
const ALL: &str = "*";

/// Which values are copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The images whose pins are copied, by the `name` that entries of `images` have; `*` is all.
    pub images: Vec<String>,
    /// The charts whose versions are copied, by the `name` that entries of `helmCharts` have; `*` is all.
    pub charts: Vec<String>,
    /// Further fields.
    pub named: Vec<Named>,
}

/// A field of a file that both overlays have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The file, from the directory of the overlay.
    pub file: String,
    /// The way to the field, such as `spec.template.spec.containers.[name=web].image`.
    pub field: String,
}

/// An overlay that is read.
#[derive(Clone, Copy)]
pub struct Overlay<'a> {
    /// Its directory, from the root of the repository.
    pub directory: &'a str,
    /// Reads a file by its path from the root of the repository; `None` when there is none.
    pub read: &'a Read<'a>,
}

/// How a file is read.
pub type Read<'a> = dyn Fn(&str) -> Result<Option<Vec<u8>>, String> + 'a;

/// What a copy brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copied {
    /// The files that change, by their path from the root of the repository, with their new text.
    pub files: BTreeMap<String, String>,
    /// All selected values of the source, whether they change or not: where each is, and what it says.
    pub values: BTreeMap<String, String>,
}

/// Copies the selected values from one overlay to another.
///
/// # Errors
/// All that stands in the way, each with file and line.
pub fn copy(selection: &Selection, from: &Overlay<'_>, to: &Overlay<'_>) -> Result<Copied, Vec<Error>> {
    let mut problems = Problems::default();
    let mut copied = Copied::default();
    if let Some((source, mut target)) = kustomizations(selection, from, to, &mut problems) {
        kustomization::images(&selection.images, &source, &mut target, &mut copied.values, &mut problems);
        kustomization::charts(&selection.charts, &source, &mut target, &mut copied.values, &mut problems);
        problems.note(target.finish(&mut copied.files));
    }
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for named in &selection.named {
        files.entry(&named.file).or_default().push(&named.field);
    }
    for (file, fields) in files {
        let read = |overlay: &Overlay<'_>, edited: &BTreeMap<String, String>| {
            let path = place(overlay.directory, file).ok_or_else(|| Error::Outside { file: file.to_owned() })?;
            let text = if let Some(text) = edited.get(&path) {
                text.clone().into_bytes()
            } else {
                let read = (overlay.read)(&path).map_err(|why| Error::Unreadable { file: path.clone(), why })?;
                read.ok_or_else(|| Error::NoFile { file: path.clone() })?
            };
            Sheet::read(path, &text)
        };
        let (source, target) = (read(from, &BTreeMap::new()), read(to, &copied.files));
        let (Some(source), Some(mut target)) = (problems.take(source), problems.take(target)) else { continue };
        for field in fields {
            let found = path::parse(field).and_then(|steps| Ok((source.find(&steps)?, target.place(&steps)?)));
            let found = found.and_then(|(value, place)| source.scalar(value, field).map(|_| (value, place)));
            let Some((value, place)) = problems.take(found.map_err(|error| error.of_field(field))) else { continue };
            copied.values.insert(format!("{file} {field}"), value.text().unwrap_or_default().to_owned());
            problems.note(target.change(Change::Set { place, to: value.clone() }, &source));
        }
        problems.note(target.finish(&mut copied.files));
    }
    problems.or(copied)
}

/// How an overlay differs from what a copy makes of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Its files in which selected values are not those of the source.
    pub values: Vec<String>,
    /// Its files that say something else than before the copy, besides these values.
    pub others: Vec<String>,
}

/// Compares an overlay with the one that it was before values were copied: `changed` are the files that differ between the two.
///
/// # Errors
/// All that stands in the way of copying again.
pub fn compare(
    selection: &Selection,
    from: &Overlay<'_>,
    before: &Overlay<'_>,
    after: &Overlay<'_>,
    changed: &[String],
) -> Result<Difference, Vec<Error>> {
    let values = copy(selection, from, after)?.files.into_keys().collect();
    // What could not be copied to at all became something else.
    let copied = copy(selection, from, before).unwrap_or_default().files;
    let mut problems = Problems::default();
    let mut others = Vec::new();
    for file in changed {
        let text = (after.read)(file).map_err(|why| Error::Unreadable { file: file.clone(), why });
        let Some(text) = problems.take(text) else { continue };
        if copied.get(file).is_none_or(|copied| Some(copied.as_bytes()) != text.as_deref()) {
            others.push(file.clone());
        }
    }
    problems.or(Difference { values, others })
}

/// The kustomization files of both, when anything of them is wanted.
fn kustomizations(
    selection: &Selection,
    from: &Overlay<'_>,
    to: &Overlay<'_>,
    problems: &mut Problems,
) -> Option<(Sheet, Sheet)> {
    if selection.images.is_empty() && selection.charts.is_empty() {
        return None;
    }
    let read = |overlay: &Overlay<'_>| {
        for name in KUSTOMIZATION {
            let path = place(overlay.directory, name).unwrap_or_default();
            match (overlay.read)(&path) {
                Ok(None) => {}
                Ok(Some(text)) => return Sheet::read(path, &text),
                Err(why) => return Err(Error::Unreadable { file: path, why }),
            }
        }
        Err(Error::NoFile { file: place(overlay.directory, KUSTOMIZATION[0]).unwrap_or_default() })
    };
    let (source, target) = (problems.take(read(from)), problems.take(read(to)));
    source.zip(target)
}

/// Where a file of an overlay is, from the root of the repository; `None` for one outside of the overlay.
fn place(directory: &str, file: &str) -> Option<String> {
    let below = parts(file);
    let inside = !file.starts_with('/') && !below.is_empty() && !below.contains(&"..");
    inside.then(|| parts(directory).into_iter().chain(below).collect::<Vec<_>>().join("/"))
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
}

/// Whether a name is one of these.
fn is_selected(names: &[String], name: &str) -> bool {
    names.iter().any(|selected| selected == ALL || selected == name)
}

#[cfg(test)]
mod tests;
