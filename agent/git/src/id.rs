//! Commit ids.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The id of a commit: 40 lower-case hexadecimal digits (SHA-1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(String);

impl CommitId {
    /// Takes a full commit id; upper-case digits are accepted.
    ///
    /// # Errors
    /// [`Error::Id`] unless `text` is 40 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(Error::Id { text: text.chars().take(80).collect() })
    }

    /// The 40 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    pub(crate) fn oid(&self) -> Result<git2::Oid, Error> {
        Ok(git2::Oid::from_str(&self.0)?)
    }
}

impl From<git2::Oid> for CommitId {
    fn from(oid: git2::Oid) -> Self {
        Self(oid.to_string())
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CommitId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl AsRef<str> for CommitId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forty_hexadecimal_digits_are_an_id() {
        let id = CommitId::parse("0123456789ABCDEF0123456789abcdef01234567").unwrap();
        assert_eq!(id.as_str(), "0123456789abcdef0123456789abcdef01234567");
        assert_eq!(id.short(), "0123456789ab");
        for wrong in
            ["", "abc", "g123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef012345678"]
        {
            assert!(matches!(CommitId::parse(wrong), Err(Error::Id { .. })), "{wrong}");
        }
    }
}
