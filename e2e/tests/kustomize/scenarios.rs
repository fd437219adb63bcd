//! The scenarios that `agent/kustomize` keeps, on the real kustomize: what is written there is what it prints.

#[path = "../../../agent/kustomize/tests/support/scenario.rs"]
mod scenario;

use std::path::Path;

use plumb_kustomize::MemoryFs;
use scenario::{Content, Scenario};

use crate::compare::{Outcome, outcome, render};
use crate::oracle::{Answer, Oracle};

#[test]
fn every_scenario_renders_as_kustomize_builds_it() {
    let scenarios =
        scenario::scenarios(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/kustomize/tests/scenarios"));
    assert!(!scenarios.is_empty());
    let mut oracle = Oracle::new();
    let mut wrong = Vec::new();
    for (_, scenario) in &scenarios {
        let mut fs = MemoryFs::new();
        for (path, content) in &scenario.files {
            match content {
                Content::Bytes(bytes) => fs.insert(path, bytes),
                Content::Link(target) => fs.insert_symlink(path, target),
            }
        }
        let theirs = build(&mut oracle, scenario);
        if let Outcome::Difference(difference) = outcome(render(fs, scenario.entry().to_owned()), theirs) {
            wrong.push(format!("{}: {difference}", scenario.name));
        }
    }
    println!("{} scenarios", scenarios.len());
    assert!(wrong.is_empty(), "{} of {} differ:\n\n{}", wrong.len(), scenarios.len(), wrong.join("\n\n"));
}

fn build(oracle: &mut Oracle, scenario: &Scenario) -> Answer {
    // Only a disk has symbolic links and names with spaces.
    let directory = tempfile::tempdir().unwrap();
    scenario.write_into(directory.path()).unwrap();
    oracle.build_directory(&directory.path().join(scenario.entry()))
}
