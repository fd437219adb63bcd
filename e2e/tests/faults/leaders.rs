//! Two agents at once.

use anyhow::{Result, ensure};
use e2e::{
    agent::{Agent, Installation},
    cluster::shared,
    observer::Observer,
    proxy::FaultyProxy,
    stage::Stage,
};
use k8s_openapi::api::coordination::v1::Lease;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::check;

const OBJECTS: usize = 150;

/// A stage whose first agent goes through a proxy, and leads; and a second agent that waits.
async fn two_agents() -> Result<(Stage, FaultyProxy, Agent)> {
    let connection = shared().await?;
    let namespace = connection.fresh_namespace("leaders").await?;
    let direct = Installation::new(&connection, namespace.name()).await?;
    let mut installation = direct.clone();
    let proxy = FaultyProxy::start(&connection).await?;
    installation.go_through(&proxy)?;
    let stage = Stage::with(connection, namespace, installation).await?;
    stage.environment("dev", json!({"prune": {"limit": null}})).await?;
    leads(&stage, "one").await?;
    let second = Agent::spawn(&direct, "second", &[])?;
    second.ready().await?;
    Ok((stage, proxy, second))
}

async fn leads(stage: &Stage, identity: &str) -> Result<()> {
    stage
        .wait(&format!("the agent {identity} to lead"), async || {
            let lease = stage.api::<Lease>().get("plumb").await?;
            let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
            ensure!(holder.starts_with(identity), "{holder} leads");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_killed_is_followed_by_the_other() -> Result<()> {
    let (mut stage, _proxy, second) = two_agents().await?;
    let mut observer = Observer::start(&stage).await?;
    let names = check::names("map", 0..OBJECTS);
    check::push(&stage, "dev", &names, "one").await?;
    observer.until(OBJECTS / 3, |seen| seen.value.as_deref() == Some("one")).await?;
    stage.agent.crash().await?;
    // Nobody tells it of the push: it fetches when it begins to lead.
    stage.agent = second;
    check::settles(&stage, "dev", &names, "one").await?;
    leads(&stage, "second").await?;
    let names = check::names("map", OBJECTS / 2..OBJECTS);
    check::push(&stage, "dev", &names, "two").await?;
    check::settles(&stage, "dev", &names, "two").await?;
    stage.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_sleeps_past_its_lease_writes_nothing_when_it_wakes() -> Result<()> {
    let (mut stage, proxy, second) = two_agents().await?;
    let mut observer = Observer::start(&stage).await?;
    check::push(&stage, "dev", &check::names("map", 0..OBJECTS), "one").await?;
    observer.until(OBJECTS / 3, |seen| seen.value.as_deref() == Some("one")).await?;
    stage.agent.signal(Signal::SIGSTOP)?;
    let first = std::mem::replace(&mut stage.agent, second);
    leads(&stage, "second").await?;
    // What the first was about to apply is no longer what git says.
    let names = check::names("map", OBJECTS / 2..OBJECTS + 10);
    check::push(&stage, "dev", &names, "two").await?;
    check::settles(&stage, "dev", &names, "two").await?;

    let written = proxy.writes();
    first.signal(Signal::SIGCONT)?;
    stage
        .wait("the first agent to know that it does not lead", async || {
            ensure!(first.log().contains("\"leading\":false"), "it does not");
            Ok(())
        })
        .await?;
    let names = check::names("map", 0..10);
    check::push(&stage, "dev", &names, "three").await?;
    check::settles(&stage, "dev", &names, "three").await?;
    ensure!(
        proxy.writes() == written,
        "the first agent wrote {} times after its lease had run out",
        proxy.writes() - written
    );

    // When the second goes, the first leads again.
    stage.agent.crash().await?;
    stage.agent = first;
    leads(&stage, "one").await?;
    check::push(&stage, "dev", &names, "four").await?;
    check::settles(&stage, "dev", &names, "four").await?;
    stage.end().await
}
