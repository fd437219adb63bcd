//! Bad input: each mistake gives an error that names the file, the line and the field, and says what to do.

#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "the style of `check(input, expect![[..]])`")]

use expect_test::{Expect, expect};
use plumb_kustomize::{Entry, ErrorKind, Fs, FsError, MemoryFs, Options, build};

fn check<const N: usize>(files: [(&str, &str); N], expected: Expect) {
    let errors = build(&MemoryFs::from(files), "app", &Options::default()).unwrap_err();
    expected.assert_eq(&format!("{errors}\n"));
}

/// A kustomization with two objects.
fn check_app(kustomization: &str, expected: Expect) {
    let objects = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - name: c\n    image: nginx\n";
    let kustomization = format!("resources: [objects.yaml]\n{kustomization}");
    check([("app/kustomization.yaml", &kustomization), ("app/objects.yaml", objects)], expected);
}

#[test]
fn no_kustomization_file() {
    check(
        [("app/other.yaml", "a: b\n")],
        expect![[r#"
        app: there is no kustomization file in app; expected one of kustomization.yaml, kustomization.yml, Kustomization
    "#]],
    );
    check(
        [("other", "")],
        expect![[r#"
        app: the directory does not exist
    "#]],
    );
    check(
        [("app", "")],
        expect![[r#"
        app: this is a file, expected a directory with a kustomization file
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [../base]\n"), ("base/config.yaml", "a: b\n")],
        expect![[r#"
        base: there is no kustomization file in base; expected one of kustomization.yaml, kustomization.yml, Kustomization (reached through app -> base)
    "#]],
    );
    check(
        [("app/kustomization.yaml", "namePrefix: a\n"), ("app/Kustomization", "namePrefix: b\n")],
        expect![[r#"
        app: there is more than one kustomization file in app: app/kustomization.yaml, app/Kustomization; keep one
    "#]],
    );
}

#[test]
fn syntax() {
    check(
        [("app/kustomization.yaml", "resources:\n- a\n b: c\n")],
        expect![[r#"
            app/kustomization.yaml:3: not valid YAML: a : with a blank behind it is not allowed here; put the text in quotes
        "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [a.yaml]\n"), ("app/a.yaml", "kind: A\nmetadata: {name: a\ndata: x\n")],
        expect![[r#"
            app/a.yaml:3: not valid YAML: there should be a , or a } here
        "#]],
    );
    check(
        [("app/kustomization.yaml", "# nothing\n")],
        expect![[r#"
            app/kustomization.yaml: the kustomization file is empty; it needs at least one field, such as resources
        "#]],
    );
    check(
        [("app/kustomization.yaml", "kind: Kustomization\n")],
        expect![[r#"
        app/kustomization.yaml:1: the kustomization is empty; it needs at least one field, such as resources
    "#]],
    );
}

#[test]
fn text_that_is_not_utf8() {
    let mut fs = MemoryFs::from([("app/kustomization.yaml", "resources: [a.yaml]\n")]);
    fs.insert("app/a.yaml", b"kind: \xff\n");
    let errors = build(&fs, "app", &Options::default()).unwrap_err();
    assert_eq!(errors.0[0].file, "app/a.yaml");
    assert_eq!(errors.0[0].kind, ErrorKind::Syntax);
}

#[test]
fn paths() {
    check(
        [("app/kustomization.yaml", "resources: [../../secret]\n")],
        expect![[r#"
        app/kustomization.yaml:1: resources[0]: ../../secret leads out of the repository
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [/etc/passwd]\n")],
        expect![[r#"
        app/kustomization.yaml:1: resources[0]: /etc/passwd is an absolute path; use one relative to the kustomization file
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [nothing.yaml]\n")],
        expect![[r#"
        app/kustomization.yaml:1: resources[0]: app/nothing.yaml does not exist; expected a file or a directory
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [../a.yaml]\n"), ("a.yaml", "")],
        expect![[r#"
        app/kustomization.yaml:1: resources[0]: ../a.yaml lies outside of the directory of its kustomization, app; files must lie in or below it (directories need not)
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: ['']\n")],
        expect![[r#"
        app/kustomization.yaml:1: resources[0]: the path is empty
    "#]],
    );
    check(
        [("app/kustomization.yaml", "patches: [{path: base}]\n"), ("app/base/a", "")],
        expect![[r#"
        app/kustomization.yaml:1: patches[0]: base is a directory, expected a file
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources:\n- ../a\n - ../b\n"), ("a - ../b/x", ""), ("b/x", "")],
        expect![[r#"
            app/kustomization.yaml:2: resources[0]: "../a - ../b" is ambiguous; check the indentation of the list
        "#]],
    );
}

#[test]
fn links_that_lead_out() {
    let mut fs = MemoryFs::from([("app/kustomization.yaml", "resources: [link.yaml]\n")]);
    fs.insert_symlink("app/link.yaml", "../../etc/passwd");
    let errors = build(&fs, "app", &Options::default()).unwrap_err();
    expect![[r#"
        app/kustomization.yaml:1: resources[0]: the symbolic link app/link.yaml must stay inside the repository: ../../etc/passwd leads out of the repository
    "#]].assert_eq(&format!("{errors}\n"));
    fs.insert_symlink("app/link.yaml", "link.yaml");
    let errors = build(&fs, "app", &Options::default()).unwrap_err();
    expect![[r#"
        app/kustomization.yaml:1: resources[0]: app/link.yaml leads through more than 16 symbolic links
    "#]]
    .assert_eq(&format!("{errors}\n"));
}

#[test]
fn cycles() {
    check(
        [("app/kustomization.yaml", "resources: [.]\n")],
        expect![[r#"
        app/kustomization.yaml:1: resources[0]: this is a cycle: app is being worked on already
    "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [../base]\n"), ("base/kustomization.yaml", "resources: [../app]\n")],
        expect![[r#"
            base/kustomization.yaml:1: resources[0]: this is a cycle: app is being worked on already (reached through app -> base)
        "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: [x]\n"), ("app/x/kustomization.yaml", "resources: [../..]\n")],
        expect![[r#"
            app/x/kustomization.yaml:1: resources[0]: this is a cycle: the root of the repository contains app, which leads to it (reached through app -> app/x)
        "#]],
    );
}

#[test]
fn remote_resources() {
    check(
        [("app/kustomization.yaml", "resources: ['https://example.com/a.yaml']\n")],
        expect![[r#"
            app/kustomization.yaml:1: resources[0]: can not fetch the file https://example.com/a.yaml: nothing is fetched from outside of the repository here; copy the files into the repository and refer to them there
        "#]],
    );
    check(
        [("app/kustomization.yaml", "resources: ['github.com/owner/repo?ref=v1']\n")],
        expect![[r#"
            app/kustomization.yaml:1: resources[0]: can not fetch the repository https://github.com/owner/repo: nothing is fetched from outside of the repository here; copy the files into the repository and refer to them there
        "#]],
    );
}

#[test]
fn remote_resources_without_their_credentials() {
    check(
        [("app/kustomization.yaml", "resources: ['https://me:hunter2@example.com/a@b.yaml']\n")],
        expect![[r#"
            app/kustomization.yaml:1: resources[0]: can not fetch the file https://example.com/a@b.yaml: nothing is fetched from outside of the repository here; copy the files into the repository and refer to them there
        "#]],
    );
}

#[test]
fn fields() {
    check_app(
        "namePrefx: a\n",
        expect![[r#"
        app/kustomization.yaml:2: namePrefx: unknown field; is namePrefix meant?
    "#]],
    );
    check_app(
        "images: [{name: a, tag: b}]\n",
        expect![[r#"
        app/kustomization.yaml:2: images[0].tag: unknown field; known are name, newName, newTag, tagSuffix, digest
    "#]],
    );
    check_app(
        "namePrefix: 5\ncommonLabels: {a: 1, b: yes}\nreplicas: [{name: a, count: '3'}]\npatches: {}\n",
        expect![[r#"
            app/kustomization.yaml:2: namePrefix: expected a string, found the number 5; put it in quotes
            app/kustomization.yaml:3: commonLabels.a: expected a string, found the number 1; put it in quotes
            app/kustomization.yaml:3: commonLabels.b: expected a string, found true; put it in quotes
            app/kustomization.yaml:4: replicas[0].count: expected a whole number, found a string
            app/kustomization.yaml:5: patches: expected a list, found a map; write - before each entry
        "#]],
    );
    check_app(
        "resources: []\nhelmCharts: [{name: a}]\n",
        expect![[r#"
            app/kustomization.yaml:3: helmCharts[0]: can not fetch the output of helm for the chart a: helm does not run here; put what `helm template` prints into the repository and list it under resources
        "#]],
    );
    check_app(
        "kind: Deployment\n",
        expect![[r#"
            app/kustomization.yaml:2: kind: expected Kustomization or Component, found Deployment; an object belongs in another file, listed under resources
        "#]],
    );
    check_app(
        "apiVersion: v1\n",
        expect![[r#"
        app/kustomization.yaml:2: apiVersion: expected kustomize.config.k8s.io/v1beta1, found v1
    "#]],
    );
    check_app(
        "sortOptions: {order: best}\n",
        expect![[r#"
        app/kustomization.yaml:2: sortOptions.order: expected fifo or legacy, found "best"
    "#]],
    );
}

#[test]
fn objects() {
    check(
        [
            ("app/kustomization.yaml", "resources: [a.yaml, b.yaml]\n"),
            ("app/a.yaml", "kind: A\n"),
            ("app/b.yaml", "---\na: b\n"),
        ],
        expect![[r#"
            app/a.yaml:1: the A has no metadata.name; each object needs a name
            app/b.yaml:2: the object has no kind; each object needs apiVersion, kind and metadata.name
        "#]],
    );
    check(
        [
            ("app/kustomization.yaml", "resources: [a.yaml, b.yaml]\n"),
            ("app/a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"),
            ("app/b.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default}\n"),
        ],
        expect![[r#"
            app/kustomization.yaml:1: resources[1]: v1 Pod "a" in namespace "default" is there twice: in app/a.yaml:1 and in app/b.yaml:1; remove one of the two or give it another name
        "#]],
    );
    check_app(
        "namespace: x\nresources: [objects.yaml, objects.yaml]\n",
        expect![[r#"
            app/kustomization.yaml:3: resources[1]: v1 ConfigMap "a" in namespace "default" is there twice: app/objects.yaml:1 is reached in two ways; list it once, or tell the two apart by namePrefix, nameSuffix or namespace
        "#]],
    );
}

#[test]
fn patches() {
    let patch = |text: &str| format!("patches:\n- patch: |-\n    {}\n", text.replace('\n', "\n    "));
    check_app(
        &patch("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}"),
        expect![[r#"
            app/kustomization.yaml:3: patches[0]: no object matches v1 ConfigMap "other" in namespace "default"; there are v1 ConfigMap "a" in namespace "default" (app/objects.yaml:1)
        "#]],
    );
    check_app(
        &patch("kind: ConfigMap"),
        expect![[r#"
        app/kustomization.yaml:3: patches[0]: line 1 of the patch: the ConfigMap has no metadata.name; each object needs a name
    "#]],
    );
    check_app(
        &patch("just text"),
        expect![[r#"
            app/kustomization.yaml:3: patches[0]: line 1 of the patch: expected an object, which is a map with apiVersion, kind and metadata.name, found a scalar
        "#]],
    );
    check_app(
        &patch("- {op: add, path: /data/x, value: y}"),
        expect![[r#"
        app/kustomization.yaml:3: patches[0]: a JSON patch needs a target; add target with kind and name
    "#]],
    );
    check_app(
        &patch("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: {a: b}}"),
        expect![[r#"
        app/kustomization.yaml:3: patches[0]: can not merge the patch into v1 Pod "p" in namespace "default": at spec.containers: one side of the merge is a list and the other is a map
    "#]],
    );
    check_app(
        &patch("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {$patch: remove}"),
        expect![[r#"
        app/kustomization.yaml:3: patches[0]: can not merge the patch into v1 Pod "p" in namespace "default": at spec: unknown $patch directive "remove"; known are merge, replace and delete
    "#]],
    );
    check_app(
        "patches: [{target: {kind: Pod}}, {patch: a, path: b}, {path: nothing.yaml}]\n",
        expect![[r#"
            app/kustomization.yaml:2: patches[0]: the entry needs patch or path
            app/kustomization.yaml:2: patches[1]: the entry has both patch and path; keep one
            app/kustomization.yaml:2: patches[2]: app/nothing.yaml does not exist
        "#]],
    );
    check_app(
        "patches: [{target: {kind: '('}, patch: '- {op: add, path: /x, value: y}'}]\n",
        expect![[r#"
            app/kustomization.yaml:2: patches[0]: kind of the target is not a regular expression: "(": unclosed group
        "#]],
    );
    check_app(
        "patches: [{target: {labelSelector: 'a in b'}, patch: '- {op: add, path: /x, value: y}'}]\n",
        expect![[r#"
            app/kustomization.yaml:2: patches[0]: labelSelector of the target: "a in b" is not a label selector, such as app=web,tier in (a,b),!legacy
        "#]],
    );
}

#[test]
fn json_patches_without_showing_values() {
    let patch = |text: &str| format!("patches:\n- target: {{kind: ConfigMap}}\n  patch: '[{text}]'\n");
    check_app(
        &patch(r#"{"op": "test", "path": "/data/k", "value": "hunter2"}"#),
        expect![[r#"
        app/kustomization.yaml:3: patches[0]: v1 ConfigMap "a" in namespace "default": the test of /data/k failed: the object has another value there
    "#]],
    );
    check_app(
        &patch(r#"{"op": "add", "path": "/spec/x", "value": 1}"#),
        expect![[r#"
            app/kustomization.yaml:3: patches[0]: v1 ConfigMap "a" in namespace "default": there is no map or list at /spec in the object, so /spec/x leads nowhere; add /spec first
        "#]],
    );
    check_app(
        &patch(r#"{"op": "remove", "path": "/data/none"}"#),
        expect![[r#"
            app/kustomization.yaml:3: patches[0]: v1 ConfigMap "a" in namespace "default": there is no /data/none in the object
        "#]],
    );
    check_app(
        &patch(r#"{"op": "grow", "path": "/data"}"#),
        expect![[r#"
        app/kustomization.yaml:3: patches[0]: v1 ConfigMap "a" in namespace "default": unknown operation "grow"; known are add, remove, replace, move, copy and test
    "#]],
    );
    check_app(
        &patch(r#"{"op": "add", "path": "data"}"#),
        expect![[r#"
            app/kustomization.yaml:3: patches[0]: v1 ConfigMap "a" in namespace "default": expected a path that starts with a slash, such as /spec/replicas, found "data"
        "#]],
    );
    check_app(
        "patches: [{target: {kind: Pod}, patch: '[{}'}]\n",
        expect![[r#"
        app/kustomization.yaml:2: patches[0]: the JSON patch is not valid JSON: EOF while parsing a list at line 1 column 3
    "#]],
    );
}

#[test]
fn generators_without_showing_values() {
    check_app(
        "secretGenerator:\n- literals: [a=b]\n- name: s\n  literals: [hunter2, a=b, a=c]\n  files: [none.txt, a=b=c, =x]\n",
        expect![[r#"
            app/kustomization.yaml:3: secretGenerator[0]: the generator has no name, which its object needs; add name
            app/kustomization.yaml:5: secretGenerator[1].literals[0]: the literal has no key or no equals sign; write key=value
            app/kustomization.yaml:5: secretGenerator[1].literals[2]: the generator has the key "a" twice; keep one of the two
            app/kustomization.yaml:6: secretGenerator[1].files[0]: app/none.txt does not exist
            app/kustomization.yaml:6: secretGenerator[1].files[1]: a=b=c has more than one equals sign; expected path or key=path
            app/kustomization.yaml:6: secretGenerator[1].files[2]: =x has no key before the equals sign
        "#]],
    );
    check_app(
        "configMapGenerator: [{name: a, literals: [a=b]}]\n",
        expect![[r#"
            app/kustomization.yaml:2: configMapGenerator[0]: v1 ConfigMap "a" in namespace "default" exists already (app/objects.yaml:1); set behavior to merge or replace, or give the generator another name
        "#]],
    );
    check_app(
        "configMapGenerator: [{name: b, behavior: merge}]\n",
        expect![[r#"
            app/kustomization.yaml:2: configMapGenerator[0]: v1 ConfigMap "b" in namespace "default" does not exist, so nothing can be merged into it or replaced; there are v1 ConfigMap "a" in namespace "default" (app/objects.yaml:1)
        "#]],
    );
}

#[test]
fn others() {
    check_app(
        "replicas: [{name: none, count: 1}]\n",
        expect![[r#"
        app/kustomization.yaml:2: replicas[0]: no Deployment, ReplicaSet, ReplicationController or StatefulSet is named "none"
    "#]],
    );
    check_app(
        "components: [objects.yaml, none]\n",
        expect![[r#"
        app/kustomization.yaml:2: components[0]: a component must be a directory, found a file
    "#]],
    );
    check_app(
        "labels: [{pairs: {a: b}, fields: [{path: metadata/labels}]}]\n",
        expect![[r#"
        app/kustomization.yaml:2: labels[0]: the field metadata/labels is listed with create: true, but create: false is already set for it
    "#]],
    );
    check(
        [("app/kustomization.yaml", "components: [c]\n"), ("app/c/kustomization.yaml", "namePrefix: a\n")],
        expect![[r#"
            app/kustomization.yaml:1: components[0]: app/c/kustomization.yaml must have kind: Component to be used under components
        "#]],
    );
}

#[test]
fn limits() {
    let object = |name: usize| format!("---\nkind: A\nmetadata: {{name: a{name}}}\n");
    let many: String = (0..20).map(object).collect();
    let fs = MemoryFs::from([("kustomization.yaml", "resources: [a.yaml]\n"), ("a.yaml", &many)]);
    for options in [
        Options { max_objects: 10, ..Options::default() },
        Options { max_file_bytes: 100, ..Options::default() },
        Options { max_kustomizations: 0, ..Options::default() },
    ] {
        let errors = build(&fs, "", &options).unwrap_err();
        assert_eq!(errors.0[0].kind, ErrorKind::Limit, "{errors}");
    }
    let mut deep = MemoryFs::new();
    for depth in 0..100 {
        deep.insert(format!("{depth}/kustomization.yaml"), format!("resources: [../{}]\n", depth + 1));
    }
    let errors = build(&deep, "0", &Options::default()).unwrap_err();
    assert_eq!(errors.0[0].kind, ErrorKind::Limit, "{errors}");
    let regex = "patches:\n- target: {name: '((a{100}){100}){100}'}\n  patch: '- {op: add, path: /x, value: y}'\n";
    let errors = build(&MemoryFs::from([("kustomization.yaml", regex)]), "", &Options::default()).unwrap_err();
    assert_eq!(errors.0[0].kind, ErrorKind::Limit, "{errors}");
}

#[test]
fn storage_that_fails_is_transient() {
    struct Broken;
    impl Fs for Broken {
        fn lookup(&self, path: &str) -> Result<Entry, FsError> {
            Err(FsError { path: path.to_owned(), message: "connection lost".to_owned() })
        }
    }
    let errors = build(&Broken, "app", &Options::default()).unwrap_err();
    assert!(errors.is_transient());
    expect![[r#"
        app: can not read "app": connection lost
    "#]]
    .assert_eq(&format!("{errors}\n"));
}
