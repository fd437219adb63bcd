use std::collections::BTreeMap;

use expect_test::expect;

use super::*;
use crate::ObjectId;
use crate::difference::{Change, Difference};

const STYLE: Style = Style { html: true, limit: 65_536 };
const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

fn mark() -> Mark {
    Mark { environment: "prod".into(), revision: NEW.into(), request: OLD.into(), digest: Some("ab".repeat(32)) }
}

fn difference(name: &str, change: Change, text: &str) -> Difference {
    let id =
        ObjectId { group: "apps".into(), kind: "Deployment".into(), namespace: Some("shop".into()), name: name.into() };
    Difference { id, change, text: text.into() }
}

fn gates() -> Vec<Gate> {
    let gate = |name: &str, verdict, why: &str| Gate { name: name.into(), verdict, why: why.into() };
    vec![
        gate("hold", GateVerdict::Pass, "prod is not held"),
        gate("upstream/staging", GateVerdict::Wait { until: None }, "staging runs nothing yet"),
        gate("dry-run", GateVerdict::Fail, "refused"),
    ]
}

fn entry(subject: &str) -> Entry {
    Entry { id: NEW.into(), subject: subject.into(), author: "Ada".into() }
}

fn write(changelog: &[Entry], differences: &[Difference], style: Style) -> String {
    with_proposal(changelog, differences, |proposal| body(proposal, style))
}

