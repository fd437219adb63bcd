//! `plumb status`: how the Environments fare.

mod report;
mod table;

use std::{collections::BTreeSet, process::ExitCode};

use anyhow::Context as _;
use kube::{Api, ResourceExt, api::ListParams};
use plumb_api::{Environment, Repository};

use super::{
    cluster::{self, Namespace},
    output::{self, Colour, Failures},
};
use report::Report;

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, after_long_help = LONG_HELP)]
pub(crate) struct Options {
    /// Only these Environments
    environments: Vec<String>,
    #[command(flatten)]
    namespace: Namespace,
    /// Environments of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Form of the output
    #[arg(short, long, value_enum, default_value = "table")]
    output: Format,
}

const HELP: &str = "\
Examples:
  plumb status                 # all Environments, and the promotions that wait
  plumb status staging prod    # only these
  plumb status -o json | jq -r '.environments[] | select(.ready != true) | .name'

Exit codes: 0 all is ready, 1 something is not, 2 wrong usage, 3 failure. The form of the JSON is described by --help.";

const LONG_HELP: &str = "\
Examples:
  plumb status                 # all Environments, and the promotions that wait
  plumb status staging prod    # only these
  plumb status -o json | jq -r '.environments[] | select(.ready != true) | .name'

The JSON (and YAML) is one object. Fields are added in later versions, and none changes its meaning; what is not known is left out, or null where it is a truth.
  environments[]   namespace, name, path; repository: its name
                   revision: the commit id that is applied; pin: the one that promotion pinned; attemptedRevision: one that failed
                   ready, healthy, drifted: true, false or null; suspended: true or false; hold: why it is held; message: of the condition Ready
                   objects: {total, healthy, progressing, degraded}
                   conditions[]: {type, status, reason, message, lastTransitionTime, observedGeneration}
                   drifts[]: {object, fields[], writer, values[]: {field, expected, found, manager, operation, subresource, time}, time,
                   repaired}, the newest first
                   promotions[]: {request, revision, state: Waiting or Refused, message}
  repositories[]   namespace, name, url, branch; revision: head of the branch; fetchedAt; ready; message; conditions[]

Exit codes: 0 all is ready, 1 something is not, 2 wrong usage, 3 failure.";

/// Form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
    /// The same as YAML
    Yaml,
}

pub(super) async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let cluster = cluster::connect().await?;
    let client = cluster.client();
    let namespace = &options.namespace.namespace;
    let (environments, repositories): (Api<Environment>, Api<Repository>) = if options.all_namespaces {
        (Api::all(client.clone()), Api::all(client.clone()))
    } else {
        (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace))
    };
    let mut environments = cluster::environments(&environments).await?;
    let mut repositories =
        repositories.list(&ListParams::default()).await.context("the Repositories can't be read")?.items;
    let where_ = if options.all_namespaces { "any namespace".to_owned() } else { format!("namespace {namespace}") };
    choose(&options.environments, &where_, &mut environments, &mut repositories)?;
    if environments.is_empty() {
        output::note(&format!("there is no Environment in {where_}"));
    }
    let report = Report::new(&environments, &repositories);
    let text = match options.output {
        Format::Table => {
            let layout = table::Layout {
                namespaces: options.all_namespaces,
                width: output::width(),
                colour: Colour::of_stdout(),
            };
            table::table(&report, layout)
        }
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
        Format::Yaml => plumb_yaml::print(&serde_json::to_value(&report)?),
    };
    output::print(&text)?;
    Ok(if report.all_ready() { ExitCode::SUCCESS } else { ExitCode::from(super::DIFFERENT) })
}

/// Keeps the environments that are asked for, with their repositories; all of them when none is named.
fn choose(
    names: &[String],
    where_: &str,
    environments: &mut Vec<Environment>,
    repositories: &mut Vec<Repository>,
) -> anyhow::Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let there: Vec<_> = environments.iter().map(ResourceExt::name_any).collect();
    let missing: Vec<_> =
        names.iter().filter(|name| !there.contains(name)).map(|name| cluster::unknown(where_, name, &there)).collect();
    if !missing.is_empty() {
        return Err(Failures(missing).into());
    }
    environments.retain(|environment| names.contains(&environment.name_any()));
    let wanted: BTreeSet<_> = environments
        .iter()
        .map(|environment| (environment.namespace(), environment.spec.repository.name.clone()))
        .collect();
    repositories.retain(|repository| wanted.contains(&(repository.namespace(), repository.name_any())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn environment(name: &str, repository: &str) -> Environment {
        Environment::new(
            name,
            serde_json::from_value(json!({"repository": {"name": repository}, "path": "p"})).unwrap(),
        )
    }

    #[test]
    fn what_is_asked_for_must_be_there() {
        let mut environments = vec![environment("dev", "a"), environment("prod", "b")];
        let repository = |name: &str| {
            Repository::new(name, serde_json::from_value(json!({"url": "https://example.com/a"})).unwrap())
        };
        let mut repositories = vec![repository("a"), repository("b")];
        let error =
            choose(&["prd".into(), "dev".into()], "namespace plumb-system", &mut environments, &mut repositories)
                .unwrap_err();
        expect!["there is no Environment prd in namespace plumb-system; there are: dev, prod"]
            .assert_eq(&error.to_string());
        choose(&["prod".into()], "namespace plumb-system", &mut environments, &mut repositories).unwrap();
        assert_eq!(environments.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["prod"]);
        assert_eq!(repositories.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["b"]);
    }
}
