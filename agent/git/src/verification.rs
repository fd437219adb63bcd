//! Checking the ssh signatures of commits, as `git verify-commit` does with `gpg.ssh.allowedSignersFile`.

use std::collections::BTreeSet;

use git2::ErrorCode;
use ssh_key::{PublicKey, SshSig};

use crate::repository::Repository;
use crate::signing::NAMESPACE;
use crate::{CommitId, Error};

/// By whom a commit is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signed {
    /// With a key that is trusted; these are the names of its owner.
    By(Vec<String>),
    /// Not at all.
    Not,
    /// With a signature that proves nothing; this is why.
    Untrusted(String),
}

/// Keys, and the names of their owners.
#[derive(Debug, Clone)]
pub struct AllowedSigners(Vec<(BTreeSet<String>, PublicKey)>);

impl AllowedSigners {
    /// Reads the form of ssh-keygen(1): names with commas between, options, and a public key on each line. Of the options, only `namespaces`
    /// is understood.
    ///
    /// # Errors
    /// [`Error::Key`] with the line. A line that is not understood makes all of it useless, for it might take trust away.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut signers = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| Error::Key { message: format!("allowed_signers, line {}: {what}", number + 1) };
            let (names, mut rest) =
                line.split_once([' ', '\t']).ok_or_else(|| wrong("names and a key are expected"))?;
            if names.contains(['*', '?', '!', '"']) {
                return Err(wrong("names with patterns or quotes are not understood; write each name"));
            }
            let mut ours = true;
            loop {
                rest = rest.trim_start();
                let word = rest.split([' ', '\t']).next().unwrap_or_default();
                let Some((option, value)) = word.split_once('=') else {
                    if word == "cert-authority" {
                        return Err(wrong("certificates are not understood; write the key of each signer"));
                    }
                    break;
                };
                if option != "namespaces" {
                    return Err(wrong("of the options only `namespaces` is understood"));
                }
                ours = value.trim_matches('"').split(',').any(|namespace| namespace == NAMESPACE || namespace == "*");
                rest = &rest[word.len()..];
            }
            let key = PublicKey::from_openssh(rest)
                .map_err(|_| wrong("a public key in the format of OpenSSH is expected"))?;
            if ours {
                signers.push((names.split(',').map(str::to_owned).collect(), key));
            }
        }
        if signers.is_empty() {
            return Err(Error::Key { message: "allowed_signers names no key for git".into() });
        }
        Ok(Self(signers))
    }
}

impl Repository {
    /// By whom a commit is signed.
    ///
    /// # Errors
    /// [`Error::UnknownRevision`] when it is not here.
    pub fn signed(&self, id: &CommitId, allowed: &AllowedSigners) -> Result<Signed, Error> {
        let oid = id.oid()?;
        let extracted = self.inner.with(|handle| {
            crate::history::find(handle, id)?;
            match handle.extract_signature(&oid, None) {
                Ok((signature, content)) => Ok(Some((signature.to_vec(), content.to_vec()))),
                Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
                Err(error) => Err(error.into()),
            }
        })?;
        Ok(match extracted {
            Some((signature, content)) => check(&signature, &content, allowed),
            None => Signed::Not,
        })
    }
}

