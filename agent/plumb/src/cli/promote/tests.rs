use std::path::{Path, PathBuf};

use clap::Parser as _;
use expect_test::{Expect, expect};
use plumb_delivery::trailers;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

/// A bare repository, and a checkout of it whose first commit is pushed.
struct World {
    directory: tempfile::TempDir,
    first: CommitId,
}

fn commit(handle: &git2::Repository, file: &str, message: &str) -> CommitId {
    let workdir = handle.workdir().unwrap();
    std::fs::write(workdir.join(file), message).unwrap();
    let mut index = handle.index().unwrap();
    index.add_path(Path::new(file)).unwrap();
    index.write().unwrap();
    let tree = handle.find_tree(index.write_tree().unwrap()).unwrap();
    let me = git2::Signature::now("Ada", "ada@example.com").unwrap();
    let parent = handle.head().ok().map(|head| head.peel_to_commit().unwrap());
    let id = handle.commit(Some("HEAD"), &me, &me, message, &tree, &parent.iter().collect::<Vec<_>>()).unwrap();
    CommitId::parse(&id.to_string()).unwrap()
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        let bare = directory.path().join("platform.git");
        git2::Repository::init_opts(&bare, options.bare(true).initial_head("main")).unwrap();
        let handle = git2::Repository::init_opts(
            directory.path().join("checkout"),
            git2::RepositoryInitOptions::new().initial_head("main").origin_url(bare.to_str().unwrap()),
        )
        .unwrap();
        let mut config = handle.config().unwrap();
        config.set_str("user.name", "Ada").unwrap();
        config.set_str("user.email", "ada@example.com").unwrap();
        config.set_bool("commit.gpgsign", false).unwrap();
        let first = commit(&handle, "a", "add a");
        handle.find_remote("origin").unwrap().push(&["refs/heads/main"], None).unwrap();
        handle.reference_symbolic("refs/remotes/origin/HEAD", "refs/remotes/origin/main", true, "").unwrap();
        Self { directory, first }
    }

    fn checkout(&self) -> PathBuf {
        self.directory.path().join("checkout")
    }

    fn handle(&self) -> git2::Repository {
        git2::Repository::open(self.checkout()).unwrap()
    }

    fn bare(&self) -> git2::Repository {
        git2::Repository::open_bare(self.directory.path().join("platform.git")).unwrap()
    }

    /// What the command prints, or its error, with what differs from run to run replaced.
    fn run(&self, line: &str) -> String {
        let directory = self.checkout();
        let line = ["promote", "-C", directory.to_str().unwrap()].into_iter().chain(line.split(' '));
        let options = Line::try_parse_from(line).unwrap().options;
        let result = Checkout::open(&options.place.directory).and_then(|checkout| {
            let target = checkout.target(&options.place.remote, options.place.branch.as_deref())?;
            promote(&options, &checkout, &target, &checkout.author()?)
        });
        let text = result.unwrap_or_else(|error| format!("error: {error:#}"));
        text.replace(self.first.as_str(), "<first commit>")
            .replace(self.first.short(), "<first>")
            .replace(self.directory.path().to_str().unwrap(), "<tmp>")
    }

    fn check(&self, line: &str, expected: &Expect) {
        expected.assert_eq(&self.run(line));
    }

    fn pushed(&self) -> String {
        let bare = self.bare();
        let head = bare.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
        head.message().unwrap().to_owned()
    }
}

