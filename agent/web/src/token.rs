//! The secret that a forge and the agent share.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// The secret that a forge and the agent share: what a webhook is signed with. Not shown by `Debug`, and compared in constant time.
#[derive(Clone)]
pub struct HookToken(Vec<u8>);

impl HookToken {
    /// Takes the token from a Secret. Line ends behind it are cut: files have them, and the text field of a forge does not.
    ///
    /// `None` when nothing is left, for everyone knows the empty token.
    #[must_use]
    pub fn new(token: &[u8]) -> Option<Self> {
        let end = token.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'))?;
        token.get(..=end).map(|token| Self(token.to_vec()))
    }

    /// The start of the HMAC-SHA-256 of a body.
    pub(crate) fn mac(&self) -> Option<HmacSha256> {
        keyed(&self.0)
    }

    /// Whether the caller presented this very token. The time it takes depends on the length of what was presented only.
    pub(crate) fn equals(&self, presented: &[u8]) -> bool {
        // Comparing digests under one key, not the tokens, hides the length of ours as well.
        let (Some(ours), Some(theirs)) = (keyed(b"plumb"), keyed(b"plumb")) else { return false };
        let ours = ours.chain_update(&self.0).finalize().into_bytes();
        theirs.chain_update(presented).verify_slice(&ours).is_ok()
    }

    /// A token that stands in for one that is missing, so that refusing takes the same time. What it verifies is refused all the same.
    pub(crate) fn stand_in() -> Self {
        Self(b"no token is known by this name".to_vec())
    }
}

fn keyed(key: &[u8]) -> Option<HmacSha256> {
    // HMAC takes keys of any length (RFC 2104, section 2); the type of the function can't say so.
    HmacSha256::new_from_slice(key).ok()
}

impl fmt::Debug for HookToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HookToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn debug_shows_nothing_of_the_token() {
        let token = HookToken::new(b"s3cret-token").unwrap();
        assert_eq!(format!("{token:?} {:?}", Some(&token)), "HookToken(redacted) Some(HookToken(redacted))");
    }

    #[rstest]
    #[case(b"s3cret", true)]
    #[case(b"s3cret\0", false)]
    #[case(b"s3cre", false)]
    #[case(b"S3cret", false)]
    #[case(b"", false)]
    #[case(b"s3cret\n", false)]
    fn equals_only_itself(#[case] presented: &[u8], #[case] equal: bool) {
        assert_eq!(HookToken::new(b"s3cret\r\n").unwrap().equals(presented), equal);
    }

    #[rstest]
    #[case(b"")]
    #[case(b"\n")]
    #[case(b"\r\n\n")]
    fn an_empty_token_is_none(#[case] token: &[u8]) {
        assert!(HookToken::new(token).is_none());
    }

    #[test]
    fn mac_is_hmac_sha256() {
        // RFC 4231, test case 2.
        let mac = HookToken::new(b"Jefe").unwrap().mac().unwrap().chain_update(b"what do ya want for nothing?");
        assert_eq!(
            hex::encode(mac.finalize().into_bytes()),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