fn with_proposal<T>(changelog: &[Entry], differences: &[Difference], show: impl Fn(&Proposal<'_>) -> T) -> T {
    let (mark, gates) = (mark(), gates());
    let proposal = Proposal {
        copied: None,
        mark: &mark,
        pin: "overlays/prod/promoted.yaml",
        before: Some(OLD),
        gates: &gates,
        changelog,
        older: 3,
        rendered: Comparison { differences: Some(differences), problems: &[] },
        live: Comparison { differences: None, problems: &["Deployment shop/web: spec.x is unknown".into()] },
        automerge: true,
    };
    show(&proposal)
}

#[test]
fn what_the_body_has_no_room_for_follows_in_comments() {
    let differences: Vec<_> =
        (0..60).map(|n| difference(&format!("web-{n}"), Change::Changed, &"+a line of text\n".repeat(100))).collect();
    for style in [STYLE, Style { html: false, limit: 32_768 }] {
        let body = write(&[], &differences, style);
        let attached = with_proposal(&[], &differences, |proposal| attachments(proposal, style));
        assert!(body.contains("They follow as comments."), "{body}");
        let all = [std::slice::from_ref(&body), &attached].concat();
        assert!(all.iter().all(|text| text.chars().count() <= style.limit), "each fits");
        let shown = |text: &String| text.matches("```diff").count();
        assert_eq!(all.iter().map(shown).sum::<usize>(), 60, "each is shown once");
    }
    assert!(with_proposal(&[], &differences[..1], |proposal| attachments(proposal, STYLE)).is_empty());
    // A thousand of them are too many even so.
    let differences = differences.iter().cycle().take(1_000).cloned().collect::<Vec<_>>();
    let attached = with_proposal(&[], &differences, |proposal| attachments(proposal, STYLE));
    assert!(attached.len() == 8 && attached[7].contains("`plumb diff` shows all of it."), "{}", attached.len());
}

#[test]
fn a_pull_request_says_what_a_reviewer_wants_to_know() {
    let differences =
        [difference("web", Change::Changed, "--- a\n+++ b\n-1\n+2\n"), difference("old", Change::Removed, "-x\n")];
    expect![[r#"
        <!-- plumb:promotion environment=prod revision=2222222222222222222222222222222222222222 request=1111111111111111111111111111111111111111 digest=abababababababababababababababababababababababababababababababab -->
        Merging this promotes **prod** from `111111111111` to `222222222222`: it changes the pin `overlays/prod/promoted.yaml` and nothing else, and any way of merging will do.

        Commit `111111111111` asked for it.
        Plumb merges it once all gates are open.

        ### Gates

        - [x] `hold`: `prod is not held`
        - [ ] `upstream/staging`: `staging runs nothing yet`
        - [ ] `dry-run`: **failed**: `refused`

        ### Changelog

        - `222222222222` `web: raise the limit` by `Ada`
        - and 3 more

        ### What changes in prod

        1 changed, 1 removed.

        <details><summary>Deployment.apps shop/web (changed)</summary>

        ```diff
        --- a
        +++ b
        -1
        +2
        ```

        </details>
        <details><summary>Deployment.apps shop/old (removed)</summary>

        ```diff
        -x
        ```

        </details>

        ### Against the cluster

        It can't be told:

        - ⚠ `Deployment shop/web: spec.x is unknown`

        Plumb keeps this text current; what is written here by hand is lost. Digest of the manifests: `abababababab`.
    "#]]
    .assert_eq(&write(&[entry("web: raise the limit")], &differences, STYLE));
}

#[test]
fn words_of_others_are_no_markup() {
    let text = write(
        &[entry("fix #12 @ada `x` <!-- --> ``"), entry("\u{1b}[31m\r")],
        &[difference("web", Change::Added, "+```\n+</details>\n")],
        STYLE,
    );
    assert!(
        text.contains("```fix #12 @ada `x` <!-- --> `` ```") || text.contains("``` fix #12 @ada `x` <!-- --> `` ```"),
        "{text}"
    );
    assert!(text.contains("````diff\n+```\n+</details>\n````"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text}");
}

#[test]
fn a_text_keeps_to_its_limit_and_says_what_is_missing() {
    let long = "+0123456789 0123456789 0123456789\n".repeat(300);
    let many: Vec<_> = (0..200).map(|number| difference(&format!("web-{number}"), Change::Added, &long)).collect();
    for (limit, html) in [(65_536, true), (32_768, false)] {
        let text = write(&vec![entry("subject"); 60], &many, Style { html, limit });
        let length = text.chars().count();
        assert!(length <= limit && length > limit / 3, "{length} of {limit}");
        assert!(text.contains("200 added") || text.contains("200 Added"), "{text}");
        assert!(text.contains("Left out:") && text.contains("more objects"), "what is left out is named");
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
        assert!(text.contains("- and 13 more"), "60 commits, 50 shown, 3 not even read");
        assert!(html || (!text.contains("<details>") && text.starts_with("[//]: # (plumb:promotion ")));
    }
    let one = [difference("web", Change::Added, &"+x\n".repeat(1_000))];
    assert!(write(&[], &one, STYLE).contains("… 600 more lines are left out"));
}

#[test]
fn the_mark_is_read_back_and_nothing_else_is() {
    for html in [true, false] {
        assert_eq!(Mark::read(&format!("{}\r\nrest", mark().line(html))), Some(mark()));
        let automatic = Mark { request: String::new(), ..mark() };
        assert_eq!(Mark::read(&automatic.line(html)), Some(automatic));
        let unrendered = Mark { digest: None, ..mark() };
        assert_eq!(Mark::read(&unrendered.line(html)), Some(unrendered));
    }
    let line = mark().line(true);
    for body in [
        "",
        "text",
        &format!("> {line}"),
        &format!("x\n{line}"),
        &line.replace("222", "xyz"),
        &line.replace("digest", "digits"),
        "<!-- plumb:preview -->",
    ] {
        assert_eq!(Mark::read(body), None, "{body}");
    }
}

#[test]
fn only_news_is_written_as_a_status() {
    let gates = gates();
    let mut known = BTreeMap::new();
    assert_eq!(new_statuses("prod", &gates, &known).len(), 3);
    for gate in &gates {
        known.insert(status_name("prod", &gate.name), (gate.verdict, gate.why.clone()));
    }
    assert!(new_statuses("prod", &gates, &known).is_empty());
    known.insert("plumb/prod/hold".into(), (GateVerdict::Pass, "other words".into()));
    known.insert("plumb/prod/dry-run".into(), (GateVerdict::Pass, "refused".into()));
    let names: Vec<_> = new_statuses("prod", &gates, &known).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["plumb/prod/hold", "plumb/prod/dry-run"]);
}

#[test]
fn a_preview_says_what_each_environment_would_get() {
    let changed = [difference("web", Change::Changed, "-1\n+2\n")];
    let findings =
        [Finding::Refused("Deployment shop/web: no".into()), Finding::Notable("3 objects would be deleted".into())];
    let environments = [
        EnvironmentPreview {
            name: "dev",
            pinned: None,
            rendered: Comparison { differences: Some(&changed), problems: &[] },
            findings: &findings,
        },
        EnvironmentPreview {
            name: "prod",
            pinned: Some(OLD),
            rendered: Comparison { differences: None, problems: &["overlays/prod/kustomization.yaml: no".into()] },
            findings: &[],
        },
    ];
    expect![[r#"
        ### What `222222222222` would change, once it is merged into `main`

        ### dev

        1 changed.

        <details><summary>Deployment.apps shop/web (changed)</summary>

        ```diff
        -1
        +2
        ```

        </details>

        - ❌ `Deployment shop/web: no`
        - ⚠ `3 objects would be deleted`

        ### prod (pinned)

        It can't be told:

        - ⚠ `overlays/prod/kustomization.yaml: no`

        prod stays at `111111111111` until a revision with this is promoted.
    "#]]
    .assert_eq(&preview(NEW, "main", &environments, STYLE));
    expect![[r#"
        ### What `222222222222` would change, once it is merged into `main`

        Nothing: all environments render as they do now.
    "#]]
    .assert_eq(&preview(NEW, "main", &[], STYLE));
}
