//! Every scenario renders to the byte what the real kustomize made of it; `regenerate.sh` writes what is expected.

mod support;

use plumb_kustomize::{Options, build};

#[test]
fn every_scenario_renders_as_kustomize_does() {
    let mut wrong = Vec::new();
    let scenarios = support::scenarios();
    assert!(scenarios.len() >= 60, "only {} scenarios found", scenarios.len());
    for scenario in scenarios {
        let fs = support::read(&scenario.join("input"));
        let expected = std::fs::read_to_string(scenario.join("expected.yaml")).unwrap();
        let name = scenario.file_name().unwrap().to_string_lossy().into_owned();
        match build(&fs, support::entry(&fs), &Options::default()) {
            Ok(rendered) if rendered.to_yaml() == expected => {}
            Ok(rendered) => wrong.push(format!("{name}: expected\n{expected}\nfound\n{}", rendered.to_yaml())),
            Err(errors) => wrong.push(format!("{name}: {errors}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
