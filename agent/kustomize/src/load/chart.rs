//! Charts that the loader gives to helm, and those that helm pulls.

use std::sync::Arc;

use super::fetched::FetchFault;
use super::{Found, Loader, join};
use crate::error::Fault;
use crate::fetch::{Chart, ChartRequest, HelmRequest};
use crate::fs::MemoryFs;
use crate::read_set::Fetched;

/// How messages call what helm makes.
const OUTPUT: &str = "output of helm for the chart";

/// How deep the directories of a chart may be.
const DEEPEST: usize = 32;

impl Loader<'_> {
    /// Pulls a chart and puts it where `path` leads to, for this render only; kustomize writes it to disk there.
    pub(crate) fn pull(&self, directory: &str, path: &str, request: &ChartRequest) -> Result<String, Fault> {
        let path = join(directory, path)?;
        let pulled = self.fetch.chart(request);
        let name = format!("{} of {}", request.name, crate::remote::shown(&request.repo));
        let chart = pulled.map_err(|error| FetchFault::new("helm chart", &name, &error))?;
        let fs: MemoryFs = chart.files.iter().collect();
        self.budget.text(chart.files.values().map(|content| content.len()).sum());
        let id = crate::fs::digest(format!("{:?}", chart.files).as_bytes());
        self.read.borrow_mut().record_fetched(&name, Fetched { id: format!("sha256:{id}"), proven: false });
        self.mounts.borrow_mut().add_chart(&path, Arc::new(fs));
        Ok(path)
    }

    /// All files of a chart, over symbolic links as helm reads it.
    pub(crate) fn chart(&self, path: &str) -> Result<Chart, Fault> {
        let mut chart = Chart::default();
        let mut left = vec![(path.to_owned(), String::new(), 0)];
        let mut bytes = 0;
        while let Some((directory, prefix, depth)) = left.pop() {
            if depth > DEEPEST {
                return Err(Fault::limit(format!(
                    "{directory}: the directories of a chart are at most {DEEPEST} deep"
                )));
            }
            for name in self.names(&directory)? {
                // git forbids such names, but a repository can be made to hold them.
                if matches!(name.as_str(), "" | "." | "..") || name.contains('/') {
                    return Err(Fault::path(format!("{directory} holds the name {name:?}, which no file can have")));
                }
                let relative = format!("{prefix}{name}");
                match self.find(&directory, &name)? {
                    Found::File { bytes: content, .. } => {
                        bytes += content.len();
                        if bytes > self.budget.options.max_file_bytes {
                            let most = self.budget.options.max_file_bytes;
                            return Err(Fault::limit(format!("the chart in {path} has more than {most} bytes")));
                        }
                        self.budget.text(content.len());
                        chart.files.insert(relative, content);
                    }
                    Found::Directory { path } => left.push((path, format!("{relative}/"), depth + 1)),
                    Found::Missing { path } => {
                        return Err(Fault::path(format!(
                            "{relative} of the chart leads to {path}, which does not exist"
                        )));
                    }
                }
            }
        }
        Ok(chart)
    }

    /// Whether helm may be asked for a chart.
    pub(crate) fn helm_enabled(&self, chart: &str) -> Result<(), Fault> {
        Ok(self.fetch.helm_enabled().map_err(|error| FetchFault::new(OUTPUT, chart, &error))?)
    }

    /// What helm makes of a chart. Templates may use the time and random numbers, so nothing proves that it stays the same.
    pub(crate) fn helm(&self, request: &HelmRequest) -> Result<Vec<u8>, Fault> {
        let printed = self.fetch.helm(request);
        let printed = printed.map_err(|error| FetchFault::new(OUTPUT, &request.name, &error))?;
        let id = format!("sha256:{}", crate::fs::digest(&printed));
        self.read
            .borrow_mut()
            .record_fetched(&format!("helm template {}", request.name), Fetched { id, proven: false });
        Ok(printed)
    }

    /// The names in a directory.
    fn names(&self, path: &str) -> Result<Vec<String>, Fault> {
        self.budget.check()?;
        let names = match self.mounts.borrow().tree_of(path) {
            Some((fs, path)) => fs.list(path),
            None => self.fs.list(path),
        };
        names.map_err(|error| Fault::storage(error.to_string()))
    }
}
