//! The arguments of `kustomize build`, given to `plumb render`: both do the same, or refuse.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, Result};
use e2e::agent::{binary, tool};

const OBJECTS: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: WeB}
---
apiVersion: v1
kind: Namespace
metadata: {name: prod}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: Two}
";

/// What a run left behind.
#[derive(Debug, PartialEq)]
struct Left {
    success: bool,
    printed: String,
    files: BTreeMap<String, String>,
}

fn written(directory: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name that is no text")?.to_owned();
        files.insert(name, fs::read_to_string(path)?);
    }
    Ok(files)
}

/// Runs both in a tree of their own: `above.yaml`, `app` with a kustomization, and `out` to write to. `PLACE` in what is given is where the tree is.
fn check(kustomization: &str, arguments: &[&str]) -> Result<Left> {
    let mut left = Vec::new();
    for (program, command) in [(tool("kustomize")?, "build"), (binary()?, "render")] {
        let directory = tempfile::tempdir()?;
        let root = directory.path().canonicalize()?;
        let place = |text: &str| text.replace("PLACE", &root.display().to_string());
        for (path, content) in [
            ("app/kustomization.yaml", place(kustomization)),
            ("app/objects.yaml", OBJECTS.to_owned()),
            ("above.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: above}\n".to_owned()),
            ("base/kustomization.yaml", "namePrefix: base-\nresources: [objects.yaml]\n".to_owned()),
            ("base/objects.yaml", OBJECTS.to_owned()),
        ] {
            let file = root.join(path);
            fs::create_dir_all(file.parent().context("a file without a directory")?)?;
            fs::write(file, content)?;
        }
        fs::create_dir(root.join("out"))?;
        let arguments: Vec<String> = arguments.iter().map(|argument| place(argument)).collect();
        let Output { status, stdout, stderr } =
            Command::new(&program).arg(command).arg("app").args(&arguments).current_dir(&root).output()?;
        if !status.success() {
            println!("{}: {}", program.display(), String::from_utf8_lossy(&stderr));
        }
        let files = if status.success() { written(&root.join("out"))? } else { BTreeMap::new() };
        left.push(Left { success: status.success(), printed: String::from_utf8(stdout)?, files });
    }
    assert_eq!(left.first(), left.last(), "{kustomization} with {arguments:?}");
    left.pop().context("nothing was run")
}

const PLAIN: &str = "resources: [objects.yaml]\n";

#[test]
fn the_output_goes_where_it_should() -> Result<()> {
    assert!(check(PLAIN, &[])?.printed.contains("settings"));
    let one = check(PLAIN, &["-o", "out/all.yaml"])?;
    assert_eq!((one.printed.as_str(), one.files.len()), ("", 1));
    assert_eq!(check(PLAIN, &["--output", "out"])?.files.len(), 3);
    assert_eq!(check("namespace: prod\nresources: [objects.yaml]\n", &["-o=out"])?.files.len(), 3);
    assert!(!check(PLAIN, &["-o", "missing/all.yaml"])?.success);
    assert!(check(PLAIN, &["-o", ""])?.success);
    Ok(())
}

#[test]
fn files_lie_where_they_may() -> Result<()> {
    let none = ["--load-restrictor", "LoadRestrictionsNone"];
    for (kustomization, restricted, free) in [
        ("resources: [../above.yaml]\n", false, true),
        ("resources: [PLACE/above.yaml]\n", false, true),
        ("resources: [PLACE/app/objects.yaml]\n", true, true),
        ("resources: [PLACE/base]\n", false, false),
        ("resources: [../base]\n", true, true),
        ("configMapGenerator: [{name: a, files: [../above.yaml]}]\n", false, true),
        ("configMapGenerator: [{name: a, files: [PLACE/app/objects.yaml]}]\n", true, true),
        ("resources: [objects.yaml]\npatches: [{path: ../above.yaml, target: {kind: Namespace}}]\n", false, true),
        ("resources: [../missing.yaml]\n", false, false),
    ] {
        assert_eq!(check(kustomization, &[])?.success, restricted, "{kustomization}");
        assert_eq!(check(kustomization, &none)?.success, free, "{kustomization}");
    }
    assert!(!check(PLAIN, &["--load-restrictor", "none"])?.success);
    Ok(())
}

#[test]
fn old_and_rare_arguments_are_taken() -> Result<()> {
    let legacy = check(PLAIN, &["--reorder", "legacy"])?.printed;
    assert_ne!(check(PLAIN, &["--reorder=none"])?.printed, legacy);
    let own = "resources: [objects.yaml]\nsortOptions: {order: legacy}\n";
    assert_eq!(check(own, &["--reorder=none"])?.printed, legacy);
    assert!(check(PLAIN, &["--enable-managedby-label"])?.printed.contains("managed-by"));
    let containers =
        ["-e", "A=b", "--env", "C", "--mount", "type=bind,src=/a,dst=/b", "--network", "--network-name", "n"];
    let rare = ["--as-current-user", "--stack-trace", "--enable-alpha-plugins", "--enable-exec", "--enable-helm"];
    let all: Vec<&str> = containers.into_iter().chain(rare).collect();
    assert_eq!(check(PLAIN, &all)?.printed, legacy);
    assert!(!check(PLAIN, &["base"])?.success);
    assert!(!check(PLAIN, &["--enable-star"])?.success);
    Ok(())
}
