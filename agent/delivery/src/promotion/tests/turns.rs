//! What comes by itself, and whose turn it is.

use super::*;

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
