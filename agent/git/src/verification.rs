//! Checking the signatures of commits, as `git verify-commit` does: with ssh keys and `gpg.ssh.allowedSignersFile`, or with OpenPGP.

use std::collections::BTreeSet;

use git2::ErrorCode;
use ssh_key::{PublicKey, SshSig};

use crate::pgp::{self, Certificate};
use crate::repository::Repository;
use crate::signing::NAMESPACE;
use crate::{CommitId, Error};

/// How an armored key begins and ends.
const ARMOR_BEGINS: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const ARMOR_ENDS: &str = "-----END PGP PUBLIC KEY BLOCK-----";

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
pub struct AllowedSigners {
    keys: Vec<(BTreeSet<String>, PublicKey)>,
    certificates: Vec<Certificate>,
}

impl AllowedSigners {
    /// Reads the form of ssh-keygen(1): names with commas between, options, and a public key on each line. Of the options, only `namespaces`
    /// is understood. Between such lines there may be armored OpenPGP keys, as `gpg --armor --export` writes them: their owners have the addresses of
    /// the user ids.
    ///
    /// # Errors
    /// [`Error::Key`] with the line. A line that is not understood makes all of it useless, for it might take trust away.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut signers = Vec::new();
        let mut certificates = Vec::new();
        let mut armor: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line == ARMOR_BEGINS {
                armor = Some(String::new());
            }
            if let Some(block) = &mut armor {
                block.extend([line, "\n"]);
                if line == ARMOR_ENDS {
                    let read = Certificate::read(block);
                    let wrong =
                        |why| Error::Key { message: format!("the key that ends in line {}: {why}", number + 1) };
                    certificates.extend(read.map_err(wrong)?);
                    armor = None;
                }
                continue;
            }
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
        if armor.is_some() {
            return Err(Error::Key { message: format!("allowed_signers: the line {ARMOR_ENDS} is missing") });
        }
        if signers.is_empty() && certificates.is_empty() {
            return Err(Error::Key { message: "allowed_signers names no key for git".into() });
        }
        Ok(Self { keys: signers, certificates })
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
    if signature.starts_with(pgp::BEGIN) {
        return check_pgp(signature, content, &allowed.certificates);
    }
    let Ok(signature) = SshSig::from_pem(signature) else {
        return untrusted("it is neither one of ssh nor of OpenPGP");
    };
    if signature.namespace() != NAMESPACE {
        return untrusted("it was made for something else than git");
    }
    let owners: Vec<_> = allowed.keys.iter().filter(|(_, key)| key.key_data() == signature.public_key()).collect();
    let Some((_, key)) = owners.first() else {
        return untrusted("its key is none of the allowed signers");
    };
    if key.verify(NAMESPACE, content, &signature).is_err() {
        return untrusted("the commit is another one than was signed");
    }
    let names: BTreeSet<String> = owners.iter().flat_map(|(names, _)| names.iter().cloned()).collect();
    Signed::By(names.into_iter().collect())
}

