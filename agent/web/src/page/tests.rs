//! What a reader finds on the page.

use expect_test::{Expect, expect};
use jiff::Timestamp;

use super::render;
use crate::{
    ConditionView, EnvironmentView, EventView, Mode, ObjectCounts, PromotionView, RepositoryView, Status, Verdict,
    VerdictView,
};

fn now() -> Timestamp {
    "2026-01-02T04:00:00Z".parse().unwrap()
}

fn condition(status: Status, reason: &str, message: &str) -> ConditionView {
    ConditionView { status, reason: reason.into(), message: message.into() }
}

fn environment(name: &str, from: &[&str]) -> EnvironmentView {
    EnvironmentView {
        namespace: "plumb-system".into(),
        name: name.into(),
        repository: "config".into(),
        path: format!("overlays/{name}"),
        mode: if from.is_empty() { Mode::Following } else { Mode::Pinned },
        revision: Some("1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into()),
        attempted_revision: None,
        suspended: false,
        ready: condition(Status::True, "Succeeded", "1a2b3c4 is applied and healthy"),
        healthy: condition(Status::True, "Succeeded", ""),
        drifted: condition(Status::False, "NoDrift", ""),
        objects: ObjectCounts { total: 3, healthy: 3, ..ObjectCounts::default() },
        applied_at: Some("2026-01-02T03:04:05Z".parse().unwrap()),
        promotion: (!from.is_empty()).then(|| PromotionView {
            from: from.iter().map(|&name| name.to_owned()).collect(),
            hold: None,
            verdicts: vec![],
        }),
        events: vec![],
    }
}

fn repository() -> RepositoryView {
    RepositoryView {
        namespace: "plumb-system".into(),
        name: "config".into(),
        url: "https://bot:hunter2@git.example.org/config.git".into(),
        branch: "main".into(),
        head: Some("9f31c2d7a0b4e58861f3dd02c7be9a154e60b8aa".into()),
        fetched_at: Some("2026-01-02T03:59:48Z".parse().unwrap()),
        ready: condition(Status::True, "Succeeded", ""),
        webhook: true,
    }
}

/// The words on the page, without the tags; one line for each line of the document that has some.
fn words(page: &str) -> String {
    let (_, body) = page.split_once("</header>").unwrap();
    let (body, _) = body.split_once("<script>").unwrap();
    let mut text = String::new();
    let mut tag = false;
    for character in body.chars() {
        match character {
            '<' => tag = true,
            '>' => {
                tag = false;
                text.push(' ');
            }
            _ if tag => {}
            _ => text.push(character),
        }
    }
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).map(|line| line + "\n").collect()
}

fn check(missing: &[&str], repositories: Vec<RepositoryView>, environments: &[EnvironmentView], expected: &Expect) {
    let missing = missing.iter().map(|&reason| reason.to_owned()).collect();
    let page = render(7, missing, repositories, environments, now()).unwrap();
    assert!(!page.contains("hunter2"));
    expected.assert_eq(&words(&page));
}

