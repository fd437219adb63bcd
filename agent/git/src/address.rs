//! Where a repository is: its URL without the credentials that people put in it.

use crate::Error;

/// How a repository is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Ssh,
    Git,
    File,
}

/// A checked URL. Its `Debug` shows no credential.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) protocol: Protocol,
    /// What libgit2 connects to: never with a password, and with a user for ssh only.
    pub(crate) url: String,
    /// What people may see: no user, password, query or fragment.
    pub(crate) shown: String,
    /// Empty for files.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

impl Address {
    /// Reads `scheme://…`, the `user@host:path` that scp and git know, or a path on this machine.
    pub(crate) fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |message: &str| Err(Error::Url { message: message.into() });
        if url.is_empty() {
            return wrong("it is empty; give an https://, ssh://, git:// or file:// url, or a path");
        }
        if url.chars().any(char::is_control) {
            return wrong("it holds a control character or line break; remove it");
        }
        if let Some((scheme, rest)) = url.split_once("://") {
            return Self::with_scheme(&scheme.to_ascii_lowercase(), rest);
        }
        match url.split_once(':') {
            Some((host, path)) if !host.contains('/') => Self::scp(host, path),
            _ => Ok(Self::file(url)),
        }
    }

    fn with_scheme(scheme: &str, rest: &str) -> Result<Self, Error> {
        let wrong = |message: String| Err(Error::Url { message });
        let protocol = match scheme {
            "https" | "http" => Protocol::Http,
            "ssh" | "git+ssh" | "ssh+git" => Protocol::Ssh,
            "git" => Protocol::Git,
            "file" => return Ok(Self::file(&format!("file://{rest}"))),
            _ => {
                return wrong(format!("protocol {:?} is unknown; https, ssh, git and file are known", shorten(scheme)));
            }
        };
        let scheme = if protocol == Protocol::Ssh { "ssh" } else { scheme };
        // A password may hold unescaped slashes only past the host, so the authority ends at the first of these.
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (userinfo, host_and_port) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let (username, password) = match userinfo.map(|userinfo| userinfo.split_once(':').unwrap_or((userinfo, ""))) {
            Some((username, password)) => (some(&percent_decode(username)), some(&percent_decode(password))),
            None => (None, None),
        };
        let (host, port) = split_port(host_and_port)?;
        if host.is_empty() {
            return wrong(format!("it names no host; write {scheme}://host/path"));
        }
        let user = match (&username, protocol) {
            (Some(_), Protocol::Ssh) => {
                format!("{}@", userinfo.unwrap_or_default().split(':').next().unwrap_or_default())
            }
            _ => String::new(),
        };
        let shown_path = path.split(['?', '#']).next().unwrap_or_default();
        Ok(Self {
            protocol,
            url: format!("{scheme}://{user}{host_and_port}{path}"),
            shown: format!("{scheme}://{host_and_port}{shown_path}"),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            username,
            password,
        })
    }

    fn scp(authority: &str, path: &str) -> Result<Self, Error> {
        let (username, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (some(userinfo), host),
            None => (None, authority),
        };
        if host.is_empty() || path.is_empty() {
            return Err(Error::Url { message: "it names no host or no path; write user@host:path".into() });
        }
        let at = username.as_ref().map(|username| format!("{username}@")).unwrap_or_default();
        Ok(Self {
            protocol: Protocol::Ssh,
            url: format!("{at}{host}:{path}"),
            shown: format!("{host}:{path}"),
            host: host.to_owned(),
            port: None,
            username,
            password: None,
        })
    }

    fn file(url: &str) -> Self {
        Self {
            protocol: Protocol::File,
            url: url.to_owned(),
            shown: url.to_owned(),
            host: String::new(),
            port: None,
            username: None,
            password: None,
        }
    }

    /// Host, and port unless it is ssh's own.
    pub(crate) fn ssh_host(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.host),
            _ => self.host.clone(),
        }
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn shorten(text: &str) -> String {
    text.chars().take(20).collect()
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), Error> {
    // An IPv6 address stands in brackets, so a colon inside of them starts no port.
    let after = text.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = text[after..].find(':').map(|place| place + after) else {
        return Ok((text, None));
    };
    match text[colon + 1..].parse() {
        Ok(port) => Ok((&text[..colon], Some(port))),
        Err(_) => Err(Error::Url { message: "its port is no number from 1 to 65535".into() }),
    }
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |place: usize| bytes.get(place).and_then(|byte| char::from(*byte).to_digit(16));
        if bytes[at] == b'%'
            && let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2))
        {
            decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(url: &str, expected: &Expect) {
        let line = match Address::parse(url) {
            Ok(a) => format!(
                "{:?} {} | {} | {} {:?} {:?} {:?}",
                a.protocol, a.url, a.shown, a.host, a.port, a.username, a.password
            ),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&line);
    }

    #[test]
    fn the_credentials_leave_the_url() {
        check(
            "https://example.com/a/b.git",
            &expect!["Http https://example.com/a/b.git | https://example.com/a/b.git | example.com None None None"],
        );
        check(
            "https://me:p%40ss@example.com:8443/a?token=x#y",
            &expect![[
                r#"Http https://example.com:8443/a?token=x#y | https://example.com:8443/a | example.com Some(8443) Some("me") Some("p@ss")"#
            ]],
        );
        check(
            "https://ghp_secret@example.com/a",
            &expect![[
                r#"Http https://example.com/a | https://example.com/a | example.com None Some("ghp_secret") None"#
            ]],
        );
        check(
            "ssh://git:pw@example.com:2222/a",
            &expect![[
                r#"Ssh ssh://git@example.com:2222/a | ssh://example.com:2222/a | example.com Some(2222) Some("git") Some("pw")"#
            ]],
        );
        check(
            "git@github.com:a/b.git",
            &expect![[r#"Ssh git@github.com:a/b.git | github.com:a/b.git | github.com None Some("git") None"#]],
        );
        check("http://[::1]:80/a", &expect!["Http http://[::1]:80/a | http://[::1]:80/a | ::1 Some(80) None None"]);
        check("/srv/a b.git", &expect!["File /srv/a b.git | /srv/a b.git |  None None None"]);
        check("file:///srv/a.git", &expect!["File file:///srv/a.git | file:///srv/a.git |  None None None"]);
    }

    #[test]
    fn a_url_that_can_not_work_is_told() {
        check(
            "",
            &expect![
                "the repository's url is not usable: it is empty; give an https://, ssh://, git:// or file:// url, or a path"
            ],
        );
        check(
            "ftp://me:secret@x/y",
            &expect![[
                r#"the repository's url is not usable: protocol "ftp" is unknown; https, ssh, git and file are known"#
            ]],
        );
        check("https:///a", &expect!["the repository's url is not usable: it names no host; write https://host/path"]);
        check(
            "https://me:secret@host:port/a",
            &expect!["the repository's url is not usable: its port is no number from 1 to 65535"],
        );
        check(
            "https://host/a\nb",
            &expect!["the repository's url is not usable: it holds a control character or line break; remove it"],
        );
        check(
            "git@host:",
            &expect!["the repository's url is not usable: it names no host or no path; write user@host:path"],
        );
    }

    #[test]
    fn debug_shows_no_credential() {
        let shown = format!("{:?}", Address::parse("https://me:secret@example.com/a").unwrap());
        assert_eq!(shown, r#"Address("https://example.com/a")"#);
    }
}
