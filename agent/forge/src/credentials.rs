//! What a forge wants to know about who asks.

use std::fmt;

/// Credentials of an API. Their `Debug` shows none of it.
#[derive(Clone)]
pub enum Credentials {
    /// A token: personal, of a project or of a bot.
    Token(String),
    /// User name and password, as Bitbucket's API tokens are used.
    Basic {
        /// The name, for Bitbucket an e-mail address.
        username: String,
        /// The password or token.
        password: String,
    },
    /// A GitHub App, which gets tokens for an hour.
    App(App),
}

/// A GitHub App. Its `Debug` does not show the key.
#[derive(Clone)]
pub struct App {
    /// The app's id or client id.
    pub id: String,
    /// Its installation; without it, the one of the repository is looked up.
    pub installation: Option<String>,
    /// Its private key in PEM, as GitHub gives it (PKCS#1) or as PKCS#8.
    pub private_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Basic { .. } => "Basic(…)",
            Self::App(_) => "App(…)",
        })
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("id", &self.id).field("installation", &self.installation).finish_non_exhaustive()
    }
}
