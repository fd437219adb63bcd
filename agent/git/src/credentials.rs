//! Who we are to a git server, and how often we say it.

use std::fmt;
use std::path::PathBuf;

use git2::{Cred, CredentialType};

use crate::Error;
use crate::address::Address;

/// How to prove to a server who we are. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// What the URL holds, and else nothing: public repositories and files.
    None,
    /// User name and password or token, for https.
    Basic {
        /// User name; most forges take any with a token.
        username: String,
        /// Password or token.
        password: String,
    },
    /// A deploy key, for ssh.
    Ssh {
        /// The user when the URL names none; `git` almost everywhere.
        username: String,
        /// The private key, as `ssh-keygen` writes it.
        identity: String,
        /// What the private key is encrypted with.
        passphrase: Option<String>,
        /// The keys that the server may have, in the format of OpenSSH's `known_hosts`. Without any, no server is trusted.
        known_hosts: Option<String>,
    },
    /// What the git of the person who runs this process would use: credential helpers, ssh-agent, keys and known hosts in `~/.ssh`.
    Ambient,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic { redacted }",
            Self::Ssh { .. } => "Ssh { redacted }",
            Self::Ambient => "Ambient",
        })
    }
}

impl Credentials {
    /// What an error must never show.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::Basic { password, .. } => vec![password],
            Self::Ssh { passphrase: Some(passphrase), .. } => vec![passphrase],
            _ => Vec::new(),
        }
    }
}

/// Answers a server that asks who we are: each way once, since libgit2 asks for as long as it gets an answer.
pub(crate) struct Answers {
    address: Address,
    /// Which credential helpers there are.
    config: Option<git2::Config>,
    /// What is left to try, the next one last.
    left: Vec<Way>,
    tried: Vec<&'static str>,
}

enum Way {
    Password {
        username: String,
        password: String,
    },
    Key {
        identity: String,
        passphrase: Option<String>,
    },
    Helper,
    Agent,
    KeyFile(PathBuf),
    /// Kerberos or NTLM as the person who is logged in.
    Login,
}

impl Way {
    fn fits(&self, allowed: CredentialType) -> bool {
        allowed.contains(match self {
            Self::Password { .. } | Self::Helper => CredentialType::USER_PASS_PLAINTEXT,
            Self::Key { .. } => CredentialType::SSH_MEMORY,
            Self::Agent | Self::KeyFile(_) => CredentialType::SSH_KEY,
            Self::Login => CredentialType::DEFAULT,
        })
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Password { .. } => "the username and password",
            Self::Key { .. } => "the ssh key",
            Self::Helper => "git's credential helper",
            Self::Agent => "ssh-agent",
            Self::KeyFile(_) => "the keys in ~/.ssh",
            Self::Login => "the login",
        }
    }
}

impl Answers {
    pub(crate) fn new(address: &Address, credentials: &Credentials, config: Option<git2::Config>) -> Self {
        let mut ways = Vec::new();
        if let Credentials::Basic { username, password } = credentials {
            ways.push(Way::Password { username: username.clone(), password: password.clone() });
        } else if address.username.is_some() || address.password.is_some() {
            let (username, password) = (address.username.clone(), address.password.clone());
            if password.is_some() || matches!(credentials, Credentials::None) {
                ways.push(Way::Password {
                    username: username.unwrap_or_default(),
                    password: password.unwrap_or_default(),
                });
            }
        }
        match credentials {
            Credentials::Ssh { identity, passphrase, .. } => {
                ways.push(Way::Key { identity: identity.clone(), passphrase: passphrase.clone() });
            }
            Credentials::Ambient => {
                ways.push(Way::Helper);
                // libssh2 fails for good where no agent answers.
                if std::env::var_os("SSH_AUTH_SOCK").is_some() {
                    ways.push(Way::Agent);
                }
                ways.extend(key_files().into_iter().map(Way::KeyFile));
                ways.push(Way::Login);
            }
            Credentials::None | Credentials::Basic { .. } => {}
        }
        ways.reverse();
        Self { address: address.clone(), config, left: ways, tried: Vec::new() }
    }

