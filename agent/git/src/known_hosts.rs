//! Which ssh host keys are trusted: the `known_hosts` format of OpenSSH (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// What a `known_hosts` text says about the key that a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Trusted,
    Revoked,
    /// The host is known, with keys of these types, none of which is the shown one.
    Other(Vec<String>),
    Unknown,
}

/// Looks `key` (the raw public key) of `host` up. A key that stands under the bare host name also counts for another
/// port, as with OpenSSH.
pub(crate) fn check(known_hosts: &str, host: &str, port: u16, key: &[u8]) -> Verdict {
    let host = host.to_lowercase();
    let mut names = vec![host.clone()];
    if port != 22 {
        names.insert(0, format!("[{host}]:{port}"));
    }
    let mut types = Vec::new();
    let mut trusted = false;
    for line in known_hosts.lines() {
        let mut fields = line.split_whitespace();
        let mut first = fields.next().unwrap_or_default();
        if first.is_empty() || first.starts_with('#') {
            continue;
        }
        let marker = first.starts_with('@').then_some(first);
        if marker.is_some() {
            first = fields.next().unwrap_or_default();
        }
        let (Some(kind), Some(encoded)) = (fields.next(), fields.next()) else { continue };
        if !names.iter().any(|name| matches(first, name)) {
            continue;
        }
        let same = STANDARD.decode(encoded).is_ok_and(|decoded| decoded == key);
        match marker {
            None if same => trusted = true,
            None => types.push(kind.to_owned()),
            Some("@revoked") if same => return Verdict::Revoked,
            Some(_) => {}
        }
    }
    if trusted {
        return Verdict::Trusted;
    }
    types.sort();
    types.dedup();
    if types.is_empty() { Verdict::Unknown } else { Verdict::Other(types) }
}

/// Whether the first field of a line, a list of patterns or one hashed name, means `name`.
fn matches(patterns: &str, name: &str) -> bool {
    if let Some(hashed) = patterns.strip_prefix("|1|") {
        return hashed_matches(hashed, name).unwrap_or(false);
    }
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if glob(pattern.to_lowercase().as_bytes(), name.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.to_lowercase().as_bytes(), name.as_bytes()),
        }
    }
    found
}

fn hashed_matches(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&STANDARD.decode(salt).ok()?).ok()?;
    mac.update(name.as_bytes());
    Some(mac.verify_slice(&STANDARD.decode(hash).ok()?).is_ok())
}

/// `*` and `?`, in linear space and without recursion: on a mismatch only the last `*` takes one byte more.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(line: &str, host: &str, port: u16) -> Verdict {
        check(line, host, port, b"key")
    }

    #[test]
    fn a_key_is_trusted_under_the_names_that_its_line_means() {
        for (line, host, port) in [
            ("example.com ssh-ed25519 a2V5", "example.com", 22),
            ("# comment\n\nother ssh-rsa AAAA\nEXAMPLE.com,10.0.0.1 ssh-ed25519 a2V5 a comment", "Example.COM", 22),
            ("[example.com]:2222 ssh-ed25519 a2V5", "example.com", 2222),
            ("example.com ssh-ed25519 a2V5", "example.com", 2222),
            ("*.example.com ssh-ed25519 a2V5", "git.example.com", 22),
            ("git?.example.* ssh-ed25519 a2V5", "git1.example.com", 22),
        ] {
            assert_eq!(verdict(line, host, port), Verdict::Trusted, "{line}");
        }
    }

    #[test]
    fn a_key_is_not_trusted_otherwise() {
        assert_eq!(verdict("", "example.com", 22), Verdict::Unknown);
        assert_eq!(verdict("example.com", "example.com", 22), Verdict::Unknown);
        assert_eq!(verdict("example.org ssh-ed25519 a2V5", "example.com", 22), Verdict::Unknown);
        assert_eq!(verdict("[example.com]:2222 ssh-ed25519 a2V5", "example.com", 22), Verdict::Unknown);
        assert_eq!(verdict("*.example.com,!git.example.com ssh-ed25519 a2V5", "git.example.com", 22), Verdict::Unknown);
        assert_eq!(verdict("@cert-authority example.com ssh-ed25519 a2V5", "example.com", 22), Verdict::Unknown);
        assert_eq!(
            verdict("example.com ssh-rsa AAAA\nexample.com ssh-ed25519 ????", "example.com", 22),
            Verdict::Other(vec!["ssh-ed25519".into(), "ssh-rsa".into()])
        );
        assert_eq!(
            verdict("example.com ssh-ed25519 a2V5\n@revoked * ssh-ed25519 a2V5", "example.com", 22),
            Verdict::Revoked
        );
    }

    #[test]
    fn a_hashed_name_is_found() {
        let salt = STANDARD.encode(b"01234567890123456789");
        let mut mac = Hmac::<Sha1>::new_from_slice(b"01234567890123456789").unwrap();
        mac.update(b"[127.0.0.1]:2222");
        let line = format!("|1|{salt}|{} ssh-ed25519 a2V5", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(verdict(&line, "127.0.0.1", 2222), Verdict::Trusted);
        assert_eq!(verdict(&line, "127.0.0.1", 22), Verdict::Unknown);
        assert_eq!(verdict("|1|???|x ssh-ed25519 a2V5", "127.0.0.1", 22), Verdict::Unknown);
    }
}
