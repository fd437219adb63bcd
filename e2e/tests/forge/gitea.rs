//! All that the trait `Forge` can do, on a real Gitea.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::cluster::eventually;
use e2e::git_server::{Gitea, User, Worktree};
use plumb_forge::{
    Address, Change, Class, Credentials, Error, Forge, Kind, Label, Marker, Merge, MergeMethod, NewPullRequest,
    ReviewState, State, Status, StatusState, connect,
};
use serde_json::json;

struct Stage {
    gitea: Gitea,
    worktree: Worktree,
    plumb: std::sync::Arc<dyn Forge>,
    reviewer: User,
}

impl Stage {
    async fn new() -> Result<Self> {
        let gitea = Gitea::start()?;
        gitea.create_repository("platform")?;
        let worktree = Worktree::clone(&gitea.clone_url_as(gitea.administrator(), "platform"))?;
        worktree.push_files("first", &[("a", "1\n")])?;
        let bot = gitea.collaborator("plumb", "platform")?;
        let reviewer = gitea.collaborator("ada", "platform")?;
        let address = Address::of(&gitea.clone_url("platform"), Some(Kind::Gitea), None)?;
        let plumb = connect(&address, Credentials::Token(bot.token))?;
        // A repository counts as empty, and has no pull requests, until Gitea has looked at the first push.
        eventually(Duration::from_secs(30), "Gitea to take note of the first push", async || Ok(plumb.open("main")?))
            .await?;
        Ok(Self { gitea, worktree, plumb, reviewer })
    }

    /// Pushes a branch with one commit on top of `main`.
    fn branch(&self, name: &str, content: &str) -> Result<String> {
        self.worktree.git(&["fetch", "-q", "origin"])?;
        self.worktree.git(&["checkout", "-q", "-B", name, "origin/main"])?;
        self.worktree.write(name, content)?;
        let commit = self.worktree.commit(&format!("change {name}\n\nwith a body"))?;
        self.worktree.git(&["push", "-q", "--force", "origin", name])?;
        self.worktree.git(&["checkout", "-q", "main"])?;
        Ok(commit)
    }

    fn new_pull(&self, branch: &str) -> Result<(u64, String)> {
        let commit = self.branch(branch, "x\n")?;
        let new = NewPullRequest {
            head: branch.into(),
            base: "main".into(),
            title: format!("Bring {branch}"),
            body: "Why".into(),
        };
        Ok((self.plumb.create(&new)?.number, commit))
    }

