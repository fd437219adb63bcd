//! One input of a render: files, and the directory to build.

use std::collections::BTreeMap;
use std::fmt;

use crate::value::Value;

/// What a file holds: YAML that can be taken apart, or any text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Yaml(Vec<Value>),
    Bytes(Vec<u8>),
}

impl Content {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Yaml(documents) => documents.iter().map(Value::print).collect::<Vec<_>>().join("---\n").into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) files: BTreeMap<String, Content>,
    pub(crate) dir: String,
}

impl Case {
    pub(crate) fn bytes(&self) -> BTreeMap<String, Vec<u8>> {
        self.files.iter().map(|(path, content)| (path.clone(), content.bytes())).collect()
    }
}

impl fmt::Display for Case {
    /// The form of the scenarios in `agent/kustomize/tests/scenarios`, for a difference often becomes one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, bytes) in self.bytes() {
            let text = String::from_utf8_lossy(&bytes);
            writeln!(f, "-- {path} --")?;
            f.write_str(&text)?;
            if !text.is_empty() && !text.ends_with('\n') {
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
