//! Signing commits with an ssh key, as `gpg.format = ssh` of git-config(1) does.

use std::fmt;

use git2::Oid;
use ssh_key::{HashAlg, LineEnding, PrivateKey};

use crate::{Error, Signature};

/// What git signs for, so that a signature can't be used for anything else.
pub(crate) const NAMESPACE: &str = "git";

/// The private key that commits are signed with. `Debug` shows no secret.
#[derive(Clone)]
pub struct SigningKey(PrivateKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey { redacted }")
    }
}

impl SigningKey {
    /// Reads a private key as `ssh-keygen` writes it.
    ///
    /// # Errors
    /// [`Error::Key`] says what is wrong with it, without a word of it.
    pub fn parse(text: &str, passphrase: Option<&str>) -> Result<Self, Error> {
        let wrong = |message: &str| Error::Key { message: message.to_owned() };
        // A line break at the end is easily lost on the way through a Secret.
        let text = format!("{}\n", text.trim());
        let key = PrivateKey::from_openssh(&text).map_err(|_| {
            wrong("it is no private key in the format of OpenSSH; make one with `ssh-keygen -t ed25519`")
        })?;
        let key = match (key.is_encrypted(), passphrase) {
            (false, _) => key,
            (true, Some(passphrase)) => {
                key.decrypt(passphrase).map_err(|_| wrong("its passphrase is another one; correct `password`"))?
            }
            (true, None) => return Err(wrong("it is encrypted; give its passphrase as `password`")),
        };
        Ok(Self(key))
    }

    /// The public half, as it stands in `allowed_signers` and on a forge.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.public_key().to_openssh().unwrap_or_default()
    }

    fn sign(&self, content: &[u8]) -> Result<String, Error> {
        let failed = |error: ssh_key::Error| Error::Key { message: format!("nothing can be signed with it: {error}") };
        self.0.sign(NAMESPACE, HashAlg::Sha512, content).and_then(|it| it.to_pem(LineEnding::LF)).map_err(failed)
    }
}

/// Writes a commit, signed if there is a key.
pub(crate) fn write_commit(
    handle: &git2::Repository,
    tree: &git2::Tree<'_>,
    parents: &[&git2::Commit<'_>],
    message: &str,
    author: &Signature,
    key: Option<&SigningKey>,
) -> Result<Oid, Error> {
    let signature = git2::Signature::now(&author.name, &author.email).map_err(|error| {
        Error::internal(format!("the author {:?} <{}> can not be used: {}", author.name, author.email, error.message()))
    })?;
    let Some(key) = key else {
        return Ok(handle.commit(None, &signature, &signature, message, tree, parents)?);
    };
    let content = handle.commit_create_buffer(&signature, &signature, message, tree, parents)?;
    let content = std::str::from_utf8(&content).map_err(|_| Error::internal("a commit that is no UTF-8 was made"))?;
    Ok(handle.commit_signed(content, &key.sign(content.as_bytes())?, None)?)
}
