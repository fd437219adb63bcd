//! Helm charts: what goes into helm, and what comes out of it (`HelmChartInflationGenerator` of kustomize).

use std::sync::Arc;

use plumb_yaml::{Schema, Value};

use crate::error::{ErrorKind, Fault};
use crate::fetch::{ChartRequest, HelmRequest};
use crate::filters::merge::{Merged, merge};
use crate::kustomization::helm::{HelmChart, ValuesMerge};
use crate::load::{Found, Loader};
use crate::object::Resource;
use crate::parse::{self, FileFault};
use crate::remote::is_remote_file;
use crate::tree::{Map, Tree};

/// Where kustomize looks for charts.
const CHART_HOME: &str = "charts";

/// kustomize marks what helm made so, and does not set its namespace.
const MARK: &str = "internal.config.kubernetes.io/helm-generated";

/// The objects of a chart that the kustomization in `directory` asks for; `file` is where they are said to come from.
pub(crate) fn inflate(
    loader: &Loader<'_>,
    directory: &str,
    file: &str,
    chart: &HelmChart,
) -> Result<Vec<Resource>, Fault> {
    loader.helm_enabled(&chart.name)?;
    check(chart)?;
    let additional = chart.additional_values_files.iter().map(|path| {
        if is_remote_file(path) {
            return Err(Fault::path(format!("additionalValuesFiles: {path} must be a file in the directory")));
        }
        loader.file(directory, path).map(|(_, bytes)| bytes)
    });
    let additional: Vec<Arc<[u8]>> = additional.collect::<Result<_, _>>()?;
    let home = chart_home(chart);
    let path = format!("{home}/{}", chart.name);
    let path = match loader.find(directory, &path)? {
        Found::Directory { path } => path,
        Found::File { path, .. } | Found::Missing { path } if chart.repo.is_empty() => {
            let message = format!("there is no chart in {path}; put it there, or name the repo that it comes from");
            return Err(Fault::path(message));
        }
        Found::File { .. } | Found::Missing { .. } => loader.pull(directory, &path, &chart_request(chart))?,
    };
    let mut values = vec![values(loader, directory, &home, chart)?];
    values.extend(additional);
    let request = HelmRequest {
        name: chart.name.clone(),
        chart: loader.chart(&path)?,
        values,
        release_name: chart.release_name.clone(),
        namespace: chart.namespace.clone(),
        name_template: chart.name_template.clone(),
        api_versions: chart.api_versions.clone(),
        kube_version: chart.kube_version.clone(),
        include_crds: chart.include_crds,
        skip_tests: chart.skip_tests,
        skip_hooks: chart.skip_hooks,
        debug: chart.debug,
        devel: chart.devel,
        config_home: chart.globals.config_home.clone(),
    };
    objects(loader, &loader.helm(&request)?, file, &chart.name)
}

fn check(chart: &HelmChart) -> Result<(), Fault> {
    if chart.name.is_empty() {
        return Err(Fault::syntax("the chart has no name; set name"));
    }
    for (field, text) in [("releaseName", &chart.release_name), ("name", &chart.name)] {
        if text.starts_with('-') {
            return Err(Fault::syntax(format!("{field} must not start with a dash, found {text:?}")));
        }
    }
    Ok(())
}

/// The directory in which the directory of the chart is, or is put.
fn chart_home(chart: &HelmChart) -> String {
    let home = if chart.globals.chart_home.is_empty() { CHART_HOME } else { &chart.globals.chart_home };
    if chart.version.is_empty() || chart.repo.is_empty() {
        return home.to_owned();
    }
    format!("{home}/{}-{}", chart.name, chart.version)
}

fn chart_request(chart: &HelmChart) -> ChartRequest {
    ChartRequest {
        name: chart.name.clone(),
        repo: chart.repo.clone(),
        version: chart.version.clone(),
        devel: chart.devel,
        config_home: chart.globals.config_home.clone(),
    }
}

/// The file of values: that of the chart or of the kustomization, with the values of the kustomization itself.
fn values(loader: &Loader<'_>, directory: &str, home: &str, chart: &HelmChart) -> Result<Arc<[u8]>, Fault> {
    let inline = Tree::from_value(Value::Object(chart.values_inline.clone()));
    if !chart.values_inline.is_empty() && chart.values_merge == ValuesMerge::Replace {
        return Ok(print(inline));
    }
    let default = format!("{home}/{}/values.yaml", chart.name);
    let path = if chart.values_file.is_empty() { &default } else { &chart.values_file };
    let (path, bytes) = loader.file(directory, path)?;
    if chart.values_inline.is_empty() {
        return Ok(bytes);
    }
    let within = |FileFault { line, fault }: FileFault| {
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        Fault { kind: fault.kind, message: format!("{path}{line}: {}", fault.message) }
    };
    let documents = parse::documents(&bytes, Schema::Resource, &loader.budget).map_err(within)?;
    let is_nothing = |line: &[u8]| matches!(line.trim_ascii_start().first(), None | Some(b'#'));
    let document = documents.into_iter().next().filter(|_| !bytes.split(|byte| *byte == b'\n').all(is_nothing));
    let document = document.ok_or_else(|| {
        let message = "the file is empty, and kustomize merges no values into nothing; write {} there";
        Fault::syntax(format!("{path}: {message}"))
    })?;
    let of_chart = Tree::from_node(document)?;
    let (object, over) = match chart.values_merge {
        ValuesMerge::Merge => (&inline, &of_chart),
        ValuesMerge::Override | ValuesMerge::Replace => (&of_chart, &inline),
    };
    Ok(print(match merge(object, over, &loader.schemas, &loader.budget)? {
        Merged::Changed(values) => values,
        Merged::Unchanged => object.clone(),
        Merged::Deleted => Tree::empty_mapping(),
    }))
}

fn print(values: Tree) -> Arc<[u8]> {
    Arc::from(plumb_yaml::print(&values.into_value()).into_bytes())
}

/// The objects that helm printed.
fn objects(loader: &Loader<'_>, printed: &[u8], file: &str, chart: &str) -> Result<Vec<Resource>, Fault> {
    let read = parse::resources(printed, file, &loader.schemas, &loader.budget).map_err(|mut faults| {
        let first = faults.drain(..).next();
        let (line, kind, message) = first
            .map_or((None, ErrorKind::Syntax, String::new()), |FileFault { line, fault }| {
                (line, fault.kind, fault.message)
            });
        let line = line.map(|line| format!(" in line {line}")).unwrap_or_default();
        Fault { kind, message: format!("what helm makes of the chart {chart} can not be read{line}: {message}") }
    });
    let mut resources = read?;
    for resource in &mut resources {
        resource.origin.line = None;
        let Some(metadata) = resource.metadata_mut() else { continue };
        let annotations = metadata.get_or_insert_with("annotations", Tree::empty_mapping);
        if annotations.is_null() {
            *annotations = Tree::empty_mapping();
        }
        if let Some(annotations) = annotations.as_mapping_mut() {
            let annotations: &mut Map = annotations;
            annotations.insert(MARK.to_owned(), Tree::string("true"));
        }
    }
    Ok(resources)
}
