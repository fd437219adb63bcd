//! What lies outside of the tree: repositories, files behind HTTP, and what is said of them.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what can not be read fails the test")]

#[path = "support/shelf.rs"]
mod shelf;

use expect_test::{Expect, expect};
use plumb_kustomize::{Builder, ErrorKind, MemoryFs, Options, RepositoryRequest, build};
use shelf::{COMMIT, Shelf};

const SHOP: &str = "https://git.example.com/shop.git";
const OTHER: &str = "https://git.example.com/other.git";
const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n";

fn check(shelf: &Shelf, kustomization: &str, expected: &Expect) {
    let fs = MemoryFs::from([("dev/kustomization.yaml", kustomization)]);
    let text = match Builder::new(&fs).fetch(shelf).build("dev") {
        Ok(rendered) => rendered.to_yaml(),
        Err(errors) => format!("{errors}\n"),
    };
    expected.assert_eq(&format!("{text}asked: {}\n", shelf.asked().join(", ")));
}

fn shop() -> Shelf {
    Shelf::default().repository(
        SHOP,
        "v1",
        [
            ("kustomization.yaml", "resources: [base]\nnamePrefix: root-\n"),
            ("base/kustomization.yaml", "resources: [app.yaml]\n"),
            ("base/app.yaml", CONFIG),
            ("dev/kustomization.yaml", "resources: [../base]\nnamePrefix: dev-\n"),
            ("out/kustomization.yaml", "resources: [../../dev]\n"),
            (
                "part/kustomization.yaml",
                "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnameSuffix: -part\n",
            ),
        ],
    )
}

