//! The format of the scenarios: one text file for each, after the txtar format of Go's tools.
//!
//! A comment at the top says what the scenario shows. Then sections follow, each under a line of its own: `-- path --` is a file, `-- path (base64) --` a file
//! that is no text or has no line break at its end, `-- path -> target --` a symbolic link. The last section is `-- expected.yaml --`, which holds what
//! kustomize prints, or `-- refused --` for an input that kustomize refuses, which holds the text of our error.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "each test uses a part of this, and what can not be read fails the test"
)]

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One input of kustomize with what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scenario {
    /// The area and the name: `namespace/of-subjects`.
    pub(crate) name: String,
    /// The text up to the last section, as it is written.
    pub(crate) inputs: String,
    pub(crate) files: Vec<(String, Content)>,
    pub(crate) expected: Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Link(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The scenario is not finished; `UPDATE_SCENARIOS` adds what is missing.
    Unknown,
    Printed(String),
    Refused(String),
}

impl Scenario {
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut inputs = String::new();
        let mut sections: Vec<(&str, String)> = Vec::new();
        for line in text.split_inclusive('\n') {
            if let Some(title) = title(line) {
                sections.push((title, String::new()));
            } else if let Some((_, content)) = sections.last_mut() {
                content.push_str(line);
            }
            if !matches!(sections.last(), Some(("expected.yaml" | "refused", _))) {
                inputs.push_str(line);
            }
        }
        let expected = match sections.last_mut() {
            Some(("expected.yaml", content)) => Expected::Printed(std::mem::take(content)),
            Some(("refused", content)) => Expected::Refused(std::mem::take(content)),
            _ => Expected::Unknown,
        };
        if expected != Expected::Unknown {
            sections.pop();
        }
        let files = sections.into_iter().map(|(title, content)| file(title, content)).collect::<Result<Vec<_>, _>>()?;
        for (i, (path, _)) in files.iter().enumerate() {
            if path == "expected.yaml" || path == "refused" {
                return Err(format!("{path} must be the last section"));
            }
            if files[..i].iter().any(|(earlier, _)| earlier == path) {
                return Err(format!("{path} is there twice"));
            }
        }
        Ok(Self { name: name.to_owned(), inputs, files, expected })
    }

    /// The text of the scenario, which [`Scenario::parse`] reads.
    pub(crate) fn text(&self) -> String {
        match &self.expected {
            Expected::Unknown => self.inputs.clone(),
            Expected::Printed(yaml) => format!("{}-- expected.yaml --\n{yaml}", self.inputs),
            Expected::Refused(error) => format!("{}-- refused --\n{error}", self.inputs),
        }
    }

    /// The directory that is built: `overlay` if there is one, else the root.
    pub(crate) fn entry(&self) -> &'static str {
        if self.files.iter().any(|(path, _)| path.starts_with("overlay/")) { "overlay" } else { "" }
    }

    /// Writes the input into a directory, for the real kustomize.
    pub(crate) fn write_into(&self, directory: &Path) -> std::io::Result<()> {
        for (path, content) in &self.files {
            let path = directory.join(path);
            std::fs::create_dir_all(path.parent().unwrap())?;
            match content {
                Content::Bytes(bytes) => std::fs::write(path, bytes)?,
                Content::Link(target) => std::os::unix::fs::symlink(target, path)?,
            }
        }
        Ok(())
    }
}

/// All scenarios below a directory of areas, in order, with the files that they are in.
pub(crate) fn scenarios(directory: &Path) -> Vec<(PathBuf, Scenario)> {
    let mut found = Vec::new();
    for area in std::fs::read_dir(directory).unwrap() {
        for entry in std::fs::read_dir(area.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().with_extension("");
            let text = std::fs::read_to_string(&path).unwrap();
            match Scenario::parse(name.to_str().unwrap(), &text) {
                Ok(scenario) => found.push((path, scenario)),
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

fn title(line: &str) -> Option<&str> {
    let title = line.trim_end_matches('\n').strip_prefix("-- ")?.strip_suffix(" --")?.trim();
    (!title.is_empty()).then_some(title)
}

fn file(title: &str, content: String) -> Result<(String, Content), String> {
    if let Some((path, target)) = title.split_once(" -> ") {
        return if content.trim().is_empty() {
            Ok((path.to_owned(), Content::Link(target.to_owned())))
        } else {
            Err(format!("the link {path} has content"))
        };
    }
    let Some(path) = title.strip_suffix(" (base64)") else {
        return Ok((title.to_owned(), Content::Bytes(content.into_bytes())));
    };
    let encoded: String = content.split_whitespace().collect();
    let bytes = STANDARD.decode(encoded).map_err(|error| format!("{path}: {error}"))?;
    Ok((path.to_owned(), Content::Bytes(bytes)))
}
