//! The connection to a server: what libgit2 asks us on the way, and what its errors mean.

use std::cell::RefCell;
use std::rc::Rc;

use git2::{CertificateCheckStatus, ErrorClass, ErrorCode, ProxyOptions, RemoteCallbacks};

use crate::Error;
use crate::address::{Address, Protocol};
use crate::credentials::{Answers, Credentials};
use crate::known_hosts::{self, Verdict};
use crate::repository::Limits;
use crate::worker::Pulse;

/// One call to a server.
pub(crate) struct Call {
    address: Address,
    credentials: Credentials,
    limits: Limits,
    pulse: Pulse,
    /// Our own reason to end the call, which libgit2 replaces by a duller one on its way out.
    failure: Rc<RefCell<Option<Error>>>,
    /// What the server says to people beside the protocol, such as the words of its hooks.
    said: Rc<RefCell<Vec<u8>>>,
}

/// More than so many bytes of what a server says are not kept.
const MOST_SAID: usize = 4 << 10;

impl Call {
    pub(crate) fn new(address: Address, credentials: Credentials, limits: Limits, pulse: Pulse) -> Self {
        Self { address, credentials, limits, pulse, failure: Rc::default(), said: Rc::default() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.address.url
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.address.protocol
    }

    /// What people may see of the URL.
    pub(crate) fn shown(&self) -> &str {
        &self.address.shown
    }

    /// Where a callback puts its reason to end the call.
    pub(crate) fn failure(&self) -> Rc<RefCell<Option<Error>>> {
        self.failure.clone()
    }

    /// The proxy that `http.proxy`, `HTTPS_PROXY` and `NO_PROXY` name.
    pub(crate) fn proxy() -> ProxyOptions<'static> {
        let mut proxy = ProxyOptions::new();
        proxy.auto();
        proxy
    }

    pub(crate) fn callbacks(&self, handle: &git2::Repository) -> RemoteCallbacks<'static> {
        let mut callbacks = RemoteCallbacks::new();

        let mut answers = Answers::new(&self.address, &self.credentials, handle.config().ok());
        let (credentials, pulse, failure) = (self.credentials.clone(), self.pulse.clone(), self.failure());
        callbacks.credentials(move |_, username, allowed| {
            pulse.beat();
            let answer = answers.next(username, allowed, &credentials);
            pulse.beat();
            answer.map_err(|error| end(&failure, ErrorCode::Auth, error))
        });

        let (address, credentials, failure) = (self.address.clone(), self.credentials.clone(), self.failure());
        callbacks.certificate_check(move |certificate, _| {
            let Some(key) = certificate.as_hostkey() else { return Ok(CertificateCheckStatus::CertificatePassthrough) };
            let kind = key.hostkey_type().map_or("unknown", |kind| kind.name());
            match check_host_key(&address, &credentials, key.hostkey(), kind) {
                Ok(status) => Ok(status),
                Err(error) => Err(end(&failure, ErrorCode::Certificate, error)),
            }
        });

