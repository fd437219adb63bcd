//! Remote bases, files behind HTTP and helm charts: `plumb render` beside the real kustomize, on servers of this machine.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use e2e::{
    agent::{binary, tool},
    git_server::{Access, DeployKey, HttpServer, Repositories, SshServer, Worktree},
};
use tempfile::TempDir;

const PASSWORD: &str = "hunter2-in-a-url";

/// What a renderer printed, or that it refused.
#[derive(Debug, PartialEq)]
enum Outcome {
    Printed(String),
    Refused,
}

/// Runs a renderer with an environment that both get: with this home directory and nothing else of the person, and with
/// submodules on this machine forbidden, as git has it.
fn run(program: &Path, arguments: &[&str], directory: &Path, home: &Path) -> Result<(Outcome, String)> {
    // OpenSSH takes the home directory from the system and not from the environment.
    let ssh = home.join(".ssh");
    let (key, hosts) = (ssh.join("id_ed25519"), ssh.join("known_hosts"));
    let output = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_SSH_COMMAND", format!("ssh -i {} -o UserKnownHostsFile={}", key.display(), hosts.display()))
        .output()
        .with_context(|| format!("{} can't be run", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let outcome =
        if output.status.success() { Outcome::Printed(String::from_utf8(output.stdout)?) } else { Outcome::Refused };
    Ok((outcome, said))
}

/// Renders files by both, and gives what both do; the path is what is built.
fn render(files: &[(&str, &str)], path: &str, flags: &[&str]) -> Result<Outcome> {
    render_as(tempfile::tempdir()?.path(), files, path, flags)
}

/// Renders as a person with this home directory.
fn render_as(home: &Path, files: &[(&str, &str)], path: &str, flags: &[&str]) -> Result<Outcome> {
    let helm = tool("helm")?;
    let flags: Vec<&str> =
        flags.iter().copied().chain(["--helm-command", helm.to_str().context("a path that is no text")?]).collect();
    let mut outcomes = Vec::new();
    for (program, command) in [(tool("kustomize")?, "build"), (binary()?, "render")] {
        // kustomize puts charts that it pulls beside the kustomization.
        let directory = tempfile::tempdir()?;
        for (name, content) in files {
            let file = directory.path().join(name);
            fs::create_dir_all(file.parent().context("a file without a directory")?)?;
            fs::write(file, content)?;
        }
        let arguments: Vec<&str> = [command, path].into_iter().chain(flags.iter().copied()).collect();
        outcomes.push(run(&program, &arguments, directory.path(), home)?);
    }
    let [(expected, theirs), (found, ours)] = outcomes.as_slice() else { unreachable!() };
    assert_eq!(expected, found, "of {files:?}\nkustomize said: {theirs}\nplumb said: {ours}");
    assert!(!ours.contains(PASSWORD), "{ours}");
    Ok(outcomes.remove(0).0)
}

/// Renders one entry of `resources` by both.
fn resource(entry: &str) -> Result<Outcome> {
    render(&[("kustomization.yaml", &format!("namePrefix: dev-\nresources:\n- {entry}\n"))], ".", &[])
}

fn printed(outcome: &Outcome, part: &str) -> bool {
    matches!(outcome, Outcome::Printed(text) if text.contains(part))
}

fn config(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

/// A repository with a base in several versions.
fn shop(repositories: &Repositories) -> Result<(Worktree, String)> {
    let worktree = Worktree::clone(&repositories.create("team/shop")?.display().to_string())?;
    let first = worktree.push_files(
        "first",
        &[
            ("kustomization.yaml", "resources: [base]\nnameSuffix: -root\n"),
            ("base/kustomization.yaml", "resources: [app.yaml]\n"),
            ("base/app.yaml", &config("one")),
            ("dev/kustomization.yaml", "resources: [../base]\nnamePrefix: inner-\n"),
            ("out/kustomization.yaml", "resources: [../../base]\n"),
            (
                "part/kustomization.yaml",
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -part\n",
            ),
        ],
    )?;
    worktree.git(&["tag", "-a", "v1", "-m", "one"])?;
    worktree.push_files("second", &[("base/app.yaml", &config("two"))])?;
    worktree.git(&["push", "-q", "origin", "v1", "HEAD:refs/heads/feature/x", "HEAD:refs/pull/3/head"])?;
    Ok((worktree, first))
}

#[tokio::test]
async fn bases_come_from_git_as_kustomize_gets_them() -> Result<()> {
    let server = HttpServer::start(None).await?;
    let (_worktree, first) = shop(server.repositories())?;
    let url = server.url("team/shop");
    ensure!(url.ends_with("/team/shop.git"), "{url}");
    let bare = url.trim_end_matches(".git");
    let file = format!("file://{}", server.repositories().repository("team/shop").display());
    let short = &first[..10];
    for (entry, expected) in [
        (url.clone(), "dev-two-root"),
        (format!("{bare}.git?ref=v1"), "dev-one-root"),
        (format!("{url}//dev?ref=v1"), "dev-inner-one"),
        (format!("{url}/dev"), "dev-inner-two"),
        (format!("{url}//base?ref={first}"), "dev-one"),
        (format!("{url}//base?ref=feature/x"), "dev-two"),
        (format!("{url}//base?ref=feature%2Fx&timeout=60s"), "dev-two"),
        (format!("{url}//base?version=refs/pull/3/head"), "dev-two"),
        (format!("git::{url}//base?submodules=false"), "dev-two"),
        (format!("{file}//base?ref=v1"), "dev-one"),
        (format!("{file}//base?ref={first}"), "dev-one"),
        (file.clone(), "dev-two-root"),
    ] {
        assert!(printed(&resource(&entry)?, expected), "{entry}");
    }
    for entry in [
        format!("{url}?ref=gone"),
        format!("{url}?ref={short}"),
        format!("{url}?ref={}", "1".repeat(40)),
        format!("{url}//gone"),
        format!("{url}//base/app.yaml"),
        format!("{url}//out"),
        format!("{url}//../base"),
        format!("{url}//part"),
        server.url("team/gone"),
        format!("{file}x"),
        "git@127.0.0.1:1/shop.git".to_owned(),
    ] {
        assert_eq!(resource(&entry)?, Outcome::Refused, "{entry}");
    }
    // Some servers give any commit by its id, and others only those that have a name.
    server.repositories().git("team/shop", &["config", "uploadpack.allowReachableSHA1InWant", "true"])?;
    assert!(printed(&resource(&format!("{url}//base?ref={first}"))?, "dev-one"));
    let component = format!("components: ['{url}//part?ref=v1']\nresources: ['{url}//base']\n");
    assert!(printed(&render(&[("kustomization.yaml", &component)], ".", &[])?, "name: two-part"));
    assert!(printed(&render(&[], &format!("{url}//dev?ref=v1"), &[])?, "name: inner-one"));
    assert_eq!(render(&[], &format!("{url}//gone"), &[])?, Outcome::Refused);
    Ok(())
}

#[tokio::test]
async fn repositories_that_lead_to_each_other_are_refused() -> Result<()> {
    let server = HttpServer::start(None).await?;
    let (one, other) = (server.url("one"), server.url("other"));
    let worktree = Worktree::clone(&server.repositories().create("one")?.display().to_string())?;
    let to_other = format!("resources: ['{other}']\n");
    worktree.push_files(
        "first",
        &[
            ("kustomization.yaml", &to_other),
            ("a/deep/kustomization.yaml", &format!("resources: ['{one}//b']\n")),
            ("b/kustomization.yaml", "resources: [../a]\n"),
            ("a/kustomization.yaml", "configMapGenerator: [{name: app}]\n"),
        ],
    )?;
    let worktree = Worktree::clone(&server.repositories().create("other")?.display().to_string())?;
    worktree.push_files("first", &[("kustomization.yaml", &format!("resources: ['{one}']\n"))])?;
    assert_eq!(resource(&one)?, Outcome::Refused);
    assert!(printed(&resource(&format!("{one}//a/deep"))?, "dev-app"), "another clone is another place");
    Ok(())
}

#[tokio::test]
async fn submodules_are_followed() -> Result<()> {
    let server = HttpServer::start(None).await?;
    let inner = Worktree::clone(&server.repositories().create("team/inner")?.display().to_string())?;
    let pinned = inner
        .push_files("first", &[("kustomization.yaml", "resources: [app.yaml]\n"), ("app.yaml", &config("pinned"))])?;
    inner.push_files("second", &[("app.yaml", &config("newer"))])?;
    let outer = Worktree::clone(&server.repositories().create("team/outer")?.display().to_string())?;
    let add = |url: &str| -> Result<()> {
        outer.write(".gitmodules", format!("[submodule \"lib\"]\n\tpath = deep/lib\n\turl = {url}\n"))?;
        outer.write("kustomization.yaml", "resources: [deep/lib]\n")?;
        outer.write("plain/kustomization.yaml", "configMapGenerator: [{name: plain}]\n")?;
        outer.git(&["add", "-A"])?;
        outer.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{pinned},deep/lib")])?;
        outer.git(&["commit", "-q", "-m", "submodule"])?;
        outer.push()
    };
    let url = server.url("team/outer");
    add("../inner.git")?;
    assert!(printed(&resource(&url)?, "dev-pinned"));
    assert_eq!(resource(&format!("{url}?submodules=false"))?, Outcome::Refused);
    assert!(printed(&resource(&format!("{url}//plain?submodules=false"))?, "dev-plain"));
    add("../gone.git")?;
    assert_eq!(resource(&format!("{url}//plain"))?, Outcome::Refused, "all submodules must be there");
    add(&format!("file://{}", server.repositories().repository("team/inner").display()))?;
    assert_eq!(resource(&url)?, Outcome::Refused, "git forbids submodules on this machine");
    Ok(())
}

#[tokio::test]
async fn links_stay_in_their_repository() -> Result<()> {
    let server = HttpServer::start(None).await?;
    let worktree = Worktree::clone(&server.repositories().create("team/shop")?.display().to_string())?;
    worktree.write("base/kustomization.yaml", "resources: [app.yaml]\n")?;
    worktree.write("base/app.yaml", config("app"))?;
    worktree.write("file/kustomization.yaml", "resources: [app.yaml]\n")?;
    for (link, target) in [
        ("inside", "base"),
        ("outside", "/"),
        ("above", "../.."),
        ("gone", "nothing"),
        ("file/app.yaml", "/etc/hostname"),
    ] {
        symlink(target, worktree.path().join(link))?;
    }
    worktree.commit("links")?;
    worktree.push()?;
    let url = server.url("team/shop");
    assert!(printed(&resource(&format!("{url}//inside"))?, "dev-app"));
    for directory in ["outside", "above", "gone", "file"] {
        assert_eq!(resource(&format!("{url}//{directory}"))?, Outcome::Refused, "{directory}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn private_and_moved_repositories_are_reached() -> Result<()> {
    let access = Access { username: "ada".into(), password: PASSWORD.into() };
    let server = HttpServer::start(Some(access)).await?;
    shop(server.repositories())?;
    let url = server.url_with_credentials("team/shop");
    assert!(printed(&resource(&format!("{url}//dev?ref=v1"))?, "dev-inner-one"));
    for url in [server.url("team/shop"), url.replace("ada:", "eve:")] {
        assert_eq!(resource(&format!("{url}//dev?ref=v1"))?, Outcome::Refused, "{url}");
    }
    // The credentials may also be in the person's own git.
    let home = tempfile::tempdir()?;
    let helper = format!("!f() {{ echo username=ada; echo password={PASSWORD}; }}; f");
    fs::write(home.path().join(".gitconfig"), format!("[credential]\n\thelper = \"{helper}\"\n"))?;
    let kustomization = format!("resources: ['{}//dev?ref=v1']\n", server.url("team/shop"));
    let outcome = render_as(home.path(), &[("kustomization.yaml", &kustomization)], ".", &[])?;
    assert!(printed(&outcome, "name: inner-one"));

    let open = HttpServer::start(None).await?;
    shop(open.repositories())?;
    let moved = redirects(open.base_url()).await?;
    assert!(printed(&resource(&format!("{moved}/team/shop.git//dev?ref=v1"))?, "dev-inner-one"));
    Ok(())
}

#[test]
fn bases_come_over_ssh() -> Result<()> {
    let repositories = Repositories::temporary()?;
    shop(&repositories)?;
    let (key, stranger) = (DeployKey::generate(None)?, DeployKey::generate(None)?);
    let server = SshServer::start(&repositories, &[], &[&key])?;
    let entry = format!("{}//dev?ref=v1", server.url("team/shop"));
    let kustomization = format!("resources: ['{entry}']\n");
    for (key, hosts, expected) in
        [(&key, server.known_hosts()?, true), (&stranger, server.known_hosts()?, false), (&key, String::new(), false)]
    {
        let home = tempfile::tempdir()?;
        let ssh = home.path().join(".ssh");
        fs::create_dir(&ssh)?;
        fs::write(ssh.join("known_hosts"), hosts)?;
        for (name, content) in [("id_ed25519", &key.identity), ("id_ed25519.pub", &key.public)] {
            fs::write(ssh.join(name), content)?;
            fs::set_permissions(ssh.join(name), fs::Permissions::from_mode(0o600))?;
        }
        let outcome = render_as(home.path(), &[("kustomization.yaml", &kustomization)], ".", &[])?;
        assert_eq!(printed(&outcome, "name: inner-one"), expected, "{outcome:?}");
    }
    Ok(())
}

/// Sends everybody to another server.
async fn redirects(to: String) -> Result<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let redirect = move |uri: axum::http::Uri| async move {
        let place = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        (axum::http::StatusCode::MOVED_PERMANENTLY, [("location", format!("{to}{place}"))])
    };
    tokio::spawn(axum::serve(listener, Router::new().fallback(redirect)).into_future());
    Ok(url)
}

/// Serves the files of a directory.
async fn files(directory: PathBuf) -> Result<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let moved = url.clone();
    let serve = move |uri: axum::http::Uri| async move {
        if let Some(path) = uri.path().strip_prefix("/moved") {
            return (axum::http::StatusCode::FOUND, [("location", format!("{moved}{path}"))], Vec::new());
        }
        let status = |status| (status, [("x-served", "by a test".to_owned())], Vec::new());
        match fs::read(directory.join(uri.path().trim_start_matches('/'))) {
            Ok(content) => (axum::http::StatusCode::OK, [("x-served", "by a test".to_owned())], content),
            Err(_) => status(axum::http::StatusCode::NOT_FOUND),
        }
    };
    tokio::spawn(axum::serve(listener, Router::new().fallback(serve)).into_future());
    Ok(url)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_by_http() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let write = |name: &str, content: &str| -> Result<()> {
        let file = directory.path().join(name);
        fs::create_dir_all(file.parent().context("a file without a directory")?)?;
        Ok(fs::write(file, content)?)
    };
    write("app.yaml", &config("app"))?;
    write("a/b/c.yaml", &config("deep"))?;
    write("patch.yaml", &format!("{}data: {{a: '1'}}\n", config("app")))?;
    write("page.html", "<html>\n<body>a: b: c</body>")?;
    write("settings.env", "LEVEL=info\n")?;
    let url = files(directory.path().to_owned()).await?;
    assert!(printed(&resource(&format!("{url}/app.yaml"))?, "dev-app"));
    assert!(printed(&resource(&format!("{url}/a/b/c.yaml"))?, "dev-deep"));
    assert!(printed(&resource(&format!("{url}/moved/app.yaml"))?, "dev-app"));
    for name in ["gone.yaml", "page.html", "a/b/gone.yaml", "a/b"] {
        assert_eq!(resource(&format!("{url}/{name}"))?, Outcome::Refused, "{name}");
    }
    let all = format!(
        "resources: ['{url}/app.yaml']\npatches: [{{path: '{url}/patch.yaml'}}]\nconfigMapGenerator:\n- {{name: env, envs: ['{url}/settings.env']}}\n- {{name: file, files: ['{url}/app.yaml', 'key={url}/page.html']}}\n"
    );
    assert!(printed(&render(&[("kustomization.yaml", &all)], ".", &[])?, "LEVEL: info"));
    let gone = format!("resources: ['{url}/app.yaml']\npatches: [{{path: '{url}/gone.yaml'}}]\n");
    assert_eq!(render(&[("kustomization.yaml", &gone)], ".", &[])?, Outcome::Refused);
    Ok(())
}

const CHART: [(&str, &str); 6] = [
    ("Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.2.3\n"),
    (
        "values.yaml",
        "# as shipped\nname: web\nlist: [a, b]\ndeep: {a: 1, b: {c: x}}\nday: 2020-01-01\nbig: 1000000\nnothing: null\n",
    ),
    (
        "templates/app.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-{{ .Values.name }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  values: |\n    {{- .Values | toYaml | nindent 4 }}\n  big: {{ .Values.big | quote }}\n  kube: {{ .Capabilities.KubeVersion.Version | quote }}\n  has: {{ .Capabilities.APIVersions.Has \"x.example.com/v1\" | quote }}\n---\n# nothing here\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: svc\n  annotations:\n",
    ),
    (
        "templates/hook.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: hook\n  annotations: {\"helm.sh/hook\": pre-install}\n",
    ),
    (
        "templates/test.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {\"helm.sh/hook\": test}\n",
    ),
    (
        "crds/xs.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: xs.example.com\n",
    ),
];

/// Renders a kustomization with the chart in `charts/app` by both.
fn with_chart(kustomization: &str, flags: &[&str]) -> Result<Outcome> {
    let paths: Vec<String> = CHART.iter().map(|(path, _)| format!("charts/app/{path}")).collect();
    let mut files: Vec<(&str, &str)> = paths.iter().map(String::as_str).zip(CHART.iter().map(|file| file.1)).collect();
    files.extend([
        ("kustomization.yaml", kustomization),
        ("own.yaml", "name: own\nbig: 2\n"),
        ("more.yaml", "more: [1, {a: b}]\n"),
        ("base/kustomization.yaml", "helmCharts: [{name: app, releaseName: base}]\n"),
    ]);
    let copies: Vec<(String, &str)> =
        CHART.iter().map(|(path, content)| (format!("base/charts/app/{path}"), *content)).collect();
    files.extend(copies.iter().map(|(path, content)| (path.as_str(), *content)));
    render(&files, ".", flags)
}

#[tokio::test]
async fn charts_are_inflated_as_kustomize_does() -> Result<()> {
    let inline = "valuesInline: {name: inline, big: 3000000, frac: 1.50, huge: 123456789012345678901234567890, list: [c], deep: {a: null, b: {d: [e]}}, nothing: 1, day: null, on: off}";
    for chart in [
        "name: app, releaseName: r".to_owned(),
        "name: app, releaseName: r, includeCRDs: true".to_owned(),
        "name: app, releaseName: r, skipHooks: true".to_owned(),
        "name: app, releaseName: r, skipTests: true, includeCRDs: true".to_owned(),
        "name: app, releaseName: r, namespace: apps, kubeVersion: 1.30.0, apiVersions: [x.example.com/v1, y/v1]"
            .to_owned(),
        "name: app, nameTemplate: t-x".to_owned(),
        "name: app, releaseName: r, valuesFile: own.yaml, additionalValuesFiles: [more.yaml]".to_owned(),
        "name: app, releaseName: r, version: 9.9.9".to_owned(),
        format!("name: app, releaseName: r, {inline}"),
        format!("name: app, releaseName: r, valuesFile: own.yaml, {inline}"),
        format!("name: app, releaseName: r, valuesMerge: merge, {inline}"),
        format!("name: app, releaseName: r, valuesMerge: replace, {inline}"),
        format!("name: app, releaseName: r, additionalValuesFiles: [more.yaml], {inline}"),
    ] {
        let kustomization = format!("namespace: prod\nnamePrefix: p-\nhelmCharts:\n- {{{chart}}}\n");
        assert!(printed(&with_chart(&kustomization, &["--enable-helm"])?, "kind: ConfigMap"), "{chart}");
    }
    for (kustomization, flags) in [
        ("namespace: over\nresources: [base]\n", &["--enable-helm"][..]),
        (
            "helmCharts: [{name: app, releaseName: r}]\n",
            &["--enable-helm", "--helm-kube-version", "1.31.0", "--helm-api-versions", "x.example.com/v1"],
        ),
        (
            "helmCharts: [{name: app, releaseName: r, kubeVersion: 1.30.0}]\n",
            &["--enable-helm", "--helm-kube-version", "1.31.0", "--helm-debug"],
        ),
        (
            "helmChartInflationGenerator: [{chartName: app, releaseName: r, chartHome: charts, valuesLocal: {name: n2}}]\n",
            &["--enable-helm"],
        ),
        ("helmGlobals: {chartHome: base/charts}\nhelmCharts: [{name: app, releaseName: r}]\n", &["--enable-helm"]),
        (
            "generators:\n- |-\n  apiVersion: builtin\n  kind: HelmChartInflationGenerator\n  metadata: {name: x}\n  name: app\n  releaseName: r\n  valuesInline: {name: plugin}\n",
            &["--enable-helm"],
        ),
        ("buildMetadata: [originAnnotations]\nhelmCharts: [{name: app, releaseName: r}]\n", &["--enable-helm"]),
        (
            "helmCharts: [{name: app, releaseName: r}]\npatches:\n- target: {kind: Service}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec\", \"value\": {\"type\": \"None\"}}]'\n",
            &["--enable-helm"],
        ),
    ] {
        assert!(printed(&with_chart(kustomization, flags)?, "kind: ConfigMap"), "{kustomization}");
    }
    for (kustomization, flags) in [
        ("helmCharts: [{name: app, releaseName: r}]\n", &[][..]),
        ("helmCharts: [{name: gone, releaseName: r}]\n", &["--enable-helm"]),
        ("helmCharts: [{releaseName: r}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: -app}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, releaseName: --debug}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, releaseName: r, valuesMerge: mix}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, releaseName: r, valuesFile: gone.yaml}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, releaseName: r, additionalValuesFiles: [gone.yaml]}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, releaseName: r, kubeVersion: x}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, releaseName: r}, {name: app, releaseName: r}]\n", &["--enable-helm"]),
        ("helmCharts: [{name: app, unknown: r}]\n", &["--enable-helm"]),
    ] {
        assert_eq!(with_chart(kustomization, flags)?, Outcome::Refused, "{kustomization}");
    }
    Ok(())
}

#[tokio::test]
async fn a_base_from_git_brings_its_charts() -> Result<()> {
    let server = HttpServer::start(None).await?;
    let worktree = Worktree::clone(&server.repositories().create("charts")?.display().to_string())?;
    for (path, content) in CHART {
        worktree.write(&format!("lib/app/{path}"), content)?;
    }
    symlink("app", worktree.path().join("lib/linked"))?;
    worktree.write("own.yaml", "name: own\n")?;
    let globals = "helmGlobals: {chartHome: lib}\n";
    worktree.write(
        "kustomization.yaml",
        format!("{globals}helmCharts: [{{name: app, releaseName: r, valuesFile: own.yaml}}]\n"),
    )?;
    worktree.write("linked/kustomization.yaml", "helmGlobals: {chartHome: ../lib}\nhelmCharts: [{name: linked, releaseName: r, valuesMerge: replace, valuesInline: {name: beside}}]\n")?;
    worktree.write(
        "above/kustomization.yaml",
        "helmGlobals: {chartHome: ../lib}\nhelmCharts: [{name: app, releaseName: r}]\n",
    )?;
    worktree.commit("charts")?;
    worktree.push()?;
    let url = server.url("charts");
    for (directory, expected) in [("", "name: p-r-own"), ("linked", "name: p-r-beside")] {
        let kustomization = format!("namespace: prod\nnamePrefix: p-\nresources: ['{url}//{directory}']\n");
        let outcome = render(&[("kustomization.yaml", &kustomization)], ".", &["--enable-helm"])?;
        assert!(printed(&outcome, expected), "{directory}: {outcome:?}");
    }
    let kustomization = format!("resources: ['{url}//above']\n");
    let outcome = render(&[("kustomization.yaml", &kustomization)], ".", &["--enable-helm"])?;
    assert_eq!(outcome, Outcome::Refused, "the values of the chart lie outside of the directory");
    Ok(())
}

/// A repository of charts with two versions of the chart.
fn chart_repository() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let source = directory.path().join("source/app");
    for version in ["1.2.3", "2.0.0-rc.1"] {
        for (path, content) in CHART {
            let file = source.join(path);
            fs::create_dir_all(file.parent().context("a file without a directory")?)?;
            fs::write(file, content.replace("1.2.3", version).replace("name: web", &format!("name: v{version}")))?;
        }
        let package = ["package", "-d", directory.path().to_str().context("a path that is no text")?, "source/app"];
        let (outcome, said) = run(&tool("helm")?, &package, directory.path(), directory.path())?;
        ensure!(outcome != Outcome::Refused, "helm package: {said}");
    }
    let (outcome, said) = run(&tool("helm")?, &["repo", "index", "."], directory.path(), directory.path())?;
    ensure!(outcome != Outcome::Refused, "helm repo index: {said}");
    Ok(directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_are_pulled_as_kustomize_does() -> Result<()> {
    let directory = chart_repository()?;
    let url = files(directory.path().to_owned()).await?;
    for (chart, expected) in [
        ("releaseName: r", "r-v1.2.3"),
        ("releaseName: r, version: 1.2.3", "r-v1.2.3"),
        ("releaseName: r, devel: true", "r-v2.0.0-rc.1"),
        (
            "releaseName: r, version: 2.0.0-rc.1, valuesFile: charts/app-2.0.0-rc.1/app/values.yaml, valuesInline: {more: 1}",
            "r-v2.0.0-rc.1",
        ),
    ] {
        let kustomization = format!("helmCharts: [{{name: app, repo: '{url}', {chart}}}]\n");
        let outcome = render(&[("kustomization.yaml", &kustomization)], ".", &["--enable-helm"])?;
        assert!(printed(&outcome, expected), "{chart}");
    }
    for chart in ["name: gone", "name: app, version: 9.9.9"] {
        let kustomization = format!("helmCharts: [{{{chart}, releaseName: r, repo: '{url}'}}]\n");
        let outcome = render(&[("kustomization.yaml", &kustomization)], ".", &["--enable-helm"])?;
        assert_eq!(outcome, Outcome::Refused, "{chart}");
    }
    Ok(())
}
