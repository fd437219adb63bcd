//! Helm charts: what is handed to helm, and what becomes of its output.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what can not be read fails the test")]

#[path = "support/shelf.rs"]
mod shelf;

use expect_test::{Expect, expect};
use plumb_kustomize::{Builder, Entry, ErrorKind, Fs, FsError, MemoryFs, Options, build};
use shelf::Shelf;

const PRINTED: &str = "---\n# Source: app/templates/app.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: app\n---\n# nothing\n---\nnull\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: app\n  annotations:\n";

fn input(kustomization: &str) -> MemoryFs {
    MemoryFs::from([
        ("dev/kustomization.yaml", kustomization),
        ("dev/charts/app/Chart.yaml", "apiVersion: v2\nname: app\n"),
        ("dev/charts/app/templates/app.yaml", "{{ .Values }}"),
        ("dev/charts/app/values.yaml", "# defaults\nreplicas: 1\nlist: [a]\ndeep: {a: 1, b: 2}\nday: 2020-01-01\n"),
        ("dev/more.yaml", "more: true\n"),
        ("dev/own.yaml", "own: true\n"),
    ])
}

fn check(fs: &MemoryFs, shelf: &Shelf, expected: &Expect) {
    let text = match Builder::new(fs).fetch(shelf).build("dev") {
        Ok(rendered) => rendered.to_yaml(),
        Err(errors) => format!("{errors}\n"),
    };
    expected.assert_eq(&format!("{text}asked: {}\n", shelf.asked().join(", ")));
}

fn helm() -> Shelf {
    Shelf::default().prints(PRINTED)
}

