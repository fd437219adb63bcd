//! From a Secret to the credentials of a forge.

use plumb_api::{ForgeType, Repository};
use plumb_cluster::{Cluster, SecretData};
use plumb_forge::{Address, App, Credentials, Kind};

use crate::agent::board::Key;

/// Why a forge can't be spoken to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Read(#[from] plumb_cluster::Error),
    #[error(transparent)]
    Forge(#[from] plumb_forge::Error),
    #[error(
        "Secret {0} has neither 'token', nor 'username' and 'password', nor 'githubAppID' and 'githubAppPrivateKey'; add one of them"
    )]
    Incomplete(Key),
    #[error("the forge needs a token: name a Secret in spec.forge.secretRef")]
    Missing,
}

/// Where the forge of a repository is.
///
/// # Errors
/// When it can't be told.
pub(super) fn address(repository: &Repository, forge: &plumb_api::Forge) -> Result<Address, plumb_forge::Error> {
    let kind = forge.type_.map(|kind| match kind {
        ForgeType::GitHub => Kind::GitHub,
        ForgeType::GitLab => Kind::GitLab,
        ForgeType::Gitea => Kind::Gitea,
        ForgeType::Bitbucket => Kind::Bitbucket,
    });
    Address::of(&repository.spec.url, kind, forge.url.as_deref())
}

/// Reads the credentials that a Repository names for its forge.
///
/// # Errors
/// When there are none.
pub(super) async fn read(
    cluster: &Cluster,
    repository: &Repository,
    forge: &plumb_api::Forge,
) -> Result<Credentials, Error> {
    let reference = forge.secret_ref.as_ref().or(repository.spec.secret_ref.as_ref()).ok_or(Error::Missing)?;
    let key = Key { namespace: Key::of(repository).namespace, name: reference.name.clone() };
    let secret = cluster.secret(&key.namespace, &key.name).await?;
    from_secret(&secret).ok_or(Error::Incomplete(key))
}

/// The keys of a GitHub App are those that Flux uses, so that its Secrets serve as they are.
fn from_secret(secret: &SecretData) -> Option<Credentials> {
    if let (Some(id), Some(private_key)) = (secret.text("githubAppID"), secret.text("githubAppPrivateKey")) {
        return Some(Credentials::App(App { id, installation: secret.text("githubAppInstallationID"), private_key }));
    }
    if let Some(token) = secret.text("token").or_else(|| secret.text("bearerToken")) {
        return Some(Credentials::Token(token));
    }
    let password = secret.text("password")?;
    Some(match secret.text("username") {
        Some(username) => Credentials::Basic { username, password },
        None => Credentials::Token(password),
    })
}
