//! Tokens of a GitHub App: signed for with its key, valid for an hour.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use rustls::pki_types::{PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use serde::Deserialize;
use serde_json::json;

use crate::{
    App, Error,
    http::{Api, Authorize, Fixed},
};

/// How long before its end a token is not used any more.
const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// How long a signed request for a token is valid. GitHub takes ten minutes at most.
const VALID: SignedDuration = SignedDuration::from_mins(9);
/// How far the clock of GitHub may be behind.
const SKEW: SignedDuration = SignedDuration::from_mins(1);

/// Gets tokens of an installation, and keeps one until it is about to end.
pub(super) struct Tokens {
    app: App,
    key: KeyPair,
    /// Asks with a signature of its own, each time.
    api: Api,
    owner: String,
    repository: String,
    kept: Mutex<Option<Token>>,
}

#[derive(Clone, Deserialize)]
struct Token {
    token: String,
    expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

impl Tokens {
    pub(super) fn new(app: App, api: Api, owner: &str, repository: &str) -> Result<Self, Error> {
        let key = key(&app.private_key)?;
        let kept = Mutex::new(None);
        Ok(Self { app, key, api, owner: owner.to_owned(), repository: repository.to_owned(), kept })
    }

    fn renew(&self) -> Result<Token, Error> {
        let signed = jwt(&self.key, &self.app.id, Timestamp::now())?;
        let api = self.api.with(Arc::new(Fixed(format!("Bearer {signed}"))));
        let installation = if let Some(id) = &self.app.installation {
            id.clone()
        } else {
            let found: Installation = api.get(&["repos", &self.owner, &self.repository, "installation"], &[])?;
            found.id.to_string()
        };
        api.post(&["app", "installations", &installation, "access_tokens"], &json!({"repositories": [self.repository]}))
    }
}

impl Authorize for Tokens {
    fn authorization(&self) -> Result<String, Error> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let token = match kept.take().filter(|token| is_fresh(token.expires_at, Timestamp::now())) {
            Some(token) => token,
            None => self.renew()?,
        };
        let value = format!("Bearer {}", token.token);
        *kept = Some(token);
        Ok(value)
    }

    fn refused(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }
}

fn is_fresh(expires_at: Timestamp, now: Timestamp) -> bool {
    expires_at.duration_since(now) > EARLY
}

/// The key of an app, as GitHub gives it or turned into the newer form.
fn key(pem: &str) -> Result<KeyPair, Error> {
    let wrong = |message: &str| Error::Form { forge: "GitHub", message: message.into() };
    let unusable = |_| wrong("the app's private key can't be used: it must be an RSA key of 2048 to 4096 bits");
    if let Ok(der) = PrivatePkcs1KeyDer::from_pem_slice(pem.as_bytes()) {
        return KeyPair::from_der(der.secret_pkcs1_der()).map_err(unusable);
    }
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| wrong("the app's private key must be in PEM: -----BEGIN RSA PRIVATE KEY-----"))?;
    KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(unusable)
}

/// A request for a token that only the holder of the key can make (RFC 7519, with RS256 of RFC 7518).
fn jwt(key: &KeyPair, id: &str, now: Timestamp) -> Result<String, Error> {
    let text = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iat": now.as_second() - SKEW.as_secs(), "exp": now.as_second() + VALID.as_secs(), "iss": id});
    let signed = format!("{}.{}", text(&json!({"alg": "RS256", "typ": "JWT"})), text(&claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| Error::internal("the request for a token of the GitHub App could not be signed"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;
    use crate::github::testing::private_key;

    #[test]
    fn a_request_for_a_token_is_signed() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        for pem in [private_key("PEM"), private_key("PKCS8")] {
            let key = key(&pem).unwrap();
            let text = jwt(&key, "12345", now).unwrap();
            let (signed, signature) = text.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public().as_ref());
            public.verify(signed.as_bytes(), &signature).unwrap();
            let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!(claims, json!({"iat": 1_699_999_940, "exp": 1_700_000_540, "iss": "12345"}));
        }
    }

    #[test]
    fn a_key_that_is_none_is_told_and_not_shown() {
        for pem in ["", "hunter2", "-----BEGIN RSA PRIVATE KEY-----\naHVudGVyMg==\n-----END RSA PRIVATE KEY-----\n"] {
            let error = key(pem).unwrap_err().to_string();
            assert!(error.contains("private key") && !error.contains("hunter2") && !error.contains("aHV"), "{error}");
        }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        assert!(is_fresh(now + SignedDuration::from_mins(6), now));
        assert!(!is_fresh(now + SignedDuration::from_mins(4), now));
        assert!(!is_fresh(now - SignedDuration::from_mins(4), now));
    }
}