#[test]
fn a_chart_in_the_directory_is_inflated() {
    check(
        &input("helmCharts: [{name: app}]\nnamePrefix: dev-\n"),
        &helm(),
        &expect![[r#"
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: dev-app
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: dev-app
        asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
        files: Chart.yaml templates/app.yaml values.yaml
        # defaults
        replicas: 1
        list: [a]
        deep: {a: 1, b: 2}
        day: 2020-01-01

    "#]],
    );
}

#[test]
fn every_field_reaches_helm() {
    let kustomization = "helmCharts:\n- {name: app, releaseName: r, namespace: space, nameTemplate: t, apiVersions: [a/v1, b/v1], kubeVersion: '1.30', includeCRDs: true, skipHooks: true, skipTests: true, debug: true, devel: true, valuesFile: own.yaml, additionalValuesFiles: [more.yaml]}\nhelmGlobals: {configHome: conf}\n";
    check(
        &input(kustomization),
        &helm(),
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: app
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: app
            asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "r", namespace: "space", name_template: "t", api_versions: ["a/v1", "b/v1"], kube_version: "1.30", include_crds: true, skip_tests: true, skip_hooks: true, debug: true, devel: true, config_home: "conf" }
            files: Chart.yaml templates/app.yaml values.yaml
            own: true
            ---
            more: true

        "#]],
    );
}

#[test]
fn values_are_merged() {
    for merge in ["override", "merge", "replace"] {
        let kustomization = format!(
            "helmCharts: [{{name: app, valuesMerge: {merge}, valuesInline: {{replicas: 3, list: [b, c], deep: {{b: null, c: 1.0}}, new: {{}}}}}}]\n"
        );
        let expected = match merge {
            "override" => expect![[r#"
                asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
                files: Chart.yaml templates/app.yaml values.yaml
                day: "2020-01-01T00:00:00Z"
                deep:
                  a: 1
                  c: 1
                list:
                - b
                - c
                new: {}
                replicas: 3

            "#]],
            "merge" => expect![[r#"
                asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
                files: Chart.yaml templates/app.yaml values.yaml
                day: "2020-01-01T00:00:00Z"
                deep:
                  a: 1
                  b: 2
                  c: 1
                list:
                - a
                new: {}
                replicas: 1

            "#]],
            _ => expect![[r#"
                asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
                files: Chart.yaml templates/app.yaml values.yaml
                deep:
                  b: null
                  c: 1
                list:
                - b
                - c
                new: {}
                replicas: 3

            "#]],
        };
        check(&input(&kustomization), &helm().prints("---\n"), &expected);
    }
}

#[test]
fn the_namespace_of_the_kustomization_or_of_one_around_it_is_for_helm() {
    let fs = MemoryFs::from([
        ("dev/kustomization.yaml", "resources: [../mid]\nnamespace: outer\n"),
        ("mid/kustomization.yaml", "resources: [../base]\n"),
        ("base/kustomization.yaml", "helmCharts: [{name: app}]\n"),
        ("base/charts/app/values.yaml", ""),
    ]);
    check(
        &fs,
        &helm(),
        &expect![[r#"
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: app
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: app
        asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "", namespace: "outer", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
        files: values.yaml

    "#]],
    );
}

#[test]
fn a_chart_is_pulled_when_it_is_not_there() {
    let shelf =
        || helm().chart("far", [("Chart.yaml", "name: far\n"), ("values.yaml", "a: 1\n"), ("ci/x.yaml", "b: 2\n")]);
    let from = "repo: 'https://me:secret@charts.example.com?token=x'";
    check(
        &input(&format!("helmCharts: [{{name: far, {from}}}]\n")),
        &shelf(),
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: app
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: app
            asked: ChartRequest { name: "far", repo: "https://charts.example.com?…", version: "", devel: false, config_home: "" }, HelmRequest { name: "far", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
            files: Chart.yaml ci/x.yaml values.yaml
            a: 1

        "#]],
    );
    // With a version it gets a directory of its own, and its files can be named.
    let kustomization = format!(
        "helmCharts: [{{name: far, version: 1.0.0, {from}, valuesFile: lib/far-1.0.0/far/ci/x.yaml}}]\nhelmGlobals: {{chartHome: lib}}\n"
    );
    check(
        &input(&kustomization),
        &shelf(),
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: app
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: app
            asked: ChartRequest { name: "far", repo: "https://charts.example.com?…", version: "1.0.0", devel: false, config_home: "" }, HelmRequest { name: "far", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
            files: Chart.yaml ci/x.yaml values.yaml
            b: 2

        "#]],
    );
    check(
        &input(&format!("helmCharts: [{{name: gone, {from}}}]\n")),
        &shelf(),
        &expect![[r#"
            dev/kustomization.yaml:1: helmCharts[0]: can not fetch the helm chart gone of https://charts.example.com?…: no such chart
            asked: ChartRequest { name: "gone", repo: "https://charts.example.com?…", version: "", devel: false, config_home: "" }
        "#]],
    );
    check(
        &input("helmCharts: [{name: gone}]\n"),
        &shelf(),
        &expect![[r#"
        dev/kustomization.yaml:1: helmCharts[0]: there is no chart in dev/charts/gone; put it there, or name the repo that it comes from
        asked: 
    "#]],
    );
}

#[test]
fn the_legacy_field_and_the_plugin_do_the_same() {
    let legacy = "helmChartInflationGenerator: [{chartName: app, chartHome: none}, {chartName: app, chartHome: charts, helmHome: conf, releaseName: r, values: own.yaml, valuesLocal: {a: 1}, extraArgs: [x]}]\n";
    check(
        &input(legacy),
        &Shelf::default(),
        &expect![[r#"
        asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "conf" }
        files: Chart.yaml templates/app.yaml values.yaml
        # defaults
        replicas: 1
        list: [a]
        deep: {a: 1, b: 2}
        day: 2020-01-01
        , HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "r", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "conf" }
        files: Chart.yaml templates/app.yaml values.yaml
        a: 1
        own: true

    "#]],
    );
    let plugin = "generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: x}\n  name: app\n  releaseName: r\n  chartHome: charts\n  valuesInline: {a: 1}\n  unknown: 1\n";
    check(
        &input(plugin),
        &helm(),
        &expect![[r#"
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: app
            ---
            apiVersion: v1
            kind: Service
            metadata:
              name: app
            asked: HelmRequest { name: "app", chart: Chart { files: {} }, values: [], release_name: "r", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
            files: Chart.yaml templates/app.yaml values.yaml
            a: 1
            day: "2020-01-01T00:00:00Z"
            deep:
              a: 1
              b: 2
            list:
            - a
            replicas: 1

        "#]],
    );
}

#[test]
fn what_can_not_be_is_refused() {
    for (charts, expected) in [
        ("[{version: '1'}]", "the chart has no name"),
        ("[{name: -app}]", "name must not start with a dash"),
        ("[{name: app, releaseName: --post-renderer=x}]", "releaseName must not start with a dash"),
        ("[{name: app, valuesMerge: mix}]", "expected merge, override or replace"),
        ("[{name: app, valuesInline: [1]}]", "expected a map"),
        ("[{name: app, valuesFile: ../own.yaml}]", "does not exist"),
        ("[{name: app, additionalValuesFiles: [gone.yaml]}]", "gone.yaml does not exist"),
        ("[{name: app, additionalValuesFiles: ['http://h/x']}]", "must be a file in the directory"),
        ("[{name: app, chart: x}]", "unknown field"),
        ("[{name: ../../../app}]", "leads out of the repository"),
        ("[{name: app/Chart.yaml}]", "there is no chart in dev/charts/app/Chart.yaml"),
    ] {
        let fs = input(&format!("helmCharts: {charts}\n"));
        let errors = Builder::new(&fs).fetch(&helm()).build("dev").unwrap_err().to_string();
        assert!(errors.contains(expected), "{charts}: {errors}");
    }
    let shelf = Shelf::default().prints("kind: ConfigMap\n");
    let errors = Builder::new(&input("helmCharts: [{name: app}]\n")).fetch(&shelf).build("dev").unwrap_err();
    assert!(errors.to_string().contains("what helm makes of the chart app can not be read in line 1"), "{errors}");
    let mut fs = input("helmCharts: [{name: app, valuesInline: {a: 1}}]\n");
    fs.insert("dev/charts/app/values.yaml", "# nothing\n");
    let errors = Builder::new(&fs).fetch(&helm()).build("dev").unwrap_err();
    assert!(errors.to_string().contains("values.yaml: the file is empty"), "{errors}");
}

#[test]
fn helm_is_off_unless_the_caller_brings_it() {
    for charts in ["[{name: app}]", "[{name: far, repo: 'https://charts.example.com'}]"] {
        let errors = build(&input(&format!("helmCharts: {charts}\n")), "dev", &Options::default()).unwrap_err();
        let [error] = errors.0.as_slice() else { panic!("{errors}") };
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
        assert!(error.message.contains("helm does not run here"), "{error}");
        assert_eq!(error.field.as_deref(), Some("helmCharts[0]"));
    }
}

#[test]
fn nothing_proves_that_a_chart_makes_the_same_again() {
    let fs = input("helmCharts: [{name: app}]\n");
    let rendered = Builder::new(&fs).fetch(&helm()).build("dev").unwrap();
    assert!(rendered.read.contains("dev/charts/app/templates/app.yaml"));
    assert!(!rendered.read.unchanged(&fs).unwrap());
}

#[test]
fn a_name_that_leads_out_of_a_chart_is_refused() {
    struct Hostile(MemoryFs);
    impl Fs for Hostile {
        fn lookup(&self, path: &str) -> Result<Entry, FsError> {
            self.0.lookup(path)
        }
        fn list(&self, path: &str) -> Result<Vec<String>, FsError> {
            let mut names = self.0.list(path)?;
            names.push("..".to_owned());
            Ok(names)
        }
    }
    let fs = Hostile(input("helmCharts: [{name: app}]\n"));
    let errors = Builder::new(&fs).fetch(&helm()).build("dev").unwrap_err();
    assert!(errors.to_string().contains("holds the name \"..\""), "{errors}");
}

#[test]
fn a_chart_may_be_linked_but_not_in_a_circle() {
    let mut fs = input("helmCharts: [{name: linked}]\n");
    fs.insert_symlink("dev/charts/linked", "app");
    fs.insert_symlink("dev/charts/app/copy", "../../own.yaml");
    check(
        &fs,
        &helm(),
        &expect![[r#"
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: app
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: app
        asked: HelmRequest { name: "linked", chart: Chart { files: {} }, values: [], release_name: "", namespace: "", name_template: "", api_versions: [], kube_version: "", include_crds: false, skip_tests: false, skip_hooks: false, debug: false, devel: false, config_home: "" }
        files: Chart.yaml copy templates/app.yaml values.yaml
        # defaults
        replicas: 1
        list: [a]
        deep: {a: 1, b: 2}
        day: 2020-01-01

    "#]],
    );
    fs.insert_symlink("dev/charts/app/loop", ".");
    let errors = Builder::new(&fs).fetch(&helm()).build("dev").unwrap_err();
    assert!(errors.to_string().contains("at most 32 deep"), "{errors}");
}
