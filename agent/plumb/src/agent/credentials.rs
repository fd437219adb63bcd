//! From a Secret to the credentials of a git server.

use plumb_api::Repository;
use plumb_cluster::{Cluster, SecretData};
use plumb_git::Credentials;

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