        let (pulse, failure, most) = (self.pulse.clone(), self.failure(), self.limits.fetch_bytes);
        let url = self.address.shown.clone();
        callbacks.transfer_progress(move |progress| {
            if progress.received_bytes() > most {
                *failure.borrow_mut() = Some(Error::TooLarge { url: url.clone(), most });
                return false;
            }
            pulse.beat()
        });
        let (pulse, said) = (self.pulse.clone(), self.said.clone());
        callbacks.sideband_progress(move |words| {
            let mut said = said.borrow_mut();
            let room = MOST_SAID.saturating_sub(said.len()).min(words.len());
            said.extend_from_slice(&words[..room]);
            pulse.beat()
        });
        let pulse = self.pulse.clone();
        callbacks.push_transfer_progress(move |_, _, _| {
            pulse.beat();
        });
        callbacks
    }

    /// What a failed call means.
    pub(crate) fn explain(&self, error: &git2::Error) -> Error {
        if let Some(failure) = self.failure.borrow_mut().take() {
            return failure;
        }
        let url = self.address.shown.clone();
        let message = self.clean(error.message());
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        let status =
            message.strip_prefix("unexpected http status code: ").and_then(|status| status.parse::<u16>().ok());
        match (status, error.class(), error.code()) {
            (Some(401 | 403), ..) => Error::Authentication {
                url,
                message: "it forbids this to these credentials; give ones with more rights".into(),
            },
            (Some(404 | 410), ..) => Error::RepositoryNotFound { url, message },
            (Some(_), ..) => Error::Network { url, message },
            (_, ErrorClass::Http, _) if says(&["authentication"]) => Error::Authentication { url, message },
            (_, ErrorClass::Http, _) if says(&["content-type"]) => {
                Error::RepositoryNotFound { url, message: format!("what answers is no git server ({message})") }
            }
            _ if says(&["cannot redirect"]) => Error::Url {
                message: format!("{url} leads to another server ({message}); give the url that it leads to"),
            },
            // libgit2 drops the code of this one when a callback leaves the verdict to it.
            (_, ErrorClass::Ssl, _) if says(&["certificate"]) => Error::Certificate { url, message },
            (_, ErrorClass::Ssh, ErrorCode::Certificate) => Error::HostKey {
                host: self.address.ssh_host(),
                message: format!("{message}; connect once with ssh and check the key, or add it to ~/.ssh/known_hosts"),
            },
            (_, ErrorClass::Ssh, ErrorCode::Auth) => Error::Authentication { url, message },
            (_, ErrorClass::Ssh, _) if says(&["authenticate", "private key", "public key"]) => Error::Authentication {
                url,
                message: format!(
                    "the ssh key can not be used ({message}); give an unbroken private key and its passphrase"
                ),
            },
            (_, _, ErrorCode::Auth) => Error::Authentication { url, message },
            // What the server wrote to its standard error before it hung up.
            (_, ErrorClass::Ssh, ErrorCode::Eof) => Error::RepositoryNotFound { url, message },
            _ if says(&["access denied", "not exported", "not found", "does not appear to be a git repository"])
                && self.address.protocol != Protocol::Http =>
            {
                Error::RepositoryNotFound { url, message }
            }
            (_, _, ErrorCode::Owner) => {
                Error::RepositoryNotFound { url, message: format!("{message}; allow it with git's safe.directory") }
            }
            _ if self.address.protocol == Protocol::File => Error::RepositoryNotFound { url, message },
            (_, ErrorClass::Net | ErrorClass::Ssl | ErrorClass::Ssh | ErrorClass::Http | ErrorClass::Os, _)
            | (_, _, ErrorCode::Eof | ErrorCode::Timeout) => Error::Network { url, message },
            _ => Error::internal(format!("{url}: {message}")),
        }
    }

    /// What the server said to people so far.
    pub(crate) fn said(&self) -> String {
        self.clean(&String::from_utf8_lossy(&self.said.borrow()))
    }

    /// The words of a library or server, on one line and without credentials.
    pub(crate) fn clean(&self, message: &str) -> String {
        let mut message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut secrets = self.credentials.secrets();
        secrets.extend(self.address.password.as_deref());
        // A token may stand where a user name does.
        if self.address.protocol != Protocol::Ssh && self.address.password.is_none() {
            secrets.extend(self.address.username.as_deref());
        }
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            message = message.replace(secret, "***");
        }
        message = message.replace(&self.address.url, &self.address.shown);
        if message.chars().count() > 1_000 {
            message = message.chars().take(1_000).chain(" …".chars()).collect();
        }
        message
    }
}

/// Ends a call from inside of a callback.
pub(crate) fn end(failure: &RefCell<Option<Error>>, code: ErrorCode, error: Error) -> git2::Error {
    let message = error.to_string();
    *failure.borrow_mut() = Some(error);
    git2::Error::new(code, ErrorClass::Callback, message)
}

