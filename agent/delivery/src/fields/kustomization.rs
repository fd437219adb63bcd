//! Image pins and chart versions of kustomization files.

use std::collections::BTreeMap;

use plumb_yaml::Node;

use super::error::Problems;
use super::sheet::{At, Change, Sheet};
use super::{ALL, Error, is_selected};

/// What pins an image.
const PIN: [&str; 3] = ["newName", "newTag", "digest"];

/// Copies the pins of images. One that the target does not have yet is added, and what the target alone pins stays.
pub(super) fn images(
    selected: &[String],
    source: &Sheet,
    target: &mut Sheet,
    values: &mut BTreeMap<String, String>,
    problems: &mut Problems,
) {
    let Some(entries) = entries(source, "images", selected, problems) else { return };
    for (name, entry) in entries {
        let place = problems.take(target.list("images").map(|list| position(list, |item| text(item, "name"), &name)));
        let Some(place) = place else { return };
        let pins: Vec<(&str, Node)> = PIN
            .into_iter()
            .filter_map(|key| Some((key, entry.get(key).filter(|value| !value.is_null())?)))
            .filter_map(|(key, value)| {
                let value = problems.take(source.scalar(value, &format!("{key} of the image {name}")))?;
                values.insert(format!("image {name} {key}"), value.text().unwrap_or_default().to_owned());
                Some((key, value.clone()))
            })
            .collect();
        let Some(place) = place else {
            if let (false, Some(name)) = (pins.is_empty(), entry.get("name")) {
                let entries = [("name", name.clone())].into_iter().chain(pins).collect();
                problems.note(target.change(Change::Push { list: "images", entries }, source));
            }
            continue;
        };
        for key in PIN {
            let place = vec![At::Key("images".into()), At::Index(place), At::Key(key.into())];
            let change = match pins.iter().find(|(pin, _)| *pin == key) {
                Some((_, to)) => Change::Set { place, to: to.clone() },
                None => Change::Remove { place },
            };
            problems.note(target.change(change, source));
        }
    }
}

/// Copies the versions of charts that both have. Which charts there are is the affair of each overlay.
pub(super) fn charts(
    selected: &[String],
    source: &Sheet,
    target: &mut Sheet,
    values: &mut BTreeMap<String, String>,
    problems: &mut Problems,
) {
    let Some(entries) = entries(source, "helmCharts", selected, problems) else { return };
    for (name, entry) in entries {
        let identity = |item: &Node| Some((text(item, "name")?, text(item, "releaseName")));
        let Some(list) = problems.take(target.list("helmCharts")) else { return };
        let Some(place) = identity(entry).and_then(|wanted| position(list, identity, &wanted)) else {
            if selected.contains(&name) {
                problems.add(target.missing(target.root(), format!("chart {name} in helmCharts")));
            }
            continue;
        };
        let place = vec![At::Key("helmCharts".into()), At::Index(place), At::Key("version".into())];
        let change = match entry.get("version").filter(|value| !value.is_null()) {
            Some(version) => {
                let Some(to) = problems.take(source.scalar(version, &format!("version of the chart {name}"))) else {
                    continue;
                };
                values.insert(format!("chart {name} version"), to.text().unwrap_or_default().to_owned());
                Change::Set { place, to: to.clone() }
            }
            None => Change::Remove { place },
        };
        problems.note(target.change(change, source));
    }
}

/// The selected entries of a list of the source by their names. A name that was selected and is not there is told.
fn entries<'s>(
    source: &'s Sheet,
    list: &'static str,
    selected: &[String],
    problems: &mut Problems,
) -> Option<Vec<(String, &'s Node)>> {
    if selected.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    for entry in problems.take(source.list(list))? {
        match text(entry, "name") {
            Some(name) if is_selected(selected, &name) => found.push((name, entry)),
            Some(_) => {}
            None => problems.add(source.kind(entry, &format!("an entry of {list}"), "a mapping with a name")),
        }
    }
    for name in selected.iter().filter(|name| *name != ALL && !found.iter().any(|(found, _)| found == *name)) {
        let missing: Error =
            source.missing(source.root().get(list).unwrap_or(source.root()), format!("{name} in {list}"));
        problems.add(missing);
    }
    Some(found)
}

fn text(entry: &Node, key: &str) -> Option<String> {
    entry.get(key).filter(|value| !value.is_null()).and_then(Node::text).map(str::to_owned)
}

fn position<T: PartialEq>(list: &[Node], of: impl Fn(&Node) -> Option<T>, wanted: &T) -> Option<usize> {
    list.iter().position(|item| of(item).as_ref() == Some(wanted))
}
