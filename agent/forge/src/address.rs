//! Which forge a repository is on, and where its API is.

use std::fmt;

use url::Url;

use crate::Error;

/// A kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// GitHub, GitHub Enterprise Cloud and Server.
    GitHub,
    /// GitLab.
    GitLab,
    /// Gitea and Forgejo.
    Gitea,
    /// Bitbucket Cloud.
    Bitbucket,
}

impl Kind {
    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::GitLab => "GitLab",
            Self::Gitea => "Gitea",
            Self::Bitbucket => "Bitbucket",
        }
    }

    /// The kind that runs at a host: known ones, and those whose name says it.
    #[must_use]
    pub fn of_host(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        match host.as_str() {
            "github.com" | "ssh.github.com" => return Some(Self::GitHub),
            "gitlab.com" | "altssh.gitlab.com" => return Some(Self::GitLab),
            "bitbucket.org" | "altssh.bitbucket.org" => return Some(Self::Bitbucket),
            "codeberg.org" => return Some(Self::Gitea),
            _ => {}
        }
        let names = [
            ("github", Self::GitHub),
            ("ghe", Self::GitHub),
            ("gitlab", Self::GitLab),
            ("gitea", Self::Gitea),
            ("forgejo", Self::Gitea),
        ];
        // `gitlab.example.com`, `my-gitea.example.com`; a domain such as `notgithub.example.com` says nothing.
        host.split(['.', '-']).find_map(|part| names.iter().find(|(name, _)| *name == part).map(|(_, kind)| *kind))
    }

    /// Where a repository keeps the head of a pull request, for git to fetch; `None` where only the branch itself has it.
    #[must_use]
    pub fn head_reference(self, number: u64) -> Option<String> {
        match self {
            Self::GitHub | Self::Gitea => Some(format!("refs/pull/{number}/head")),
            Self::GitLab => Some(format!("refs/merge-requests/{number}/head")),
            Self::Bitbucket => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Which forge.
    pub kind: Kind,
    /// The root of its API, ending with a slash.
    pub api: Url,
    /// Where people find the repository.
    pub web: Url,
    /// Owner, group or workspace; of a GitLab project all groups, with slashes.
    pub owner: String,
    /// The repository's own name.
    pub name: String,
}

impl Address {
    /// The address of the repository that git clones from `repository`. `kind` and `url`, the root of the forge's web pages, say what the
    /// host of the repository doesn't.
    ///
    /// # Errors
    /// [`Error::Address`] says what to write.
    pub fn of(repository: &str, kind: Option<Kind>, url: Option<&str>) -> Result<Self, Error> {
        let clone = Clone::parse(repository)?;
        let shown = clone.shown.clone();
        let wrong = |message: &str| Error::Address { url: shown.clone(), message: message.into() };
        let root = match url {
            Some(url) => {
                let mut root = Url::parse(url).map_err(|_| wrong("spec.forge.url is no url; write https://host"))?;
                if !matches!(root.scheme(), "https" | "http") || root.host_str().is_none() {
                    return Err(wrong("spec.forge.url must begin with https:// or http:// and name a host"));
                }
                if !root.username().is_empty() || root.password().is_some() {
                    return Err(wrong("spec.forge.url must hold no credentials; they go into spec.forge.secretRef"));
                }
                root.set_query(None);
                root.set_fragment(None);
                root
            }
            None => clone.root.clone().ok_or_else(|| wrong("there is no host in it; write spec.forge.url"))?,
        };
        let host = root.host_str().unwrap_or_default().to_owned();
        let kind = kind.or_else(|| Kind::of_host(&host)).ok_or_else(|| {
            wrong("the host may be any forge; write GitHub, GitLab, Gitea or Bitbucket into spec.forge.type")
        })?;
        let path = clone.path_below(&root);
        let (owner, name) =
            path.rsplit_once('/').ok_or_else(|| wrong("a repository has an owner and a name: /owner/name"))?;
        let parts = || owner.split('/').chain([name]);
        if parts().any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(wrong("its path must be /owner/name"));
        }
        if kind != Kind::GitLab && owner.contains('/') {
            return Err(wrong(
                "its path has more parts than /owner/name; if the forge is below a path, write that into spec.forge.url",
            ));
        }
        let mut web = root.clone();
        if let Ok(mut segments) = web.path_segments_mut() {
            segments.pop_if_empty().extend(parts());
        }
        Ok(Self { kind, api: api(kind, &root), web, owner: owner.to_owned(), name: name.to_owned() })
    }
}

/// The root of the API of the forge whose pages are at `root`.
fn api(kind: Kind, root: &Url) -> Url {
    let host = root.host_str().unwrap_or_default();
    let known = match (kind, host) {
        (Kind::GitHub, "github.com") => Url::parse("https://api.github.com/").ok(),
        // GitHub Enterprise Cloud with data residency.
        (Kind::GitHub, host) if host.ends_with(".ghe.com") => Url::parse(&format!("https://api.{host}/")).ok(),
        (Kind::Bitbucket, "bitbucket.org") => Url::parse("https://api.bitbucket.org/2.0/").ok(),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let path: &[&str] = match kind {
            Kind::GitHub => &["api", "v3", ""],
            Kind::GitLab => &["api", "v4", ""],
            Kind::Gitea => &["api", "v1", ""],
            Kind::Bitbucket => &["2.0", ""],
        };
        let mut api = root.clone();
        if let Ok(mut segments) = api.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        api
    })
}

