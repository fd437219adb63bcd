//! OpenPGP signatures of commits, as `git verify-commit` checks them with GnuPG.
//!
//! A signature counts when its key could sign at the time that it names: neither revoked nor expired, with a binding to its certificate that holds.
//! Whoever has a key can name an earlier time, so a key that leaked is to be revoked, or taken out.

use std::collections::BTreeSet;

use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};
use pgp::types::{KeyDetails as _, Tag};

/// How a signature begins.
pub(crate) const BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";

/// A public key with its subkeys, and the addresses of its owner.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    key: SignedPublicKey,
    names: BTreeSet<String>,
}

/// What binds a key to its owner: since when, what for and how long.
struct Binding<'a> {
    latest: &'a Signature,
    created: u32,
}

impl Binding<'_> {
    /// Whether the key could sign at a time.
    fn may_sign(&self, at: u32) -> Result<(), &'static str> {
        let lasts = self.latest.key_expiration_time().map(pgp::types::Duration::as_secs).filter(|seconds| *seconds > 0);
        if !self.latest.key_flags().sign() {
            return Err("its key is not one that signs");
        }
        if at < self.created {
            return Err("it is older than its key");
        }
        match lasts.and_then(|seconds| self.created.checked_add(seconds)) {
            Some(end) if at >= end => Err("its key had expired"),
            _ => Ok(()),
        }
    }
}

impl Certificate {
    /// Reads a block of armor, which may hold several public keys.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(block: &str) -> Result<Vec<Self>, &'static str> {
        let wrong = "a public key as `gpg --armor --export` writes it is expected";
        let mut certificates = Vec::new();
        let (keys, _) = SignedPublicKey::from_string_many(block).map_err(|_| wrong)?;
        for key in keys {
            let key = key.map_err(|_| wrong)?;
            let names = names(&key);
            if names.is_empty() {
                return Err("a public key has no user id that it certifies itself");
            }
            certificates.push(Self { key, names });
        }
        if certificates.is_empty() { Err(wrong) } else { Ok(certificates) }
    }

    /// The addresses of the owner.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.iter()
    }

    /// Whether a signature of these bytes is one of this certificate; `None` when another key made it.
    pub(crate) fn signed(&self, signature: &Signature, content: &[u8]) -> Option<Result<(), &'static str>> {
        let primary = &self.key.primary_key;
        let by_primary = signature.verify(primary, content).is_ok();
        let subkey = self.key.public_subkeys.iter().find(|subkey| signature.verify(&subkey.key, content).is_ok());
        if !by_primary && subkey.is_none() {
            return None;
        }
        Some(self.holds(signature, subkey.filter(|_| !by_primary)))
    }

    fn holds(&self, signature: &Signature, subkey: Option<&SignedPublicSubKey>) -> Result<(), &'static str> {
        let strong = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
        if !signature.hash_alg().is_some_and(|hash| strong.contains(&hash)) {
            return Err("its hash is too weak");
        }
        if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
            return Err("it is none of a document");
        }
        let at = signature.created().ok_or("it names no time")?.as_secs();
        if !self.key.details.revocation_signatures.is_empty() {
            return Err("its key is revoked");
        }
        let primary = self.primary().ok_or("its key has no user id that it certifies itself")?;
        match subkey {
            None => primary.may_sign(at),
            Some(subkey) => {
                let subkey = self.subkey(subkey)?;
                subkey.may_sign(at)?;
                // A subkey ends with its certificate at the latest.
                match primary.may_sign(at) {
                    Err("its key is not one that signs") => Ok(()),
                    answer => answer,
                }
            }
        }
    }

    /// What the certificate says of its primary key.
    fn primary(&self) -> Option<Binding<'_>> {
        let key = &self.key.primary_key;
        let details = &self.key.details;
        let users = details.users.iter().flat_map(|user| {
            let holds = |signature: &&Signature| signature.verify_certification(key, Tag::UserId, &user.id).is_ok();
            user.signatures.iter().filter(|it| it.typ() != Some(SignatureType::CertRevocation)).filter(holds)
        });
        let direct = details.direct_signatures.iter().filter(|signature| signature.verify_key(key).is_ok());
        let latest =
            users.chain(direct).max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs))?;
        Some(Binding { latest, created: key.created_at().as_secs() })
    }

    /// What the certificate says of a subkey.
    fn subkey<'k>(&self, subkey: &'k SignedPublicSubKey) -> Result<Binding<'k>, &'static str> {
        let primary = &self.key.primary_key;
        if subkey.signatures.iter().any(|it| it.typ() == Some(SignatureType::SubkeyRevocation)) {
            return Err("its key is revoked");
        }
        // The subkey itself must have agreed, or anybody could claim the key of somebody else.
        let holds = |signature: &&Signature| {
            signature.verify_subkey_binding(primary, &subkey.key).is_ok()
                && (!signature.key_flags().sign()
                    || signature
                        .embedded_signature()
                        .is_some_and(|back| back.verify_primary_key_binding(&subkey.key, primary).is_ok()))
        };
        let bindings = subkey.signatures.iter().filter(holds);
        let latest = bindings.max_by_key(|signature| signature.created().map(pgp::types::Timestamp::as_secs));
        let latest = latest.ok_or("its key is not bound to the one that is trusted")?;
        Ok(Binding { latest, created: subkey.key.created_at().as_secs() })
    }
}

/// The addresses, or else the whole of the user ids, that a key certifies itself and did not revoke.
fn names(key: &SignedPublicKey) -> BTreeSet<String> {
    let own = |user: &&pgp::types::SignedUser| {
        let holds = |it: &&Signature| it.verify_certification(&key.primary_key, Tag::UserId, &user.id).is_ok();
        let mut valid = user.signatures.iter().filter(holds).peekable();
        valid.peek().is_some() && valid.all(|it| it.typ() != Some(SignatureType::CertRevocation))
    };
    let name = |user: &pgp::types::SignedUser| {
        let id = user.id.as_str()?;
        let address = id.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
        Some(address.unwrap_or(id).to_owned())
    };
    key.details.users.iter().filter(own).filter_map(name).collect()
}

/// The signature in an armored text.
pub(crate) fn signature(text: &[u8]) -> Option<Signature> {
    let text = std::str::from_utf8(text).ok()?;
    DetachedSignature::from_string(text).ok().map(|(detached, _)| detached.signature)
}