#[test]
fn a_request_is_an_empty_commit_on_top_of_the_branch() {
    let world = World::new();
    let before = world.handle().head().unwrap().target();
    let text = world.run("staging");
    let bare = world.bare();
    let head = bare.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
    let text = text.replace(&head.id().to_string()[..12], "<request>");
    expect![[r#"
        pushed <request> to main of <tmp>/platform.git: it asks to promote to staging
          <first> add a
        follow it with: plumb status staging
    "#]]
    .assert_eq(&text);
    assert_eq!(head.parent_id(0).unwrap().to_string(), world.first.as_str());
    assert_eq!(head.tree_id(), head.parent(0).unwrap().tree_id());
    assert_eq!((head.author().name().unwrap(), head.author().email().unwrap()), ("Ada", "ada@example.com"));
    let requests = trailers::requests("", head.message().unwrap()).unwrap();
    assert_eq!(
        (requests[0].environment.as_str(), requests[0].revision.as_deref()),
        ("staging", Some(world.first.as_str()))
    );
    let handle = world.handle();
    assert_eq!(handle.head().unwrap().target(), before, "the local branch stays where it was");
    assert!(handle.statuses(None).unwrap().is_empty(), "the work tree stays as it was");
}

#[test]
fn a_dry_run_pushes_nothing() {
    let world = World::new();
    world.check(
        "staging --dry-run -m because",
        &expect![[r#"
        would push to main of <tmp>/platform.git, on top of <first>, a commit that asks to promote to staging
          <first> add a

            because
    
            Promote-To: staging
            Promote-Revision: <first commit>
    "#]],
    );
    assert_eq!(world.pushed(), "add a");
}

#[test]
fn only_what_is_on_the_branch_is_promoted() {
    let world = World::new();
    let local = commit(&world.handle(), "b", "add b, not pushed");
    let text = world.run("staging --revision HEAD").replace(local.short(), "<local>");
    expect!["error: <local> is not on main of the remote, whose head is <first>; push it there first, or name another revision"]
    .assert_eq(&text);
    world.check("staging --revision nothing", &expect![[r#"error: "nothing" names no commit that is known here; give a full or abbreviated commit id, a branch or a tag that was pushed"#]]);
    world.check("Staging", &expect![[r#"error: "Staging" is no name of an Environment: up to 63 lower-case letters, digits, '-' and '.' are expected, with a letter or digit at both ends"#]]);
    assert_eq!(world.pushed(), "add a");
    assert!(world.run("staging --revision HEAD~1").starts_with("pushed "));
}

#[test]
fn remote_and_branch_must_be_there() {
    let world = World::new();
    world.check("staging --remote upstream", &expect!["error: there is no remote upstream; there are: origin"]);
    world
        .check("staging --branch trunk", &expect![[r#"error: <tmp>/platform.git has no branch "trunk": it has main"#]]);
    world.handle().find_reference("refs/remotes/origin/HEAD").unwrap().delete().unwrap();
    world.check("staging", &expect!["error: the default branch of origin is not known here; name the branch with --branch, or run `git remote set-head origin --auto`"]);
    let handle = world.handle();
    handle.find_branch("main", git2::BranchType::Local).unwrap().set_upstream(Some("origin/main")).unwrap();
    assert!(world.run("staging").starts_with("pushed "));
}

#[test]
fn another_remote_can_be_named() {
    let world = World::new();
    let bare = world.directory.path().join("platform.git");
    world.handle().remote("other", bare.to_str().unwrap()).unwrap();
    let text = world.run("staging --remote other --branch main --revision HEAD");
    assert!(text.starts_with("pushed "), "{text}");
}

#[test]
fn a_commit_that_came_in_between_is_kept() {
    let world = World::new();
    let checkout = Checkout::open(&world.checkout()).unwrap();
    let target = checkout.target("origin", None).unwrap();
    let handle = world.handle();
    let second = commit(&handle, "b", "add b");
    handle.find_remote("origin").unwrap().push(&["refs/heads/main"], None).unwrap();
    let author = checkout.author().unwrap();
    // The head is the one from before the other push.
    push(&target, world.first.clone(), "ask", &author).unwrap();
    assert_eq!(world.pushed(), "ask");
    let head = world.bare().find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap().parent_id(0).unwrap();
    assert_eq!(head.to_string(), second.as_str());
}

#[test]
fn whoever_asks_is_known() {
    let world = World::new();
    world.handle().config().unwrap().open_level(git2::ConfigLevel::Local).unwrap().set_str("user.email", " ").unwrap();
    world.check(
        "staging",
        &expect!["error: git does not know who makes the commit; run `git config --global user.email <yours>`"],
    );
}
