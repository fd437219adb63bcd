//! What becomes of each kind of request.

use super::*;

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
