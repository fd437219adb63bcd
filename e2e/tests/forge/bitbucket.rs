//! Bitbucket Cloud: each request is held against the published description, and each answer fits what is described.

use anyhow::{Result, ensure};
use plumb_forge::{
    Address, Change, Class, Credentials, Error, Kind, Marker, Merge, MergeMethod, NewPullRequest, State, Status,
    StatusState,
};

use crate::description::{Described, Description, Stage};

/// The commit at the head of the pull request that the server tells of.
const HEAD: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

async fn stage(credentials: Credentials) -> Result<Stage> {
    let server = Described::serve(Description::of_bitbucket()?, "/2.0").await?;
    let address = Address::of("git@bitbucket.org:acme/platform.git", Some(Kind::Bitbucket), Some(&server.url))?;
    Stage::new(server, &address, credentials)
}

#[tokio::test]
async fn every_request_is_as_described() -> Result<()> {
    let stage = stage(Credentials::Token("a-token".into())).await?;
    let found = stage.call(|forge| forge.find("text", "text")).await??;
    let fits =
        |pull: &plumb_forge::PullRequest| pull.number == 1 && !pull.from_fork && HEAD.starts_with(&pull.head_commit);
    ensure!(found.as_ref().is_some_and(fits), "{found:?}, asked {:?}", stage.server.asked()?);
    ensure!(stage.call(|forge| forge.latest("text", "text")).await??.is_some());
    let pull = stage.call(|forge| forge.get(1)).await??;
    ensure!(pull.state == State::Open && pull.title == "text" && pull.author == "text", "{pull:?}");
    ensure!(!stage.call(|forge| forge.open("text")).await??.is_empty());
    ensure!(!stage.call(|forge| forge.merged("text")).await??.is_empty());
    let new = NewPullRequest { head: "promote".into(), base: "main".into(), title: "t".into(), body: "b".into() };
    stage.call(move |forge| forge.create(&new)).await??;
    stage.call(|forge| forge.update(1, &Change { title: "t".into(), body: "b".into() })).await??;
    stage.call(|forge| forge.close(1)).await??;
    for method in [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] {
        let merge = Merge { head: HEAD.into(), method, title: "t".into(), message: "m".into() };
        stage.call(move |forge| forge.merge(1, &merge)).await??;
    }
    let comments = stage.call(|forge| forge.comments(1)).await??;
    ensure!(comments.first().is_some_and(|comment| comment.body == "text" && comment.author == "text"), "{comments:?}");
    stage.call(|forge| forge.upsert_comment(1, &Marker::new("plumb:preview"), "text")).await??;
    stage.call(|forge| forge.edit_comment(1, 1, "text")).await??;
    let statuses = stage.call(|forge| forge.statuses(HEAD)).await??;
    ensure!(
        statuses.iter().any(|status| status.name == "text" && status.state == StatusState::Pending),
        "{statuses:?}"
    );
    for state in [StatusState::Pending, StatusState::Success, StatusState::Failure] {
        let status = Status { name: "plumb/gate".into(), state, description: "ä".repeat(500), url: None };
        stage.call(move |forge| forge.set_status(HEAD, &status)).await??;
    }
    let reviews = stage.call(|forge| forge.reviews(1)).await??;
    ensure!(reviews.first().is_some_and(|review| review.author == "text"), "{reviews:?}");
    stage.call(|forge| forge.request_reviews(1, &["{6f4e2f4c-0a3b-4f53-8b1f-5d2b7b1c9a10}".into()])).await??;
    let asked = stage.server.asked()?;
    ensure!(asked.iter().filter(|line| line.ends_with("/merge")).count() == 3, "{asked:?}");
    ensure!(asked.contains(&"post /repositories/acme/platform/pullrequests/1/decline".to_owned()), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn refusals_are_told_apart() -> Result<()> {
    let credentials = Credentials::Basic { username: "ada@example.com".into(), password: "a-token".into() };
    let stage = stage(credentials).await?;
    let merge =
        |head: &str| Merge { head: head.into(), method: MergeMethod::Merge, title: "t".into(), message: String::new() };
    // Bitbucket compares no head, so that is done before.
    let other = merge(&"0".repeat(40));
    let moved = stage.call(move |forge| forge.merge(1, &other)).await?;
    ensure!(matches!(moved, Err(Error::HeadMoved { number: 1, .. })), "{moved:?}");
    stage.server.answer_next("post /repositories/acme/platform/pullrequests/1/merge", 555);
    let this = merge(HEAD);
    // It takes too long, and is tried again later.
    let late = stage.call(move |forge| forge.merge(1, &this)).await?;
    ensure!(matches!(&late, Err(error) if error.class() == Class::Transient), "{late:?}");
    stage.server.answer_next("get /repositories/acme/platform/pullrequests/2", 404);
    let missing = stage.call(|forge| forge.get(2)).await?;
    ensure!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    stage.server.asked()?;
    Ok(())
}
