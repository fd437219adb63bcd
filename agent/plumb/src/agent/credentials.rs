//! From Secrets to the credentials of a git server, and to the key that commits are signed with.

use std::path::Path;

use plumb_api::Repository;
use plumb_cluster::{Cluster, SecretData};
use plumb_git::{AllowedSigners, Credentials, SigningKey};

use super::board::Key;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Read(#[from] plumb_cluster::Error),
    #[error(
        "Secret {0} has neither 'identity' (a private key, for ssh) nor 'username' and 'password' (for https); add one of them, or remove secretRef from the Repository"
    )]
    Incomplete(Key),
    #[error(
        "Secret {0} has no 'identity', the private ssh key that commits are signed with; add it, or remove signingKey from the Repository"
    )]
    NoSigningKey(Key),
    #[error(
        "Secret {0} has neither 'allowed_signers', the ssh keys whose signatures are trusted, nor an entry of OpenPGP keys whose name ends with '.asc'; add one, or remove verify from the Repository"
    )]
    NoSigners(Key),
    #[error("Secret {0}: {1}")]
    SigningKey(Key, plumb_git::Error),
}

/// Reads the credentials that a Repository names.
pub(crate) async fn read(cluster: &Cluster, repository: &Repository) -> Result<Credentials, Error> {
    let Some(reference) = &repository.spec.secret_ref else {
        return Ok(Credentials::None);
    };
    let key = Key { namespace: Key::of(repository).namespace, name: reference.name.clone() };
    let secret = cluster.secret(&key.namespace, &key.name).await?;
    from_secret(&secret).ok_or(Error::Incomplete(key))
}

/// Reads the key that commits are signed with, if a Repository names one.
pub(crate) async fn signing_key(cluster: &Cluster, repository: &Repository) -> Result<Option<SigningKey>, Error> {
    let Some(signing) = &repository.spec.signing_key else {
        return Ok(None);
    };
    let key = Key { namespace: Key::of(repository).namespace, name: signing.secret_ref.name.clone() };
    let secret = cluster.secret(&key.namespace, &key.name).await?;
    let Some(identity) = secret.text("identity") else {
        return Err(Error::NoSigningKey(key));
    };
    match SigningKey::parse(&identity, secret.text("password").as_deref()) {
        Ok(signing) => Ok(Some(signing)),
        Err(error) => Err(Error::SigningKey(key, error)),
    }
}

/// Reads whose signatures a Repository trusts, if it says so.
pub(crate) async fn allowed_signers(
    cluster: &Cluster,
    repository: &Repository,
) -> Result<Option<AllowedSigners>, Error> {
    let Some(verify) = &repository.spec.verify else {
        return Ok(None);
    };
    let key = Key { namespace: Key::of(repository).namespace, name: verify.secret_ref.name.clone() };
    let secret = cluster.secret(&key.namespace, &key.name).await?;
    let is_armored = |name: &&str| Path::new(name).extension().is_some_and(|extension| extension == "asc");
    let armored = secret.keys().filter(is_armored).filter_map(|name| secret.text(name));
    let text: Vec<String> = secret.text("allowed_signers").into_iter().chain(armored).collect();
    if text.is_empty() {
        return Err(Error::NoSigners(key));
    }
    let text = text.join("\n");
    match AllowedSigners::parse(&text) {
        Ok(signers) => Ok(Some(signers)),
        Err(error) => Err(Error::SigningKey(key, error)),
    }
}

/// The keys are those that Flux uses, so that its Secrets serve as they are.
fn from_secret(secret: &SecretData) -> Option<Credentials> {
    if let Some(identity) = secret.text("identity") {
        return Some(Credentials::Ssh {
            username: secret.text("username").unwrap_or_else(|| "git".into()),
            // A private key without the line break at its end is refused by OpenSSH's format.
            identity: format!("{identity}\n"),
            passphrase: secret.text("password"),
            known_hosts: secret.text("known_hosts"),
        });
    }
    let password = secret.text("password").or_else(|| secret.text("bearerToken"))?;
    Some(Credentials::Basic { username: secret.text("username").unwrap_or_else(|| "git".into()), password })
}
