//! What each gate says.

use super::*;

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
fn an_upstream_with_the_values_of_no_revision() {
    let scene = Scene::new().commit("c1", "Promote-To: staging");
    scene.change("dev", |dev| dev.state.applied = Some(at(5))).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev: dev has the values of no revision: nothing was promoted to it yet, or somebody changed its overlay or its pin by hand
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
fn a_clock_that_is_set_back_opens_no_gate_early_and_closes_none_that_needs_no_time() {
    let soaking = |seconds: i64| {
        let scene = Scene::new().commit("c1", "Promote-To: staging").healthy("dev", "c1", 990);
        let mut scene =
            scene.change("staging", |it| it.promotion.as_mut().unwrap().soak = SignedDuration::from_secs(seconds));
        scene.now = at(100);
        scene
    };
    soaking(0).check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
    soaking(60).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev to 2027-01-15T08:02:40Z: dev is healthy at c10000000000 since 2027-01-15T08:16:30Z, and must stay so until 2027-01-15T08:02:40Z
    "#]]);
    // Another revision took its place, by the clock that was set back.
    let replaced = |seconds| soaking(seconds).commit("c2", "x").healthy("dev", "c2", 200);
    replaced(0).check(expect![[r#"
        staging to c1, asked by c1: promote
    "#]]);
    replaced(60).check(expect![[r#"
        staging to c1, asked by c1: wait at upstream/dev to 2027-01-15T08:02:40Z: dev was healthy at c10000000000 since 2027-01-15T08:16:30Z, and must stay so until 2027-01-15T08:02:40Z
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
