//! What is copied, what stays as it is, and what is refused.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

fn all() -> Selection {
    Selection { images: vec![ALL.into()], charts: vec![ALL.into()], named: Vec::new() }
}

fn named(fields: &[(&str, &str)]) -> Selection {
    let named = fields.iter().map(|(file, field)| Named { file: (*file).into(), field: (*field).into() });
    Selection { named: named.collect(), ..Selection::default() }
}

fn run(selection: &Selection, files: &[(&str, &str)]) -> Result<Copied, Vec<Error>> {
    let read = |path: &str| {
        let found = files.iter().find(|(name, _)| *name == path);
        Ok(found.map(|(_, text)| text.as_bytes().to_vec()))
    };
    let overlay = |directory| Overlay { directory, read: &read };
    copy(selection, &overlay("overlays/dev"), &overlay("overlays/staging/"))
}

/// Copies, checks that copying again changes nothing, and shows all files that changed.
#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value at each call")]
fn check(selection: &Selection, files: &[(&str, &str)], expected: Expect) {
    let shown = match run(selection, files) {
        Ok(copied) => {
            let mut after: Vec<(&str, &str)> =
                files.iter().filter(|(path, _)| !copied.files.contains_key(*path)).copied().collect();
            after.extend(copied.files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
            let again = run(selection, &after).unwrap();
            assert_eq!((again.files.len(), &again.values), (0, &copied.values), "a copy of a copy changes nothing");
            copied.files.iter().fold(String::new(), |mut shown, (path, text)| {
                write!(shown, "==> {path}\n{text}").unwrap();
                shown
            })
        }
        Err(errors) => errors.iter().fold(String::new(), |mut shown, error| {
            writeln!(shown, "{error}").unwrap();
            shown
        }),
    };
    expected.assert_eq(&shown);
}

const DEV: &str = "\
images:
- name: app
  newTag: v2 # built on Monday
- name: sidecar
  newName: registry.example.com/sidecar
  digest: sha256:aa
helmCharts:
- {name: redis, repo: https://charts.example.com, version: 19.1.0}
- name: only-here
  version: 1.0.0
";

#[test]
fn values_change_in_place_and_nothing_else_does() {
    let staging = "\
# Ours.

images:
    # The server.
    -   name:   app
        newTag: 'v1'   # pinned by hand

    - name: other
      newTag: keep

helmCharts:
  - name: redis
    version: \"18.0.0\"


replicas:
  - {name: app, count: 3}
";
    let dev = "images: [{name: app, newTag: \"1.10\"}]\nhelmCharts: [{name: redis, version: 19.1.0}]\n";
    check(
        &all(),
        &[("overlays/dev/kustomization.yaml", dev), ("overlays/staging/kustomization.yml", staging)],
        expect![[r#"
            ==> overlays/staging/kustomization.yml
            # Ours.

            images:
                # The server.
                -   name:   app
                    newTag: "1.10"   # pinned by hand

                - name: other
                  newTag: keep

            helmCharts:
              - name: redis
                version: 19.1.0


            replicas:
              - {name: app, count: 3}
        "#]],
    );
}

#[test]
fn pins_come_and_go_and_comments_stay() {
    let staging = "\
# Ours.
images:
- name: sidecar # beside the server
  newTag: v1
helmCharts:
- name: redis
  releaseName: another
  version: 18.0.0
resources:
- ../../base
";
    check(
        &all(),
        &[("overlays/dev/kustomization.yaml", DEV), ("overlays/staging/kustomization.yaml", staging)],
        expect![[r#"
            ==> overlays/staging/kustomization.yaml
            # Ours.
            images:
            - name: sidecar # beside the server
              newName: registry.example.com/sidecar
              digest: sha256:aa
            - name: app
              newTag: v2
            helmCharts:
            - name: redis
              releaseName: another
              version: 18.0.0
            resources:
            - ../../base
        "#]],
    );
}

#[test]
fn a_list_is_made_where_there_is_none() {
    check(
        &all(),
        &[
            ("overlays/dev/kustomization.yaml", "images: [{name: app, newTag: v2}]\n"),
            ("overlays/staging/kustomization.yaml", "resources: [../../base]\nimages:\n"),
        ],
        expect![[r#"
            ==> overlays/staging/kustomization.yaml
            resources: [../../base]
            images:
            - name: app
              newTag: v2
        "#]],
    );
}

#[test]
fn only_what_is_selected_is_copied() {
    let selection = Selection { images: vec!["app".into()], ..Selection::default() };
    check(
        &selection,
        &[
            ("overlays/dev/kustomization.yaml", DEV),
            (
                "overlays/staging/kustomization.yaml",
                "images: [{name: app, newTag: v1}]\nhelmCharts: [{name: redis, version: 1}]\n",
            ),
        ],
        expect![[r#"
            ==> overlays/staging/kustomization.yaml
            images: [{name: app, newTag: v2}]
            helmCharts: [{name: redis, version: 1}]
        "#]],
    );
}

#[test]
fn named_fields_are_copied_also_within_lists() {
    let dev = "spec:\n  containers:\n  - {name: web, image: web:2}\n  a.b: x\nmore: {deep: 7}\n";
    let staging = "spec:\n  containers:\n  - {name: log, image: log:1}\n  # The server.\n  - name: web\n    image: web:1\n  a.b: y\nmore: {}\n";
    check(
        &named(&[
            ("patch.yaml", "spec.containers.[name=web].image"),
            ("patch.yaml", r"spec.a\.b"),
            ("patch.yaml", "more.deep"),
            ("./kustomization.yaml", "replicas.0.count"),
        ]),
        &[
            ("overlays/dev/patch.yaml", dev),
            ("overlays/staging/patch.yaml", staging),
            ("overlays/dev/kustomization.yaml", "replicas:\n- {name: web, count: 4}\n"),
            ("overlays/staging/kustomization.yaml", "replicas:\n- {name: web, count: 2} # for now\n"),
        ],
        expect![[r#"
            ==> overlays/staging/kustomization.yaml
            replicas:
            - {name: web, count: 4} # for now
            ==> overlays/staging/patch.yaml
            spec:
              containers:
              - {name: log, image: 'log:1'}
              # The server.
              - name: web
                image: web:2
              a.b: x
            more: {deep: 7}
        "#]],
    );
}

#[test]
fn a_field_of_the_kustomization_goes_together_with_its_images() {
    let selection = Selection { images: vec![ALL.into()], ..named(&[("kustomization.yaml", "namePrefix")]) };
    check(
        &selection,
        &[
            ("overlays/dev/kustomization.yaml", "images: [{name: app, newTag: v2}]\nnamePrefix: b-\n"),
            ("overlays/staging/kustomization.yaml", "images: [{name: app, newTag: v1}]\nnamePrefix: a-\n"),
        ],
        expect![[r#"
            ==> overlays/staging/kustomization.yaml
            images: [{name: app, newTag: v2}]
            namePrefix: b-
        "#]],
    );
}

#[test]
fn all_that_is_wrong_is_told_with_file_and_line() {
    let selection = Selection {
        images: vec!["app".into(), "nothing".into()],
        charts: vec![ALL.into()],
        ..named(&[
            ("a.yaml", "spec.missing"),
            ("a.yaml", "spec.map"),
            ("a.yaml", "spec.[oops"),
            ("a.yaml", "list.[name=y].v"),
            ("../x.yaml", "a"),
            ("absent.yaml", "a"),
            ("two.yaml", "a"),
        ])
    };
    check(
        &selection,
        &[
            ("overlays/dev/kustomization.yaml", "images:\n- name: app\n  newTag: [v2]\n- newTag: x\nhelmCharts: 3\n"),
            ("overlays/staging/kustomization.yaml", "a: 1\n"),
            ("overlays/dev/a.yaml", "spec:\n  map: {}\nlist:\n- name: x\n"),
            ("overlays/staging/a.yaml", "spec:\n  map: {}\n"),
            ("overlays/dev/two.yaml", "a: 1\n"),
            ("overlays/staging/two.yaml", "a: 1\n---\nb: 1\n"),
        ],
        expect![[r#"
            overlays/dev/kustomization.yaml, line 4: an entry of images must be a mapping with a name
            overlays/dev/kustomization.yaml, line 2: there is no nothing in images
            overlays/dev/kustomization.yaml, line 3: newTag of the image app must be a single value
            overlays/dev/kustomization.yaml, line 5: helmCharts must be a list
            ../x.yaml is not a file of an overlay: give its path from the directory of the overlay, without '..'
            overlays/dev/a.yaml, line 2: there is no missing of the field spec.missing
            overlays/dev/a.yaml, line 2: spec.map must be a single value
            the field "spec.[oops" can't be read: a bracket is not closed, as in spec.containers.[name=web].image
            overlays/dev/a.yaml, line 4: there is no [name=y] of the field list.[name=y].v
            overlays/dev/absent.yaml: there is no such file; the overlay must have it before values can be copied
            overlays/staging/absent.yaml: there is no such file; the overlay must have it before values can be copied
            overlays/staging/two.yaml: values are copied in files with one document, and this one holds 2
        "#]],
    );
}

#[test]
fn what_would_mean_something_else_is_refused() {
    check(
        &all(),
        &[
            ("overlays/dev/kustomization.yaml", "images: [{name: app, newTag: v2}]\n"),
            ("overlays/staging/kustomization.yaml", "vars: &tag v1\nimages:\n- name: app\n  newTag: *tag\n"),
        ],
        expect![[r#"
            overlays/staging/kustomization.yaml, line 4: images.0.newTag can't be changed in place; write it as a plain value on one line, without an anchor
        "#]],
    );
}

#[test]
fn a_broken_file_is_told() {
    check(
        &all(),
        &[("overlays/dev/kustomization.yaml", "images: [\n"), ("overlays/staging/kustomization.yaml", "- a\n")],
        expect![[r#"
            overlays/dev/kustomization.yaml, line 1, column 9: this bracket is not closed
            overlays/staging/kustomization.yaml, line 1: the file must be a mapping of fields to values
        "#]],
    );
}

#[test]
fn what_a_copy_did_not_make_is_told() {
    let before = [
        ("overlays/dev/kustomization.yaml", "images: [{name: app, newTag: v2}]\n"),
        ("overlays/dev/a.yaml", "a: 2\n"),
        ("overlays/staging/kustomization.yaml", "images: [{name: app, newTag: v1}]\n"),
        ("overlays/staging/a.yaml", "a: 1 # kept\n"),
        ("overlays/staging/b.yaml", "b: 1\n"),
    ];
    let selection = Selection { images: vec!["app".into()], ..named(&[("a.yaml", "a")]) };
    let differs = |edits: &[(&str, Option<&str>)]| {
        let read = |path: &str| {
            let found = before.iter().find(|(name, _)| *name == path).map(|(_, text)| *text);
            Ok(found.map(|text| text.as_bytes().to_vec()))
        };
        let edited = |path: &str| match edits.iter().find(|(name, _)| *name == path) {
            Some((_, text)) => Ok(text.map(|text| text.as_bytes().to_vec())),
            None => read(path),
        };
        let changed: Vec<String> = edits.iter().map(|(path, _)| (*path).to_owned()).collect();
        let of = |directory, read| Overlay { directory, read };
        let (from, to) = (of("overlays/dev", &read), of("overlays/staging", &read));
        compare(&selection, &from, &to, &of("overlays/staging", &edited), &changed)
    };
    let (kustomization, a) = ("overlays/staging/kustomization.yaml", "overlays/staging/a.yaml");
    let image = (kustomization, Some("images: [{name: app, newTag: v2}]\n"));
    let difference = |values: &[&str], others: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Ok(Difference { values: owned(values), others: owned(others) })
    };
    assert_eq!(differs(&[image, (a, Some("a: 2 # kept\n"))]), difference(&[], &[]));
    assert_eq!(differs(&[image]), difference(&[a], &[]));
    assert_eq!(differs(&[image, (a, Some("a: 3 # kept\n"))]), difference(&[a], &[a]));
    assert_eq!(differs(&[image, (a, Some("a: 2 # kept\nb: 1\n"))]), difference(&[], &[a]));
    let b = "overlays/staging/b.yaml";
    assert_eq!(differs(&[image, (a, Some("a: 2 # kept\n")), (b, None)]), difference(&[], &[b]));
    assert!(differs(&[image, (a, None)]).is_err());
}
