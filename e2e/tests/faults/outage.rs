//! The API server and its database fail, on a cluster of their own.

use anyhow::{Result, ensure};
use e2e::{
    cluster::{Component, Connection, LocalCluster, Options},
    observer::Observer,
    stage::Stage,
};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::check;

const OBJECTS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_dies_and_its_database_stops_amid_changes() -> Result<()> {
    let mut cluster = LocalCluster::start(&Options { name: "test-outage".into(), nodes: 1 }).await?;
    let connection = Connection::to(cluster.layout()).await?;
    let stage = Stage::on(connection, "outage").await?;
    stage.environment("dev", json!({"retryInterval": "2s"})).await?;
    let mut names = check::names("map", 0..OBJECTS);
    check::push(&stage, "dev", &names, "start").await?;
    check::settles(&stage, "dev", &names, "start").await?;

    for round in 0..3 {
        let value = format!("died-{round}");
        // Some go and some come each time.
        names = check::names("map", round * 20..round * 20 + OBJECTS);
        let mut observer = Observer::start(&stage).await?;
        check::push(&stage, "dev", &names, &value).await?;
        observer.until(1 + round * OBJECTS / 2, |seen| seen.name.starts_with("map-")).await?;
        cluster.restart(Component::ApiServer).await?;
        check::settles(&stage, "dev", &names, &value).await?;
    }

    let mut observer = Observer::start(&stage).await?;
    names = check::names("map", 30..OBJECTS);
    check::push(&stage, "dev", &names, "stopped").await?;
    observer.until(10, |seen| seen.value.as_deref() == Some("stopped")).await?;
    cluster.signal(Component::Etcd, Signal::SIGSTOP)?;
    let led = stage.agent.log().matches("\"leading\":false").count();
    stage
        .wait("the agent to lose its lease", async || {
            ensure!(stage.agent.log().matches("\"leading\":false").count() > led, "it leads");
            Ok(())
        })
        .await?;
    cluster.signal(Component::Etcd, Signal::SIGCONT)?;
    check::settles(&stage, "dev", &names, "stopped").await?;
    ensure!(
        stage.metric("plumb_drift_total", &[]).await? < 0.5,
        "an outage was taken for a drift:\n{}",
        stage.agent.log()
    );
    stage.end().await
}
