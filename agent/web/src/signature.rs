//! How a webhook proves that its sender knows the token, for each forge.

use axum::http::HeaderMap;
use hmac::Mac as _;

use crate::{HookToken, token::HmacSha256};

/// What a webhook presents as proof.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// HMAC-SHA-256 of the body, with the token as the key.
    Hmac([u8; 32]),
    /// The token itself.
    Token(Vec<u8>),
}

/// Why a webhook has no proof that counts. The words are for the log, not for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoProof {
    #[error("it is not signed: give the forge the token as the webhook's secret")]
    Missing,
    #[error("it is signed with SHA-1 only, which is broken: let the forge sign with SHA-256")]
    Sha1,
    #[error("its signature is not a SHA-256 in hex: check what sends it")]
    Malformed,
}

impl Proof {
    /// Reads the proof. The first header that is there decides; a wrong one is not made good by another.
    ///
    /// Sources: GitHub "Validating webhook deliveries" (`X-Hub-Signature-256: sha256=<hex>`), Bitbucket "Manage webhooks"
    /// (`X-Hub-Signature: sha256=<hex>`), Gitea and Forgejo "Webhooks" (`X-Gitea-Signature: <hex>`), GitLab "Webhooks" (`X-Gitlab-Token`).
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, NoProof> {
        let header = |name: &str| headers.get(name).map(axum::http::HeaderValue::as_bytes);
        if let Some(value) = header("x-hub-signature-256") {
            return hmac(value.strip_prefix(b"sha256=").ok_or(NoProof::Malformed)?);
        }
        for name in ["x-gitea-signature", "x-forgejo-signature"] {
            if let Some(value) = header(name) {
                return hmac(value);
            }
        }
        if let Some(value) = header("x-gitlab-token") {
            return Ok(Self::Token(value.to_vec()));
        }
        // GitHub sends SHA-1 under this name beside the header above; Bitbucket has this name only, with SHA-256 in it.
        match header("x-hub-signature") {
            Some(value) if value.starts_with(b"sha1=") => Err(NoProof::Sha1),
            Some(value) => hmac(value.strip_prefix(b"sha256=").ok_or(NoProof::Malformed)?),
            None => Err(NoProof::Missing),
        }
    }

    /// Whether the proof holds. Takes the same time whether it does or not.
    pub(crate) fn holds(&self, token: &HookToken, body: HmacSha256) -> bool {
        match self {
            Self::Hmac(signature) => body.verify_slice(signature).is_ok(),
            Self::Token(presented) => token.equals(presented),
        }
    }
}

fn hmac(digits: &[u8]) -> Result<Proof, NoProof> {
    let mut signature = [0; 32];
    hex::decode_to_slice(digits, &mut signature).map_err(|_| NoProof::Malformed)?;
    Ok(Proof::Hmac(signature))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};
    use rstest::rstest;

    use super::*;

    const DIGITS: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

    #[rstest]
    #[case::nothing("", Err(NoProof::Missing))]
    #[case::github("X-Hub-Signature-256: sha256=HEX", Ok(true))]
    #[case::github_sends_both("X-Hub-Signature: sha1=00, X-Hub-Signature-256: sha256=HEX", Ok(true))]
    #[case::bitbucket("X-Hub-Signature: sha256=HEX", Ok(true))]
    #[case::gitea("X-Gitea-Signature: HEX", Ok(true))]
    #[case::forgejo("X-Forgejo-Signature: HEX", Ok(true))]
    #[case::gitlab("X-Gitlab-Token: HEX", Ok(false))]
    #[case::sha1("X-Hub-Signature: sha1=5bdcc146bf60754e6a042426089575c75a003f08", Err(NoProof::Sha1))]
    #[case::bare_where_a_prefix_belongs("X-Hub-Signature-256: HEX", Err(NoProof::Malformed))]
    #[case::prefix_where_none_belongs("X-Gitea-Signature: sha256=HEX", Err(NoProof::Malformed))]
    #[case::short("X-Gitea-Signature: 5bdc", Err(NoProof::Malformed))]
    #[case::long("X-Gitea-Signature: HEXHEX", Err(NoProof::Malformed))]
    #[case::not_hex("X-Hub-Signature-256: sha256=zz", Err(NoProof::Malformed))]
    #[case::a_bad_one_is_not_made_good("X-Hub-Signature-256: zz, X-Gitea-Signature: HEX", Err(NoProof::Malformed))]
    fn reads(#[case] lines: &str, #[case] expected: Result<bool, NoProof>) {
        let mut headers = HeaderMap::new();
        for line in lines.split(", ").filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            let value = HeaderValue::from_str(&value.replace("HEX", DIGITS)).unwrap();
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        assert_eq!(Proof::read(&headers).map(|proof| matches!(proof, Proof::Hmac(_))), expected);
    }
}
