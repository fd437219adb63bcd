use std::convert::Infallible;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::pin::Hold;

mod expressions;

/// Ids that people can read: `c1` is forty digits that start with `c1`.
pub(super) fn id(name: &str) -> String {
    format!("{name:0<40}")
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// One branch without forks.
pub(super) struct Line(pub(super) Vec<String>, pub(super) BTreeMap<String, Signed>);

impl History for Line {
    type Error = Infallible;

    fn resolve(&self, revision: &str) -> Result<Resolved, Infallible> {
        let mut found = self.0.iter().filter(|id| id.starts_with(revision));
        Ok(match (found.next(), found.next()) {
            (Some(id), None) => Resolved::Commit(id.clone()),
            (Some(_), Some(_)) => Resolved::Ambiguous,
            (None, _) => Resolved::Unknown,
        })
    }

    fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, Infallible> {
        let place = |wanted: &str| self.0.iter().position(|id| id == wanted);
        Ok(place(ancestor).zip(place(descendant)).is_some_and(|(older, newer)| older <= newer))
    }

    fn signed(&self, commit: &str) -> Result<Signed, Infallible> {
        Ok(self.1.get(commit).cloned().unwrap_or(Signed::Not))
    }

    fn described(&self, commit: &str) -> Result<Option<Described>, Infallible> {
        let (author, email) = ("Ada".to_owned(), "ada@example.com".to_owned());
        let said = Described { author, email, message: commit.to_owned(), time: Some(at(0)) };
        Ok(self.0.iter().any(|id| id == commit).then_some(said))
    }

    fn changed(&self, _: &str, _: &str) -> Result<Vec<String>, Infallible> {
        Ok(vec!["base/a.yaml".to_owned(), "base/b.yaml".to_owned()])
    }
}

/// A repository with `dev` → `staging` → `prod`, and its state.
struct Scene {
    commits: Vec<Commit>,
    environments: Vec<Environment>,
    now: Timestamp,
    off_branch: Vec<String>,
    signers: BTreeMap<String, Signed>,
    checks: Checks,
}

impl Scene {
    fn new() -> Self {
        let environment = |name: &str, from: &[&str]| Environment {
            name: name.to_owned(),
            promotion: (!from.is_empty())
                .then(|| Promotion { from: from.iter().map(ToString::to_string).collect(), ..Promotion::default() }),
            elsewhere: false,
            suspended: false,
            pin: None,
            state: State::default(),
        };
        Self {
            commits: Vec::new(),
            environments: vec![
                environment("dev", &[]),
                environment("staging", &["dev"]),
                environment("prod", &["staging"]),
            ],
            now: at(1000),
            off_branch: Vec::new(),
            signers: BTreeMap::new(),
            checks: Checks::new(),
        }
    }

    fn commit(mut self, name: &str, trailers: &str) -> Self {
        let message = format!("{name}\n\n{trailers}\n");
        self.commits.push(Commit { id: id(name), message, ..Commit::default() });
        self
    }

    /// The merge of a pull request that moved the pin of staging, in a forge that lost the trailers.
    fn merge(mut self, name: &str, request: &str) -> Self {
        let staging = || "staging".to_owned();
        self.commits.push(Commit {
            id: id(name),
            message: format!("Merge pull request #1 from acme/{name}\n"),
            pins: BTreeSet::from([staging()]),
            answers: BTreeMap::from([(staging(), id(request))]),
            ..Commit::default()
        });
        self
    }

    /// The merge of a pull request that was labelled `promote/staging`.
    fn labelled(mut self, name: &str, trailers: &str) -> Self {
        self = self.commit(name, trailers);
        self.commits.last_mut().unwrap().labels.insert("staging".to_owned());
        self
    }

    fn environment(&mut self, name: &str) -> &mut Environment {
        self.environments.iter_mut().find(|environment| environment.name == name).unwrap()
    }

    /// Runs a revision that is healthy since then.
    fn healthy(mut self, name: &str, revision: &str, since: i64) -> Self {
        let state = &mut self.environment(name).state;
        for healthy in &mut state.healthy {
            healthy.until = healthy.until.or(Some(at(since)));
        }
        state.revision = Some(id(revision));
        state.healthy.push(Healthy { revision: id(revision), since: at(since), until: None });
        self
    }

    fn runs(mut self, name: &str, revision: &str) -> Self {
        self.environment(name).state.revision = Some(id(revision));
        self
    }

    fn change(mut self, name: &str, change: impl FnOnce(&mut Environment)) -> Self {
        change(self.environment(name));
        self
    }

    fn pin(self, name: &str, revision: &str) -> Self {
        self.change(name, |it| {
            it.pin = Some(Pin::new(id(revision)));
        })
    }

    /// A commit that moves a pin without saying so.
    fn by_hand(mut self, name: &str, environment: &str, revision: &str) -> Self {
        self = self.commit(name, "by hand");
        self.commits.last_mut().unwrap().pins.insert(environment.to_owned());
        self.pin(environment, revision)
    }

    fn decide(&self) -> Decisions {
        let branch = self.commits.iter().map(|commit| commit.id.clone());
        let history = Line(self.off_branch.iter().cloned().chain(branch).collect(), self.signers.clone());
        let input = Input {
            commits: &self.commits,
            environments: &self.environments,
            default_from: &["dev".to_owned()],
            refused: None,
            checks: &self.checks,
            now: self.now,
        };
        match decide(&input, &history) {
            Ok(decisions) => decisions,
            Err(never) => match never {},
        }
    }

    /// Makes the promotions that were decided.
    fn apply(mut self, name: &str) -> Self {
        let decisions = self.decide();
        for (number, decision) in decisions.promotions().enumerate() {
            let environment = self.environment(&decision.environment);
            environment.pin = decision.pin();
            environment.state.revision.clone_from(&decision.revision);
            self.commits.push(Commit {
                id: id(&format!("{name}{number}")),
                message: trailers::message(&decision.result().unwrap()),
                pins: BTreeSet::from([decision.environment.clone()]),
                answers: decision.request.iter().map(|it| (decision.environment.clone(), it.clone())).collect(),
                ..Commit::default()
            });
        }
        self
    }

    #[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
    fn check(self, expected: Expect) -> Self {
        let decisions = self.decide();
        let mut text = String::new();
        for decision in &decisions.requests {
            let revision = decision.revision.as_deref().map_or("?", |revision| revision.trim_end_matches('0'));
            let request = decision.request.as_deref().map_or("itself", |request| request.trim_end_matches('0'));
            let what = match &decision.action {
                Action::Promote => String::new(),
                Action::Rollback { from, hold } => format!(" back from {} ({hold})", from.trim_end_matches('0')),
                Action::Release { .. } => " released".to_owned(),
            };
            let _ = write!(text, "{}{what} to {revision}, asked by {request}: ", decision.environment);
            let _ = match &decision.verdict {
                Verdict::Promote => writeln!(text, "promote"),
                Verdict::Wait { gate, why, until: None } => writeln!(text, "wait at {gate}: {why}"),
                Verdict::Wait { gate, why, until: Some(until) } => writeln!(text, "wait at {gate} to {until}: {why}"),
                Verdict::Refused { why } => writeln!(text, "refused: {why}"),
                Verdict::Superseded { by } => writeln!(text, "superseded by {}", by.trim_end_matches('0')),
                Verdict::AlreadyThere => writeln!(text, "already there"),
                Verdict::Done { result } => writeln!(text, "done by {}", result.trim_end_matches('0')),
            };
        }
        for unreadable in &decisions.unreadable {
            let _ = writeln!(text, "{}: {}", unreadable.commit.trim_end_matches('0'), unreadable.why);
        }
        expected.assert_eq(&text);
        self
    }
}

#[test]
fn a_commit_without_trailers_asks_for_nothing() {
    Scene::new().commit("c1", "prose").healthy("dev", "c1", 0).check(expect![""]);
}

#[test]
fn staging_first_then_prod_on_the_same_revision() {
    Scene::new()
        .commit("c1", "Promote-To: prod\nPromote-To: staging")
        .check(expect![[r#"
            staging to c1, asked by c1: wait at upstream/dev: dev runs nothing yet
            prod to c1, asked by c1: wait at upstream/staging: staging runs nothing yet
        "#]])
        .runs("dev", "c1")
        .check(expect![[r#"
            staging to c1, asked by c1: wait at upstream/dev: dev runs c10000000000 and is not healthy yet
            prod to c1, asked by c1: wait at upstream/staging: staging runs nothing yet
        "#]])
        .healthy("dev", "c1", 10)
        .check(expect![[r#"
            staging to c1, asked by c1: promote
            prod to c1, asked by c1: wait at upstream/staging: staging runs nothing yet
        "#]])
        .apply("a")
        .check(expect![[r#"
            staging to ?, asked by c1: done by a
            prod to c1, asked by c1: wait at upstream/staging: staging runs c10000000000 and is not healthy yet
        "#]])
        .commit("c2", "the base moves on")
        .healthy("dev", "c2", 20)
        .healthy("staging", "c1", 30)
        .check(expect![[r#"
            staging to ?, asked by c1: done by a
            prod to c1, asked by c1: promote
        "#]])
        .apply("b")
        .check(expect![[r#"
            staging to ?, asked by c1: done by a
            prod to ?, asked by c1: done by b
        "#]]);
}

#[test]
fn the_newest_request_counts() {
    Scene::new()
        .commit("c1", "Promote-To: staging")
        .healthy("dev", "c1", 0)
        .commit("c2", "Promote-To: staging")
        .check(expect![[r#"
            staging to c2, asked by c2: wait at upstream/dev: dev runs c10000000000, not c20000000000 yet
            staging to ?, asked by c1: superseded by c2
        "#]])
        .healthy("dev", "c2", 5)
        .check(expect![[r#"
            staging to c2, asked by c2: promote
            staging to ?, asked by c1: superseded by c2
        "#]])
        .apply("a")
        .check(expect![[r#"
            staging to ?, asked by c2: done by a
            staging to ?, asked by c1: superseded by c2
        "#]]);
}

#[test]
fn a_request_that_came_while_an_older_one_was_being_promoted_is_not_lost() {
    let mut scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0).apply("a");
    let result = scene.commits.pop().unwrap();
    scene = scene.commit("c2", "Promote-To: staging");
    scene.commits.push(result);
    scene.healthy("dev", "c2", 5).check(expect![[r#"
        staging to c2, asked by c2: promote
        staging to ?, asked by c1: done by a
    "#]]);
}

#[test]
fn another_revision_than_the_labelled_commit() {
    Scene::new()
        .commit("c1", "x")
        .healthy("dev", "c1", 0)
        .commit("c2", "Promote-To: staging\nPromote-Revision: c100000")
        .check(expect![[r#"
            staging to c1, asked by c2: promote
        "#]]);
}

#[test]
fn requests_that_are_refused() {
    Scene::new()
        .commit("c1", "Promote-To: qa")
        .commit("c2", "Promote-To: dev")
        .commit("c3", "Promote-To: staging, prod")
        .commit("c4", "Promote-To: staging\nPromote-Revision: abcdef0")
        .commit("c5", "Promote-To: prod\nPromote-Revision: not-hex")
        .commit("c6", "Promote-To: prod\n---\n\nPromote-To: staging")
        .check(expect![[r#"
            staging to ?, asked by c4: refused: no commit starts with abcdef0: has it been pushed?
            staging, prod to ?, asked by c3: refused: there is no environment staging, prod: revisions are promoted to staging, prod; write one Promote-To for each environment
            dev to ?, asked by c2: refused: dev follows the head of the branch: nothing is promoted to it
            qa to ?, asked by c1: refused: there is no environment qa: revisions are promoted to staging, prod
            c5: `Promote-Revision: not-hex` is not a commit id: write 7 to 40 hexadecimal digits
            c6: `git interpret-trailers` reads `Promote-To: prod` and `git log` reads `Promote-To: staging` in this message: keep one block of trailers, as the last paragraph, and no line that starts with `---`
        "#]]);
    let mut scene = Scene::new().commit("c1", "x").commit("c2", "Promote-To: staging\nPromote-Revision: c300000");
    scene.commits[0].id = id("c300000001");
    scene.off_branch = vec![id("c300000002")];
    scene.check(expect![[r#"
        staging to ?, asked by c2: refused: more than one commit starts with c300000: write more digits of it
    "#]]);
}

#[test]
fn a_revision_that_is_not_on_the_branch() {
    struct Fork(Line);
    impl History for Fork {
        type Error = Infallible;
        fn resolve(&self, _: &str) -> Result<Resolved, Infallible> {
            Ok(Resolved::Commit(id("feature")))
        }
        fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, Infallible> {
            self.0.is_ancestor(ancestor, descendant)
        }
    }
    let scene = Scene::new().commit("c1", "Promote-To: staging\nPromote-Revision: fea0000");
    let input = Input {
        commits: &scene.commits,
        environments: &scene.environments,
        default_from: &[],
        refused: None,
        checks: &Checks::new(),
        now: scene.now,
    };
    let Ok(decisions) = decide(&input, &Fork(Line(vec![id("c1")], BTreeMap::new())));
    let expected = "feature00000 is not on the tracked branch: merge it first".to_owned();
    assert_eq!(decisions.requests[0].verdict, Verdict::Refused { why: expected });
}

#[test]
fn a_request_that_is_reverted_is_withdrawn() {
    let revert = |scene: Scene, name: &str, of: &str| {
        let mut scene = scene.commit(name, "x");
        let message = format!("Revert\n\nThis reverts commit {}.\n", id(of));
        scene.commits.last_mut().unwrap().message = message;
        scene
    };
    // Nothing is promoted for it, and not what was asked for before it either.
    let asked = || Scene::new().commit("c1", "Promote-To: staging").commit("c2", "Promote-To: staging");
    let scene = revert(asked(), "c3", "c2").healthy("dev", "c1", 0).healthy("dev", "c2", 1).check(expect![[r#"
        staging to ?, asked by c2: superseded by c3
        staging to ?, asked by c1: superseded by c2
    "#]]);
    scene.commit("c4", "Promote-To: staging\nPromote-Revision: c200000").check(expect![[r#"
        staging to c2, asked by c4: promote
        staging to ?, asked by c2: superseded by c3
        staging to ?, asked by c1: superseded by c4
    "#]]);
    // What was promoted stays.
    revert(asked().healthy("dev", "c2", 0).apply("a"), "c3", "c2").check(expect![[r#"
        staging to ?, asked by c2: done by a
        staging to ?, asked by c1: superseded by c2
    "#]]);
    // In a queue the others have their turn.
    let queue = |it: &mut Environment| it.promotion.as_mut().unwrap().order = Order::Queue;
    revert(asked(), "c3", "c1").change("staging", queue).healthy("dev", "c1", 0).healthy("dev", "c2", 1).check(
        expect![[r#"
        staging to c2, asked by c2: promote
        staging to ?, asked by c1: superseded by c3
    "#]],
    );
}

#[test]
fn no_way_back_by_request() {
    Scene::new()
        .commit("c1", "x")
        .commit("c2", "x")
        .by_hand("c3", "staging", "c2")
        .commit("c4", "Promote-To: staging\nPromote-Revision: c100000")
        .healthy("dev", "c1", 0)
        .check(expect![[r#"
            staging to ?, asked by c4: refused: c10000000000 is older than c20000000000, to which staging is pinned: to go back, use `plumb rollback staging --to c10000000000`
        "#]]);
}

#[test]
fn a_pin_moved_by_hand_settles_what_was_asked_before() {
    Scene::new()
        .commit("c1", "Promote-To: staging")
        .healthy("dev", "c1", 0)
        .apply("a")
        .commit("c2", "Promote-To: staging")
        .by_hand("c3", "staging", "c1")
        .healthy("dev", "c2", 0)
        .check(expect![[r#"
            staging to ?, asked by c2: superseded by c3
            staging to ?, asked by c1: done by a
        "#]])
        .commit("c4", "Promote-To: staging")
        .check(expect![[r#"
            staging to c4, asked by c4: wait at upstream/dev: dev runs c20000000000, not c40000000000 yet
            staging to ?, asked by c2: superseded by c4
            staging to ?, asked by c1: done by a
        "#]]);
}

#[test]
fn what_runs_already_is_left_alone() {
    Scene::new().pin("staging", "c1").commit("c1", "Promote-To: staging").check(expect![[r#"
        staging to c1, asked by c1: already there
    "#]]);
}

#[test]
fn the_same_manifests_are_a_proof() {
    let digest = |text: &str| Digest::of(text.as_bytes());
    Scene::new()
        .commit("c1", "x")
        .healthy("dev", "c1", 0)
        .commit("c2", "Promote-To: staging")
        .runs("dev", "c2")
        .change("dev", |dev| dev.state.digests = BTreeMap::from([(id("c1"), digest("a")), (id("c2"), digest("b"))]))
        .check(expect![[r#"
            staging to c2, asked by c2: wait at upstream/dev: dev runs c20000000000 and is not healthy yet
        "#]])
        .change("dev", |dev| dev.state.digests = BTreeMap::from([(id("c1"), digest("a")), (id("c2"), digest("a"))]))
        .check(expect![[r#"
            staging to c2, asked by c2: promote
        "#]]);
}

#[test]
fn an_upstream_that_skipped_the_revision() {
    Scene::new().commit("c1", "Promote-To: staging").commit("c2", "x").healthy("dev", "c2", 0).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev: dev was never healthy at c10000000000 and runs the newer c20000000000 now: ask for that one, or for one with the same manifests
    "#]]);
}

#[test]
fn every_upstream_must_prove_it() {
    let both = |scene: Scene| {
        scene.change("prod", |prod| prod.promotion.as_mut().unwrap().from = vec!["staging".into(), "dev".into()])
    };
    both(Scene::new())
        .commit("c1", "Promote-To: prod")
        .healthy("staging", "c1", 0)
        .check(expect![[r#"
            prod to c1, asked by c1: wait at upstream/dev: dev runs nothing yet
        "#]])
        .healthy("dev", "c1", 0)
        .check(expect![[r#"
            prod to c1, asked by c1: promote
        "#]]);
}

#[test]
fn closed_gates() {
    let scene = || Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0);
    scene().change("staging", |staging| staging.suspended = true).check(expect![[r#"
        staging to c1, asked by c1: wait at suspended: staging is suspended: set spec.suspend to false
    "#]]);
    scene().change("staging", |staging| staging.state.drifted = true).check(expect![[r#"
        staging to c1, asked by c1: wait at drift: staging has drifted from the revision that runs there
    "#]]);
    scene().change("dev", |dev| dev.state.drifted = true).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev: dev has drifted from c10000000000
    "#]]);
    scene()
        .pin("staging", "c0")
        .change("staging", |staging| {
            staging.pin.as_mut().unwrap().hold = Some(Hold { reason: "freeze until Monday".into() });
        })
        .check(expect![[r#"
            staging to c1, asked by c1: wait at hold: staging is held: freeze until Monday
        "#]]);
    scene().change("staging", |it| it.promotion.as_mut().unwrap().from = vec!["qa".into()]).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/qa: there is no environment qa here, and no ledger of it: create it, or correct spec.promotion.from
    "#]]);
}

#[test]
fn all_gates_are_shown() {
    let scene = Scene::new().commit("c1", "Promote-To: staging").change("staging", |staging| staging.suspended = true);
    let gates: Vec<String> = scene.decide().requests[0]
        .gates
        .iter()
        .map(|gate| format!("{}={}: {}", gate.name, gate.verdict, gate.why))
        .collect();
    expect![[r#"
        hold=pass: staging is not held
        suspended=wait: staging is suspended: set spec.suspend to false
        drift=pass: staging has not drifted
        upstream/dev=wait: dev runs nothing yet"#]]
    .assert_eq(&gates.join("\n"));
}

#[test]
fn soaking() {
    let mut scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 990);
    scene = scene.change("staging", |it| it.promotion.as_mut().unwrap().soak = SignedDuration::from_secs(60));
    scene = scene.check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev to 2027-01-15T08:17:30Z: dev is healthy at c10000000000 since 2027-01-15T08:16:30Z, and must stay so until 2027-01-15T08:17:30Z
    "#]]);
    assert_eq!(scene.decide().again_at(), Some(at(1050)));
    scene.now = at(1050);
    scene = scene.check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
    scene.commit("c2", "x").healthy("dev", "c2", 1049).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev: dev was healthy at c10000000000 since 2027-01-15T08:16:30Z, but another revision took its place too soon
    "#]]);
}

#[test]
fn nowhere_to_promote_from() {
    let from = |scene: Scene, name: &str, from: &str| {
        scene.change(name, |it| it.promotion.as_mut().unwrap().from = vec![from.into()])
    };
    from(Scene::new().commit("c1", "Promote-To: prod"), "staging", "prod").check(expect![[r#"
        prod to ?, asked by c1: refused: prod ← staging ← prod is a circle: take one of them out of spec.promotion.from
    "#]]);
    from(Scene::new().commit("c1", "Promote-To: prod"), "prod", "prod").check(expect![[r#"
        prod to ?, asked by c1: refused: prod ← prod is a circle: take one of them out of spec.promotion.from
    "#]]);

    let mut scene = Scene::new().commit("c1", "Promote-To: staging");
    scene.environment("staging").promotion = Some(Promotion::default());
    let input = Input {
        commits: &scene.commits,
        environments: &scene.environments,
        default_from: &[],
        refused: None,
        checks: &Checks::new(),
        now: at(0),
    };
    let Ok(decisions) = decide(&input, &Line(vec![id("c1")], BTreeMap::new()));
    let expected = "staging has nothing to promote from: name an environment in spec.promotion.from".to_owned();
    assert_eq!(decisions.requests[0].verdict, Verdict::Refused { why: expected });
    scene.healthy("dev", "c1", 0).check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
}

#[test]
fn a_promotion_commit_asks_for_nothing() {
    let scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0).apply("a");
    let result = scene.commits.last().unwrap().clone();
    let mut copied = Scene::new().healthy("dev", "c1", 0);
    copied.commits.push(result);
    copied.check(expect![""]);
}

/// The commits that the window takes, newest first.
fn window(scene: &Scene) -> Vec<&str> {
    let mut window = Window::new(&scene.environments);
    let mut taken = Vec::new();
    for commit in scene.commits.iter().rev() {
        if !window.wants_more() {
            break;
        }
        window.take(commit);
        taken.push(commit.id.trim_end_matches('0'));
    }
    taken
}

#[test]
fn how_far_back_to_read() {
    let scene = Scene::new().commit("c1", "x").commit("c2", "Promote-To: staging\nPromote-To: prod").commit("c3", "x");
    let scene = scene.healthy("dev", "c2", 0).apply("a").healthy("staging", "c2", 0).apply("b");
    assert_eq!(window(&scene), ["b", "a", "c3", "c2"], "back to the request of the last results");
    let scene = scene.by_hand("c5", "prod", "c1").by_hand("c6", "staging", "c1").commit("c7", "Promote-To: prod");
    assert_eq!(window(&scene), ["c7", "c6", "c5"], "a pin moved by hand settles its environment");
    let scene = promoted_twice().change("prod", |it| it.promotion = None).commit("c4", "Rollback-Of: staging");
    let scene = scene.apply("c").commit("c5", "Promote-To: staging").commit("c6", "Release-Hold: staging").apply("d");
    assert_eq!(window(&scene), ["d", "c6", "c5", "c", "c4"], "what was asked for during a hold is not lost with it");
}

#[test]
fn a_merged_pull_request_answers_the_request_that_its_pin_names() {
    // The second request was pushed before the pull request of the first one was merged, and is no less for that.
    Scene::new()
        .commit("c1", "Promote-To: staging")
        .commit("c2", "Promote-To: staging")
        .merge("d1", "c1")
        .pin("staging", "c1")
        .healthy("dev", "c1", 0)
        .healthy("dev", "c2", 10)
        .check(expect![[r#"
            staging to c2, asked by c2: promote
            staging to ?, asked by c1: done by d1
        "#]]);
}

#[test]
fn a_label_asks_as_a_trailer_does() {
    Scene::new().labelled("c1", "").healthy("dev", "c1", 0).check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
    Scene::new().labelled("c1", "Promote-To: staging\nPromote-To: prod").check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev: dev runs nothing yet
        prod to c1, asked by c1: wait at upstream/staging: staging runs nothing yet
    "#]]);
}

/// `staging` ran c1, and runs c2, for which c3 asked.
fn promoted_twice() -> Scene {
    let scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0).apply("a");
    let scene = scene
        .healthy("staging", "c1", 10)
        .commit("c2", "x")
        .commit("c3", "Promote-To: staging\nPromote-Revision: c200000");
    scene.healthy("dev", "c2", 20).apply("b").healthy("staging", "c2", 30)
}

#[test]
fn the_way_back() {
    let scene = promoted_twice()
        .commit("c4", "Rollback-Of: staging")
        .check(expect![[r#"
        staging back from c2 (rolled back from c20000000000) to c1, asked by c4: promote
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]])
        .apply("c");
    let pin = scene.environments[1].pin.clone().unwrap();
    assert_eq!((pin.rollback_of, pin.requested_by), (Some(id("c2")), Some(id("c4"))));
    assert_eq!(pin.hold.unwrap().reason, "rolled back from c20000000000");
    let scene = scene.healthy("staging", "c1", 40).check(expect![[r#"
        staging back from  () to ?, asked by c4: done by c
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    // Nothing comes before the hold is released, and then what was asked for meanwhile does.
    let scene = scene.commit("c5", "Promote-To: staging").healthy("dev", "c5", 50).check(expect![[r#"
        staging to c5, asked by c5: wait at hold: staging is held: rolled back from c20000000000
        staging back from  () to ?, asked by c4: done by c
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    let scene = scene
        .commit("c6", "Release-Hold: staging")
        .check(expect![[r#"
        staging released to c1, asked by c6: promote
        staging to c5, asked by c5: wait at hold: staging is held: rolled back from c20000000000
        staging back from  () to ?, asked by c4: done by c
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]])
        .apply("d");
    let pin = scene.environments[1].pin.clone().unwrap();
    assert_eq!((pin.hold, pin.rollback_of), (None, Some(id("c2"))), "what came back stays what came back");
    scene.check(expect![[r#"
        staging released to ?, asked by c6: done by d
        staging to c5, asked by c5: promote
        staging back from  () to ?, asked by c4: done by c
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
}

#[test]
fn back_to_a_named_revision_with_a_reason() {
    let scene =
        promoted_twice().commit("c4", "Rollback-Of: staging\nRollback-To: c100000\nRollback-Hold: see the incident");
    scene.check(expect![[r#"
        staging back from c2 (see the incident) to c1, asked by c4: promote
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    promoted_twice().commit("c4", "Rollback-Of: staging\nRollback-To: c200000").check(expect![[r#"
        staging back from  () to c2, asked by c4: already there
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    promoted_twice().commit("c4", "Rollback-Of: staging\nRollback-To: c400000").check(expect![[r#"
        staging back from  () to ?, asked by c4: refused: c40000000000 does not come before c20000000000, to which staging is pinned: ask for a promotion
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    promoted_twice().commit("c4", "Rollback-Of: staging\nRollback-To: dddddddd").check(expect![[r#"
        staging back from  () to ?, asked by c4: refused: no commit starts with dddddddd: has it been pushed?
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    let never = promoted_twice().change("staging", |it| it.state.healthy.retain(|it| it.revision != id("c1")));
    never
        .commit("c4", "Rollback-Of: staging")
        .check(expect![[r#"
            staging back from  () to ?, asked by c4: refused: nothing that staging remembers was healthy there before c20000000000: name a revision with Rollback-To
            staging to ?, asked by c3: done by b
            staging to ?, asked by c1: done by a
        "#]])
        .commit("c5", "Rollback-Of: staging\nRollback-To: c100000")
        .check(expect![[r#"
            staging back from  () to ?, asked by c5: refused: nothing shows that staging was healthy at c10000000000: to go there all the same, commit a pin that names it
            staging back from  () to ?, asked by c4: superseded by c5
            staging to ?, asked by c3: done by b
            staging to ?, asked by c1: done by a
        "#]]);
    Scene::new().commit("c1", "Rollback-Of: staging\nRollback-Of: dev").check(expect![[r#"
        staging back from  () to ?, asked by c1: refused: staging has no pin yet, so there is nothing to go back from
        dev back from  () to ?, asked by c1: refused: dev follows the head of the branch: nothing is promoted to it
    "#]]);
    let suspended = promoted_twice().change("staging", |it| it.suspended = true);
    suspended.commit("c4", "Rollback-Of: staging").check(expect![[r#"
        staging back from c2 (rolled back from c20000000000) to c1, asked by c4: wait at suspended: staging is suspended: set spec.suspend to false
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    // Drift and upstreams do not stand in the way back.
    let drifted =
        promoted_twice().change("staging", |it| it.state.drifted = true).change("dev", |it| it.state.healthy.clear());
    drifted.commit("c4", "Rollback-Of: staging").check(expect![[r#"
        staging back from c2 (rolled back from c20000000000) to c1, asked by c4: promote
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
}

#[test]
fn the_latest_word_also_on_the_way_back() {
    promoted_twice().commit("c4", "Rollback-Of: staging").commit("c5", "Promote-To: staging").check(expect![[r#"
        staging to c5, asked by c5: wait at upstream/dev: dev runs c20000000000, not c50000000000 yet
        staging back from  () to ?, asked by c4: superseded by c5
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    promoted_twice().commit("c4", "Promote-To: staging").commit("c5", "Rollback-Of: staging").check(expect![[r#"
        staging back from c2 (rolled back from c20000000000) to c1, asked by c5: promote
        staging to ?, asked by c4: superseded by c5
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    let held = promoted_twice().change("staging", |it| {
        it.pin.as_mut().unwrap().hold = Some(Hold { reason: "freeze".into() });
    });
    let scene = held.commit("c4", "Rollback-Of: staging").commit("c5", "Release-Hold: staging").check(expect![[r#"
        staging released to c2, asked by c5: wait at rollback: staging goes back first, as c40000000000 asked
        staging back from c2 (rolled back from c20000000000) to c1, asked by c4: promote
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    scene.apply("c").check(expect![[r#"
        staging released to c1, asked by c5: promote
        staging back from  () to ?, asked by c4: done by c
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    promoted_twice().commit("c4", "Release-Hold: staging").check(expect![[r#"
        staging released to ?, asked by c4: already there
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    promoted_twice().commit("c4", "Release-Hold: staging").commit("c5", "Rollback-Of: staging").apply("c").check(
        expect![[r#"
            staging back from  () to ?, asked by c5: done by c
            staging released to ?, asked by c4: superseded by c5
            staging to ?, asked by c3: done by b
            staging to ?, asked by c1: done by a
        "#]],
    );
}

#[test]
fn an_environment_goes_back_by_itself_once() {
    let within = |scene: Scene| {
        scene.change("staging", |it| {
            it.promotion.as_mut().unwrap().rollback_within = Some(SignedDuration::from_secs(60));
        })
    };
    let degrades = |scene: Scene, applied: i64, second: i64| {
        scene.change("staging", |it| {
            let revision = it.state.revision.clone().unwrap();
            it.state.healthy.retain(|healthy| healthy.revision != revision || healthy.until.is_some());
            (it.state.applied, it.state.degraded) = (Some(at(applied)), Some(at(second)));
        })
    };
    degrades(promoted_twice(), 25, 40).check(expect![[r#"
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    degrades(within(promoted_twice()), 25, 86).check(expect![[r#"
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    let scene = degrades(within(promoted_twice()), 25, 85)
        .check(expect![[r#"
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
        staging back from c2 (c20000000000 degraded 1m or less after it was promoted) to c1, asked by itself: promote
    "#]])
        .apply("c");
    // What it went back to degrades as well: nothing goes back any further.
    degrades(scene, 90, 91).check(expect![[r#"
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    // Nobody's hold is replaced, and what somebody asks for goes first.
    let held = degrades(within(promoted_twice()), 25, 40).change("staging", |it| {
        it.pin.as_mut().unwrap().hold = Some(Hold { reason: "freeze".into() });
    });
    held.check(expect![[r#"
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
    let scene = degrades(within(promoted_twice()), 25, 40).commit("c4", "Rollback-Of: staging\nRollback-Hold: mine");
    scene.check(expect![[r#"
        staging back from c2 (mine) to c1, asked by c4: promote
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
}

#[test]
fn signatures_and_approvers() {
    let scene = |revision: Signed, request: Signed| {
        let scene = Scene::new().commit("c1", "x").commit("c2", "Promote-To: staging\nPromote-Revision: c100000");
        let mut scene =
            scene.healthy("dev", "c1", 0).change("staging", |it| it.promotion.as_mut().unwrap().signed = true);
        scene.signers = BTreeMap::from([(id("c1"), revision), (id("c2"), request)]);
        scene
    };
    let by = |name: &str| Signed::By(vec![name.to_owned()]);
    scene(by("eve"), by("ada")).check(expect![[r#"
        staging to c1, asked by c2: promote
    "#]]);
    scene(Signed::Not, by("ada")).check(expect![[r#"
        staging to c1, asked by c2: refused: c10000000000 is not signed: sign it with a key that spec.verify of the Repository trusts
    "#]]);
    scene(by("ada"), Signed::Untrusted("its key is none of the allowed signers".into())).check(expect![[r#"
        staging to c1, asked by c2: refused: the signature of c20000000000 proves nothing: its key is none of the allowed signers
    "#]]);
    let approved = |name: &str| {
        scene(by("eve"), by(name)).change("staging", |it| it.promotion.as_mut().unwrap().approvers = vec!["ada".into()])
    };
    approved("ada").check(expect![[r#"
        staging to c1, asked by c2: promote
    "#]]);
    approved("eve").check(expect![[r#"
        staging to c1, asked by c2: refused: c20000000000 is signed by eve, and staging lets ada ask
    "#]]);
}

#[test]
fn what_the_edge_looks_at() {
    let mut scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0);
    scene = scene.change("staging", |it| it.promotion.as_mut().unwrap().checked = true).check(expect![[r#"
        staging to c1, asked by c1: wait at checks: c10000000000 is not looked at yet
    "#]]);
    let unchecked = |scene: &Scene| {
        scene.decide().unchecked().map(|(name, revision)| format!("{name} {revision}")).collect::<Vec<_>>()
    };
    assert_eq!(unchecked(&scene), [format!("staging {}", id("c1"))]);
    // It is not looked at before all else lets it pass.
    scene = scene.change("staging", |it| it.state.drifted = true);
    assert_eq!(unchecked(&scene), Vec::<String>::new());
    scene = scene.change("staging", |it| it.state.drifted = false);
    let gate = |verdict| Gate { name: "dry-run".into(), verdict, why: "the API server says so".into() };
    for verdict in [GateVerdict::Pass, GateVerdict::Wait { until: Some(at(2_000)) }, GateVerdict::Fail] {
        scene.checks.insert(("staging".into(), id("c1")), vec![gate(verdict)]);
        assert_eq!(unchecked(&scene), Vec::<String>::new());
        let expected = match verdict {
            GateVerdict::Pass => expect![[r#"
                staging to c1, asked by c1: promote
            "#]],
            GateVerdict::Wait { .. } => expect![[r#"
                staging to c1, asked by c1: wait at dry-run to 2027-01-15T08:33:20Z: the API server says so
            "#]],
            GateVerdict::Fail => expect![[r#"
                staging to c1, asked by c1: refused: the API server says so
            "#]],
        };
        scene = scene.check(expected);
    }
}

#[test]
fn windows() {
    let window = |freeze| TimeWindow {
        schedule: "0 9 * * *".into(),
        time_zone: "UTC".into(),
        duration: SignedDuration::from_hours(1),
        freeze,
    };
    let scene = |freeze| {
        let scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 0);
        scene.change("staging", |it| it.promotion.as_mut().unwrap().windows = vec![window(freeze)])
    };
    let scene_in_time = |freeze| {
        let mut scene = scene(freeze);
        scene.now = at(3_600);
        scene
    };
    scene(false).check(expect![[r#"
        staging to c1, asked by c1: wait at window to 2027-01-15T09:00:00Z: the next window opens at 2027-01-15T09:00:00Z
    "#]]);
    scene_in_time(false).check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
    scene(true).check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
    scene_in_time(true).check(expect![[r#"
        staging to c1, asked by c1: wait at window to 2027-01-15T10:00:00Z: a freeze lasts until 2027-01-15T10:00:00Z
    "#]]);
}

/// `staging` takes what `dev` proves.
fn automatic(order: Order) -> Scene {
    let digest = |name: &str| Digest::of(name.as_bytes());
    Scene::new().change("staging", |it| {
        let promotion = it.promotion.as_mut().unwrap();
        (promotion.automatic, promotion.order) = (true, order);
        it.state.digests = ["c1", "c2", "c3", "c4"].iter().map(|name| (id(name), digest(name))).collect();
        it.state.digests.insert(id("c5"), digest("c4"));
    })
}

#[test]
fn what_comes_by_itself() {
    let scene = automatic(Order::Latest).commit("c1", "x").check(expect![""]).healthy("dev", "c1", 0);
    let scene = scene
        .check(expect![[r#"
        staging to c1, asked by itself: promote
    "#]])
        .apply("a")
        .check(expect![""]);
    let scene = scene.commit("c2", "x").healthy("dev", "c2", 10).check(expect![[r#"
        staging to c2, asked by itself: wait at healthy: staging is not healthy at c10000000000 yet
    "#]]);
    let scene = scene.healthy("staging", "c1", 20).commit("c3", "x").healthy("dev", "c3", 30).commit("c4", "x");
    let scene = scene
        .healthy("dev", "c4", 40)
        .check(expect![[r#"
        staging to c4, asked by itself: promote
    "#]])
        .apply("b")
        .healthy("staging", "c4", 50);
    // What changes nothing does not come, and what somebody asks for goes first.
    let scene = scene.commit("c5", "x").healthy("dev", "c5", 60).check(expect![""]);
    scene
        .commit("c6", "Promote-To: staging")
        .check(expect![[r#"
        staging to c6, asked by c6: wait at upstream/dev: dev runs c50000000000, not c60000000000 yet
    "#]])
        .healthy("dev", "c6", 70)
        .check(expect![[r#"
        staging to c6, asked by c6: promote
    "#]]);
}

#[test]
fn each_in_its_turn() {
    let scene =
        automatic(Order::Queue).commit("c1", "x").healthy("dev", "c1", 0).apply("a").healthy("staging", "c1", 1);
    let scene = ["c2", "c3", "c4"]
        .into_iter()
        .zip(10..)
        .fold(scene, |scene, (name, second)| scene.commit(name, "x").healthy("dev", name, second));
    let scene = scene
        .check(expect![[r#"
        staging to c2, asked by itself: promote
    "#]])
        .apply("b")
        .check(expect![[r#"
        staging to c3, asked by itself: wait at healthy: staging is not healthy at c20000000000 yet
    "#]])
        .healthy("staging", "c2", 20)
        .check(expect![[r#"
        staging to c3, asked by itself: promote
    "#]]);

    // The same with requests: one that can't come any more does not hold up the others.
    let queue = |scene: Scene| scene.change("staging", |it| it.promotion.as_mut().unwrap().order = Order::Queue);
    let asked = ["c1", "c2", "c3"]
        .into_iter()
        .fold(queue(Scene::new()), |scene, name| scene.commit(name, "Promote-To: staging"));
    let asked = asked.healthy("dev", "c2", 0).check(expect![[r#"
        staging to c3, asked by c3: wait at queue: c20000000000 goes first, for staging visits each in order
        staging to c2, asked by c2: promote
        staging to c1, asked by c1: wait at upstream/dev: dev was never healthy at c10000000000 and runs the newer c20000000000 now: ask for that one, or for one with the same manifests
    "#]]);
    let asked = asked.apply("a").healthy("dev", "c3", 5).check(expect![[r#"
        staging to c3, asked by c3: promote
        staging to ?, asked by c2: done by a
        staging to ?, asked by c1: refused: c10000000000 is older than c20000000000, to which staging is pinned: to go back, use `plumb rollback staging --to c10000000000`
    "#]]);
    asked.commit("c4", "Rollback-Of: staging").check(expect![[r#"
        staging back from  () to ?, asked by c4: refused: nothing that staging remembers was healthy there before c20000000000: name a revision with Rollback-To
        staging to ?, asked by c3: superseded by c4
        staging to ?, asked by c2: done by a
        staging to ?, asked by c1: superseded by c4
    "#]]);
    drop(scene);
}
