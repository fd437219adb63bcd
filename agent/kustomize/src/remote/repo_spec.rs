//! Git repositories as `resources` and `components` name them.

use std::time::Duration;

use super::query;

/// A git repository, and a directory in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoSpec {
    /// Scheme, user and host with what separates them from the path.
    host: String,
    /// The path of the repository on its host.
    repository: String,
    /// The directory inside of the repository.
    pub(crate) directory: String,
    pub(crate) reference: String,
    pub(crate) timeout: Duration,
    pub(crate) submodules: bool,
}

impl RepoSpec {
    /// Reads a URL; `None` when kustomize would not take it for a repository, but for a path.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        if url.starts_with('/') {
            return None;
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let query::Query { reference, timeout, submodules } = query::parse(query);
        let (host, path) = split_host(address)?;
        let (repository, directory) = split_path(path, host.starts_with("file://"))?;
        let directory = directory.strip_prefix('/').unwrap_or(directory);
        if repository.is_empty() || leads_out(directory) {
            return None;
        }
        let (repository, directory) = (repository.to_owned(), directory.to_owned());
        Some(Self { host, repository, directory, reference, timeout, submodules })
    }

    /// What git is asked for.
    pub(crate) fn clone_url(&self) -> String {
        format!("{}{}", self.host, self.repository)
    }
}

const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

/// Splits scheme, user and host from the path.
fn split_host(address: &str) -> Option<(String, &str)> {
    // kustomize drops this prefix of go-getter without heeding it.
    let address = strip_prefix_of_any_case(address, "git::").unwrap_or(address);
    let scheme = SCHEMES.into_iter().find_map(|scheme| Some((scheme, strip_prefix_of_any_case(address, scheme)?)));
    let (scheme, rest) = scheme.unwrap_or(("", address));
    if scheme == "file://" {
        return Some((scheme.to_owned(), rest));
    }
    let (user, rest) = split_user(rest);
    let is_github = ["github.com/", "github.com:"].iter().any(|host| strip_prefix_of_any_case(rest, host).is_some());
    let may_be_scp = scheme.is_empty() && (!user.is_empty() || is_github);
    if scheme.is_empty() && !may_be_scp {
        return None;
    }
    let slash = rest.find('/');
    let colon = rest.find(':').filter(|_| may_be_scp);
    let end = match (slash, colon) {
        (Some(slash), Some(colon)) if colon > 0 && colon < slash => Some(colon),
        (None, colon) => colon,
        (slash, _) => slash,
    };
    let (host, path) = end.map_or((rest, ""), |end| rest.split_at(end + 1));
    if host.is_empty() {
        return None;
    }
    let host = match (is_github, scheme == "ssh://" || !user.is_empty()) {
        (true, true) => format!("{user}github.com:"),
        (true, false) => "https://github.com/".to_owned(),
        (false, _) => format!("{scheme}{user}{host}"),
    };
    Some((host, path))
}

/// Splits `name@` from what follows. A password or anything but letters, digits and dashes is left where it is.
fn split_user(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len());
    let is_user = text.as_bytes().get(end) == Some(&b'@') && text.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_user { text.split_at(end + 1) } else { ("", text) }
}

/// Splits the path of the repository from the directory in it: behind `_git/NAME`, at `//`, behind `.git`, or else behind two
/// parts, as on GitHub.
fn split_path(path: &str, is_file: bool) -> Option<(&str, &str)> {
    const AZURE: &str = "_git/";
    if let Some(start) = path.find(AZURE) {
        let name = start + AZURE.len();
        let end = path.get(name..)?.find('/').map(|length| name + length);
        return Some(
            end.map_or((path, ""), |end| (path.get(..end).unwrap_or(path), path.get(end + 1..).unwrap_or(""))),
        );
    }
    if let Some(parts) = path.split_once("//") {
        return Some(parts);
    }
    if let Some(start) = path.find(".git") {
        return Some(path.split_at(start + ".git".len()));
    }
    if is_file {
        return Some((path, ""));
    }
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    slashes.next()?;
    Some(slashes.next().map_or((path, ""), |at| (path.get(..at).unwrap_or(path), path.get(at + 1..).unwrap_or(""))))
}

/// Whether a directory lies above the root that it is relative to.
fn leads_out(directory: &str) -> bool {
    let mut depth = 0_usize;
    for part in directory.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return !directory.starts_with('/'),
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

fn strip_prefix_of_any_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests;