    /// The next answer.
    ///
    /// # Errors
    /// [`Error::Authentication`] when nothing is left to try.
    pub(crate) fn next(
        &mut self,
        asked: Option<&str>,
        allowed: CredentialType,
        credentials: &Credentials,
    ) -> Result<Cred, Error> {
        let username = match (asked, credentials) {
            (Some(username), _) => username.to_owned(),
            (None, Credentials::Ssh { username, .. }) => username.clone(),
            (None, _) => self.address.username.clone().unwrap_or_else(|| "git".into()),
        };
        if allowed.contains(CredentialType::USERNAME) {
            return Cred::username(&username).map_err(|_| self.refused());
        }
        while let Some(place) = self.left.iter().rposition(|way| way.fits(allowed)) {
            let way = self.left.remove(place);
            let made = match &way {
                Way::Password { username, password } => Cred::userpass_plaintext(username, password),
                Way::Key { identity, passphrase } => {
                    Cred::ssh_key_from_memory(&username, None, identity, passphrase.as_deref())
                }
                Way::Helper => match &self.config {
                    Some(config) => Cred::credential_helper(config, &self.address.url, asked),
                    None => Err(git2::Error::from_str("no configuration")),
                },
                Way::Agent => Cred::ssh_key_from_agent(&username),
                Way::KeyFile(path) => Cred::ssh_key(&username, None, path, None),
                Way::Login => Cred::default(),
            };
            if !self.tried.contains(&way.name()) {
                self.tried.push(way.name());
            }
            if let Ok(credential) = made {
                return Ok(credential);
            }
        }
        Err(self.refused())
    }

    /// Why nothing is left to try.
    pub(crate) fn refused(&self) -> Error {
        use crate::address::Protocol::Ssh;
        let message = match (self.tried.is_empty(), self.address.protocol) {
            (true, Ssh) => {
                "it wants an ssh key, and none is given; give a private key whose public half the server knows".into()
            }
            (true, _) => "it wants a username and a password or token, and none is given; give both".into(),
            (false, Ssh) => {
                format!("it does not accept {}; let the server know the public half of the key", self.tried.join(", "))
            }
            (false, _) => format!(
                "it does not accept {}; give ones that are valid and may read the repository",
                self.tried.join(", ")
            ),
        };
        Error::Authentication { url: self.address.shown.clone(), message }
    }
}

/// The private keys that ssh tries by default (ssh(1), option `-i`), newest kind first.
fn key_files() -> Vec<PathBuf> {
    let Some(home) = std::env::var_os("HOME") else { return Vec::new() };
    let directory = PathBuf::from(home).join(".ssh");
    let names = ["id_ed25519", "id_ecdsa", "id_rsa"];
    names.into_iter().map(|name| directory.join(name)).filter(|path| path.is_file()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn each_way_is_tried_once() {
        let address = Address::parse("https://example.com/a").unwrap();
        let credentials = Credentials::Basic { username: "me".into(), password: "secret".into() };
        let mut answers = Answers::new(&address, &credentials, None);
        assert!(answers.next(None, CredentialType::USER_PASS_PLAINTEXT, &credentials).is_ok());
        let error = answers.next(None, CredentialType::USER_PASS_PLAINTEXT, &credentials).err().unwrap();
        expect!["https://example.com/a refused the credentials: it does not accept the username and password; give ones that are valid and may read the repository"]
            .assert_eq(&error.to_string());
    }

    #[test]
    fn what_the_url_holds_is_used() {
        let address = Address::parse("https://me:secret@example.com/a").unwrap();
        let mut answers = Answers::new(&address, &Credentials::None, None);
        let credential = answers.next(None, CredentialType::USER_PASS_PLAINTEXT, &Credentials::None).unwrap();
        assert!(credential.has_username());
    }

    #[test]
    fn nothing_to_say_is_told() {
        for (url, allowed) in [
            ("https://example.com/a", CredentialType::USER_PASS_PLAINTEXT),
            ("ssh://example.com/a", CredentialType::SSH_KEY),
        ] {
            let mut answers = Answers::new(&Address::parse(url).unwrap(), &Credentials::None, None);
            let error = answers.next(Some("git"), allowed, &Credentials::None).err().unwrap();
            assert!(error.to_string().contains("none is given"), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let basic = Credentials::Basic { username: "me".into(), password: "secret".into() };
        let ssh = Credentials::Ssh {
            username: "git".into(),
            identity: "secret".into(),
            passphrase: Some("secret".into()),
            known_hosts: None,
        };
        assert!(!format!("{basic:?}{ssh:?}").contains("secret"));
    }
}