/// A URL that git clones from.
struct Clone {
    /// Without credentials.
    shown: String,
    /// The root of the pages of that host: the same for http, `https://host` for ssh.
    root: Option<Url>,
    http: bool,
    /// Without slashes at its ends and `.git`.
    path: String,
}

impl Clone {
    fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |message: &str| Error::Address { url: "the repository's url".into(), message: message.into() };
        let url = if text.contains("://") {
            Url::parse(text).map_err(|_| wrong("it is no url"))?
        } else {
            // The short form of ssh: user@host:path.
            let (host, path) = text.split_once(':').ok_or_else(|| wrong("it names no host; write spec.forge.url"))?;
            let url = format!("ssh://{host}/{}", path.trim_start_matches('/'));
            Url::parse(&url).map_err(|_| wrong("it is no url"))?
        };
        let http = matches!(url.scheme(), "http" | "https");
        let mut root = url.clone();
        let cleaned = root.set_username("").and_then(|()| root.set_password(None));
        root.set_query(None);
        root.set_fragment(None);
        let shown = if cleaned.is_ok() { root.to_string() } else { "the repository's url".to_owned() };
        root.set_path("");
        let root = match (http, url.host_str()) {
            (true, Some(_)) => Some(root),
            (false, Some(host)) => {
                // Hosts that take ssh at the port of https have another name for it.
                let host = match host {
                    "ssh.github.com" => "github.com",
                    "altssh.gitlab.com" => "gitlab.com",
                    "altssh.bitbucket.org" => "bitbucket.org",
                    host => host,
                };
                Url::parse(&format!("https://{host}/")).ok()
            }
            (_, None) => None,
        };
        let path = url.path().trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).to_owned();
        Ok(Self { shown, root, http, path })
    }

    /// The path of the repository on the forge, which may be below a path of its host.
    fn path_below(&self, root: &Url) -> &str {
        let prefix = root.path().trim_matches('/');
        let below = self.path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        match below {
            Some(below) if self.http && !prefix.is_empty() => below,
            _ => &self.path,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://github.com/acme/platform.git", "GitHub https://api.github.com/ acme platform")]
    #[case("https://token@github.com/acme/platform", "GitHub https://api.github.com/ acme platform")]
    #[case("git@github.com:acme/platform.git", "GitHub https://api.github.com/ acme platform")]
    #[case("ssh://git@ssh.github.com:443/acme/platform.git", "GitHub https://api.github.com/ acme platform")]
    #[case("https://acme.ghe.com/acme/platform", "GitHub https://api.acme.ghe.com/ acme platform")]
    #[case("https://github.example.com/acme/platform", "GitHub https://github.example.com/api/v3/ acme platform")]
    #[case("https://gitlab.com/acme/infra/platform.git", "GitLab https://gitlab.com/api/v4/ acme/infra platform")]
    #[case(
        "ssh://git@gitlab.example.com:2222/acme/platform.git",
        "GitLab https://gitlab.example.com/api/v4/ acme platform"
    )]
    #[case("https://codeberg.org/acme/platform", "Gitea https://codeberg.org/api/v1/ acme platform")]
    #[case(
        "http://my-gitea.example.com:3000/acme/platform.git",
        "Gitea http://my-gitea.example.com:3000/api/v1/ acme platform"
    )]
    #[case("git@bitbucket.org:acme/platform.git", "Bitbucket https://api.bitbucket.org/2.0/ acme platform")]
    fn addresses(#[case] repository: &str, #[case] expected: &str) {
        let address = Address::of(repository, None, None).unwrap();
        assert_eq!(format!("{} {} {} {}", address.kind, address.api, address.owner, address.name), expected);
    }

    #[test]
    fn what_the_host_does_not_say_is_said() {
        let address =
            Address::of("http://u:p@10.0.0.1/git/acme/platform.git", Some(Kind::Gitea), Some("http://10.0.0.1/git/"))
                .unwrap();
        assert_eq!((address.api.as_str(), address.owner.as_str()), ("http://10.0.0.1/git/api/v1/", "acme"));
        assert_eq!(address.web.as_str(), "http://10.0.0.1/git/acme/platform");
        let address =
            Address::of("git@git.acme.dev:acme/platform.git", Some(Kind::GitLab), Some("https://code.acme.dev"))
                .unwrap();
        assert_eq!(address.api.as_str(), "https://code.acme.dev/api/v4/");
    }

    #[rstest]
    #[case("https://git.example.com/acme/platform", None, "spec.forge.type")]
    #[case("https://notgithub.example.com/acme/platform", None, "spec.forge.type")]
    #[case("https://github.com/platform", None, "/owner/name")]
    #[case("https://github.com/a/b/c", None, "more parts")]
    #[case("file:///srv/git/platform", None, "spec.forge.url")]
    #[case("https://github.com/a/b", Some("ftp://x"), "spec.forge.url")]
    #[case("https://github.com/a/b", Some("https://u:secret@x"), "secretRef")]
    fn what_is_missing_is_told(#[case] repository: &str, #[case] url: Option<&str>, #[case] expected: &str) {
        let error = Address::of(repository, None, url).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("secret@"), "{error}");
    }

    #[test]
    fn no_credential_is_shown() {
        let error = Address::of("https://me:hunter2@git.example.com/a/b?token=hunter2", None, None).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let address = Address::of("https://me:hunter2@github.com/a/b?token=hunter2", None, None).unwrap();
        assert!(!format!("{address:?}").contains("hunter2"), "{address:?}");
    }
}
