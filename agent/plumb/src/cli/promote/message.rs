//! The message of the commit that asks for a promotion.

use plumb_delivery::trailers::{self, PROMOTE_REVISION, PROMOTE_TO};

/// Why there is no such message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum Error {
    #[error(
        "{0:?} is no name of an Environment: up to 63 lower-case letters, digits, '-' and '.' are expected, with a letter or digit at both ends"
    )]
    Name(String),
    #[error("the text given with -m can't stand above the trailers: {0}")]
    Text(#[from] trailers::Error),
    #[error("the text given with -m would ask for something else than what is meant; leave trailers out of it")]
    Other,
}

/// The message that asks for `revision`, a full commit id, in `environment`: the text, and below it the trailers.
///
/// The trailers are read back from it, so what is pushed is understood by the agent.
///
/// # Errors
/// When the name can't be that of an Environment, or the text would change what the trailers say.
pub(super) fn message(environment: &str, revision: &str, text: Option<&str>) -> Result<String, Error> {
    check(environment)?;
    let text = match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => text.to_owned(),
        None => format!("request promotion of {} to {environment}", revision.get(..12).unwrap_or(revision)),
    };
    let message = format!("{text}\n\n{PROMOTE_TO}: {environment}\n{PROMOTE_REVISION}: {revision}\n");
    let read = trailers::requests("", &message)?;
    match &read[..] {
        [request] if request.environment == environment && request.revision.as_deref() == Some(revision) => Ok(message),
        _ => Err(Error::Other),
    }
}

/// Checks that there can be an Environment of this name.
///
/// # Errors
/// [`Error::Name`] otherwise.
pub(in crate::cli) fn check(environment: &str) -> Result<(), Error> {
    if is_name(environment) { Ok(()) } else { Err(Error::Name(environment.to_owned())) }
}

/// Whether it can be the name of an object: a DNS subdomain (RFC 1123), which is also the value of a label.
fn is_name(name: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = name.as_bytes();
    bytes.len() <= 63
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

    fn check_message(environment: &str, text: Option<&str>, expected: &Expect) {
        expected.assert_eq(&message(environment, REVISION, text).unwrap_or_else(|error| format!("error: {error}")));
    }

    #[test]
    fn a_request_names_environment_and_revision() {
        check_message(
            "staging",
            None,
            &expect![[r#"
                request promotion of 0123456789ab to staging

                Promote-To: staging
                Promote-Revision: 0123456789abcdef0123456789abcdef01234567
            "#]],
        );
        check_message(
            "prod-eu.1",
            Some("let the new registry in\n\nAs agreed with Ada.\n"),
            &expect![[r#"
                let the new registry in

                As agreed with Ada.

                Promote-To: prod-eu.1
                Promote-Revision: 0123456789abcdef0123456789abcdef01234567
            "#]],
        );
    }

    #[test]
    fn what_would_be_misread_is_refused() {
        check_message(
            "Staging",
            None,
            &expect![[
                r#"error: "Staging" is no name of an Environment: up to 63 lower-case letters, digits, '-' and '.' are expected, with a letter or digit at both ends"#
            ]],
        );
        check_message(
            "a\nPromote-To: prod",
            None,
            &expect![[
                r#"error: "a\nPromote-To: prod" is no name of an Environment: up to 63 lower-case letters, digits, '-' and '.' are expected, with a letter or digit at both ends"#
            ]],
        );
        check_message(
            "staging",
            Some("text\n\nPromote-To: prod\n\n---\nmore"),
            &expect![
                "error: the text given with -m can't stand above the trailers: `git interpret-trailers` reads `Promote-To: prod` and `git log` reads `Promote-To: staging`, `Promote-Revision: 0123456789abcdef0123456789abcdef01234567` in this message: keep one block of trailers, as the last paragraph, and no line that starts with `---`"
            ],
        );
    }

    proptest! {
        #[test]
        fn whatever_the_text_the_request_is_what_was_meant(text in "(.|\n|Promote-To: prod|---|#|Conflicts:\n){0,40}") {
            if let Ok(message) = message("staging", REVISION, Some(&text)) {
                let read = trailers::requests("", &message).unwrap();
                prop_assert_eq!(read.len(), 1);
                prop_assert_eq!(&read[0].environment, "staging");
                prop_assert_eq!(read[0].revision.as_deref(), Some(REVISION));
            }
        }
    }
}
