//! Gates that an environment words itself.

use expect_test::expect;

use super::*;

/// staging, with conditions, and asked for c2 while it is pinned to c1.
fn conditioned(conditions: &[(&str, &str)]) -> Scene {
    let scene = Scene::new().commit("c1", "x").pin("staging", "c1").commit("c2", "Promote-To: staging");
    let conditions: Vec<_> = conditions.iter().map(|(name, text)| Condition::new(name, text, None)).collect();
    scene.healthy("dev", "c2", 0).change("staging", |it| it.promotion.as_mut().unwrap().conditions = conditions)
}

#[test]
fn every_fact_may_be_named() {
    conditioned(&[
        ("author", "revision.author == 'Ada' && request.email.endsWith('@example.com')"),
        ("ids", "revision.id == request.id && environment.pinned.startsWith('c1') && environment.name == 'staging'"),
        ("upstream", "upstreams['dev'].healthy && upstreams.dev.revision == revision.id && !environment.drifted"),
        ("changes", "changes.all(path, path.startsWith('base/'))"),
        ("time", "timestamp(now) > timestamp(revision.time) && timestamp(now).getHours() == 8"),
    ])
    .check(expect![[r#"
        staging to c2, asked by c2: promote
    "#]]);
}

#[test]
fn what_is_false_waits_and_what_is_wrong_fails() {
    conditioned(&[("message", "revision.message.contains('CHG-')")]).check(expect![[r#"
        staging to c2, asked by c2: wait at cel/message: `revision.message.contains('CHG-')` is false
    "#]]);
    let told = |scene: Scene| {
        scene.change("staging", |it| {
            it.promotion.as_mut().unwrap().conditions =
                vec![Condition::new("ticket", "request.message.contains('CHG-')", Some("name a ticket"))];
        })
    };
    told(conditioned(&[])).check(expect![[r#"
        staging to c2, asked by c2: wait at cel/ticket: name a ticket
    "#]]);
    // Only time opens a gate by itself.
    conditioned(&[("later", "timestamp(now).getHours() > 8")]).check(expect![[r#"
        staging to c2, asked by c2: wait at cel/later to 2027-01-15T08:17:00Z: `timestamp(now).getHours() > 8` is false
    "#]]);
    conditioned(&[("broken", "revision.")]).check(expect![[r#"
        staging to c2, asked by c2: refused: line 1, column 10: no viable alternative at input '.': correct spec.promotion.expressions, broken
    "#]]);
    conditioned(&[("unknown", "cluster.name == 'x'")]).check(expect![[r#"
        staging to c2, asked by c2: refused: line 1, column 1: there is no variable cluster; there are environment and revision and request and upstreams and changes and now: correct spec.promotion.expressions, unknown
    "#]]);
    conditioned(&[("field", "revision.colour == 'red'")]).check(expect![[r#"
        staging to c2, asked by c2: refused: there is no field colour: correct spec.promotion.expressions, field
    "#]]);
    conditioned(&[("number", "1 + 1")]).check(expect![[r#"
        staging to c2, asked by c2: refused: it gives a number, expected true or false: correct spec.promotion.expressions, number
    "#]]);
}

#[test]
fn nobody_asked() {
    let scene = automatic(Order::Latest).commit("c1", "x").healthy("dev", "c1", 0);
    let asks = |expression: &str| {
        let condition = Condition::new("asked", expression, None);
        move |it: &mut Environment| it.promotion.as_mut().unwrap().conditions = vec![condition]
    };
    let scene = scene.change("staging", asks("request == null || request.author == 'Ada'"));
    let scene = scene.check(expect![[r#"
        staging to c1, asked by itself: promote
    "#]]);
    scene.change("staging", asks("request.author == 'Ada'")).check(expect![[r#"
        staging to c1, asked by itself: wait at cel/asked: `request.author == 'Ada'` is false
    "#]]);
}

/// The way back asks nobody: who words a gate badly can still go back.
#[test]
fn the_way_back_asks_no_expression() {
    let closed = vec![Condition::new("never", "false", None)];
    let scene = promoted_twice().change("staging", |it| it.promotion.as_mut().unwrap().conditions = closed);
    scene.commit("c4", "Rollback-Of: staging").check(expect![[r#"
        staging back from c2 (rolled back from c20000000000) to c1, asked by c4: promote
        staging to ?, asked by c3: done by b
        staging to ?, asked by c1: done by a
    "#]]);
}
