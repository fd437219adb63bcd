//! The submodules of a commit: where they are, which commits they are at, and where they come from.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{TreeWalkMode, TreeWalkResult};

use crate::history::find;
use crate::repository::Repository;
use crate::{CommitId, Error};

const SUBMODULE: i32 = 0o160_000;

/// A submodule of a commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Submodule {
    /// The directory that it fills.
    pub(crate) path: String,
    pub(crate) commit: CommitId,
    /// `None` when `.gitmodules` says that it shall not be fetched.
    pub(crate) url: Option<String>,
}

/// What `.gitmodules` says of a submodule.
#[derive(Default)]
struct Section {
    path: String,
    url: String,
    update: String,
}

impl Repository {
    /// The submodules of a commit, of a repository that was cloned from `url`; `scratch` is a directory to write in.
    pub(crate) fn submodules(&self, commit: &CommitId, url: &str, scratch: &Path) -> Result<Vec<Submodule>, Error> {
        let places = self.submodule_places(commit)?;
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let sections = match self.tree(commit)?.read(".gitmodules")? {
            Some(text) => sections(&text, scratch)?,
            None => Vec::new(),
        };
        let found = places.into_iter().map(|(path, id)| {
            let section = sections.iter().find(|section| section.path == path && !section.url.is_empty());
            let Some(section) = section else {
                let message = "this is a git submodule, and .gitmodules names no url for it; add one, or switch submodules off with ?submodules=false".into();
                return Err(Error::Path { path, message });
            };
            let url = if section.update == "none" { None } else { Some(resolve(url, &section.url)?) };
            Ok(Submodule { path, commit: id, url })
        });
        found.collect()
    }

    /// Where the submodules of a commit are, and which commits they are at.
    pub(crate) fn submodule_places(&self, commit: &CommitId) -> Result<Vec<(String, CommitId)>, Error> {
        self.inner.with(|handle| {
            let mut places = Vec::new();
            find(handle, commit)?.tree()?.walk(TreeWalkMode::PreOrder, |directory, entry| {
                if entry.filemode_raw() == SUBMODULE {
                    let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
                    places.push((format!("{directory}{name}"), entry.id().into()));
                }
                TreeWalkResult::Ok
            })?;
            Ok(places)
        })
    }
}

fn sections(text: &[u8], scratch: &Path) -> Result<Vec<Section>, Error> {
    let file = scratch.join("gitmodules");
    let write = std::fs::write(&file, text);
    write.map_err(|error| Error::Cache { path: file.clone(), message: error.to_string() })?;
    let wrong = |error: git2::Error| Error::Path { path: ".gitmodules".into(), message: error.message().to_owned() };
    let config = git2::Config::open(&file).map_err(wrong)?;
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut entries = config.entries(Some(r"^submodule\..*\..*$")).map_err(wrong)?;
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(wrong)?;
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let Some((section, key)) = name.rsplit_once('.') else { continue };
        let section = sections.entry(section.to_owned()).or_default();
        let field = match key {
            "path" => &mut section.path,
            "url" => &mut section.url,
            "update" => &mut section.update,
            _ => continue,
        };
        if entry.has_value() {
            String::from_utf8_lossy(entry.value_bytes()).trim_end_matches('/').clone_into(field);
        }
    }
    Ok(sections.into_values().collect())
}

/// A URL of `.gitmodules`, which may be relative to that of the repository around it.
fn resolve(parent: &str, url: &str) -> Result<String, Error> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return Ok(url.to_owned());
    }
    let (mut base, mut rest, mut separator) = (parent.strip_suffix('/').unwrap_or(parent), url, '/');
    loop {
        if let Some(below) = rest.strip_prefix("./") {
            rest = below;
        } else if let Some(above) = rest.strip_prefix("../") {
            let (shorter, found) = match (base.rfind('/'), base.rfind(':')) {
                (Some(slash), _) => (&base[..slash], '/'),
                (None, Some(colon)) => (&base[..colon], ':'),
                (None, None) => {
                    return Err(Error::Url { message: format!("the submodule's url {url:?} leads above the server") });
                }
            };
            (base, rest, separator) = (shorter, above, found);
        } else {
            return Ok(format!("{base}{separator}{}", rest.trim_end_matches('/')));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_are_resolved_as_git_does() {
        for (parent, url, expected) in [
            ("https://h/a/b.git", "../c.git", "https://h/a/c.git"),
            ("https://h/a/b.git/", "../c.git/", "https://h/a/c.git"),
            ("https://h/a/b", "../../c", "https://h/c"),
            ("https://h/a/b", "./c", "https://h/a/b/c"),
            ("git@h:a/b", "../c", "git@h:a/c"),
            ("git@h:b", "../c", "git@h:c"),
            ("https://h/a/b", "https://o/c", "https://o/c"),
            ("https://h/a/b", "/srv/c", "/srv/c"),
        ] {
            assert_eq!(resolve(parent, url).unwrap(), expected, "{parent} {url}");
        }
        assert!(resolve("b", "../c").is_err());
    }
}
