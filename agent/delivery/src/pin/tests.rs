use expect_test::{Expect, expect};
use proptest::{prelude::*, strategy::Strategy as _};

use super::{Strategy, *};
use crate::fields::Named;

/// What names look like, with those that YAML reads as something else.
const NAME: &str = "[a-z0-9][a-z0-9.-]{0,10}|on|null|true|1|0x1|\\*";

const REVISION: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check(text: &str, expected: Expect) {
    let found = match parse(text.as_bytes(), "overlays/staging/promoted.yaml") {
        Ok(pin) => format!("{pin:#?}\n"),
        Err(error) => format!("{error}\n"),
    };
    expected.assert_eq(&found);
}

/// A file with these lines below the first two.
fn check_lines(lines: &str, expected: Expect) {
    check(&format!("apiVersion: plumb.dev/v1alpha1\nkind: Pin\n{lines}"), expected);
}

#[test]
fn what_a_person_writes() {
    check_lines(
        "revision: 4B825DC642CB6EB9A060E54BF8D69288FBEE4904\n",
        expect![[r#"
            Pin {
                revision: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
                from: [],
                requested_by: None,
                rollback_of: None,
                hold: None,
                strategy: Tree,
                fields: None,
            }
        "#]],
    );
    check_lines(
        "revision: 1234567890123456789012345678901234567890\nfrom: on\n",
        expect![[r#"
            Pin {
                revision: "1234567890123456789012345678901234567890",
                from: [
                    "on",
                ],
                requested_by: None,
                rollback_of: None,
                hold: None,
                strategy: Tree,
                fields: None,
            }
        "#]],
    );
    check_lines(
        "revision: 123456789012345678901234567890123456e789\nrequestedBy:\nfrom: [dev, test]\n",
        expect![[r#"
            Pin {
                revision: "123456789012345678901234567890123456e789",
                from: [
                    "dev",
                    "test",
                ],
                requested_by: None,
                rollback_of: None,
                hold: None,
                strategy: Tree,
                fields: None,
            }
        "#]],
    );
}

#[test]
fn what_is_no_pin() {
    check(
        "",
        expect![[r#"
        overlays/staging/promoted.yaml: a pin file holds one document, and this one holds 0
    "#]],
    );
    check(
        "a: b\n---\nc: d\n",
        expect![[r#"
            overlays/staging/promoted.yaml: a pin file holds one document, and this one holds 2
        "#]],
    );
    check(
        "- a\n",
        expect![[r#"
        overlays/staging/promoted.yaml, line 1: the file must be a mapping of fields to values
    "#]],
    );
    check(
        "revision: [\n",
        expect![[r#"
            overlays/staging/promoted.yaml, line 1, column 11: this bracket is not closed
        "#]],
    );
    check(
        "kind: Pin\n",
        expect![[r#"
        overlays/staging/promoted.yaml, line 1: apiVersion is missing
    "#]],
    );
    check(
        "apiVersion: v1\n",
        expect![[r#"
        overlays/staging/promoted.yaml, line 1: apiVersion must be plumb.dev/v1alpha1
    "#]],
    );
    check(
        "apiVersion: plumb.dev/v1alpha1\nkind: Pins\n",
        expect![[r#"
            overlays/staging/promoted.yaml, line 2: kind must be Pin
        "#]],
    );
    check_lines(
        "",
        expect![[r#"
        overlays/staging/promoted.yaml, line 1: revision is missing
    "#]],
    );
    check_lines(
        "revision: main\n",
        expect![[r#"
            overlays/staging/promoted.yaml, line 3: revision must be a full commit id, 40 hexadecimal digits
        "#]],
    );
    check_lines(
        "revision: 4b825dc\n",
        expect![[r#"
            overlays/staging/promoted.yaml, line 3: revision must be a full commit id, 40 hexadecimal digits
        "#]],
    );
    check_lines(
        "revision: {}\n",
        expect![[r#"
            overlays/staging/promoted.yaml, line 3: revision must be a full commit id, 40 hexadecimal digits
        "#]],
    );
}

#[test]
fn fields_that_a_pin_does_not_have_that_way() {
    let valid = format!("revision: {REVISION}\n");
    check_lines(
        &format!("{valid}{valid}"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4, column 1: the key "revision" stands already on line 3; remove one
        "#]],
    );
    check_lines(
        &format!("{valid}Revision: a\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: Revision is not a field here; the fields are apiVersion, kind, revision, from, requestedBy, rollbackOf, hold, strategy, fields
        "#]],
    );
    check_lines(
        &format!("{valid}from: [dev, []]\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: from must be a name, or a list of names
        "#]],
    );
    check_lines(
        &format!("{valid}from: ''\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: from must be a name, or a list of names
        "#]],
    );
    check_lines(
        &format!("{valid}requestedBy: dev\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: requestedBy must be a full commit id, 40 hexadecimal digits
        "#]],
    );
    check_lines(
        &format!("{valid}hold: yes\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: hold must be a mapping of fields to values
        "#]],
    );
    check_lines(
        &format!("{valid}hold: {{}}\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: hold.reason is missing
        "#]],
    );
    check_lines(
        &format!("{valid}hold: {{reason: ' '}}\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 4: hold.reason must be a sentence that says why
        "#]],
    );
    check_lines(
        &format!("{valid}hold:\n  reason: a\n  until: b\n"),
        expect![[r#"
            overlays/staging/promoted.yaml, line 6: until is not a field here; the fields are reason
        "#]],
    );
}

#[test]
fn what_a_promotion_writes() {
    let mut pin = Pin {
        from: vec!["dev".into()],
        requested_by: Some("1111111111111111111111111111111111111111".into()),
        ..Pin::new(REVISION.into())
    };
    expect![[r##"
        # The revision of this repository that runs in the environment beside this file.
        # Plumb moves it with a promotion commit; to choose another revision yourself, commit a change of `revision`.
        apiVersion: plumb.dev/v1alpha1
        kind: Pin
        revision: 4b825dc642cb6eb9a060e54bf8d69288fbee4904
        from: dev
        requestedBy: "1111111111111111111111111111111111111111"
    "##]]
    .assert_eq(&print(&pin));
    pin.from.push("test".into());
    pin.rollback_of = Some("2222222222222222222222222222222222222222".into());
    pin.hold = Some(Hold { reason: "freeze:\nuntil Monday".into() });
    expect![[r##"
        # The revision of this repository that runs in the environment beside this file.
        # Plumb moves it with a promotion commit; to choose another revision yourself, commit a change of `revision`.
        apiVersion: plumb.dev/v1alpha1
        kind: Pin
        revision: 4b825dc642cb6eb9a060e54bf8d69288fbee4904
        from:
        - dev
        - test
        requestedBy: "1111111111111111111111111111111111111111"
        rollbackOf: "2222222222222222222222222222222222222222"
        hold:
          reason: |-
            freeze:
            until Monday
    "##]]
    .assert_eq(&print(&pin));
}

#[test]
fn the_revision_of_values_is_told_from_one_that_runs() {
    let pin = Pin { strategy: Strategy::Fields, ..Pin::new(REVISION.into()) };
    expect![[r#"
        # The revision whose values were copied into the overlay beside this file, which runs at the head of the branch.
        # Plumb changes both with a promotion commit.
        apiVersion: plumb.dev/v1alpha1
        kind: Pin
        revision: 4b825dc642cb6eb9a060e54bf8d69288fbee4904
        strategy: Fields
    "#]]
    .assert_eq(&print(&pin));
    assert_eq!(parse(print(&pin).as_bytes(), "f").unwrap(), pin);
    check_lines(
        &format!("revision: {REVISION}\nstrategy: Some\n"),
        expect![[r#"
        overlays/staging/promoted.yaml, line 4: strategy must be Tree or Fields
    "#]],
    );
    let named = vec![Named { file: "settings.yaml".into(), field: "data.value".into() }];
    let selection = Selection { images: vec!["*".into()], charts: Vec::new(), named };
    let pin = Pin { fields: Some(CopiedFields { from: "overlays/dev".into(), selection }), ..pin };
    expect![[r#"
        # The revision whose values were copied into the overlay beside this file, which runs at the head of the branch.
        # Plumb changes both with a promotion commit.
        apiVersion: plumb.dev/v1alpha1
        kind: Pin
        revision: 4b825dc642cb6eb9a060e54bf8d69288fbee4904
        strategy: Fields
        fields:
          from: overlays/dev
          images:
          - '*'
          named:
          - field: data.value
            file: settings.yaml
    "#]]
    .assert_eq(&print(&pin));
    assert_eq!(parse(print(&pin).as_bytes(), "f").unwrap(), pin);
    let with = |fields: &str, expected: Expect| {
        check_lines(&format!("revision: {REVISION}\nstrategy: Fields\nfields: {fields}\n"), expected);
    };
    with(
        "{}",
        expect![[r#"
        overlays/staging/promoted.yaml, line 5: fields.from is missing
    "#]],
    );
    with(
        "{from: []}",
        expect![[r#"
        overlays/staging/promoted.yaml, line 5: fields.from must be the directory of an overlay
    "#]],
    );
    with(
        "{from: dev, images: [~]}",
        expect![[r#"
        overlays/staging/promoted.yaml, line 5: fields.images must be a name, or a list of names
    "#]],
    );
    with(
        "{from: dev, named: x}",
        expect![[r#"
        overlays/staging/promoted.yaml, line 5: fields.named must be a list of files and fields
    "#]],
    );
    with(
        "{from: dev, named: [{file: x}]}",
        expect![[r#"
        overlays/staging/promoted.yaml, line 5: field is missing
    "#]],
    );
}

#[test]
fn where_it_is() {
    assert_eq!(path("overlays/staging"), "overlays/staging/promoted.yaml");
    assert_eq!(path("./overlays//staging/"), "overlays/staging/promoted.yaml");
    assert_eq!(path(""), "promoted.yaml");
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        revision in prop_oneof!["[0-9a-f]{40}", "[0-9]{40}", "[0-9]{30}e[0-9]{9}", "0x[0-9]{38}".prop_map(|text| text.replace('x', "0"))],
        from in prop::collection::vec(NAME, 0..3),
        requested_by in prop::option::of("[0-9a-f]{40}"),
        rollback_of in prop::option::of("[0-9a-f]{40}"),
        reason in prop::option::of("[ -~\n]{0,20}[!-~]"),
        copied in prop::option::of((NAME, prop::collection::vec(NAME, 0..3), prop::collection::vec((NAME, NAME), 0..3))),
    ) {
        let strategy = if copied.is_some() { Strategy::Fields } else { Strategy::Tree };
        let fields = copied.map(|(from, images, named)| {
            let named = named.into_iter().map(|(file, field)| Named { file, field }).collect();
            CopiedFields { from, selection: Selection { charts: images.clone(), images, named } }
        });
        let hold = reason.map(|reason| Hold { reason });
        let pin = Pin { revision, from, requested_by, rollback_of, hold, strategy, fields };
        let text = print(&pin);
        prop_assert_eq!(parse(text.as_bytes(), "f"), Ok(pin), "{}", text);
    }

    #[test]
    fn any_file_has_an_answer(text in any::<Vec<u8>>()) {
        let _ = parse(&text, "f");
    }

    /// Errors name lines that exist.
    #[test]
    fn any_yaml_has_an_answer(text in "((apiVersion|kind|revision|from|hold|  reason|x): ?(Pin|plumb.dev/v1alpha1|\\[|a|~|&a|\\*a|)\n){0,6}") {
        if let Err(Error::Field { line, .. } | Error::Missing { line, .. } | Error::Unknown { line, .. }) = parse(text.as_bytes(), "f") {
            prop_assert!(line >= 1 && line as usize <= text.lines().count() + 1);
        }
    }
}
