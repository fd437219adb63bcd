//! What was read proves what would be rendered again.

#![allow(clippy::unwrap_used, reason = "helpers of tests: what can not be read fails the test")]

mod support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use plumb_kustomize::{Entry, Fs, FsError, Identity, MemoryFs, Options, Rendered, build};
use proptest::prelude::*;
use support::scenario::{Expected, Scenario};

/// The scenarios that render.
static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let mut scenarios: Vec<Scenario> = support::scenarios().into_iter().map(|(_, scenario)| scenario).collect();
    scenarios.retain(|scenario| matches!(scenario.expected, Expected::Printed(_)));
    scenarios
});

/// One of the scenarios, and some files that nothing refers to.
fn scenario(index: prop::sample::Index) -> (MemoryFs, &'static str, Rendered) {
    let scenario = index.get(&SCENARIOS);
    let mut fs = support::input(scenario);
    let entry = scenario.entry();
    for stranger in ["README.md", "overlay/notes.txt", "base/unused.yaml", "elsewhere/kustomization.yaml"] {
        if !matches!(fs.lookup(stranger), Ok(Entry::File { .. })) {
            fs.insert(stranger, "kind: Nothing\n");
        }
    }
    let rendered = build(&fs, entry, &Options::default()).unwrap();
    (fs, entry, rendered)
}

fn render(fs: &MemoryFs, entry: &str) -> Result<String, String> {
    build(fs, entry, &Options::default()).map(|rendered| rendered.to_yaml()).map_err(|errors| errors.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// A change outside of the set changes nothing, and the set says so.
    #[test]
    fn a_change_outside_renders_the_same(index in any::<prop::sample::Index>(), file in any::<prop::sample::Index>(), content in ".{0,40}") {
        let (mut fs, entry, rendered) = scenario(index);
        let outside: Vec<String> =
            fs.paths().filter(|path| !rendered.read.contains(path)).map(str::to_owned).collect();
        fs.insert(outside[file.index(outside.len())].clone(), content);
        prop_assert!(rendered.read.unchanged(&fs).unwrap());
        prop_assert_eq!(render(&fs, entry).unwrap(), rendered.to_yaml());
    }

    /// The list of the files that differ says the same as a look at both trees, save that it knows nothing of what they hold.
    #[test]
    fn a_list_of_changes_is_as_good_as_a_look(index in any::<prop::sample::Index>(), picked in prop::collection::vec((any::<prop::sample::Index>(), 0..4), 1..4)) {
        let (mut fs, _, rendered) = scenario(index);
        let known: Vec<String> = rendered.read.iter().map(|(path, _)| path.to_owned()).chain(fs.paths().map(str::to_owned)).collect();
        let mut changed = Vec::new();
        for (at, what) in picked {
            let path = known[at.index(known.len())].clone();
            let path = if what == 3 { format!("{path}/below") } else { path };
            match what {
                0 => fs.remove(&path),
                1 => fs.insert_symlink(path.clone(), "elsewhere"),
                _ => fs.insert(path.clone(), "changed"),
            }
            changed.push(path);
        }
        let touched = rendered.read.is_touched_by(changed.iter().map(String::as_str));
        prop_assert!(touched || rendered.read.unchanged(&fs).unwrap(), "{changed:?}");
    }

    /// A change of any file in the set is noticed, and so is its removal.
    #[test]
    fn a_change_inside_is_noticed(index in any::<prop::sample::Index>(), file in any::<prop::sample::Index>(), remove: bool) {
        let (mut fs, _, rendered) = scenario(index);
        let inside: BTreeSet<String> = rendered.read.iter().filter(|(_, id)| id.is_some()).map(|(path, _)| path.to_owned()).collect();
        let path = inside.iter().nth(file.index(inside.len())).unwrap();
        if remove {
            fs.remove(path);
        } else {
            match fs.lookup(path).unwrap() {
                Entry::File { bytes, .. } => fs.insert(path.clone(), [&bytes[..], b"# changed\n"].concat()),
                Entry::Symlink { target, .. } => fs.insert_symlink(path.clone(), format!("{target}.changed")),
                Entry::Directory { .. } | Entry::Missing => panic!("{path} was read, so it is a file or a link"),
            }
        }
        prop_assert!(!rendered.read.unchanged(&fs).unwrap());
    }

    /// A file that was looked for and missing is noticed when it comes to be.
    #[test]
    fn a_file_that_was_missing_is_noticed(index in any::<prop::sample::Index>(), file in any::<prop::sample::Index>()) {
        let (mut fs, _, rendered) = scenario(index);
        let missing: Vec<&str> = rendered.read.iter().filter(|(_, id)| id.is_none()).map(|(path, _)| path).collect();
        fs.insert(missing[file.index(missing.len())], "");
        prop_assert!(!rendered.read.unchanged(&fs).unwrap());
    }
}

#[test]
fn a_link_that_becomes_a_file_with_the_same_id_is_noticed() {
    let mut fs = MemoryFs::from([("real/kustomization.yaml", "namePrefix: a-\n")]);
    fs.insert_symlink("kustomization.yaml", "real/kustomization.yaml");
    let rendered = build(&fs, "", &Options::default()).unwrap();
    assert!(rendered.read.unchanged(&fs).unwrap());
    fs.insert("kustomization.yaml", "real/kustomization.yaml");
    assert!(!rendered.read.unchanged(&fs).unwrap());
}

#[test]
fn nothing_is_read_to_see_that_nothing_changed() {
    struct Ids(MemoryFs);
    impl Fs for Ids {
        fn lookup(&self, path: &str) -> Result<Entry, FsError> {
            Err(FsError { path: path.to_owned(), message: "content is not wanted".to_owned() })
        }
        fn identify(&self, path: &str) -> Result<Identity, FsError> {
            self.0.identify(path)
        }
    }
    let fs = MemoryFs::from([("kustomization.yaml", "configMapGenerator: [{name: app, files: [a]}]\n"), ("a", "1")]);
    let rendered = build(&fs, "", &Options::default()).unwrap();
    assert!(rendered.read.unchanged(&Ids(fs)).unwrap());
}
