//! SHA-256 of plain data: what stands for content without being it.

use std::fmt;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a value: its compact JSON, whose keys are sorted.
    #[must_use]
    pub fn of_value(value: &Value) -> Self {
        Self::of(value.to_string().as_bytes())
    }

    /// Of many digests with their names, in the order given.
    #[must_use]
    pub fn of_named<'a>(named: impl IntoIterator<Item = (&'a str, Digest)>) -> Self {
        let mut hasher = Sha256::new();
        for (name, digest) in named {
            hasher.update(name.as_bytes());
            hasher.update([0]);
            hasher.update(digest.0);
        }
        Self(hasher.finalize().into())
    }

    /// From 64 hexadecimal digits; `None` when it isn't that.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0[..6]))
    }
}