#[test]
fn a_repository_is_a_base() {
    check(
        &shop(),
        "resources: ['https://git.example.com/shop.git//dev?ref=v1']\n",
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: dev-app
            asked: http https://git.example.com/shop.git//dev?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
    check(
        &shop(),
        "resources: ['https://git.example.com/shop.git?ref=v1']\n",
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: root-app
            asked: http https://git.example.com/shop.git?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
}

#[test]
fn a_component_comes_from_a_repository_without_a_look_for_a_file() {
    check(
        &shop(),
        "components: ['https://git.example.com/shop.git//part?ref=v1']\nconfigMapGenerator: [{name: app, options: {disableNameSuffixHash: true}}]\n",
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: app-part
            asked: git https://git.example.com/shop.git "v1"
        "#]],
    );
}

#[test]
fn a_repository_is_fetched_once() {
    check(
        &shop(),
        "resources: ['git@git.example.com:a/b.git//x', 'git@git.example.com:a/b.git//z']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: can not fetch the repository git@git.example.com:a/b.git: no such repository or revision
            dev/kustomization.yaml:1: resources[1]: can not fetch the repository git@git.example.com:a/b.git: no such repository or revision
            asked: git git@git.example.com:a/b.git "", git git@git.example.com:a/b.git ""
        "#]],
    );
    let shelf = Shelf::default().repository(
        "git@git.example.com:a/b.git",
        "",
        [
            ("x/kustomization.yaml", "configMapGenerator: [{name: x, options: {disableNameSuffixHash: true}}]\n"),
            ("z/kustomization.yaml", "configMapGenerator: [{name: z, options: {disableNameSuffixHash: true}}]\n"),
        ],
    );
    check(
        &shelf,
        "resources: ['git@git.example.com:a/b.git//x', 'git@git.example.com:a/b.git//z']\n",
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: x
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: z
            asked: git git@git.example.com:a/b.git ""
        "#]],
    );
}

#[test]
fn a_file_by_http_is_tried_before_git() {
    let shelf = Shelf::default()
        .file("https://files.example.com/a/app.yaml", CONFIG)
        .file("https://files.example.com/page", "<html>\n<p>a: b: c</p>")
        .file("https://files.example.com/a/b/page", "<html>\n<p>a: b: c</p>");
    check(
        &shelf,
        "resources: ['https://files.example.com/a/app.yaml']\n",
        &expect![[r#"
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: app
        asked: http https://files.example.com/a/app.yaml
    "#]],
    );
    check(
        &shelf,
        "resources: ['https://files.example.com/page']\n",
        &expect![[r#"
            https://files.example.com/page:2: not valid YAML: a : with a blank behind it is not allowed here; put the text in quotes
            asked: http https://files.example.com/page
        "#]],
    );
    check(
        &shelf,
        "resources: ['https://files.example.com/a/b/page']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: can not fetch the repository https://files.example.com/a/b: no such repository or revision; before that, https://files.example.com/a/b/page is a file without objects
            asked: http https://files.example.com/a/b/page, git https://files.example.com/a/b ""
        "#]],
    );
    check(
        &shelf,
        "resources: ['https://files.example.com/gone']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: can not fetch the file https://files.example.com/gone: the server answers with status 404
            asked: http https://files.example.com/gone
        "#]],
    );
    check(
        &shelf,
        "resources: ['https://files.example.com/a/gone']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: can not fetch the repository https://files.example.com/a/gone: no such repository or revision; before that, can not fetch the file https://files.example.com/a/gone: the server answers with status 404
            asked: http https://files.example.com/a/gone, git https://files.example.com/a/gone ""
        "#]],
    );
    check(
        &shelf,
        "resources: ['https://unreachable.example.com/a/gone']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: can not fetch the repository https://unreachable.example.com/a/gone: no such repository or revision; before that, can not fetch the file https://unreachable.example.com/a/gone: nobody answers
            asked: http https://unreachable.example.com/a/gone, git https://unreachable.example.com/a/gone ""
        "#]],
    );
}

#[test]
fn files_by_http_serve_patches_and_generators() {
    let shelf = Shelf::default()
        .file(
            "https://files.example.com/patch.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata: {b: '2'}\n",
        )
        .file("https://files.example.com/x/a.txt", "one");
    check(
        &shelf,
        "configMapGenerator: [{name: app, files: ['https://files.example.com/x/a.txt'], options: {disableNameSuffixHash: true}}]\npatches: [{path: 'https://files.example.com/patch.yaml'}]\n",
        &expect![[r#"
            apiVersion: v1
            data:
              a.txt: one
              b: "2"
            kind: ConfigMap
            metadata:
              name: app
            asked: http https://files.example.com/x/a.txt, http https://files.example.com/patch.yaml
        "#]],
    );
    check(
        &shelf,
        "patches: [{path: 'https://me:secret@files.example.com/gone?token=secret'}]\nresources: []\n",
        &expect![[r#"
            dev/kustomization.yaml:1: patches[0]: can not fetch the file https://files.example.com/gone?…: the server answers with status 404
            asked: http https://me:secret@files.example.com/gone?token=secret
        "#]],
    );
}

#[test]
fn a_repository_is_not_left() {
    check(
        &shop(),
        "resources: ['https://git.example.com/shop.git//out?ref=v1']\n",
        &expect![[r#"
            https://git.example.com/shop.git?ref=v1//out/kustomization.yaml:1: resources[0]: ../../dev leads out of the repository (reached through dev -> https://git.example.com/shop.git?ref=v1//out)
            asked: http https://git.example.com/shop.git//out?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
    check(
        &shop(),
        "resources: ['https://git.example.com/shop.git//gone?ref=v1']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: https://git.example.com/shop.git?ref=v1//gone does not exist; expected a directory; before that, can not fetch the file https://git.example.com/shop.git//gone?ref=v1: the server answers with status 404
            asked: http https://git.example.com/shop.git//gone?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
    check(
        &shop(),
        "resources: ['https://git.example.com/shop.git//base/app.yaml?ref=v1']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: https://git.example.com/shop.git?ref=v1//base/app.yaml is a file, expected a directory; before that, can not fetch the file https://git.example.com/shop.git//base/app.yaml?ref=v1: the server answers with status 404
            asked: http https://git.example.com/shop.git//base/app.yaml?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
    let linked = shop().link(SHOP, "v1", "away", "../../etc").link(SHOP, "v1", "inside", "dev");
    check(
        &linked,
        "resources: ['https://git.example.com/shop.git//away?ref=v1']\n",
        &expect![[r#"
            dev/kustomization.yaml:1: resources[0]: the symbolic link https://git.example.com/shop.git?ref=v1//away must stay inside the repository: ../../etc leads out of the repository; before that, can not fetch the file https://git.example.com/shop.git//away?ref=v1: the server answers with status 404
            asked: http https://git.example.com/shop.git//away?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
    check(
        &linked,
        "resources: ['https://git.example.com/shop.git//inside?ref=v1']\n",
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: dev-app
            asked: http https://git.example.com/shop.git//inside?ref=v1, git https://git.example.com/shop.git "v1"
        "#]],
    );
}

#[test]
fn cycles_of_repositories_are_found() {
    let to = |url: &str| format!("resources: ['{url}']\n");
    let (back, on) = (to("https://git.example.com/shop.git?ref=v1"), to("https://git.example.com/other.git"));
    let shelf = || {
        Shelf::default()
            .repository(SHOP, "v1", [("kustomization.yaml", on.as_str()), ("sub/kustomization.yaml", on.as_str())])
            .repository(OTHER, "", [("kustomization.yaml", back.as_str())])
    };
    check(
        &shelf(),
        &back,
        &expect![[r#"
            https://git.example.com/other.git//kustomization.yaml:1: resources[0]: this is a cycle: https://git.example.com/shop.git?ref=v1 is reached through https://git.example.com/shop.git?ref=v1; before that, can not fetch the file https://git.example.com/shop.git?ref=v1: the server answers with status 404 (reached through dev -> https://git.example.com/shop.git?ref=v1// -> https://git.example.com/other.git//)
            asked: http https://git.example.com/shop.git?ref=v1, git https://git.example.com/shop.git "v1", http https://git.example.com/other.git, git https://git.example.com/other.git "", http https://git.example.com/shop.git?ref=v1
        "#]],
    );
    // The same directory by another URL is another place to kustomize, and so is another reference.
    let shelf = shelf().repository(SHOP, "v2", [("kustomization.yaml", back.as_str())]);
    check(
        &shelf,
        &to("https://git.example.com/shop.git?ref=v2"),
        &expect![[r#"
            https://git.example.com/other.git//kustomization.yaml:1: resources[0]: this is a cycle: https://git.example.com/shop.git?ref=v1 is reached through https://git.example.com/shop.git?ref=v1; before that, can not fetch the file https://git.example.com/shop.git?ref=v1: the server answers with status 404 (reached through dev -> https://git.example.com/shop.git?ref=v2// -> https://git.example.com/shop.git?ref=v1// -> https://git.example.com/other.git//)
            asked: http https://git.example.com/shop.git?ref=v2, git https://git.example.com/shop.git "v2", http https://git.example.com/shop.git?ref=v1, git https://git.example.com/shop.git "v1", http https://git.example.com/other.git, git https://git.example.com/other.git "", http https://git.example.com/shop.git?ref=v1
        "#]],
    );
}

#[test]
fn another_clone_is_another_place() {
    let shelf = Shelf::default().repository(
        SHOP,
        "",
        [
            ("a/deep/kustomization.yaml", "resources: ['https://git.example.com/shop.git//b']\n"),
            ("b/kustomization.yaml", "resources: [../a]\n"),
            ("a/kustomization.yaml", "configMapGenerator: [{name: app, options: {disableNameSuffixHash: true}}]\n"),
        ],
    );
    check(
        &shelf,
        "resources: ['https://git.example.com/shop.git//a/deep']\n",
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: app
            asked: http https://git.example.com/shop.git//a/deep, git https://git.example.com/shop.git "", http https://git.example.com/shop.git//b
        "#]],
    );
}

#[test]
fn what_git_takes_for_a_repository_may_be_a_file_here() {
    let fs = MemoryFs::from([("kustomization.yaml", "resources: ['git@h:a/b.yaml']\n"), ("git@h:a/b.yaml", CONFIG)]);
    assert_eq!(build(&fs, "", &Options::default()).unwrap().to_yaml(), CONFIG);
}

#[test]
fn a_url_is_built() {
    let shelf = shop();
    let rendered =
        Builder::new(&MemoryFs::new()).fetch(&shelf).build_url("https://git.example.com/shop.git//dev?ref=v1").unwrap();
    assert!(rendered.to_yaml().contains("name: dev-app"));
    assert_eq!(rendered.objects[0].origin.file, "https://git.example.com/shop.git?ref=v1//base/app.yaml");
    assert_eq!(shelf.asked(), ["git https://git.example.com/shop.git \"v1\""], "no file is looked for");
    let error = Builder::new(&MemoryFs::new()).fetch(&shelf).build_url("../base").unwrap_err();
    assert_eq!(error.to_string(), "../base: this is no URL of a git repository");
}

#[test]
fn nothing_is_fetched_unless_it_is_asked_for() {
    for (kustomization, expected) in [
        ("resources: ['https://me:secret@git.example.com/a/b?ref=v1']\n", "https://git.example.com/a/b?ref=v1"),
        ("resources: ['git@git.example.com:a/b.git//c']\n", "the repository git@git.example.com:a/b.git"),
        ("components: [github.com/a/b]\n", "the repository https://github.com/a/b"),
        ("patches: [{path: 'http://files.example.com/p.yaml'}]\n", "the file http://files.example.com/p.yaml"),
    ] {
        let fs = MemoryFs::from([("kustomization.yaml", kustomization)]);
        let errors = build(&fs, "", &Options::default()).unwrap_err();
        let [error] = errors.0.as_slice() else { panic!("{errors}") };
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.message.contains(expected) && error.message.contains("copy the files"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn only_a_commit_that_was_asked_for_by_its_id_is_proven() {
    let shelf = shop()
        .repository(SHOP, COMMIT, [("kustomization.yaml", "configMapGenerator: [{name: app}]\n")])
        .file("https://files.example.com/app.yaml", CONFIG);
    for (reference, proven) in [("v1", false), (COMMIT, true)] {
        let kustomization = format!("resources: ['{SHOP}?ref={reference}']\n");
        let mut fs = MemoryFs::from([("kustomization.yaml", kustomization)]);
        let read = Builder::new(&fs).fetch(&shelf).build("").unwrap().read;
        let fetched: Vec<_> = read.fetched().map(|(url, fetched)| (url, fetched.id.as_str(), fetched.proven)).collect();
        assert_eq!(fetched, [(format!("{SHOP}?ref={reference}").as_str(), COMMIT, proven)]);
        assert_eq!(read.unchanged(&fs).unwrap(), proven);
        fs.insert("kustomization.yaml", "");
        assert!(!read.unchanged(&fs).unwrap());
    }
    let fs = MemoryFs::from([("kustomization.yaml", "resources: ['https://files.example.com/app.yaml']\n")]);
    let read = Builder::new(&fs).fetch(&shelf).build("").unwrap().read;
    assert!(read.fetched().all(|(_, fetched)| fetched.id.starts_with("sha256:") && !fetched.proven));
    assert!(!read.unchanged(&fs).unwrap());
}

#[test]
fn a_failure_to_reach_is_worth_a_retry() {
    for (url, transient) in [("https://unreachable.example.com/a", true), ("https://files.example.com/a", false)] {
        let fs = MemoryFs::from([("kustomization.yaml", format!("resources: ['{url}']\n"))]);
        assert_eq!(Builder::new(&fs).fetch(&shop()).build("").unwrap_err().is_transient(), transient, "{url}");
    }
}

#[test]
fn a_request_shows_no_credential() {
    let request = RepositoryRequest {
        url: "https://me:secret@git.example.com/a".to_owned(),
        reference: String::new(),
        submodules: true,
        timeout: std::time::Duration::from_secs(1),
    };
    assert!(!format!("{request:?}").contains("secret"));
}
