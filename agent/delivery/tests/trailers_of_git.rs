//! Our reading of trailers against that of the git that is installed.

#![allow(clippy::unwrap_used, reason = "helpers of an integration test are tests too, and clippy cannot see it")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use plumb_delivery::trailers::{Error, parse};
use proptest::prelude::*;

/// An empty bare repository to put commits into.
static REPOSITORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trailers-of-git.git");
    git(&["init", "--quiet", "--bare", path.to_str().unwrap()], None, b"");
    path
});

/// Runs git without anybody's configuration.
fn git(arguments: &[&str], repository: Option<&Path>, input: &[u8]) -> String {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(repository) = repository {
        command.env("GIT_DIR", repository);
    }
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `git log` shows of a commit with this message, written as it is.
fn log(message: &str) -> String {
    let who = "Ada <ada@example.org> 1700000000 +0000";
    let commit = format!("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor {who}\ncommitter {who}\n\n{message}");
    let id = git(&["hash-object", "-t", "commit", "-w", "--stdin"], Some(&REPOSITORY), commit.as_bytes());
    let shown = git(&["log", "-1", "--format=%(trailers:only,unfold)", id.trim()], Some(&REPOSITORY), b"");
    shown.strip_suffix('\n').unwrap_or(&shown).to_owned()
}

fn compare(message: &str) -> Result<(), TestCaseError> {
    let above = git(&["interpret-trailers", "--parse"], None, message.as_bytes());
    let whole = log(message);
    let ours = parse(message);
    if above == whole {
        let ours = ours.map(|trailers| {
            trailers.iter().flat_map(|trailer| [&trailer.key, ": ", &trailer.value, "\n"]).collect::<String>()
        });
        prop_assert_eq!(ours, Ok(whole), "{:?}", message);
    } else {
        let refused = matches!(ours, Err(Error::Disagree { .. }));
        prop_assert!(refused, "{:?}: git reads {:?} and {:?}, we read {:?}", message, above, whole, ours);
    }
    Ok(())
}

#[test]
fn messages_of_people_and_forges() {
    for message in [
        "title\n",
        "title\n\nPromote-To: staging\n",
        "title\n\nPromote-To: staging",
        "title\n\nbody\n\nPromote-To: staging\nPromote-Revision: 4b825dc\n",
        "title\n\nPromote-To: staging\n\nReviewed-on: https://git.example.org/a/b/pulls/1\n",
        "title (#12)\n\n* one\n\nPromote-To: staging\n\n* two\n\nCo-authored-by: Grace <g@example.org>\n",
        "title\n\nPromote-To: staging\n---\n\nPromote-To: prod\n",
        "title\n\nPromote-To: staging\n---",
        "title\n\nPromote-To: staging\n---more\n",
        "title\n\nPromote-To: staging\n(cherry picked from commit 4b825dc642cb6eb9a060e54bf8d69288fbee4904)\n",
        "title\n\nprose\nprose\nPromote-To: staging\nSigned-off-by: A <a@b>\n",
        "title\n\na\nb\nc\nSigned-off-by: A <a@b>\n",
        "title\n\na\nb\nc\nd\nSigned-off-by: A <a@b>\n",
        "title\n\nKey: value\n  more\n\tand more\n",
        "title\n\nKey: value  \n  \n more\n",
        "title\n\nKey:\n  more\n",
        "title\r\n\r\nPromote-To: staging\r\nKey: a\r\n b\r\n",
        "title\n\n  indented: no trailer\nKey: value\n",
        "title\n\nKey : spaced\nKey\t: tab\nK e y: none\n",
        "title\n\nKey: value\n# comment\n\n",
        "title\n\nKey: value\n\nConflicts:\n\ta/file\n\tb/file\n",
        "title\n\nKey: value\n# ------------------------ >8 ------------------------\ndiff\n",
        "# comment\n\nKey: value\n",
        "\n\nKey: value\n",
        "Key: value\n\n",
        "Merge branch 'main'\n\nPromote-To: größe\nÄrger: nein\n",
        "",
        "\n",
    ] {
        compare(message).unwrap();
    }
}

/// Lines that mean something to git's reader, in any order.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(Promote-To|Key|a-b|K1)( |\t)?: ?(staging|x y |)",
        2 => Just(String::new()),
        2 => "(prose|more prose: here|a b: c|é: x|: x)",
        1 => "( |\t|  )(more|Key: x|  |)",
        1 => Just("Signed-off-by: A <a@b>".to_owned()),
        1 => Just("(cherry picked from commit 4b825dc)".to_owned()),
        1 => "---( a/file| |\t|x|)",
        1 => "#( comment| Key: x|)",
        1 => Just("Conflicts:".to_owned()),
        1 => "\r?",
        1 => "[ -~]{0,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_message(title in prop_oneof![4 => Just("title\n\n"), 1 => Just("")], lines in prop::collection::vec(line(), 0..10), end in "\n{0,2}") {
        compare(&format!("{title}{}{end}", lines.join("\n")))?;
    }
}
