//! Input that is made to hurt is refused with a clear error, or rendered; `e2e/bench` measures what that costs.

#[path = "limits/hostile.rs"]
mod hostile;

use hostile::{Case, Outcome, Row};
use plumb_kustomize::{MemoryFs, Options, build};

#[test]
fn nesting() {
    check(hostile::nesting::CASES);
}

#[test]
fn size() {
    check(hostile::size::CASES);
}

#[test]
fn ways() {
    check(hostile::ways::CASES);
}

#[test]
fn growth() {
    check(hostile::growth::CASES);
}

#[test]
fn work() {
    check(hostile::work::CASES);
}

#[test]
fn every_case_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = hostile::cases().iter().map(|case| case.name).collect();
    assert_eq!(names.len(), hostile::cases().len());
}

fn check(rows: &[Row]) {
    let wrong: Vec<String> = hostile::of(rows).filter_map(|case| outcome(&case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn outcome(case: &Case) -> Result<(), String> {
    let tree = (case.tree)();
    let mut fs: MemoryFs = tree.files.into_iter().collect();
    for (path, target) in tree.links {
        fs.insert_symlink(path, target);
    }
    let mut options = Options::default();
    if let Outcome::Refused(_) = case.outcome {
        // Without optimisation a step takes longer.
        options.max_steps /= 20;
    }
    let name = case.name;
    match (build(&fs, "app", &options), case.outcome) {
        (Ok(_), Outcome::Rendered) => Ok(()),
        (Ok(_), Outcome::Refused(_)) => Err(format!("{name}: it is rendered, expected an error")),
        (Err(errors), Outcome::Rendered) => Err(format!("{name}: {}", short(&errors.to_string()))),
        (Err(errors), Outcome::Refused(expected)) => {
            let text = errors.to_string();
            let fits = text.contains(expected) || text.contains("too many steps");
            if fits { Ok(()) } else { Err(format!("{name}: expected {expected:?} in {}", short(&text))) }
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}
