//! The real kustomize, which answers many builds in one process.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A build of kustomize that takes longer is not worth waiting for.
const DEADLINE: Duration = Duration::from_secs(20);

/// What kustomize says to an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Printed(String),
    Refused(String),
}

/// A process of `kustomize-oracle`, started when it is needed and again when it ended.
pub(crate) struct Oracle {
    program: PathBuf,
    running: Option<Running>,
}

struct Running {
    child: Child,
    questions: ChildStdin,
    answers: Receiver<Vec<u8>>,
}

impl Oracle {
    pub(crate) fn new() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("cluster/bin/kustomize-oracle");
        assert!(program.exists(), "{} is missing: run e2e/cluster/build.sh tools", program.display());
        Self { program, running: None }
    }

    /// Builds the directory `dir` of a tree of files in memory.
    pub(crate) fn build(&mut self, files: &BTreeMap<String, Vec<u8>>, dir: &str) -> Answer {
        let files: BTreeMap<&str, String> =
            files.iter().map(|(path, bytes)| (path.as_str(), STANDARD.encode(bytes))).collect();
        self.ask(&json!({ "files": files, "dir": dir }))
    }

    /// Builds a directory on the disk.
    pub(crate) fn build_directory(&mut self, dir: &Path) -> Answer {
        self.ask(&json!({ "dir": dir }))
    }

    fn ask(&mut self, question: &Value) -> Answer {
        let text = question.to_string();
        let running = self.running.get_or_insert_with(|| Running::start(&self.program));
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        // A process that ended can not be written to; the answer that is missing tells that as well.
        let _ = running.questions.write_all(&[&length, text.as_bytes()].concat());
        let _ = running.questions.flush();
        match running.answers.recv_timeout(DEADLINE) {
            Ok(answer) => {
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                match answer["yaml"].as_str() {
                    Some(yaml) => Answer::Printed(yaml.to_owned()),
                    None => Answer::Refused(answer["error"].as_str().unwrap_or_default().to_owned()),
                }
            }
            Err(error) => {
                self.running = None;
                let what = match error {
                    RecvTimeoutError::Timeout => "no answer",
                    RecvTimeoutError::Disconnected => "the process ended",
                };
                Answer::Refused(format!("kustomize crashed: {what}"))
            }
        }
    }
}

impl Running {
    fn start(program: &Path) -> Self {
        // Generators read variables of the environment, and the renderer has none.
        let mut child = Command::new(program)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            let mut length = [0; 4];
            while output.read_exact(&mut length).is_ok() {
                let mut answer = vec![0; u32::from_be_bytes(length) as usize];
                if output.read_exact(&mut answer).is_err() || sender.send(answer).is_err() {
                    return;
                }
            }
        });
        Self { child, questions, answers }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