fn check(signature: &[u8], content: &[u8], allowed: &AllowedSigners) -> Signed {
    let untrusted = |why: &str| Signed::Untrusted(why.to_owned());
    let Ok(signature) = SshSig::from_pem(signature) else {
        return untrusted("it is no ssh signature; sign with gpg.format=ssh");
    };
    if signature.namespace() != NAMESPACE {
        return untrusted("it was made for something else than git");
    }
    let owners: Vec<_> = allowed.0.iter().filter(|(_, key)| key.key_data() == signature.public_key()).collect();
    let Some((_, key)) = owners.first() else {
        return untrusted("its key is none of the allowed signers");
    };
    if key.verify(NAMESPACE, content, &signature).is_err() {
        return untrusted("the commit is another one than was signed");
    }
    let names: BTreeSet<String> = owners.iter().flat_map(|(names, _)| names.iter().cloned()).collect();
    Signed::By(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SigningKey;
    use crate::testing::{Remote, ada};

    fn key(remote: &Remote, name: &str, kind: &str) -> (SigningKey, String) {
        let path = remote.work().join("..").join(name);
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", "", "-f"])
            .arg(&path)
            .status();
        assert!(made.unwrap().success());
        let signing = SigningKey::parse(&std::fs::read_to_string(&path).unwrap(), None).unwrap();
        (signing.clone(), signing.public())
    }

    #[test]
    fn signatures_of_ours_and_of_git_are_told_apart_by_owner() {
        let remote = Remote::new();
        let plain = remote.push(&[("a", "1")], "plain");
        let (ada_key, ada_public) = key(&remote, "ada", "ed25519");
        let (_, grace) = key(&remote, "grace", "rsa");
        let (_, eve) = key(&remote, "eve", "ecdsa");
        let signed_by = |name: &str, content: &str| {
            let path = remote.work().join("..").join(name);
            let options =
                [format!("user.signingkey={}", path.display()), "gpg.format=ssh".into(), "commit.gpgsign=true".into()];
            for option in &options {
                let (name, value) = option.split_once('=').unwrap();
                remote.git(&["config", name, value]);
            }
            let id = remote.push(&[("a", content)], name);
            remote.git(&["config", "commit.gpgsign", "false"]);
            id
        };
        let (by_grace, by_eve) = (signed_by("grace", "2"), signed_by("eve", "3"));
        let repository = remote.open().with_signing_key(ada_key);
        repository.fetch("main").unwrap();
        let by_ada = repository.commit_and_push("main", &by_eve, &[], "ours", &ada()).unwrap();
        let allowed = format!(
            "# who may\n\nada@example.com,ada {ada_public} work\ngrace namespaces=\"git\" {grace}\neve namespaces=\"file\" {eve}\n"
        );
        let allowed = AllowedSigners::parse(&allowed).unwrap();
        let signed = |id: &CommitId| repository.signed(id, &allowed).unwrap();
        assert_eq!(signed(&by_ada), Signed::By(vec!["ada".into(), "ada@example.com".into()]));
        assert_eq!(signed(&by_grace), Signed::By(vec!["grace".into()]));
        assert_eq!(signed(&plain), Signed::Not);
        assert_eq!(signed(&by_eve), Signed::Untrusted("its key is none of the allowed signers".into()));

        // A signature that is put on another commit.
        let raw = remote.git_in(&remote.path(), &["cat-file", "commit", by_ada.as_str()]);
        let forged = raw.replace("\nours", "\ntheirs");
        std::fs::write(remote.work().join("forged"), forged + "\n").unwrap();
        let forged = remote.git(&["hash-object", "-t", "commit", "-w", "forged"]);
        remote.git(&["push", "-q", "origin", &format!("{forged}:refs/heads/forged")]);
        repository.fetch("forged").unwrap();
        let signed = signed(&CommitId::parse(&forged).unwrap());
        assert_eq!(signed, Signed::Untrusted("the commit is another one than was signed".into()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        for (text, words) in [
            (String::new(), "names no key"),
            (format!("a namespaces=\"file\" {key}"), "names no key"),
            (format!("* {key}"), "line 1: names with patterns"),
            (format!("# x\na cert-authority {key}"), "line 2: certificates"),
            (format!("a valid-before=\"20200101\" {key}"), "only `namespaces`"),
            ("a ssh-ed25519 x".to_owned(), "a public key"),
            ("a".to_owned(), "names and a key"),
        ] {
            let error = AllowedSigners::parse(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(AllowedSigners::parse(&format!("a {key}")).is_ok());
    }
}
