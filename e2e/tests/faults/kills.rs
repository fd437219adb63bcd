//! The agent is killed at random moments, over and over.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    observer::Observer,
    stage::{Stage, config_map},
};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _, api::ListParams};
use serde_json::json;

use crate::check;

/// How often each of two agents is killed.
const KILLS: usize = 100;
/// Objects that come and go, and those that are in every revision.
const POOL: usize = 24;
const STABLE: usize = 6;
/// Sets the seed, to see a failure again.
const SEED_VARIABLE: &str = "PLUMB_E2E_SEED";

/// `SplitMix64`.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap_or(1)).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_200_moments_loses_nothing_and_prunes_nothing_that_lives() -> Result<()> {
    let seed = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    println!("{SEED_VARIABLE}={seed}");
    tokio::try_join!(rounds(seed), rounds(seed + 1))?;
    Ok(())
}

async fn rounds(seed: u64) -> Result<()> {
    let mut random = Random(seed);
    let mut stage = Stage::new("kills").await?;
    stage.environment("dev", json!({})).await?;
    stage.environment("other", json!({})).await?;
    let others = check::names("other", 0..3);
    check::push_quietly(&stage, "other", &others, "theirs")?;
    let mut names = check::names("map", 0..POOL);
    let revision = check::push(&stage, "dev", &names, "start").await?;
    stage.ready_at("dev", &revision).await?;
    stage.ready_at("other", &revision).await?;
    // It carries the labels, and nobody here made it.
    let stranger = config_map("stranger", "mine").replace(
        "metadata:\n",
        &format!(
            "metadata:\n  labels: {{plumb.dev/environment: dev, plumb.dev/environment-namespace: {}}}\n",
            stage.ns()
        ),
    );
    stage.connection.kubectl(&["apply", "-n", stage.ns(), "-f", "-"], &stranger).await?;

    for round in 0..KILLS {
        let before = uids(&stage).await?;
        names = check::names("map", (0..POOL).filter(|number| *number < STABLE || random.below(2) == 0));
        let value = format!("round-{round}");
        check::push_quietly(&stage, "dev", &names, &value)?;
        let gone = before.keys().filter(|name| name.starts_with("map-") && !names.contains(*name)).count();
        // Every object of the revision changes, and what left it goes.
        let moment = random.below(names.len() + gone + 1);
        let mut observer = Observer::start(&stage).await?;
        // The lease of an agent that was killed would have to run out first.
        let lease = format!("kills-{round}");
        stage.agent.crash().await?;
        stage.agent.start_again(&["--lease-name", &lease])?;
        if moment > 0 {
            let own = |name: &str| name.starts_with("map-");
            observer
                .until(moment, |seen| own(&seen.name))
                .await
                .map_err(|error| error.context(format!("seed {seed}, round {round}:\n{}", stage.agent.log())))?;
        }
        tokio::time::sleep(Duration::from_micros(random.next() % 4_000)).await;
        stage.agent.crash().await?;

        let context = format!("seed {seed}, round {round}, killed after {moment} changes");
        let after = uids(&stage).await?;
        for (name, uid) in before.iter().filter(|(name, _)| names.contains(*name) || !name.starts_with("map-")) {
            ensure!(after.get(name) == Some(uid), "{context}: {name} was pruned");
        }
        let listed = check::inventory(&stage, "dev").await?;
        let mut existing = check::labelled(&stage, "dev").await?;
        existing.remove("stranger");
        let lost: Vec<_> = existing.keys().filter(|name| !listed.contains(*name)).collect();
        ensure!(lost.is_empty(), "{context}: the inventory lacks {lost:?}");
    }

    stage.agent.start_again(&["--lease-name", "kills-end"])?;
    check::settles_beside(&stage, "dev", &names, &format!("round-{}", KILLS - 1), &["stranger"]).await?;
    check::settles(&stage, "other", &others, "theirs").await?;
    stage.end().await
}

/// All ConfigMaps that are not the inventory.
async fn uids(stage: &Stage) -> Result<BTreeMap<String, String>> {
    let maps: Api<ConfigMap> = stage.api();
    let list = maps.list_metadata(&ListParams::default().labels("plumb.dev/environment")).await?;
    Ok(list.into_iter().map(|map| (map.name_any(), map.uid().unwrap_or_default())).collect())
}
