//! The helm of the person at the command line, as kustomize calls it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use plumb_kustomize::{Chart, ChartRequest, FetchError, HelmRequest};

use super::process::{Run, run};

/// How to call helm.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Helm {
    /// The program.
    pub(in crate::cli) command: String,
    /// `--api-versions` for charts that name none.
    pub(in crate::cli) api_versions: Vec<String>,
    /// `--kube-version` for charts that name none.
    pub(in crate::cli) kube_version: String,
    /// `--debug` for all charts.
    pub(in crate::cli) debug: bool,
}

/// What helm may know of the environment: where programs, proxies and trusted certificates are. Nothing of it is a secret of
/// the person, unlike what their home directory and the other variables may hold.
const ENVIRONMENT: [&str; 11] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TMPDIR",
    "LANG",
];

impl Helm {
    /// Pulls a chart into `directory`, and reads it.
    ///
    /// # Errors
    /// When helm fails, or the chart has more than `most` bytes.
    pub(super) fn pull(&self, directory: &Path, request: &ChartRequest, most: usize) -> Result<Chart, FetchError> {
        self.check_version(directory)?;
        let charts = directory.join("charts");
        let mut arguments: Vec<OsString> = vec!["pull".into(), "--untar".into(), "--untardir".into(), (&charts).into()];
        if request.repo.starts_with("oci://") {
            arguments.push(format!("{}/{}", request.repo.trim_end_matches('/'), request.name).into());
        } else {
            arguments.extend(["--repo".into(), (&request.repo).into(), (&request.name).into()]);
        }
        if !request.version.is_empty() {
            arguments.extend(["--version".into(), (&request.version).into()]);
        }
        if request.devel {
            arguments.push("--devel".into());
        }
        self.run(&arguments, directory, &request.config_home, most)?;
        let mut chart = Chart::default();
        let mut left = most;
        read(&charts.join(&request.name), "", &mut chart.files, &mut left)?;
        Ok(chart)
    }

    /// What `helm template` prints; `directory` is to write in.
    ///
    /// # Errors
    /// When helm fails, or prints more than `most` bytes.
    pub(super) fn template(&self, directory: &Path, request: &HelmRequest, most: usize) -> Result<Vec<u8>, FetchError> {
        self.check_version(directory)?;
        // Without a name for the release, helm makes one of the name of this directory.
        let name = request.name.rsplit('/').find(|name| !name.is_empty() && *name != "." && *name != "..");
        let chart = directory.join("charts").join(name.unwrap_or("chart"));
        write(&chart, &request.chart)?;
        let mut values = Vec::new();
        for (index, content) in request.values.iter().enumerate() {
            let path = directory.join(format!("values-{index}.yaml"));
            fs::write(&path, content).map_err(|error| unusable(&error))?;
            values.push(path);
        }
        self.run(&self.template_arguments(request, &chart, &values), directory, &request.config_home, most)
    }

    fn template_arguments(&self, request: &HelmRequest, chart: &Path, values: &[PathBuf]) -> Vec<OsString> {
        let name = if request.release_name.is_empty() { "--generate-name" } else { &request.release_name };
        let mut arguments: Vec<OsString> = vec!["template".into(), name.into(), chart.into()];
        let mut option = |name: &str, value: OsString| {
            if !value.is_empty() {
                arguments.extend([name.into(), value]);
            }
        };
        option("--namespace", (&request.namespace).into());
        option("--name-template", (&request.name_template).into());
        for path in values {
            option("-f", path.into());
        }
        let own = !request.api_versions.is_empty();
        for version in if own { &request.api_versions } else { &self.api_versions } {
            option("--api-versions", version.into());
        }
        let own = !request.kube_version.is_empty();
        option("--kube-version", if own { &request.kube_version } else { &self.kube_version }.into());
        for (flag, is_set) in [
            ("--include-crds", request.include_crds),
            ("--skip-tests", request.skip_tests),
            ("--no-hooks", request.skip_hooks),
            ("--debug", request.debug || self.debug),
            ("--devel", request.devel),
        ] {
            if is_set {
                arguments.push(flag.into());
            }
        }
        arguments
    }

    /// kustomize knows helm 3 and 4.
    fn check_version(&self, directory: &Path) -> Result<(), FetchError> {
        let printed = self.run(&["version".into(), "--short".into()], directory, "", 4 << 10)?;
        let printed = String::from_utf8_lossy(&printed);
        match major_version(&printed) {
            Some("3" | "4") => Ok(()),
            Some(other) => {
                Err(FetchError::refused(format!("helm 3 or 4 is needed, and {} is helm {other}", self.command)))
            }
            None => Err(FetchError::refused(format!("{} does not say which version of helm it is", self.command))),
        }
    }

    fn run(
        &self,
        arguments: &[OsString],
        directory: &Path,
        config_home: &str,
        most: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let home = directory.join("home");
        fs::create_dir_all(&home).map_err(|error| unusable(&error))?;
        let config = if config_home.is_empty() { home.join("helm") } else { PathBuf::from(config_home) };
        let mut environment: BTreeMap<OsString, OsString> = BTreeMap::new();
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                environment.insert(name.into(), value);
            }
        }
        environment.insert("HOME".into(), home.into());
        environment.insert("HELM_CACHE_HOME".into(), config.join(".cache").into());
        environment.insert("HELM_DATA_HOME".into(), config.join(".data").into());
        environment.insert("HELM_CONFIG_HOME".into(), config.into());
        // What helm says names the places of the copies that it was given, which tell nobody anything.
        let what = Run {
            program: self.command.as_ref(),
            arguments,
            environment: &environment,
            directory: None,
            input: &[],
            most,
            hint: "; install it, or name it with --helm-command",
        };
        run(&what).map_err(|mut error| {
            error.message = error.message.replace(&format!("{}/", directory.display()), "");
            error
        })
    }
}

/// The first number of a version such as `v4.1.0+g1a2b3c4`, which may stand anywhere in the text.
fn major_version(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let (major, minor) = word.split_once('.')?;
        (!major.is_empty() && minor.starts_with(|c: char| c.is_ascii_digit())).then_some(major)
    })
}

fn unusable(error: &std::io::Error) -> FetchError {
    FetchError::unreachable(format!("the temporary directory can't be used: {error}"))
}

/// Writes the files of a chart below `root`.
fn write(root: &Path, chart: &Chart) -> Result<(), FetchError> {
    fs::create_dir_all(root).map_err(|error| unusable(&error))?;
    for (path, content) in &chart.files {
        let relative = Path::new(path);
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(FetchError::refused(format!("the chart has a file at {path:?}, which leads out of it")));
        }
        let file = root.join(relative);
        let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, content));
        written.map_err(|error| unusable(&error))?;
    }
    Ok(())
}

/// Reads all files below a directory; links are left out.
fn read(
    directory: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, Arc<[u8]>>,
    left: &mut usize,
) -> Result<(), FetchError> {
    let unreadable = |error: std::io::Error| FetchError::refused(format!("helm pulled no chart of this name: {error}"));
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().map_err(unreadable)?;
        let name = entry.file_name().into_string();
        let name = name.map_err(|_| FetchError::refused("the name of a file in the chart is not UTF-8"))?;
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            read(&entry.path(), &format!("{path}/"), files, left)?;
        } else if kind.is_file() {
            let size = usize::try_from(entry.metadata().map_err(unreadable)?.len()).unwrap_or(usize::MAX);
            let too_large = || FetchError::refused("the chart is too large");
            *left = left.checked_sub(size).ok_or_else(too_large)?;
            files.insert(path, Arc::from(fs::read(entry.path()).map_err(unreadable)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
