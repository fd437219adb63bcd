//! A namespace for one test.

use std::hash::{BuildHasher as _, RandomState};
use std::thread;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Namespace as Object;
use kube::api::{Api, DeleteParams, PostParams};
use kube::{Client, Config};
use serde_json::json;

use super::connection::Connection;

/// A namespace that is deleted, with everything in it, when this is dropped. [`Namespace::delete`] tells whether that went well.
pub struct Namespace {
    name: String,
    config: Config,
    deleted: bool,
}

impl Namespace {
    pub(super) async fn create(connection: &Connection, prefix: &str) -> Result<Self> {
        // The standard library's hasher is seeded from the system's random source.
        let unique = RandomState::new().hash_one(prefix);
        let name = format!("{prefix}-{:08x}", unique >> 32);
        let object: Object = serde_json::from_value(json!({
            "metadata": { "name": name, "labels": { "plumb.dev/e2e": "true" } },
        }))?;
        Api::<Object>::all(connection.client.clone())
            .create(&PostParams::default(), &object)
            .await
            .with_context(|| format!("can't create the namespace {name}"))?;
        Ok(Self { name, config: connection.config.clone(), deleted: false })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks for its deletion, without waiting for what is in it to be gone.
    pub async fn delete(mut self) -> Result<()> {
        self.deleted = true;
        delete(self.config.clone(), &self.name).await
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if self.deleted {
            return;
        }
        // The test's own runtime may be at its end: a runtime and a client of its own don't depend on it.
        let name = self.name.clone();
        let config = self.config.clone();
        let deletion = thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(delete(config, &name))
        });
        match deletion.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("the namespace {} stays: {error:#}", self.name),
            Err(_) => eprintln!("the namespace {} stays: its deletion panicked", self.name),
        }
    }
}

async fn delete(config: Config, name: &str) -> Result<()> {
    let api = Api::<Object>::all(Client::try_from(config)?);
    api.delete(name, &DeleteParams::default()).await.with_context(|| format!("can't delete the namespace {name}"))?;
    Ok(())
}
