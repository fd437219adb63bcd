//! The way back, and holds.

use super::*;

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
