//! The secrets of webhooks, kept at hand so that a webhook is answered without a request to the API server.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use plumb_web::HookToken;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Context, board::Key, retry::Retry};

/// How often the Secrets are read again, for they may be replaced.
const INTERVAL: Duration = Duration::from_mins(5);

/// The first pause after a Secret was not there or could not be read; it doubles up to the interval. Who makes a Repository may make its Secret next.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What [`Context::synced`] calls the secrets: before they are read, webhooks would be refused that are not sent again.
pub(crate) const SYNCED: &str = "secrets of webhooks";

/// The secrets of webhooks, by Repository.
#[derive(Default)]
pub(crate) struct HookTokens(RwLock<BTreeMap<Key, HookToken>>);

impl HookTokens {
    pub(crate) fn get(&self, repository: &Key) -> Option<HookToken> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(repository).cloned()
    }
}

/// Reads the Secrets when a Repository changes, and at an interval, until it is cancelled.
pub(crate) async fn keep(cx: Context, stop: CancellationToken) {
    let mut changes = cx.repositories.changes();
    let mut synced = cx.synced.subscribe();
    let mut read: BTreeMap<Key, (String, Option<HookToken>)> = BTreeMap::new();
    let mut renew = Instant::now() + INTERVAL;
    let mut attempts = Retry::default();
    loop {
        let due = renew <= Instant::now();
        if due {
            renew = Instant::now() + INTERVAL;
        }
        let complete = synced.borrow_and_update().contains("repositories");
        let repositories = cx.repositories.all();
        read.retain(|key, _| repositories.contains_key(key));
        for (key, repository) in repositories {
            let Some(webhook) = &repository.spec.webhook else {
                read.remove(&key);
                continue;
            };
            let name = &webhook.secret_ref.name;
            // A token that is missing may be made at any time, so only one that was read is kept.
            let kept = read.get(&key).filter(|(of, _)| of == name).and_then(|(_, token)| token.clone());
            if kept.is_some() && !due {
                continue;
            }
            let token = match cx.cluster.secret(&key.namespace, name).await {
                Ok(secret) => secret.bytes("token").and_then(HookToken::new),
                Err(error) => {
                    tracing::warn!(repository = %key, %error, "the secret of the webhook can't be read");
                    // A token that is gone is no longer valid; one that can't be asked for may be.
                    kept.filter(|_| error.code() != Some(404))
                }
            };
            read.insert(key, (name.clone(), token));
        }
        let again = if read.values().all(|(_, token)| token.is_some()) {
            attempts.succeeded();
            renew
        } else {
            renew.min(Instant::now() + attempts.failed(FIRST_RETRY, INTERVAL))
        };
        let known = read.iter().filter_map(|(key, (_, token))| Some((key.clone(), token.clone()?))).collect();
        *cx.hook_tokens.0.write().unwrap_or_else(PoisonError::into_inner) = known;
        if complete {
            cx.synced.send_if_modified(|synced| synced.insert(SYNCED.into()));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            ended = synced.changed(), if !complete => if ended.is_err() { return },
            ended = changes.changed() => if ended.is_err() { return },
            () = tokio::time::sleep_until(again) => {}
        }
    }
}
