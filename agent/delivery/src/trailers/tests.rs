use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

const COMMIT: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";

fn show<T: std::fmt::Debug>(result: Result<Vec<T>, Error>, line: impl Fn(&T) -> String) -> String {
    match result {
        Ok(found) => found.iter().flat_map(|item| [line(item), "\n".to_owned()]).collect(),
        Err(error) => format!("error: {error}\n"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check(message: &str, expected: Expect) {
    expected.assert_eq(&show(parse(message), |trailer| format!("{}={}", trailer.key, trailer.value)));
}

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check_requests(message: &str, expected: Expect) {
    expected.assert_eq(&show(requests(COMMIT, message), |request| {
        let kind = match &request.kind {
            RequestKind::Promote => String::new(),
            other => format!("{other:?} of "),
        };
        format!("{kind}{} at {}", request.environment, request.revision.as_deref().unwrap_or("the commit"))
    }));
}

#[test]
fn the_last_paragraph_is_read() {
    check(
        "api: raise the limit\n\nWhy: this is prose, not the end.\n\nPromote-To: staging\nReviewed-by: Ada\n",
        expect![[r#"
            Promote-To=staging
            Reviewed-by=Ada
        "#]],
    );
}

#[test]
fn a_title_is_never_a_trailer() {
    check("Promote-To: staging\n", expect![""]);
    check("Promote-To: staging\nPromote-To: prod\n", expect![""]);
}

#[test]
fn prose_between_trailers_makes_them_prose() {
    check("title\n\nPromote-To: staging\nand then the rest\n", expect![""]);
    check(
        "title\n\nPromote-To: staging\nand then the rest\nSigned-off-by: Ada <ada@example.org>\n",
        expect![[r#"
            Promote-To=staging
            Signed-off-by=Ada <ada@example.org>
        "#]],
    );
}

#[test]
fn values_go_on_over_several_lines() {
    check(
        "title\n\nReviewed-by:\n  Ada\n\tLovelace\nPromote-To :  staging  \n",
        expect![[r#"
            Reviewed-by=Ada Lovelace
            Promote-To=staging
        "#]],
    );
}

#[test]
fn comments_and_empty_lines_at_the_end_are_cut() {
    check(
        "title\n\nPromote-To: staging\n# a comment\n\n",
        expect![[r#"
        Promote-To=staging
    "#]],
    );
    check(
        "title\n\nPromote-To: staging\n# ------------------------ >8 ------------------------\ndiff --git a b\n",
        expect![[r#"
            Promote-To=staging
        "#]],
    );
}

#[test]
fn two_readings_are_refused() {
    check(
        "title\n\nPromote-To: staging\n---\n\nPromote-To: prod\n",
        expect![[r#"
        error: `git interpret-trailers` reads `Promote-To: staging` and `git log` reads `Promote-To: prod` in this message: keep one block of trailers, as the last paragraph, and no line that starts with `---`
    "#]],
    );
    check(
        "title\n\nPromote-To: prod\n--- a/file\n+++ b/file\n",
        expect![[r#"
        error: `git interpret-trailers` reads `Promote-To: prod` and `git log` reads no trailers in this message: keep one block of trailers, as the last paragraph, and no line that starts with `---`
    "#]],
    );
    check(
        "\nPromote-To: prod\n",
        expect![[r#"
        error: `git interpret-trailers` reads `Promote-To: prod` and `git log` reads no trailers in this message: keep one block of trailers, as the last paragraph, and no line that starts with `---`
    "#]],
    );
    check(
        "title\n\nPromote-To: staging\0\n",
        expect![[r#"
        error: the message holds a NUL byte: write it again without
    "#]],
    );
}

#[test]
fn a_request_for_each_environment() {
    check_requests(
        "title\n\npromote-to: staging\nPROMOTE-TO: prod\nPromote-To: staging\n",
        expect![[r#"
        staging at the commit
        prod at the commit
    "#]],
    );
}

#[test]
fn a_request_for_another_revision() {
    check_requests(
        "title\n\nPromote-To: prod\nPromote-Revision: 4B825DC\n",
        expect![[r#"
        prod at 4b825dc
    "#]],
    );
}

#[test]
fn requests_that_nobody_can_act_on() {
    check_requests(
        "title\n\nPromote-To:\n",
        expect![[r#"
        error: `Promote-To:` has no value: write `Promote-To: staging`
    "#]],
    );
    check_requests(
        "title\n\nPromote-To: prod\nPromote-Revision: v1.2\n",
        expect![[r#"
        error: `Promote-Revision: v1.2` is not a commit id: write 7 to 40 hexadecimal digits
    "#]],
    );
    check_requests(
        "title\n\nPromote-To: prod\nPromote-Revision: 4b825d\n",
        expect![[r#"
        error: `Promote-Revision: 4b825d` is not a commit id: write 7 to 40 hexadecimal digits
    "#]],
    );
    check_requests(
        "title\n\nPromote-To: prod\nPromote-Revision: 4b825dc\nPromote-Revision: 4b825dd\n",
        expect![[r#"
            error: `Promote-Revision` stands 2 times: write it once
        "#]],
    );
    check_requests(
        "title\n\nPromote-Revision: 4b825dc\n",
        expect![[r#"
        error: `Promote-Revision` needs `Promote-To` beside it
    "#]],
    );
    check_requests(
        "title\n\nPromote-To: prod\nPromoted-To: prod\n",
        expect![[r#"
        error: `Promote-To` and `Promoted-To` stand in one message: a promotion commit is never a request
    "#]],
    );
    check_requests(
        "title\n\nPromote-To: staging\n---\nPromote-To: prod\n",
        expect![[r#"
        error: `git interpret-trailers` reads `Promote-To: staging` and `git log` reads no trailers in this message: keep one block of trailers, as the last paragraph, and no line that starts with `---`
    "#]],
    );
}

#[test]
fn other_trailers_may_disagree() {
    check_requests("title\n\nReviewed-by: Ada\n---\n\nReviewed-by: Grace\n", expect![""]);
}

#[test]
fn a_request_that_git_does_not_see_is_worth_a_hint() {
    let hidden = "title\n\nPromote-To: staging\n\nReviewed-on: https://git.example.org/pulls/1\n";
    check_requests(hidden, expect![""]);
    assert_eq!(missed(hidden), Some(3));
    assert_eq!(missed("title\n\npromote-to : staging\n"), None, "a request is not missed");
    assert_eq!(missed("Promote-To: staging\n"), Some(1));
    assert_eq!(missed("Promotes nothing\n\nPromote-Tö: staging\n"), None);
}

fn sample() -> PromotionResult {
    PromotionResult {
        to: "staging".into(),
        from: vec!["dev".into(), "test".into()],
        revision: COMMIT.into(),
        rolled_back_from: None,
        released: false,
        request: Some(OTHER.into()),
        gates: vec![("upstream/dev".into(), "pass".into()), ("hold".into(), "pass".into())],
    }
}

#[test]
fn the_message_of_a_promotion_commit() {
    let text = message(&sample());
    expect![[r#"
        promote staging to 111111111111

        Promoted-To: staging
        Promoted-From: dev
        Promoted-From: test
        Promoted-Revision: 1111111111111111111111111111111111111111
        Promotion-Request: 2222222222222222222222222222222222222222
        Promotion-Gate: upstream/dev=pass
        Promotion-Gate: hold=pass
    "#]]
    .assert_eq(&text);
    assert_eq!(result(&text), Ok(Some(sample())));
    assert_eq!(requests(COMMIT, &text), Ok(vec![]), "a promotion commit asks for nothing");
}

#[test]
fn the_way_back_and_on() {
    let rollback = PromotionResult { rolled_back_from: Some(OTHER.into()), from: vec![], gates: vec![], ..sample() };
    let text = message(&rollback);
    expect![[r#"
        roll staging back to 111111111111

        Promoted-To: staging
        Promoted-Revision: 1111111111111111111111111111111111111111
        Rolled-Back-From: 2222222222222222222222222222222222222222
        Promotion-Request: 2222222222222222222222222222222222222222
    "#]]
    .assert_eq(&text);
    assert_eq!(result(&text), Ok(Some(rollback)));
    let released = PromotionResult { released: true, from: vec![], gates: vec![], ..sample() };
    let text = message(&released);
    assert!(text.starts_with("release the hold on staging\n"), "{text}");
    assert_eq!(result(&text), Ok(Some(released)));

    check_requests(
        "t\n\nRollback-Of: prod\nRollback-Hold: until Monday\nRollback-To: 4B825DC\n",
        expect![[r#"
        Rollback { hold: Some("until Monday") } of prod at 4b825dc
    "#]],
    );
    check_requests(
        "t\n\nRollback-Of: prod\nRollback-Of: staging\n",
        expect![[r#"
        Rollback { hold: None } of prod at the commit
        Rollback { hold: None } of staging at the commit
    "#]],
    );
    check_requests(
        "t\n\nRelease-Hold: prod\n",
        expect![[r#"
        Release of prod at the commit
    "#]],
    );
    check_requests(
        "t\n\nRelease-Hold: prod\nPromote-To: prod\n",
        expect![[r#"
        error: `Promote-To` and `Release-Hold` stand in one message: ask for each with a commit of its own
    "#]],
    );
    check_requests(
        "t\n\nRollback-Of: prod\nRollback-Hold:\n",
        expect![[r#"
        error: `Rollback-Hold:` has no value: write `Rollback-Hold: until the cause is known`
    "#]],
    );
    check_requests(
        "t\n\nRollback-To: 4b825dc\n",
        expect![[r#"
        error: `Rollback-To` needs `Rollback-Of` beside it
    "#]],
    );
    check_requests(
        "t\n\nPromote-To: prod\nRollback-To: 4b825dc\n",
        expect![[r#"
        error: `Rollback-To` needs `Rollback-Of` beside it
    "#]],
    );
}

#[test]
fn results_that_are_none() {
    assert_eq!(result("title\n\nPromote-To: staging\n"), Ok(None));
    let error = |message: &str| result(message).unwrap_err().to_string();
    expect!["`Promoted-To` needs `Promoted-Revision` beside it"].assert_eq(&error("t\n\nPromoted-To: staging\n"));
    expect!["`Promotion-Gate` needs `Promoted-To` beside it"].assert_eq(&error("t\n\nPromotion-Gate: a=pass\n"));
    expect!["`Promoted-Revision: 4b825dc` is not a commit id: write 7 to 40 hexadecimal digits"]
        .assert_eq(&error("t\n\nPromoted-To: staging\nPromoted-Revision: 4b825dc\n"));
}

proptest! {
    #[test]
    fn any_message_has_an_answer(message in any::<String>()) {
        let _ = parse(&message);
        let _ = missed(&message);
        prop_assert!(result(&message).is_ok() || requests(COMMIT, &message).is_err() || parse(&message).is_err());
    }

    #[test]
    fn a_result_is_read_back(
        to in "[a-z0-9][a-z0-9.-]{0,20}[a-z0-9]",
        from in prop::collection::vec("[a-z0-9][a-z0-9-]{0,20}", 0..3),
        revision in "[0-9a-f]{40}",
        rolled_back_from in prop::option::of("[0-9a-f]{40}"),
        released in any::<bool>(),
        request in prop::option::of("[0-9a-f]{40}"),
        gates in prop::collection::vec(("[a-z][a-z/.-]{0,20}", "pass|skip"), 0..4),
    ) {
        let written = PromotionResult { to, from, revision, rolled_back_from, released, request, gates };
        prop_assert_eq!(result(&message(&written)), Ok(Some(written)));
    }

    /// No name can smuggle a trailer in, whatever it is made of.
    #[test]
    fn a_message_has_only_its_own_trailers(to in any::<String>(), gate in any::<String>()) {
        let written = PromotionResult { to, gates: vec![(gate, "pass".into())], ..sample() };
        if let Ok(trailers) = parse(&message(&written)) {
            prop_assert_eq!(trailers.len(), 6);
        }
    }
}
