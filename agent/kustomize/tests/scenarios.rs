//! Every scenario renders to the byte what the real kustomize makes of it, and what kustomize refuses is refused with the text that the scenario holds.
//!
//! `UPDATE_SCENARIOS=/path/to/kustomize` writes the last section of each scenario anew, `UPDATE_SCENARIOS=errors` only the texts of our errors, and
//! `SCENARIOS=namespace/` takes only those whose name contains it.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what can not be read fails the test")]

mod support;

use std::path::Path;
use std::process::Command;

use plumb_kustomize::{Options, build};
use support::scenario::{Expected, Scenario};

#[test]
fn every_scenario_renders_as_kustomize_does() {
    let only = std::env::var("SCENARIOS").unwrap_or_default();
    let kustomize = std::env::var_os("UPDATE_SCENARIOS");
    let scenarios = support::scenarios();
    assert!(scenarios.len() >= 60, "only {} scenarios found", scenarios.len());
    let mut wrong = Vec::new();
    for (path, mut scenario) in scenarios.into_iter().filter(|(_, scenario)| scenario.name.contains(&only)) {
        let found = render(&scenario);
        if let Some(kustomize) = &kustomize {
            match ask(Path::new(kustomize), &scenario, &found) {
                Ok(expected) => scenario.expected = expected,
                Err(error) => {
                    wrong.push(format!("{}: {error}", scenario.name));
                    continue;
                }
            }
            let text = scenario.text();
            assert_eq!(
                Scenario::parse(&scenario.name, &text).as_ref(),
                Ok(&scenario),
                "does not read as it is written"
            );
            if std::fs::read_to_string(&path).unwrap() != text {
                std::fs::write(&path, text).unwrap();
            }
        }
        if let Some(error) = compare(&scenario.expected, &found) {
            wrong.push(format!("{}: {error}", scenario.name));
        }
    }
    assert!(wrong.is_empty(), "{} scenarios fail:\n\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_scenario_is_read_as_it_is_written() {
    let text = "A comment.\n-- a.yaml --\na: b\n---\n-- b.bin (base64) --\n/wA=\n-- c -> d --\n-- refused --\nno\n";
    let scenario = Scenario::parse("x/y", text).unwrap();
    assert_eq!(scenario.text(), text);
    assert_eq!(scenario.files.len(), 3);
    assert_eq!(scenario.expected, Expected::Refused("no\n".to_owned()));
    assert_eq!(Scenario::parse("x/y", "-- a --\n").unwrap().expected, Expected::Unknown);
    assert!(Scenario::parse("x/y", "-- expected.yaml --\n-- a --\n").is_err());
    assert!(Scenario::parse("x/y", "-- a --\n-- a --\n").is_err());
}

fn render(scenario: &Scenario) -> Result<String, String> {
    match build(&support::input(scenario), scenario.entry(), &Options::default()) {
        Ok(rendered) => Ok(rendered.to_yaml()),
        Err(errors) => Err(format!("{errors}\n")),
    }
}

/// What is to be expected of a scenario according to the real kustomize, with our text where it refuses.
fn ask(kustomize: &Path, scenario: &Scenario, found: &Result<String, String>) -> Result<Expected, String> {
    if kustomize == Path::new("errors") {
        return Ok(match (&scenario.expected, found) {
            (Expected::Refused(_), Err(error)) => Expected::Refused(error.clone()),
            (expected, _) => expected.clone(),
        });
    }
    let directory = tempfile::tempdir().unwrap();
    scenario.write_into(directory.path()).unwrap();
    let entry = if scenario.entry().is_empty() { "." } else { scenario.entry() };
    let output = Command::new(kustomize)
        .args(["build", entry])
        .current_dir(directory.path())
        .env_clear()
        .env("HOME", directory.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap();
    match (output.status.success(), found) {
        (true, Ok(_)) => Ok(Expected::Printed(String::from_utf8(output.stdout).unwrap())),
        (false, Err(error)) => Ok(Expected::Refused(error.clone())),
        (true, Err(error)) => Err(format!("kustomize renders this, and it was refused: {error}")),
        (false, Ok(_)) => {
            Err(format!("kustomize refuses this, and it was rendered: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }
}

fn compare(expected: &Expected, found: &Result<String, String>) -> Option<String> {
    match (expected, found) {
        (Expected::Printed(expected), Ok(found)) | (Expected::Refused(expected), Err(found)) => {
            (expected != found).then(|| format!("the text differs\n{}", difference(expected, found)))
        }
        (Expected::Printed(_), Err(error)) => Some(format!("kustomize renders this, and it was refused: {error}")),
        (Expected::Refused(_), Ok(_)) => Some("kustomize refuses this, and it was rendered\n".to_owned()),
        (Expected::Unknown, _) => Some("the last section is missing; UPDATE_SCENARIOS writes it\n".to_owned()),
    }
}

fn difference(expected: &str, found: &str) -> String {
    similar::TextDiff::from_lines(expected, found).unified_diff().header("expected", "found").to_string()
}
