//! Randomly composed kustomizations.
//!
//! `PLUMB_SEED` and `PLUMB_CASES` choose others than those that are always tried, for instance the seed that a failure printed with one case.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::case::Case;
use crate::compare::{Difference, Outcome, compare, without_names};
use crate::generate;
use crate::oracle::Oracle;
use crate::shrink::shrink;

/// The seeds are always the same, so that a run fails only where something changed.
const FIRST_SEED: u64 = 1;
const CASES: u64 = 10_000;
/// So many different differences are shrunk and told.
const TOLD: usize = 5;
/// So many reasons to refuse an input are told.
const REASONS: usize = 30;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn random_kustomizations_render_as_kustomize_builds_them() {
    let first = setting("PLUMB_SEED", FIRST_SEED);
    let cases = setting("PLUMB_CASES", CASES);
    let told = usize::try_from(setting("PLUMB_TOLD", TOLD as u64)).unwrap();
    println!("seeds {first} to {}", first + cases - 1);
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let refused: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let mut found: Vec<(u64, Case, Difference)> = std::thread::scope(|scope| {
        let work = || {
            let mut oracle = Oracle::new();
            let mut found = Vec::new();
            loop {
                let seed = first + next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + cases {
                    return found;
                }
                let case = generate::case(seed);
                match compare(&mut oracle, &case) {
                    Outcome::BothPrint => {}
                    Outcome::BothRefuse { theirs } => {
                        *refused.lock().unwrap().entry(without_names(&theirs)).or_default() += 1;
                    }
                    Outcome::Difference(difference) => found.push((seed, case, difference)),
                }
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let reasons = refused.into_inner().unwrap();
    let refused: usize = reasons.values().sum();
    println!(
        "{cases} cases in {:.1} s, {refused} refused by both, {} differ",
        began.elapsed().as_secs_f32(),
        found.len()
    );
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (reason, count) in reasons.iter().take(REASONS) {
        println!("{count:6} {reason}");
    }
    found.sort_by_key(|(seed, ..)| *seed);
    let report = report(&found, told);
    assert!(found.is_empty(), "{report}");
    // With most of the inputs refused, little would be compared.
    let most = usize::try_from(cases).unwrap() / 2;
    assert!(refused <= most || cases < 100, "the generator makes too many inputs that kustomize refuses");
}

/// The first differences of each shape, as small as they get.
fn report(found: &[(u64, Case, Difference)], told: usize) -> String {
    let mut oracle = Oracle::new();
    let mut report = String::new();
    let mut shapes: Vec<String> = Vec::new();
    for (seed, case, difference) in found {
        let shape = difference.shape();
        // Many differences of the output may have as many causes.
        if shapes.contains(&shape) && shape != "output" || shapes.len() >= told {
            continue;
        }
        let smallest = shrink(
            case,
            |smaller| matches!(compare(&mut oracle, smaller), Outcome::Difference(other) if other.shape() == shape),
        );
        let shown = match compare(&mut oracle, &smallest) {
            Outcome::Difference(difference) => difference.to_string(),
            other => format!("{other:?}: {difference}"),
        };
        shapes.push(shape);
        let _ = writeln!(report, "\n==== seed {seed} (build of {:?}): {shown}\n{smallest}", smallest.dir);
    }
    report
}