fn check_pgp(signature: &[u8], content: &[u8], certificates: &[Certificate]) -> Signed {
    let Some(signature) = pgp::signature(signature) else {
        return Signed::Untrusted("it can't be read".into());
    };
    let answers = certificates.iter().filter_map(|it| Some((it, it.signed(&signature, content)?)));
    let (mut names, mut why) = (BTreeSet::new(), None);
    for (certificate, answer) in answers {
        match answer {
            Ok(()) => names.extend(certificate.names().cloned()),
            Err(wrong) => why = Some(wrong),
        }
    }
    if names.is_empty() {
        let why = why.unwrap_or("its key is none of the allowed signers, or the commit is another one than was signed");
        return Signed::Untrusted(why.to_owned());
    }
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

    /// GnuPG with a home of its own.
    struct Gpg(tempfile::TempDir);

    impl Gpg {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn run(&self, arguments: &[&str]) -> String {
            let output = std::process::Command::new("gpg")
                .env("GNUPGHOME", self.0.path())
                .args(["--batch", "--yes", "--quiet", "--pinentry-mode=loopback", "--passphrase", ""])
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        }

        fn export(&self, name: &str) -> String {
            self.run(&["--armor", "--export", name])
        }
    }

    impl Drop for Gpg {
        fn drop(&mut self) {
            // The agent that gpg starts goes away with its home, but not at once.
            let stop = ["--homedir", &self.0.path().display().to_string(), "--kill", "all"].map(str::to_owned);
            drop(std::process::Command::new("gpgconf").args(stop).status());
        }
    }

    #[test]
    fn signatures_of_gnupg() {
        let (remote, gpg) = (Remote::new(), Gpg::new());
        for (name, kind) in [("ada", "ed25519"), ("grace", "rsa2048"), ("eve", "nistp256"), ("old", "ed25519")] {
            let id = format!("{name} <{name}@example.com>");
            gpg.run(&["--quick-generate-key", &id, kind, "sign", if name == "old" { "seconds=1" } else { "never" }]);
        }
        // Grace signs with a subkey.
        let fingerprint = gpg.run(&["--with-colons", "--list-keys", "grace"]);
        let fingerprint =
            fingerprint.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
        gpg.run(&["--quick-add-key", &fingerprint, "ed25519", "sign", "never"]);
        let program = remote.work().join("../gpg.sh");
        let home = gpg.0.path().display().to_string();
        std::fs::write(
            &program,
            format!("#!/bin/sh\nexec env GNUPGHOME={home} gpg --batch --pinentry-mode=loopback \"$@\"\n"),
        )
        .unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        remote.git(&["config", "gpg.program", program.to_str().unwrap()]);
        remote.git(&["config", "gpg.format", "openpgp"]);
        let signed_by = |name: &str, content: &str| {
            remote.git(&["config", "user.signingkey", &format!("{name}@example.com")]);
            remote.git(&["config", "commit.gpgsign", "true"]);
            let id = remote.push(&[("a", content)], name);
            remote.git(&["config", "commit.gpgsign", "false"]);
            id
        };
        let (ada, grace, eve) = (signed_by("ada", "1"), signed_by("grace", "2"), signed_by("eve", "3"));
        let repository = remote.open();
        repository.fetch("main").unwrap();
        let trusted = |text: &str, id: &CommitId| repository.signed(id, &AllowedSigners::parse(text).unwrap()).unwrap();
        let keys = format!("# who may\n{}{}", gpg.export("ada"), gpg.export("grace"));
        assert_eq!(trusted(&keys, &ada), Signed::By(vec!["ada@example.com".into()]));
        assert_eq!(trusted(&keys, &grace), Signed::By(vec!["grace@example.com".into()]));
        let none =
            |signed: Signed| matches!(signed, Signed::Untrusted(why) if why.contains("none of the allowed signers"));
        assert!(none(trusted(&keys, &eve)), "nobody trusts eve");

        // A signature that is put on another commit.
        let raw = remote.git_in(&remote.path(), &["cat-file", "commit", ada.as_str()]);
        std::fs::write(remote.work().join("forged"), raw.replace("\nada", "\neve") + "\n").unwrap();
        let forged = remote.git(&["hash-object", "-t", "commit", "-w", "forged"]);
        remote.git(&["push", "-q", "origin", &format!("{forged}:refs/heads/forged")]);
        repository.fetch("forged").unwrap();
        assert!(none(trusted(&keys, &CommitId::parse(&forged).unwrap())), "the commit is another one");

        // Keys that are revoked prove nothing any more, nor does one that was for something else.
        gpg.run(&["--import", &revocation(&gpg, &home)]);
        let why = |signed: Signed| if let Signed::Untrusted(why) = signed { why } else { format!("{signed:?}") };
        assert_eq!(why(trusted(&gpg.export("ada"), &ada)), "its key is revoked");
        for (text, words) in [
            (format!("{ARMOR_BEGINS}\n\nAAAA\n{ARMOR_ENDS}\n"), "gpg --armor --export"),
            (format!("{ARMOR_BEGINS}\n\nAAAA\n"), "is missing"),
        ] {
            let error = AllowedSigners::parse(&text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    /// The revocation of ada's key that gpg made with it, ready to be imported.
    fn revocation(gpg: &Gpg, home: &str) -> String {
        let listed = gpg.run(&["--with-colons", "--list-keys", "ada"]);
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':');
        let path = format!("{home}/openpgp-revocs.d/{fingerprint}.rev");
        let text = std::fs::read_to_string(&path).unwrap().replace(":-----BEGIN", "-----BEGIN");
        std::fs::write(&path, text).unwrap();
        path
    }
}
