use std::os::unix::fs::PermissionsExt as _;

use super::*;

/// A program that says what it is called with.
fn program(directory: &Path, script: &str) -> Helm {
    let path = directory.join("helm");
    fs::write(&path, format!("#!/bin/sh\n[ \"$1\" = version ] && {{ echo v4.0.1; exit; }}\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Helm {
        command: path.to_str().unwrap().to_owned(),
        api_versions: vec!["x/v1".into()],
        kube_version: "1.30".into(),
        debug: false,
    }
}

fn request(files: &[(&str, &str)]) -> HelmRequest {
    let files = files.iter().map(|(path, content)| ((*path).to_owned(), Arc::from(content.as_bytes())));
    HelmRequest {
        name: "app".into(),
        chart: Chart { files: files.collect() },
        values: vec![Arc::from(&b"a: 1\n"[..]), Arc::from(&b"b: 2\n"[..])],
        ..HelmRequest::default()
    }
}

fn template(helm: &Helm, request: &HelmRequest) -> Result<String, FetchError> {
    let directory = tempfile::tempdir().unwrap();
    let printed = helm.template(directory.path(), request, 1_000)?;
    Ok(String::from_utf8(printed).unwrap().replace(directory.path().to_str().unwrap(), "DIR"))
}

#[test]
fn helm_is_called_as_kustomize_calls_it() {
    let directory = tempfile::tempdir().unwrap();
    let helm = program(directory.path(), "echo \"$@\"; cat $3/templates/a.yaml $5 $7");
    let printed = template(&helm, &request(&[("templates/a.yaml", "x\n")])).unwrap();
    let expected = "template --generate-name DIR/charts/app -f DIR/values-0.yaml -f DIR/values-1.yaml --api-versions x/v1 --kube-version 1.30\nx\na: 1\nb: 2\n";
    assert_eq!(printed, expected);
    let full = HelmRequest {
        release_name: "r".into(),
        namespace: "n".into(),
        name_template: "t".into(),
        api_versions: vec!["y/v1".into(), "z/v1".into()],
        kube_version: "1.31".into(),
        include_crds: true,
        skip_tests: true,
        skip_hooks: true,
        debug: true,
        devel: true,
        values: Vec::new(),
        ..request(&[])
    };
    let helm = program(directory.path(), "echo \"$@\"");
    let expected = "template r DIR/charts/app --namespace n --name-template t --api-versions y/v1 --api-versions z/v1 --kube-version 1.31 --include-crds --skip-tests --no-hooks --debug --devel\n";
    assert_eq!(template(&helm, &full).unwrap(), expected);
}

#[test]
fn helm_sees_no_home_and_no_variable_of_the_person() {
    let directory = tempfile::tempdir().unwrap();
    let helm = program(
        directory.path(),
        "env | cut -d= -f1 | sort | tr '\\n' ' '; echo $HOME $HELM_CONFIG_HOME $HELM_CACHE_HOME",
    );
    let printed = template(&helm, &request(&[])).unwrap();
    let allowed = ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME", "PWD", "OLDPWD", "SHLVL", "_"];
    let (names, places) = printed.split_once(" DIR").unwrap();
    for name in names.split_whitespace() {
        assert!(allowed.contains(&name) || ENVIRONMENT.contains(&name), "{name}");
    }
    assert_eq!(places.trim(), "/home DIR/home/helm DIR/home/helm/.cache");
    let chosen = HelmRequest { config_home: "/srv/helm".into(), ..request(&[]) };
    assert!(template(&helm, &chosen).unwrap().contains("DIR/home /srv/helm /srv/helm/.cache"));
}

#[test]
fn a_chart_is_pulled_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let helm = program(
        directory.path(),
        "mkdir -p $4/app/templates; echo \"$@\" > $4/app/Chart.yaml; echo x > $4/app/templates/a; ln -s /etc/passwd $4/app/link",
    );
    let pull = |request: &ChartRequest, most| {
        let scratch = tempfile::tempdir().unwrap();
        let chart = helm.pull(scratch.path(), request, most)?;
        let called = String::from_utf8(chart.files["Chart.yaml"].to_vec()).unwrap();
        let files: Vec<_> = chart.files.into_keys().collect();
        Ok::<_, FetchError>((files.join(" "), called.trim().replace(scratch.path().to_str().unwrap(), "DIR")))
    };
    let request =
        ChartRequest { name: "app".into(), repo: "https://charts.example.com".into(), ..ChartRequest::default() };
    let (files, called) = pull(&request, 1_000).unwrap();
    assert_eq!(files, "Chart.yaml templates/a");
    assert_eq!(called, "pull --untar --untardir DIR/charts --repo https://charts.example.com app");
    let registry = ChartRequest {
        repo: "oci://reg.example.com/charts/".into(),
        version: "1.2".into(),
        devel: true,
        ..request.clone()
    };
    let expected = "pull --untar --untardir DIR/charts oci://reg.example.com/charts/app --version 1.2 --devel";
    assert_eq!(pull(&registry, 1_000).unwrap().1, expected);
    assert_eq!(pull(&request, 10).unwrap_err().message, "the chart is too large");
    let other = ChartRequest { name: "other".into(), ..request };
    assert!(pull(&other, 1_000).unwrap_err().message.contains("no chart of this name"));
}

#[test]
fn failures_of_helm_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let failing = program(directory.path(), "echo \"Error: $3/templates/a.yaml is wrong\" >&2; exit 1");
    let error = template(&failing, &request(&[])).unwrap_err();
    assert!(error.message.ends_with("failed: Error: charts/app/templates/a.yaml is wrong"), "{error}");
    let endless = program(directory.path(), "head -c 5000 /dev/zero");
    assert!(template(&endless, &request(&[])).unwrap_err().message.contains("prints more than 1000 bytes"));
    let error = template(&failing, &request(&[("../out", "x")])).unwrap_err();
    assert!(error.message.contains("leads out of it"), "{error}");
    let missing = Helm { command: "/nothing/helm".into(), ..failing };
    assert!(template(&missing, &request(&[])).unwrap_err().message.contains("--helm-command"));
}

#[test]
fn the_version_is_found_in_what_helm_says() {
    for (text, expected) in [
        ("v4.1.0+g1a2b3c4", Some("4")),
        ("v3.18.4+gd80839c", Some("3")),
        ("Client: v2.17.0\n", Some("2")),
        ("version 5", None),
        ("", None),
    ] {
        assert_eq!(major_version(text), expected, "{text}");
    }
    let directory = tempfile::tempdir().unwrap();
    let mut old = program(directory.path(), "");
    fs::write(&old.command, "#!/bin/sh\necho Client: v2.17.0\n").unwrap();
    assert!(template(&old, &request(&[])).unwrap_err().message.contains("helm 3 or 4 is needed"));
    old.command = "true".into();
    assert!(template(&old, &request(&[])).unwrap_err().message.contains("does not say"));
}
