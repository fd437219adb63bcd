//! The rules of the house: what the folders promise, checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

const PURE: [&str; 3] = ["plumb-yaml", "plumb-kustomize", "plumb-delivery"];
const EDGE: [&str; 4] = ["plumb-git", "plumb-cluster", "plumb-forge", "plumb-web"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files that git tracks or would track.
fn files() -> Vec<String> {
    let output = Command::new("git")
        .current_dir(root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(output.status.success(), "git ls-files failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .filter(|file| root().join(file).exists())
        .collect()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_default()
}

/// The packages that each package needs, with all that those need, without what only tests need.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: BTreeMap<&str, &str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| (package["id"].as_str().unwrap(), package["name"].as_str().unwrap()))
        .collect();
    let direct: BTreeMap<&str, Vec<&str>> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let normal = |dependency: &&serde_json::Value| {
                dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
            };
            let needed = node["deps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(normal)
                .map(|dependency| dependency["pkg"].as_str().unwrap());
            (node["id"].as_str().unwrap(), needed.collect())
        })
        .collect();
    let mut all = BTreeMap::new();
    for member in metadata["workspace_members"].as_array().unwrap() {
        let member = member.as_str().unwrap();
        let mut seen = BTreeSet::new();
        let mut next = vec![member];
        while let Some(id) = next.pop() {
            for needed in &direct[id] {
                if seen.insert(*needed) {
                    next.push(needed);
                }
            }
        }
        all.insert(names[member].to_owned(), seen.into_iter().map(|id| names[id].to_owned()).collect());
    }
    all
}

#[test]
fn pure_crates_pull_in_no_runtime_client_or_git() {
    let dependencies = dependencies();
    for pure in PURE {
        for forbidden in ["tokio", "kube", "kube-client", "git2", "reqwest", "hyper", "k8s-openapi"] {
            assert!(!dependencies[pure].contains(forbidden), "{pure} is pure and must not depend on {forbidden}");
        }
    }
}

#[test]
fn arrows_point_inward() {
    let dependencies = dependencies();
    for pure in PURE {
        let ours: Vec<_> = dependencies[pure]
            .iter()
            .filter(|name| name.starts_with("plumb") && !PURE.contains(&name.as_str()))
            .collect();
        assert!(ours.is_empty(), "{pure} is pure and must not depend on {ours:?}");
    }
    for edge in EDGE {
        let others: Vec<_> =
            dependencies[edge].iter().filter(|name| EDGE.contains(&name.as_str()) || *name == "plumb").collect();
        assert!(others.is_empty(), "{edge} is an edge crate and must not depend on {others:?}");
    }
    let others: Vec<_> = dependencies["plumb-api"].iter().filter(|name| name.starts_with("plumb")).collect();
    assert!(others.is_empty(), "plumb-api holds the custom resources and must not depend on {others:?}");
}

#[test]
fn pure_crates_name_no_file_environment_process_or_clock() {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.ends_with(".rs")) {
        if !["agent/yaml/src/", "agent/kustomize/src/", "agent/delivery/src/"]
            .iter()
            .any(|folder| file.starts_with(folder))
        {
            continue;
        }
        // Tests may compare with the real git or kustomize.
        if file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("laws.rs") {
            continue;
        }
        let text = read(file);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let forbidden = [
                "std::fs",
                "std::env",
                "std::process",
                "std::net",
                "SystemTime",
                "Instant::now",
                "Timestamp::now",
                "Zoned::now",
            ];
            if !line.trim_start().starts_with("//") && forbidden.iter().any(|name| line.contains(name)) {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "pure crates must not name these:\n{}", found.join("\n"));
}

#[test]
fn the_top_level_holds_what_it_may() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "Dockerfile",
        "LICENSE",
        "README.md",
        "agent",
        "bootstrap",
        "charts",
        "docs",
        "e2e",
        "overlays",
    ];
    let top: BTreeSet<String> =
        files().iter().map(|file| file.split('/').next().unwrap_or_default().to_owned()).collect();
    let others: Vec<_> =
        top.iter().filter(|name| !name.starts_with('.') && !allowed.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "the top level must not hold {others:?}");
}

#[test]
fn one_file_holds_one_idea() {
    let mut long = Vec::new();
    for file in
        files().iter().filter(|file| file.ends_with(".rs") && !file.contains("/tests/") && !file.ends_with("tests.rs"))
    {
        let text = read(file);
        let lines = text.split("#[cfg(test)]").next().unwrap_or_default().lines().count();
        if lines > 500 {
            long.push(format!("{file}: {lines} lines"));
        }
    }
    assert!(long.is_empty(), "past 500 lines a file wants splitting:\n{}", long.join("\n"));
}

#[test]
fn names_say_what_is_inside() {
    let vague = ["utils", "util", "common", "manager", "helper", "helpers", "misc"];
    let found: Vec<_> =
        files().into_iter().filter(|file| file.split(['/', '.']).any(|part| vague.contains(&part))).collect();
    assert!(found.is_empty(), "these names tell nothing: {found:?}");
}

#[test]
fn nothing_is_left_for_later() {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.ends_with(".rs") || file.ends_with(".sh")) {
        if file.ends_with("e2e/tests/house.rs") {
            continue;
        }
        for (number, line) in read(file).lines().enumerate() {
            let marks = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "TODO", "XXX"];
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "stubs and skipped tests:\n{}", found.join("\n"));
}

#[test]
fn no_binary_is_tracked() {
    let mut found = Vec::new();
    for file in files() {
        let bytes = std::fs::read(root().join(&file)).unwrap_or_default();
        if bytes.len() > 1_048_576 || bytes.contains(&0) {
            found.push(format!("{file}: {} bytes", bytes.len()));
        }
    }
    assert!(found.is_empty(), "large or binary files:\n{}", found.join("\n"));
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.ends_with(".md")) {
        let folder = root().join(file).parent().unwrap().to_owned();
        let text = read(file);
        for (_, rest) in text.match_indices("](").map(|(at, _)| text.split_at(at + 2)) {
            let target = rest.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(char::is_whitespace) {
                continue;
            }
            if !folder.join(target).exists() {
                broken.push(format!("{file}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}