    /// Gitea looks for conflicts after it has answered, and merges nothing before it has.
    async fn merge(&self, number: u64, head: &str, method: MergeMethod) -> Result<()> {
        let merge =
            Merge { head: head.into(), method, title: format!("Merge {number}"), message: "Promoted-To: prod".into() };
        eventually(Duration::from_secs(30), "the merge", async || match self.plumb.merge(number, &merge) {
            Err(error @ Error::NotMergeable { .. }) => Err(error.into()),
            other => Ok(other),
        })
        .await??;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_forge_can_do() -> Result<()> {
    let stage = Stage::new().await?;
    let forge = &stage.plumb;

    ensure!(forge.open("main")?.is_empty());
    ensure!(forge.find("one", "main")?.is_none());
    let (number, head) = stage.new_pull("one")?;
    let found = forge.find("one", "main")?.context("the pull request is not found")?;
    ensure!(found.number == number && found.head_commit == head && found.state == State::Open, "{found:?}");
    ensure!(
        found.title == "Bring one" && found.body == "Why" && found.author == "plumb" && !found.from_fork,
        "{found:?}"
    );
    ensure!(found.url.starts_with(&stage.gitea.url()) && found.merge_commit.is_none(), "{found:?}");
    let again = NewPullRequest { head: "one".into(), base: "main".into(), title: "again".into(), body: String::new() };
    let error = forge.create(&again).unwrap_err();
    ensure!(error.class() == Class::Config && error.to_string().contains("409"), "{error}");

    forge
        .update(number, &Change { title: "A better title".into(), body: "<details>\n\nä & b\n\n</details>".into() })?;
    let found = forge.get(number)?;
    ensure!(found.title == "A better title" && found.body == "<details>\n\nä & b\n\n</details>", "{found:?}");

    let marker = Marker::new("plumb:preview");
    for body in ["first", "second", "second"] {
        forge.upsert_comment(number, &marker, body)?;
    }
    stage.gitea.call(
        &stage.reviewer,
        "POST",
        &stage.gitea.path("platform", &format!("issues/{number}/comments")),
        &json!({"body": "I like it"}),
    )?;
    let comments = forge.comments(number)?;
    let texts: Vec<_> = comments.iter().map(|comment| (comment.author.as_str(), comment.body.as_str())).collect();
    ensure!(texts == [("plumb", "<!-- plumb:preview -->\nsecond"), ("ada", "I like it")], "{texts:?}");

    let label = |name: &str| Label { name: name.into(), colour: "1d76db".into(), description: "for the test".into() };
    forge.add_labels(number, &[label("promote/staging")])?;
    forge.add_labels(number, &[label("promote/staging"), label("plumb")])?;
    let mut labels = forge.get(number)?.labels;
    labels.sort();
    ensure!(labels == ["plumb", "promote/staging"], "{labels:?}");

    let status = |name: &str, state| Status { name: name.into(), state, description: "ä".repeat(300), url: None };
    forge.set_status(&head, &status("plumb/gate/a", StatusState::Pending))?;
    forge.set_status(&head, &status("plumb/gate/b", StatusState::Failure))?;
    forge.set_status(&head, &status("plumb/gate/a", StatusState::Success))?;
    let mut statuses: Vec<_> = forge.statuses(&head)?.into_iter().map(|status| (status.name, status.state)).collect();
    statuses.sort_by(|a, b| a.0.cmp(&b.0));
    ensure!(
        statuses
            == [("plumb/gate/a".to_owned(), StatusState::Success), ("plumb/gate/b".to_owned(), StatusState::Failure)],
        "{statuses:?}"
    );

    forge.request_reviews(number, &["ada".into()])?;
    ensure!(forge.request_reviews(number, &["nobody".into()]).unwrap_err().class() == Class::Config);
    ensure!(forge.reviews(number)?.is_empty());
    let review = stage.gitea.path("platform", &format!("pulls/{number}/reviews"));
    for (event, body) in [("REQUEST_CHANGES", "no"), ("APPROVED", "yes"), ("COMMENT", "well")] {
        stage.gitea.call(&stage.reviewer, "POST", &review, &json!({"event": event, "body": body}))?;
    }
    let reviews = forge.reviews(number)?;
    ensure!(
        reviews.len() == 1 && reviews[0].author == "ada" && reviews[0].state == ReviewState::Approved,
        "{reviews:?}"
    );
    ensure!(reviews[0].commit.as_deref() == Some(head.as_str()), "{reviews:?}");

    ensure!(forge.latest("one", "main")?.is_some_and(|pull| pull.state == State::Open));
    forge.close(number)?;
    ensure!(forge.get(number)?.state == State::Closed && forge.find("one", "main")?.is_none());
    stage.worktree.git(&["push", "-q", "origin", ":one"])?;
    ensure!(forge.latest("one", "main")?.is_some_and(|pull| pull.state == State::Closed), "also without its branch");
    ensure!(forge.latest("two", "main")?.is_none());
    ensure!(forge.merged("main")?.is_empty(), "closed is not merged");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_guarded_by_the_head_in_each_way_of_merging() -> Result<()> {
    let stage = Stage::new().await?;
    let mut merged = Vec::new();
    for (branch, method) in [("m", MergeMethod::Merge), ("s", MergeMethod::Squash), ("r", MergeMethod::Rebase)] {
        let (number, old) = stage.new_pull(branch)?;
        let head = stage.branch(branch, "changed meanwhile\n")?;
        let merge = |head: &str| Merge { head: head.into(), method, title: "t".into(), message: String::new() };
        eventually(Duration::from_secs(30), "Gitea to see the push", async || {
            ensure!(stage.plumb.get(number)?.head_commit == head);
            match stage.plumb.merge(number, &merge(&old)) {
                Err(Error::HeadMoved { .. }) => Ok(()),
                other => anyhow::bail!("merged what was not judged: {other:?}"),
            }
        })
        .await?;
        stage.merge(number, &head, method).await?;
        let pull = stage.plumb.get(number)?;
        ensure!(pull.state == State::Merged, "{pull:?}");
        stage.worktree.pull()?;
        ensure!(pull.merge_commit.as_deref() == Some(stage.worktree.head()?.as_str()), "{method:?}: {pull:?}");
        let message = stage.worktree.git(&["log", "-1", "--format=%B"])?;
        let ours = message.starts_with(&format!("Merge {number}\n\nPromoted-To: prod"));
        ensure!(ours == (method != MergeMethod::Rebase), "{method:?}: {message}");
        merged.push(number);
    }
    merged.reverse();
    let listed: Vec<_> = stage.plumb.merged("main")?.into_iter().map(|pull| pull.number).collect();
    ensure!(listed == merged, "{listed:?} and not {merged:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_token_may_not_do_is_told_without_the_token() -> Result<()> {
    let stage = Stage::new().await?;
    let address = Address::of(&stage.gitea.clone_url("platform"), Some(Kind::Gitea), None)?;
    let wrong = connect(&address, Credentials::Token("0123456789abcdef0123456789abcdef01234567".into()))?;
    let error = wrong.open("main").unwrap_err();
    ensure!(matches!(error, Error::Credentials { .. }) && !error.to_string().contains("0123456789abcdef"), "{error}");
    let elsewhere = Address::of(&stage.gitea.clone_url("nothing"), Some(Kind::Gitea), None)?;
    let error = connect(&elsewhere, Credentials::Token(stage.reviewer.token.clone()))?.open("main").unwrap_err();
    ensure!(matches!(error, Error::NotFound { .. }), "{error}");
    Ok(())
}
