//! What lies on another machine, by the rules of kustomize (`api/internal/git/repospec.go`, `api/internal/loader`).

mod query;
mod repo_spec;

pub(crate) use repo_spec::RepoSpec;

/// Whether kustomize takes a path for a file behind HTTP.
pub(crate) fn is_remote_file(path: &str) -> bool {
    let scheme = path.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
        && !path.bytes().any(|byte| byte < b' ' || byte == 0x7f)
}

/// Whether kustomize takes `target` for a git repository rather than for a directory, wherever it stands: as what is built, or
/// as an entry of `resources` or `components`.
///
/// ```
/// use plumb_kustomize::is_repository_url;
///
/// assert!(is_repository_url("https://git.example.com/team/shop//overlays/dev?ref=v1.2"));
/// assert!(is_repository_url("git@git.example.com:team/shop.git"));
/// assert!(!is_repository_url("../base"));
/// ```
#[must_use]
pub fn is_repository_url(target: &str) -> bool {
    RepoSpec::parse(target).is_some()
}

/// A URL as people may see it: without what stands before its host, which may be a password, and without a query that may
/// hold a token.
pub(crate) fn shown(url: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let address = match address.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            let skip = host.rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", rest.get(skip..).unwrap_or_default())
        }
        None => address.to_owned(),
    };
    match query {
        None => address,
        Some(query) if query::is_known(query) => format!("{address}?{query}"),
        Some(_) => format!("{address}?…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_secrets() {
        for (url, expected) in [
            ("https://me:secret@example.com/a/b?ref=v1", "https://example.com/a/b?ref=v1"),
            ("https://secret@example.com", "https://example.com"),
            ("https://example.com/a@b/c.yaml?token=secret", "https://example.com/a@b/c.yaml?…"),
            ("https://example.com/a?ref=v1&token=secret", "https://example.com/a?…"),
            ("git@example.com:a/b.git?submodules=0", "git@example.com:a/b.git?submodules=0"),
            ("ssh://git@example.com/a", "ssh://example.com/a"),
            ("../base", "../base"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn remote_files_are_known_by_their_scheme() {
        for path in ["http://a/b", "HTTPS://a/b", "https:a"] {
            assert!(is_remote_file(path), "{path}");
        }
        for path in ["a.yaml", "file:///a", "ssh://a/b", "httpss://a", "http", "http://a/\n"] {
            assert!(!is_remote_file(path), "{path}");
        }
    }
}
