//! What the server asks of the agent that it is a part of.

use tokio::sync::watch;

use crate::{EnvironmentView, HookToken, RepositoryView};

/// The agent, as the server sees it.
///
/// Every method answers from memory and at once: it is called on the runtime's threads, for every request.
pub trait Agent: Send + Sync + 'static {
    /// Whether the process is of use at all.
    ///
    /// # Errors
    /// One sentence for each vital task that died, when only a restart helps.
    fn alive(&self) -> Result<(), Vec<String>>;

    /// Whether the agent's caches are filled, so that what it shows is true.
    ///
    /// # Errors
    /// One sentence for each thing that is still missing.
    fn ready(&self) -> Result<(), Vec<String>>;

    /// All Environments, in any order.
    fn environments(&self) -> Vec<EnvironmentView>;

    /// All Repositories, in any order.
    fn repositories(&self) -> Vec<RepositoryView>;

    /// The token that a forge signs webhooks of this Repository with. Without a namespace, the Repository is in the agent's own.
    ///
    /// # Errors
    /// Why there is none; the caller of the webhook is told neither.
    fn hook_token(&self, namespace: Option<&str>, repository: &str) -> Result<HookToken, NoHookToken>;

    /// Marks that this Repository is to be fetched now. Marks of a burst of webhooks fall together.
    fn fetch(&self, namespace: Option<&str>, repository: &str);

    /// A counter that moves when `environments` or `repositories` answer something new.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// Why there is no token to check a webhook with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoHookToken {
    /// There is no such Repository.
    UnknownRepository,
    /// The Repository names no Secret for webhooks, or the Secret or its key `token` is missing or empty.
    NotConfigured,
}
