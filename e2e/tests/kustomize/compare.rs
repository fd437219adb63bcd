//! The renderer and kustomize, side by side.

use std::fmt;
use std::sync::mpsc::channel;
use std::time::Duration;

use plumb_kustomize::{Fs, MemoryFs, Options, build};

use crate::case::Case;
use crate::oracle::{Answer, Oracle};

/// Longer than any input of these tests may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How the renderer and kustomize can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    BothPrint,
    BothRefuse { theirs: String },
    Difference(Difference),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Both print, but not the same.
    Output {
        ours: String,
        theirs: String,
    },
    OnlyOursRefuses(String),
    OnlyTheirsRefuses(String),
    /// The renderer panicked or did not end.
    Broken(String),
}

impl Difference {
    /// What stays the same while an input shrinks, so that one difference does not turn into another.
    pub(crate) fn shape(&self) -> String {
        match self {
            Self::Output { .. } => "output".to_owned(),
            Self::OnlyOursRefuses(error) => format!("ours refuses: {}", without_names(error)),
            Self::OnlyTheirsRefuses(error) => format!("theirs refuses: {}", without_names(error)),
            Self::Broken(_) => "broken".to_owned(),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output { ours, theirs } => {
                let (ours, theirs): (Vec<_>, Vec<_>) = (ours.lines().collect(), theirs.lines().collect());
                let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
                let shown = |lines: &[&str]| -> String {
                    lines.iter().skip(same).take(12).flat_map(|line| ["  ", line, "\n"]).collect()
                };
                let before = theirs[same.saturating_sub(4)..same].join("\n    ");
                write!(
                    f,
                    "from line {} on\n    {before}\nkustomize:\n{}ours:\n{}",
                    same + 1,
                    shown(&theirs),
                    shown(&ours)
                )
            }
            Self::OnlyOursRefuses(error) => write!(f, "kustomize prints, we refuse: {error}"),
            Self::OnlyTheirsRefuses(error) => write!(f, "we print, kustomize refuses: {error}"),
            Self::Broken(what) => write!(f, "the renderer broke: {what}"),
        }
    }
}

/// The words of the last part of an error that name no object, file or line.
pub(crate) fn without_names(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    let words: Vec<_> = line.split_whitespace().filter(|word| word.chars().all(|c| c.is_ascii_lowercase())).collect();
    // In front of them stands the way to the kustomization.
    words[words.len().saturating_sub(8)..].join(" ")
}

pub(crate) fn compare(oracle: &mut Oracle, case: &Case) -> Outcome {
    let files = case.bytes();
    let theirs = oracle.build(&files, &case.dir);
    let mut fs = MemoryFs::new();
    for (path, bytes) in files {
        fs.insert(path, bytes);
    }
    outcome(render(fs, case.dir.clone()), theirs)
}

pub(crate) fn outcome(ours: Result<Answer, String>, theirs: Answer) -> Outcome {
    match (ours, theirs) {
        (Err(broken), _) => Outcome::Difference(Difference::Broken(broken)),
        (Ok(Answer::Refused(_)), Answer::Refused(theirs)) => Outcome::BothRefuse { theirs },
        (Ok(Answer::Printed(ours)), Answer::Printed(theirs)) if ours == theirs => Outcome::BothPrint,
        (Ok(Answer::Printed(ours)), Answer::Printed(theirs)) => {
            Outcome::Difference(Difference::Output { ours, theirs })
        }
        (Ok(Answer::Refused(error)), Answer::Printed(_)) => Outcome::Difference(Difference::OnlyOursRefuses(error)),
        // What crashes kustomize says nothing of what it should print.
        (Ok(Answer::Printed(_)), Answer::Refused(theirs)) if theirs.starts_with("panic:") => {
            Outcome::BothRefuse { theirs }
        }
        (Ok(Answer::Printed(_)), Answer::Refused(error)) => Outcome::Difference(Difference::OnlyTheirsRefuses(error)),
    }
}

/// What the renderer says, in a thread of its own: a panic and an endless loop are findings too.
pub(crate) fn render(fs: impl Fs + Send + 'static, dir: String) -> Result<Answer, String> {
    let (sender, receiver) = channel();
    let thread = std::thread::spawn(move || {
        let answer = match build(&fs, &dir, &Options::default()) {
            Ok(rendered) => Answer::Printed(rendered.to_yaml()),
            Err(errors) => Answer::Refused(errors.to_string()),
        };
        let _ = sender.send(answer);
    });
    match receiver.recv_timeout(DEADLINE) {
        Ok(answer) => Ok(answer),
        Err(_) if thread.is_finished() => Err("it panicked".to_owned()),
        Err(_) => Err(format!("no answer in {} s", DEADLINE.as_secs())),
    }
}
