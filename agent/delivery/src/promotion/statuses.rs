//! What others report of a commit on the forge.

use jiff::Timestamp;

use super::decide::short;
use super::gates::{Gate, GateVerdict};

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// Its name on the forge, such as `ci/build`.
    pub name: String,
    /// What it says: good, bad, or nothing yet.
    pub good: Option<bool>,
    /// Why, for people.
    pub why: String,
}

/// A gate for each status that an environment requires: one that is not there yet is waited for as one that is under way.
#[must_use]
pub fn statuses(required: &[String], revision: &str, found: &[CommitStatus], again: Option<Timestamp>) -> Vec<Gate> {
    let revision = short(revision);
    let gate = |name: &String| {
        let wait = GateVerdict::Wait { until: again };
        let (verdict, why) = match found.iter().find(|status| status.name == *name) {
            None => (wait, format!("{revision} has no status {name} on the forge yet")),
            Some(status) => {
                let (verdict, word) = match status.good {
                    Some(true) => (GateVerdict::Pass, "success"),
                    Some(false) => (GateVerdict::Fail, "failure"),
                    None => (wait, "pending"),
                };
                let why = if status.why.is_empty() { String::new() } else { format!(": {}", status.why) };
                (verdict, format!("{name} of {revision} is {word}{why}"))
            }
        };
        Gate { name: format!("status/{name}"), verdict, why }
    };
    required.iter().map(gate).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_required_status_is_a_gate() {
        let status = |name: &str, good, why: &str| CommitStatus { name: name.into(), good, why: why.into() };
        let found = [
            status("ci/build", Some(true), "in 3 min"),
            status("ci/test", Some(false), "2 of 40 failed"),
            status("ci/scan", None, ""),
            status("other", Some(false), "not required"),
        ];
        let required = ["ci/build", "ci/test", "ci/scan", "ci/sign"].map(str::to_owned);
        let gates = statuses(&required, &"a".repeat(40), &found, None);
        let said = gates.iter().map(|gate| format!("{} {}: {}", gate.verdict, gate.name, gate.why));
        let said = said.collect::<Vec<_>>().join("\n") + "\n";
        expect![[r#"
            pass status/ci/build: ci/build of aaaaaaaaaaaa is success: in 3 min
            fail status/ci/test: ci/test of aaaaaaaaaaaa is failure: 2 of 40 failed
            wait status/ci/scan: ci/scan of aaaaaaaaaaaa is pending
            wait status/ci/sign: aaaaaaaaaaaa has no status ci/sign on the forge yet
        "#]]
        .assert_eq(&said);
    }
}