fn check_host_key(
    address: &Address,
    credentials: &Credentials,
    key: Option<&[u8]>,
    kind: &str,
) -> Result<CertificateCheckStatus, Error> {
    let host = address.ssh_host();
    let known = match credentials {
        // libgit2 itself reads ~/.ssh/known_hosts.
        Credentials::Ambient => return Ok(CertificateCheckStatus::CertificatePassthrough),
        Credentials::Ssh { known_hosts, .. } => known_hosts.as_deref().unwrap_or_default(),
        Credentials::None | Credentials::Basic { .. } => {
            let message =
                "it wants an ssh key, and none is given; give a private key whose public half the server knows".into();
            return Err(Error::Authentication { url: address.shown.clone(), message });
        }
    };
    let port = address.port.unwrap_or(22);
    let scan = if port == 22 {
        format!("ssh-keyscan {}", address.host)
    } else {
        format!("ssh-keyscan -p {port} {}", address.host)
    };
    let message = match key.map(|key| known_hosts::check(known, &address.host, port, key)) {
        Some(Verdict::Trusted) => return Ok(CertificateCheckStatus::CertificateOk),
        _ if known.trim().is_empty() => {
            format!("known_hosts is empty; put there what `{scan}` prints, once you have checked it")
        }
        Some(Verdict::Unknown) => {
            format!("known_hosts has no key for it; add what `{scan}` prints, once you have checked it")
        }
        Some(Verdict::Revoked) => "its key is marked @revoked in known_hosts".into(),
        Some(Verdict::Other(types)) if types.iter().any(|known| known == kind) => {
            format!(
                "it shows another {kind} key than known_hosts has; someone may be in between, so do not replace the key before you know why"
            )
        }
        Some(Verdict::Other(types)) => {
            format!(
                "it shows its {kind} key, and known_hosts only has {}; add what `{scan}` prints, once you have checked it",
                types.join(", ")
            )
        }
        None => "it shows no key".into(),
    };
    Err(Error::HostKey { host, message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(url: &str, class: ErrorClass, code: ErrorCode, message: &str, expected: &Expect) {
        let credentials = Credentials::Basic { username: "me".into(), password: "hunter2".into() };
        let call = Call::new(Address::parse(url).unwrap(), credentials, Limits::default(), Pulse::new());
        let error = call.explain(&git2::Error::new(code, class, message));
        expected.assert_eq(&format!("{:?}: {error}", error.class()));
    }

    #[test]
    fn the_words_of_libgit2_become_errors_that_say_what_to_do() {
        use ErrorClass::{Http, Indexer, Net, Repository, Ssh, Ssl};
        use ErrorCode::{Certificate, Eof, GenericError, NotFound};
        let https = "https://me:hunter2@example.com/a";
        check(
            https,
            Http,
            GenericError,
            "unexpected http status code: 403",
            &expect![
                "Config: https://example.com/a refused the credentials: it forbids this to these credentials; give ones with more rights"
            ],
        );
        check(
            https,
            Http,
            GenericError,
            "unexpected http status code: 404",
            &expect![
                "Config: https://example.com/a is not there, or the credentials may not read it: unexpected http status code: 404; check the url and the access rights"
            ],
        );
        check(
            https,
            Http,
            GenericError,
            "unexpected http status code: 502",
            &expect!["Transient: https://example.com/a can not be reached: unexpected http status code: 502"],
        );
        check(
            https,
            Http,
            GenericError,
            "invalid content-type: 'text/html'",
            &expect![
                "Config: https://example.com/a is not there, or the credentials may not read it: what answers is no git server (invalid content-type: 'text/html'); check the url and the access rights"
            ],
        );
        check(
            https,
            Ssl,
            GenericError,
            "the SSL certificate is invalid",
            &expect![
                "Config: the certificate of https://example.com/a is not trusted: the SSL certificate is invalid; add its authority to the trusted certificates (SSL_CERT_FILE)"
            ],
        );
        check(
            https,
            Net,
            GenericError,
            "cannot redirect from 'example.com' to 'evil.example'",
            &expect![
                "Config: the repository's url is not usable: https://example.com/a leads to another server (cannot redirect from 'example.com' to 'evil.example'); give the url that it leads to"
            ],
        );
        check(
            https,
            Net,
            GenericError,
            "failed to connect to https://me:hunter2@example.com/a:\n hunter2",
            &expect![
                "Transient: https://example.com/a can not be reached: failed to connect to https://me:***@example.com/a: ***"
            ],
        );
        check(
            https,
            Indexer,
            GenericError,
            "unexpected data",
            &expect!["Internal: git failed: https://example.com/a: unexpected data"],
        );
        check(
            "ssh://git@example.com:22/a",
            Ssh,
            Eof,
            "ERROR: Repository not found.",
            &expect![
                "Config: ssh://example.com:22/a is not there, or the credentials may not read it: ERROR: Repository not found.; check the url and the access rights"
            ],
        );
        check(
            "ssh://git@example.com:2222/a",
            Ssh,
            Certificate,
            "unknown host key",
            &expect![
                "Config: the host key of [example.com]:2222 is not trusted: unknown host key; connect once with ssh and check the key, or add it to ~/.ssh/known_hosts"
            ],
        );
        check(
            "git://example.com/a",
            Net,
            NotFound,
            "access denied or repository not exported: /a",
            &expect![
                "Config: git://example.com/a is not there, or the credentials may not read it: access denied or repository not exported: /a; check the url and the access rights"
            ],
        );
        check(
            "/srv/a",
            Repository,
            NotFound,
            "could not find repository at '/srv/a'",
            &expect![
                "Config: /srv/a is not there, or the credentials may not read it: could not find repository at '/srv/a'; check the url and the access rights"
            ],
        );
    }

    #[test]
    fn what_a_server_says_is_kept_short() {
        let call = Call::new(
            Address::parse("https://example.com/a").unwrap(),
            Credentials::None,
            Limits::default(),
            Pulse::new(),
        );
        assert!(call.clean(&"x".repeat(100_000)).chars().count() < 1_010);
        assert_eq!(call.clean(" a\n\tb "), "a b");
    }
}
