//! Functions that are programs of the work tree, as kustomize runs them.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use plumb_kustomize::{FetchError, FunctionCall};

use super::process::{Run, run};

/// Runs programs that configurations name, with all rights of the person at the command line.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Functions {
    /// The root of the tree that is rendered.
    pub(in crate::cli) root: PathBuf,
}

impl Functions {
    /// What a function prints.
    ///
    /// # Errors
    /// When it can't be started or fails, or prints more than `most` bytes.
    pub(super) fn run(&self, call: &FunctionCall, most: usize) -> Result<Vec<u8>, FetchError> {
        let directory = self.root.join(&call.directory);
        let arguments: Vec<OsString> = call.args.iter().map(OsString::from).collect();
        let mut environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        environment.extend(call.env.iter().map(|(name, value)| (name.into(), value.into())));
        run(&Run {
            program: &program(&directory, &call.path),
            arguments: &arguments,
            environment: &environment,
            directory: Some(&directory),
            input: &call.input,
            most,
            hint: "; its path must be relative to the directory of the kustomization that names it",
        })
    }
}

/// A path counts from the directory; a name without a slash is looked for in `PATH`.
fn program(directory: &Path, path: &str) -> OsString {
    if path.contains('/') { directory.join(path).into() } else { OsStr::new(path).to_owned() }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_function_runs_in_the_directory_of_its_kustomization() {
        let root = tempfile::tempdir().unwrap();
        let functions = Functions { root: root.path().canonicalize().unwrap() };
        let dev = functions.root.join("dev");
        fs::create_dir(&dev).unwrap();
        fs::write(dev.join("run.sh"), "#!/bin/sh\ncat\necho $1 $A\npwd\n").unwrap();
        fs::set_permissions(dev.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        let call = FunctionCall {
            path: "./run.sh".to_owned(),
            args: vec!["first".to_owned()],
            env: vec![("A".to_owned(), "b".to_owned())],
            directory: "dev".to_owned(),
            input: b"input\n".to_vec(),
        };
        let printed = String::from_utf8(functions.run(&call, 1 << 10).unwrap()).unwrap();
        assert_eq!(printed, format!("input\nfirst b\n{}\n", dev.display()));
        assert!(functions.run(&call, 10).unwrap_err().message.contains("more than 10 bytes"));
        let failing = FunctionCall { path: "false".to_owned(), input: vec![b'x'; 1 << 20], ..call.clone() };
        assert_eq!(functions.run(&failing, 10).unwrap_err().message, "false failed: exit status: 1");
        let missing = FunctionCall { path: "./none".to_owned(), ..call };
        assert!(functions.run(&missing, 10).unwrap_err().message.contains("can't be started"));
    }
}
