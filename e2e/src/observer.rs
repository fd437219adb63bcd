//! Sees what becomes of ConfigMaps, and when.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher, watcher::Event},
};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
};

use crate::stage::Stage;

/// How long anything may take before this gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// A ConfigMap that was made, changed or deleted.
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its value; `None` when it is gone.
    pub value: Option<String>,
    /// When the watch told.
    pub at: Instant,
}

/// A watch of the namespace's ConfigMaps, as the administrator.
pub struct Observer {
    events: UnboundedReceiver<Seen>,
    task: JoinHandle<()>,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observer {
    /// Begins with what is there.
    pub async fn start(stage: &Stage) -> Result<Self> {
        let api: Api<ConfigMap> = stage.api();
        let (sender, events) = unbounded_channel();
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut stream =
                std::pin::pin!(watcher(api, watcher::Config::default().streaming_lists()).default_backoff());
            let mut ready = Some(ready);
            while let Some(event) = stream.next().await {
                let at = Instant::now();
                let (map, there) = match event {
                    Ok(Event::Apply(map)) => (map, true),
                    Ok(Event::Delete(map)) => (map, false),
                    Ok(Event::InitDone) => {
                        if let Some(ready) = ready.take() {
                            ready.send(()).ok();
                        }
                        continue;
                    }
                    Ok(Event::Init | Event::InitApply(_)) | Err(_) => continue,
                };
                let value = map.data.and_then(|mut data| data.remove("value")).filter(|_| there);
                if sender.send(Seen { name: map.metadata.name.unwrap_or_default(), value, at }).is_err() {
                    return;
                }
            }
        });
        is_ready.await.context("the watch of ConfigMaps ended early")?;
        Ok(Self { events, task })
    }

    /// Waits until so many events fit, and gives the time of the last.
    pub async fn until(&mut self, mut count: usize, fits: impl Fn(&Seen) -> bool) -> Result<Instant> {
        let wait = async {
            loop {
                let seen = self.events.recv().await.context("the watch of ConfigMaps ended early")?;
                if fits(&seen) {
                    count -= 1;
                    if count == 0 {
                        return Ok(seen.at);
                    }
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("{count} events did not come"))?
    }
}
