//! GitHub: each request is held against the published description, and each answer is the description's example.

use std::process::Command;

use anyhow::{Result, ensure};
use plumb_forge::{
    Address, App, Change, Credentials, Error, Kind, Label, Marker, Merge, MergeMethod, NewPullRequest, State, Status,
    StatusState,
};

use crate::description::{Described, Description, Stage};

const PREFIX: &str = "/api/v3";

async fn stage_with(credentials: Credentials) -> Result<Stage> {
    let server = Described::serve(Description::of_github()?, PREFIX).await?;
    let address = Address::of("git@github.example.com:octocat/Hello-World.git", Some(Kind::GitHub), Some(&server.url))?;
    Stage::new(server, &address, credentials)
}

async fn stage() -> Result<Stage> {
    stage_with(Credentials::Token("a-token".into())).await
}

#[tokio::test]
async fn every_request_is_as_described() -> Result<()> {
    let stage = stage().await?;
    let found = stage.call(|forge| forge.find("new-topic", "master")).await??;
    let fits = |pull: &plumb_forge::PullRequest| pull.number == 1347 && !pull.from_fork;
    ensure!(found.as_ref().is_some_and(fits), "{found:?}, asked {:?}", stage.server.asked()?);
    ensure!(stage.call(|forge| forge.latest("new-topic", "master")).await??.is_some());
    // The example is open and has the time of its merge; what was merged is not open.
    let pull = stage.call(|forge| forge.get(1347)).await??;
    ensure!(
        pull.state == State::Merged
            && pull.title == "Amazing new feature"
            && pull.author == "octocat"
            && pull.labels == ["bug"],
        "{pull:?}"
    );
    ensure!(!stage.call(|forge| forge.open("master")).await??.is_empty());
    stage.call(|forge| forge.merged("master")).await??;
    let new = NewPullRequest { head: "promote".into(), base: "master".into(), title: "t".into(), body: "b".into() };
    stage.call(move |forge| forge.create(&new)).await??;
    stage.call(|forge| forge.update(1347, &Change { title: "t".into(), body: "b".into() })).await??;
    stage.call(|forge| forge.close(1347)).await??;
    for method in [MergeMethod::Merge, MergeMethod::Squash, MergeMethod::Rebase] {
        let head = "6dcb09b5b57875f334f61aebed695e2e4193db5e".into();
        let merge = Merge { head, method, title: "t".into(), message: "m".into() };
        stage.call(move |forge| forge.merge(1347, &merge)).await??;
    }
    let comments = stage.call(|forge| forge.comments(1347)).await??;
    ensure!(
        comments.first().is_some_and(|comment| comment.body == "Me too" && comment.author == "octocat"),
        "{comments:?}"
    );
    stage.call(|forge| forge.upsert_comment(1347, &Marker::new("plumb:preview"), "text")).await??;
    stage.call(|forge| forge.edit_comment(1347, 1, "text")).await??;
    let label = Label { name: "promote/staging".into(), colour: "1d76db".into(), description: "d".repeat(200) };
    let labels = [label.clone()];
    stage.call(move |forge| forge.add_labels(1347, &labels)).await??;
    stage.server.answer_next("get /repos/octocat/Hello-World/labels/", 404);
    stage.call(move |forge| forge.add_labels(1347, &[label])).await??;
    let statuses = stage.call(|forge| forge.statuses("6dcb09b5b57875f334f61aebed695e2e4193db5e")).await??;
    ensure!(statuses.iter().any(|status| status.name == "continuous-integration/jenkins"), "{statuses:?}");
    ensure!(statuses.iter().any(|status| status.name == "mighty_readme"), "check runs count: {statuses:?}");
    for state in [StatusState::Pending, StatusState::Success, StatusState::Failure] {
        let url = Some("https://example.com".into());
        let status = Status { name: "plumb/gate".into(), state, description: "ä".repeat(500), url };
        stage.call(move |forge| forge.set_status("6dcb09b5b57875f334f61aebed695e2e4193db5e", &status)).await??;
    }
    let reviews = stage.call(|forge| forge.reviews(1347)).await??;
    ensure!(reviews.first().is_some_and(|review| review.author == "octocat"), "{reviews:?}");
    stage.call(|forge| forge.request_reviews(1347, &["ada".into(), "acme/platform".into()])).await??;
    let asked = stage.server.asked()?;
    ensure!(asked.iter().filter(|line| line.ends_with("/merge")).count() == 3, "{asked:?}");
    ensure!(asked.contains(&"post /repos/octocat/Hello-World/labels".to_owned()), "{asked:?}");
    Ok(())
}

#[tokio::test]
async fn refusals_are_told_apart() -> Result<()> {
    let stage = stage().await?;
    let merge = || Merge {
        head: "6dcb09b5b57875f334f61aebed695e2e4193db5e".into(),
        method: MergeMethod::Merge,
        title: "t".into(),
        message: String::new(),
    };
    let path = "put /repos/octocat/Hello-World/pulls/1/merge";
    stage.server.answer_next(path, 409);
    let moved = stage.call(move |forge| forge.merge(1, &merge())).await?;
    ensure!(matches!(moved, Err(Error::HeadMoved { number: 1, .. })), "{moved:?}");
    stage.server.answer_next(path, 405);
    let merge = Merge {
        head: "6dcb09b5b57875f334f61aebed695e2e4193db5e".into(),
        method: MergeMethod::Merge,
        title: "t".into(),
        message: String::new(),
    };
    let blocked = stage.call(move |forge| forge.merge(1, &merge)).await?;
    ensure!(
        matches!(&blocked, Err(Error::NotMergeable { message, .. }) if message.contains("not mergeable")),
        "{blocked:?}"
    );
    stage.server.answer_next("get /repos/octocat/Hello-World/pulls/2", 404);
    let missing = stage.call(|forge| forge.get(2)).await?;
    ensure!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    stage.server.asked()?;
    Ok(())
}

#[tokio::test]
async fn an_app_gets_its_token_first() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let key = directory.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f"])
        .arg(&key)
        .status()?;
    ensure!(made.success(), "ssh-keygen failed");
    let app = |installation| App {
        id: "12345".into(),
        installation,
        private_key: std::fs::read_to_string(&key).unwrap_or_default(),
    };
    let stage = stage_with(Credentials::App(app(None))).await?;
    stage.call(|forge| forge.get(1347)).await??;
    let asked = stage.server.asked()?;
    let expected = [
        "get /repos/octocat/Hello-World/installation",
        "post /app/installations/1/access_tokens",
        "get /repos/octocat/Hello-World/pulls/1347",
    ];
    ensure!(asked == expected, "{asked:?}");
    let stage = stage_with(Credentials::App(app(Some("77".into())))).await?;
    stage.call(|forge| forge.get(1347)).await??;
    let asked = stage.server.asked()?;
    ensure!(asked.first().is_some_and(|first| first == "post /app/installations/77/access_tokens"), "{asked:?}");
    Ok(())
}
