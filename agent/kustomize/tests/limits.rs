//! Input that is made to hurt is refused with a clear error, or rendered; the benchmark measures what that costs.

#![allow(clippy::panic, reason = "a failed expectation of a test")]

#[path = "limits/hostile.rs"]
mod hostile;

use hostile::{Case, Outcome};
use plumb_kustomize::{MemoryFs, Options, build};

#[test]
fn hostile_trees_are_refused_or_rendered() {
    let wrong: Vec<String> = hostile::cases().iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let tree = (case.tree)();
    let mut fs: MemoryFs = tree.files.into_iter().collect();
    for (path, target) in tree.links {
        fs.insert_symlink(path, target);
    }
    let name = case.name;
    match (build(&fs, "app", &Options::default()), case.outcome) {
        (Ok(_), Outcome::Rendered) => Ok(()),
        (Ok(_), Outcome::Refused(_)) => Err(format!("{name}: it is rendered, expected an error")),
        (Err(errors), Outcome::Rendered) => Err(format!("{name}: {}", short(&errors.to_string()))),
        (Err(errors), Outcome::Refused(expected)) => {
            let text = errors.to_string();
            if text.contains(expected) {
                Ok(())
            } else {
                Err(format!("{name}: expected {expected:?} in {}", short(&text)))
            }
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}