#[test]
fn an_environment_tells_everything() {
    let mut staging = environment("staging", &["dev"]);
    staging.attempted_revision = Some("9f31c2d7a0b4e58861f3dd02c7be9a154e60b8aa".into());
    staging.drifted = condition(Status::True, "DriftDetected", "Service web: kubectl-edit wrote .spec.ports");
    staging.objects = ObjectCounts { total: 5, healthy: 2, progressing: 1, degraded: 2, drifted: 1 };
    let verdict = |revision: &str, verdict, message: &str| VerdictView {
        revision: revision.repeat(5),
        request: revision.repeat(5),
        verdict,
        message: message.into(),
        at: Some("2026-01-02T03:50:00Z".parse().unwrap()),
    };
    staging.promotion.as_mut().unwrap().verdicts = vec![
        verdict("1a2b3c4d", Verdict::Waiting, "dev is not healthy at 1a2b3c4 yet"),
        verdict("c0ffee12", Verdict::Refused, "no such commit"),
        verdict("deadbeef", Verdict::Promoted, ""),
    ];
    staging.events = (0..25)
        .map(|number| EventView {
            at: now() - jiff::SignedDuration::from_mins(number),
            warning: number == 0,
            reason: "DriftDetected".into(),
            message: format!("event {number}"),
        })
        .collect();
    check(
        &["the cache of Services is not filled yet"],
        vec![repository()],
        &[staging, environment("dev", &[])],
        &expect![[r#"
            The agent is not ready, so this page may be incomplete
            the cache of Services is not filled yet
            ! 1 drifted
            ✓ 1 healthy
            plumb-system/ config
            https://git.example.org/config.git branch main at 9f31c2d fetched 12 s ago webhook on
            ✓ dev 1a2b3c4 (healthy)
            ! staging 1a2b3c4 (drifted)
            dev
            ✓ healthy
            Revision 1a2b3c4 follows main
            Path overlays/dev
            Applied 55 min ago
            Objects 3 objects, all healthy
            ✓ Ready 1a2b3c4 is applied and healthy
            ✓ Healthy Succeeded
            ✓ No drift NoDrift
            staging
            ! drifted
            Revision 1a2b3c4 pinned tried 9f31c2d
            Path overlays/staging
            Applied 55 min ago
            Objects 5 objects, 2 failing, 1 in progress, 1 drifted
            ✓ Ready 1a2b3c4 is applied and healthy
            ✓ Healthy Succeeded
            ! Drifted Service web: kubectl-edit wrote .spec.ports
            Promotes from dev
            1a2b3c4 waiting : dev is not healthy at 1a2b3c4 yet 10 min ago
            c0ffee1 refused : no such commit 10 min ago
            deadbee promoted 10 min ago
            Recent events
            just now Warning: DriftDetected event 0
            1 min ago DriftDetected event 1
            2 min ago DriftDetected event 2
            17 older
            3 min ago DriftDetected event 3
            4 min ago DriftDetected event 4
            5 min ago DriftDetected event 5
            6 min ago DriftDetected event 6
            7 min ago DriftDetected event 7
            8 min ago DriftDetected event 8
            9 min ago DriftDetected event 9
            10 min ago DriftDetected event 10
            11 min ago DriftDetected event 11
            12 min ago DriftDetected event 12
            13 min ago DriftDetected event 13
            14 min ago DriftDetected event 14
            15 min ago DriftDetected event 15
            16 min ago DriftDetected event 16
            17 min ago DriftDetected event 17
            18 min ago DriftDetected event 18
            19 min ago DriftDetected event 19
            As of 2026-01-02 04:00:00 UTC . The same as JSON: environments , repositories .
        "#]],
    );
}

#[test]
fn stages_follow_promotions_and_not_the_alphabet() {
    let mut unpromoted = environment("qa", &["dev"]);
    unpromoted.revision = None;
    unpromoted.applied_at = None;
    unpromoted.objects = ObjectCounts::default();
    unpromoted.ready = condition(Status::False, "NotPromoted", "there is no pin yet");
    (unpromoted.healthy, unpromoted.drifted) = (ConditionView::default(), ConditionView::default());
    let mut suspended = environment("a-prod", &["staging", "qa"]);
    suspended.suspended = true;
    check(
        &[],
        vec![repository()],
        &[suspended, environment("staging", &["dev"]), unpromoted, environment("dev", &[])],
        &expect![[r#"
            – 1 not promoted
            ‖ 1 suspended
            ✓ 2 healthy
            plumb-system/ config
            https://git.example.org/config.git branch main at 9f31c2d fetched 12 s ago webhook on
            ✓ dev 1a2b3c4 (healthy)
            – qa (not promoted) ✓ staging 1a2b3c4 (healthy)
            ‖ a-prod 1a2b3c4 (suspended)
            dev
            ✓ healthy
            Revision 1a2b3c4 follows main
            Path overlays/dev
            Applied 55 min ago
            Objects 3 objects, all healthy
            ✓ Ready 1a2b3c4 is applied and healthy
            ✓ Healthy Succeeded
            ✓ No drift NoDrift
            qa
            – not promoted
            Revision none pinned
            Path overlays/qa
            Applied never
            Objects 0 objects
            – Not ready there is no pin yet
            … Healthy? not known yet
            – Drift? not known yet
            Promotes from dev
            No request yet: push a commit with the trailer Promote-To: qa .
            staging
            ✓ healthy
            Revision 1a2b3c4 pinned
            Path overlays/staging
            Applied 55 min ago
            Objects 3 objects, all healthy
            ✓ Ready 1a2b3c4 is applied and healthy
            ✓ Healthy Succeeded
            ✓ No drift NoDrift
            Promotes from dev
            No request yet: push a commit with the trailer Promote-To: staging .
            a-prod
            ‖ suspended
            Revision 1a2b3c4 pinned
            Path overlays/a-prod
            Applied 55 min ago
            Objects 3 objects, all healthy
            ✓ Ready 1a2b3c4 is applied and healthy
            ✓ Healthy Succeeded
            ✓ No drift NoDrift
            Promotes from staging, qa
            No request yet: push a commit with the trailer Promote-To: a-prod .
            As of 2026-01-02 04:00:00 UTC . The same as JSON: environments , repositories .
        "#]],
    );
}

#[test]
fn a_circle_of_promotions_and_a_missing_repository_are_survived() {
    check(
        &[],
        vec![],
        &[environment("a", &["b"]), environment("b", &["a"])],
        &expect![[r#"
        ✓ 2 healthy
        plumb-system/ config
        There is no Repository of this name, though environments refer to it.
        a
        ✓ healthy
        Revision 1a2b3c4 pinned
        Path overlays/a
        Applied 55 min ago
        Objects 3 objects, all healthy
        ✓ Ready 1a2b3c4 is applied and healthy
        ✓ Healthy Succeeded
        ✓ No drift NoDrift
        Promotes from b
        No request yet: push a commit with the trailer Promote-To: a .
        b
        ✓ healthy
        Revision 1a2b3c4 pinned
        Path overlays/b
        Applied 55 min ago
        Objects 3 objects, all healthy
        ✓ Ready 1a2b3c4 is applied and healthy
        ✓ Healthy Succeeded
        ✓ No drift NoDrift
        Promotes from a
        No request yet: push a commit with the trailer Promote-To: b .
        As of 2026-01-02 04:00:00 UTC . The same as JSON: environments , repositories .
    "#]],
    );
}

#[test]
fn a_repository_that_fails_says_why() {
    let mut failing = repository();
    failing.ready = condition(Status::False, "FetchFailed", "git.example.org refused the deploy key");
    (failing.fetched_at, failing.head, failing.webhook) = (None, None, false);
    check(
        &[],
        vec![failing],
        &[],
        &expect![[r#"
        plumb-system/ config
        https://git.example.org/config.git branch main not fetched yet
        Can’t fetch. git.example.org refused the deploy key
        No environment uses this repository yet.
        As of 2026-01-02 04:00:00 UTC . The same as JSON: environments , repositories .
    "#]],
    );
}

#[test]
fn an_empty_page_says_how_to_begin() {
    check(
        &[],
        vec![],
        &[],
        &expect![[r#"
        Nothing to show yet
        Tell Plumb which repository to watch and which overlay to keep true:
        kubectl apply -f - &lt;&lt;EOF
        apiVersion: plumb.dev/v1alpha1
        kind: Repository
        metadata: {name: config, namespace: plumb-system}
        spec:
        url: https://git.example.org/platform/config.git
        ---
        apiVersion: plumb.dev/v1alpha1
        kind: Environment
        metadata: {name: dev, namespace: plumb-system}
        spec:
        repository: {name: config}
        path: overlays/dev
        EOF
        As of 2026-01-02 04:00:00 UTC . The same as JSON: environments , repositories .
    "#]],
    );
}

#[test]
fn titles_begin_with_the_bad_news() {
    let title = |environments: &[EnvironmentView]| {
        let page = render(0, vec![], vec![], environments, now()).unwrap();
        page.split_once("<title>").unwrap().1.split_once("</title>").unwrap().0.to_owned()
    };
    let mut failing = environment("dev", &[]);
    failing.healthy = condition(Status::False, "Degraded", "");
    assert_eq!(title(&[failing, environment("b", &[])]), "1 of 2 failing · Plumb");
    assert_eq!(title(&[environment("b", &[])]), "Plumb");
}

#[test]
fn what_others_wrote_is_text_and_no_markup() {
    const EVIL: &str = r#"</script><script>alert('x')</script>" onload="x"#;
    let mut environment = environment(EVIL, &[EVIL]);
    (environment.namespace, environment.path, environment.repository) = (EVIL.into(), EVIL.into(), EVIL.into());
    environment.revision = Some(EVIL.into());
    environment.ready.message = EVIL.into();
    environment.events = vec![EventView { at: now(), warning: true, reason: EVIL.into(), message: EVIL.into() }];
    let mut repository = repository();
    (repository.name, repository.url, repository.branch) = (EVIL.into(), EVIL.into(), EVIL.into());
    let page = render(0, vec![EVIL.into()], vec![repository], &[environment], now()).unwrap();
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    assert!(!page.contains(r#"" onload="#));
}
